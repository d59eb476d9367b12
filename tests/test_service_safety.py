"""Who may ask a server, and how much of it at once."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from collections_ import write_pictures
from service_ import ADDRESS, search, served, told
from starlette.testclient import TestClient

import aesearch
from aesearch.errors import ParameterError
from aesearch.search.index import Index
from aesearch.service import Options, create_app
from aesearch.service.options import Limits, Tokens

READ, WRITE = "r" * 20, "w" * 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("service")
    write_pictures(root / "photos", 6)
    aesearch.build(root / "photos", root / "ix", budget=0).close()
    return root / "ix"


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[TestClient]:
    with served(places=(place,)) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "127.0.0.2"]
)
def test_its_own_names_are_allowed(client: TestClient, host: str) -> None:
    assert client.get("/v1/indexes", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[", "a@127.0.0.1@b", "0"],
)
def test_other_names_are_refused(client: TestClient, host: str) -> None:
    told(client.get("/v1/indexes", headers={"host": host}), 400)
    told(client.get("/livez", headers={"host": host}), 400)


@pytest.mark.parametrize(
    "host",
    ["a@localhost", "localhost/a", "localhost#a", "localhost:", "localhost:http", "[::1", "::1"],
)
def test_what_is_no_name_is_refused(client: TestClient, host: str) -> None:
    told(client.get("/v1/indexes", headers={"host": host}), 400)


def test_two_names_are_refused(client: TestClient) -> None:
    twice = [("host", "127.0.0.1"), ("host", "evil.example")]
    told(client.get("/v1/indexes", headers=twice), 400)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (ADDRESS, 200),
        ("http://127.0.0.1:9", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("file://127.0.0.1:8080", 403),
        ("http://[", 403),
        ("http://user@127.0.0.1:8080", 403),
    ],
)
def test_pages_of_others_are_refused(client: TestClient, origin: str, status: int) -> None:
    answer = client.get("/v1/indexes", headers={"origin": origin})
    assert answer.status_code == status
    assert "access-control-allow-origin" not in answer.headers


def test_what_a_page_of_another_embeds_is_refused(client: TestClient) -> None:
    embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    told(client.get("/v1/indexes", headers=embedded), 403)
    followed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client.get("/docs", headers=followed).status_code == 200


def test_an_origin_that_was_named_is_allowed(place: Path) -> None:
    with served(places=(place,), cors=("https://desk.example",)) as client:
        answer = client.get("/v1/indexes", headers={"origin": "https://desk.example"})
        assert answer.headers["access-control-allow-origin"] == "https://desk.example"
        ask = {"origin": "https://desk.example", "access-control-request-method": "POST"}
        assert client.options("/v1/indexes/ix/search", headers=ask).status_code == 200
        told(client.get("/v1/indexes", headers={"origin": "https://evil.example"}), 403)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def test_a_token_is_needed_where_there_is_one(place: Path) -> None:
    with served(places=(place,), tokens=Tokens.of(READ, WRITE), writable=True) as client:
        told(client.get("/v1/indexes"), 401)
        refused = told(client.get("/v1/indexes", headers=bearer("x" * 20)), 401)
        assert "not known here" in refused["detail"]
        told(client.get("/v1/indexes", headers=bearer("")), 401)
        told(client.get("/v1/indexes", headers={"authorization": f"Basic {READ}"}), 401)
        told(client.get("/metrics"), 401)
        assert client.get("/livez").status_code == 200
        for token in (READ, WRITE):
            assert client.get("/v1/indexes", headers=bearer(token)).status_code == 200
            asked = {"like": [{"key": "nothing"}]}
            answer = client.post("/v1/indexes/ix/search", json=asked, headers=bearer(token))
            assert answer.status_code == 404
        told(client.delete("/v1/indexes/ix/items/1", headers=bearer(READ)), 403)
        told(client.post("/v1/indexes/ix/sync", json={}, headers=bearer(READ)), 403)


def test_tokens_are_kept_nowhere_in_clear(place: Path) -> None:
    app = create_app(Options(places=(place,), tokens=Tokens.of(READ, WRITE)))
    assert READ not in repr(app.state.service.options)
    assert WRITE.encode() not in repr(vars(app.state.service.options)).encode()


def test_tokens_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{READ}\n{WRITE}\n")
    assert Tokens.found(file) == Tokens.of(READ, WRITE)
    monkeypatch.setenv("AESEARCH_TOKEN", READ)
    assert Tokens.found() == Tokens.of(READ, None)
    for content in ("", "a b c", "short"):
        file.write_text(content)
        with pytest.raises(ParameterError):
            Tokens.found(file)
    with pytest.raises(ParameterError, match="cannot be read"):
        Tokens.found(tmp_path / "nothing")
    with pytest.raises(ParameterError, match="differ"):
        Tokens.of(READ, READ)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"host": "0.0.0.0"}, "can be reached by other machines"),
        ({"host": "example.org"}, "can be reached by other machines"),
        ({"tokens": Tokens.of(READ, None), "writable": True}, "token for writing"),
        ({"sources": Path("nowhere"), "writable": True}, "is no folder"),
        ({"sources": Path()}, "needs --writable"),
        ({"root_path": "search"}, "begins with /"),
    ],
)
def test_what_is_not_safe_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        create_app(Options(**options))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Searches that wait until this is set."""
    go, similar = threading.Event(), Index.similar

    def waiting(index: Index, *args: Any, **options: Any) -> Any:
        go.wait(20)
        return similar(index, *args, **options)

    monkeypatch.setattr(Index, "similar", waiting)
    yield go
    go.set()


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_no_queue_holds_is_told_when_to_ask_again(place: Path, slow: threading.Event) -> None:
    limits = Limits(running=1, waiting=2, each=10)
    with served(places=(place,), limits=limits) as client, ThreadPoolExecutor(3) as pool:
        key = client.get("/v1/indexes/ix/items/1").json()["key"]
        queue = client.app.state.service.queue  # type: ignore[attr-defined]
        asked = [pool.submit(search, client, "ix", {"key": key}) for _ in range(3)]
        until(lambda: (queue.running, queue.waiting) == (1, 2))
        refused = search(client, "ix", {"key": key})
        assert "too many queries" in told(refused, 503)["detail"]
        assert refused.headers["retry-after"] == "1"
        assert client.get("/livez").status_code == 200
        slow.set()
        assert [one.result().status_code for one in asked] == [200] * 3
        until(lambda: (queue.running, queue.waiting) == (0, 0))
        assert search(client, "ix", {"key": key}).status_code == 200


