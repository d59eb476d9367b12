"""The process that serves: begun, asked, ended; and what it refuses before it begins."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from click.testing import CliRunner
from collections_ import command, write_pictures

import aesearch
from aesearch.cli import cli
from aesearch.ingest import watching


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("service")
    write_pictures(root / "photos", 6)
    aesearch.build(root / "photos", root / "ix", budget=0).close()
    return root / "ix"


@contextmanager
def serving(*arguments: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server of its own, and where it is."""
    command = [sys.executable, "-m", "aesearch", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.endswith("/docs"), process.communicate(timeout=20)
        yield process, address.removesuffix("/docs")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGTERM")
def test_it_serves_and_finishes_what_runs(place: Path) -> None:
    with serving(place) as (process, address):
        listed = httpx.get(f"{address}/v1/indexes").json()["indexes"]
        assert [(row["name"], row["items"]) for row in listed] == [("ix", 6)]
        key = httpx.get(f"{address}/v1/indexes/ix/items").json()["items"][2]["key"]
        url = f"{address}/v1/indexes/ix/search"
        found = httpx.post(url, json={"like": [{"key": key}], "k": 2}).json()
        assert found["hits"][0]["key"] == key
        # A request of which half has arrived when the server is told to end is answered.
        host, port = urlsplit(address).hostname, urlsplit(address).port
        body = json.dumps({"like": [{"key": key}], "k": 1}).encode()
        head = (
            f"POST /v1/indexes/ix/search HTTP/1.1\r\nHost: {host}:{port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, port), timeout=20) as connection:
            connection.sendall(head + body[:10])
            assert httpx.get(f"{address}/livez").status_code == 200  # so it has read the half
            process.send_signal(signal.SIGTERM)
            connection.settimeout(20)
            connection.sendall(body[10:])
            answer = b""
            while part := connection.recv(65536):
                answer += part
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert key.encode() in answer
        assert process.wait(20) == 0
        assert process.stderr is not None
        log = process.stderr.read()
        assert "POST /v1/indexes/ix/search 200" in log
        assert "Traceback" not in log


def test_a_port_that_is_taken_is_told(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "aesearch", "serve", "--port", port, str(place)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "--port takes another" in done.stderr


def refused(*arguments: object) -> Any:
    """The error of a server that does not begin."""
    return CliRunner().invoke(cli, ["serve", *map(str, arguments)]).exception


def test_what_is_not_safe_does_not_begin(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AESEARCH_TOKEN", raising=False)
    assert "give a token" in str(refused(place, "--host", "0.0.0.0"))
    assert "--writable" in str(refused(place, "--sources", place.parent))
    assert "no index" in str(refused(place.parent / "nothing"))
    monkeypatch.setenv("AESEARCH_TOKEN", "short")
    assert "at least 16 letters" in str(refused(place))


def test_what_is_not_installed_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("aesearch.service")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'aesearch[serve]'" in str(refused(place))


def test_a_source_is_watched_by_index_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "photos", 6)

    def once(sources: Any, _: Any) -> Iterator[set[str]]:
        assert sources() == {"": tmp_path / "photos"}
        yield {""}  # nothing is said where nothing changed
        write_pictures(tmp_path / "photos", 2, first=20)
        yield {""}
        (tmp_path / "photos").rename(tmp_path / "away")  # which is said, and does not end it
        yield {""}
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "changed", once)
    arguments = ("--index", tmp_path / "ix", "--budget", 0, "--json", "--watch")
    done = command("index", tmp_path / "photos", *arguments)
    assert done.code == 0
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["items"], line["new"]) for line in lines] == [(6, 6), (8, 2)]
    assert str(tmp_path / "photos") in done.err
    assert command("index", tmp_path / "away", "--dry-run", "--watch").code == 2
