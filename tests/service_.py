"""A server in this process, over small indexes of each kind."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from collections_ import write_pictures
from starlette.testclient import TestClient
from texts_ import write_texts

import aesearch
from aesearch.service import Options, create_app

ADDRESS = "http://127.0.0.1:8080"
SIZE = 8


def make_home(root: Path) -> Path:
    """Indexes of pictures, documents and vectors."""
    write_pictures(root / "photos", 9)
    write_texts(root / "papers", 6)
    np.save(root / "points.npy", vectors(40))
    for name in ("photos", "papers", "points.npy"):
        place = root / "home" / name.removesuffix(".npy")
        aesearch.build(root / name, place, budget=0).close()
    return root / "home"


def vectors(count: int) -> Any:
    return np.random.default_rng(0).normal(size=(count, SIZE)).astype(np.float32)


@contextmanager
def served(**options: Any) -> Iterator[TestClient]:
    """A client of a server with these options; its errors are those that a client sees."""
    app = create_app(Options(**options))
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        yield client


def search(client: TestClient, name: str, *like: dict[str, Any], **wanted: Any) -> Any:
    """Post a search."""
    return client.post(f"/v1/indexes/{name}/search", json={"like": list(like), **wanted})


def told(answer: Any, status: int) -> dict[str, Any]:
    """The problem document that an answer must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(answer.content)
    assert problem["status"] == status
    assert problem["request"] == answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    assert "\n" not in problem["detail"]
    return problem


def in_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
