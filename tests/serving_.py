"""A service in a thread of this process, on a free port: the real application under uvicorn."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from aesearch.service.app import create_app
from aesearch.service.options import Options

PATIENCE = 60.0  # seconds until it serves


@contextlib.contextmanager
def served(*places: Path, **options: Any) -> Iterator[str]:
    """Serve some indexes; returns the address of the service."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    app = create_app(Options(places=places, port=port, **options))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", ws="none"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    until = time.monotonic() + PATIENCE
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