def test_one_client_does_not_take_all(place: Path, slow: threading.Event) -> None:
    limits = Limits(running=1, waiting=5, each=2)
    with served(places=(place,), limits=limits) as client, ThreadPoolExecutor(2) as pool:
        queue = client.app.state.service.queue  # type: ignore[attr-defined]
        asked = [pool.submit(search, client, "ix", {"key": "x"}) for _ in range(2)]
        until(lambda: queue.waiting == 1)
        told(search(client, "ix", {"key": "x"}), 429)
        slow.set()
        assert [one.result().status_code for one in asked] == [404] * 2


def test_what_takes_too_long_is_told(place: Path, slow: threading.Event) -> None:
    assert not slow.is_set()
    with served(places=(place,), limits=Limits(running=1, seconds=0.2)) as client:
        answer = search(client, "ix", {"key": "x"})
        assert "within 0.2 s" in told(answer, 503)["detail"]
        assert "retry-after" in answer.headers
        slow.set()


def test_a_fault_of_the_server_tells_nothing_of_itself(
    place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("inner secret")

    monkeypatch.setattr(Index, "similar", failing)
    with served(places=(place,)) as client, caplog.at_level(logging.ERROR, "aesearch.service"):
        answer = search(client, "ix", {"key": "x"})
        problem = told(answer, 500)
        assert "inner secret" not in answer.text
        assert any(problem["request"] in record.getMessage() for record in caplog.records)


def test_a_full_disk_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr(Index, "similar", full)
    with served(places=(place,)) as client:
        answer = search(client, "ix", {"key": "x"})
        told(answer, 503)
        assert "secret" not in answer.text


def test_requests_have_ids_in_the_log(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "aesearch.requests"):
        own = client.get("/v1/indexes", headers={"x-request-id": "abc-1"})
        forged = client.get("/v1/indexes/a%0Ab", headers={"x-request-id": "a b\tc"})
    assert own.headers["x-request-id"] == "abc-1"
    assert len(forged.headers["x-request-id"]) == 32
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].startswith("abc-1 testclient GET /v1/indexes 200 ")
    assert "\n" not in lines[1]
    assert "/v1/indexes/a%0Ab 404" in lines[1]


def test_any_page_tells_its_headers_alone(client: TestClient) -> None:
    for path in ("/livez", "/v1/indexes", "/v1/indexes/ix/items/1/thumbnail", "/v1/indexes/none"):
        whole, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
    assert 'method="HEAD",route="/livez",status="200"' in client.get("/metrics").text


def test_who_leaves_while_sending_is_no_fault(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    path = "/v1/indexes/ix/search"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode()}

    async def ask() -> None:
        await client.app({**scope, "headers": headers, "query_string": b""}, receive, send)

    with caplog.at_level(logging.INFO, "aesearch.requests"):
        asyncio.run(ask())
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert f"POST {path} 499" in caplog.records[0].getMessage()


def test_it_counts(client: TestClient) -> None:
    client.get("/v1/indexes/ix/items/1")
    text = client.get("/metrics").text
    assert 'aesearch_index_items{index="ix"} 6.0' in text
    assert 'aesearch_index_up{index="ix"} 1.0' in text
    assert 'route="/v1/indexes/{name}/items/{id}",status="200"' in text


def test_it_describes_itself(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.headers["content-security-policy"]
    for path in described["paths"]:
        assert path in page.text
    assert "http://" not in page.text.replace(ADDRESS, "")
    assert client.get("/", follow_redirects=False).headers["location"] == "/docs"


@pytest.mark.parametrize("below", ["", "/search"])
def test_a_proxy_shows_it_below_a_path(place: Path, below: str) -> None:
    """Whether the proxy takes the path away, or not."""
    with served(places=(place,), root_path="/search", tokens=Tokens.of(READ, None)) as client:
        assert client.get(f"{below}/livez").status_code == 200
        assert client.get(f"{below}/v1/indexes", headers=bearer(READ)).status_code == 200
        told(client.get(f"{below}/v1/indexes"), 401)
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/search"}]
