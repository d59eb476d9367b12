"""The search over HTTP: the hits of `Index`, and a problem document for each kind of bad input."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from service_ import in_base64, make_home, search, served, told, vectors
from starlette.testclient import TestClient

import aesearch
from aesearch.service.options import Limits


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    with served(places=tuple(sorted(home.iterdir()))) as client:
        yield client


def assert_hits(answer: Any, expected: list[aesearch.Hit]) -> None:
    assert answer.status_code == 200, answer.text
    found = answer.json()["hits"]
    assert [hit["key"] for hit in found] == [hit.key for hit in expected]
    scores = [hit["score"] for hit in found]
    np.testing.assert_allclose(scores, [hit.score for hit in expected], atol=1e-6)
    assert [hit["title"] for hit in found] == [hit.title for hit in expected]
    assert [hit["same"] for hit in found] == [hit.same for hit in expected]
    assert [hit["path"] for hit in found] == [str(hit.path) for hit in expected]


def test_a_key_finds_what_similar_finds(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        key = sorted(item.key for item in index.items())[4]
        answer = search(client, "photos", {"key": key}, k=3)
        assert_hits(answer, index.similar(key, 3))
        ids = index.folder.ids_of([key])
        assert answer.json()["hits"][0]["id"] == ids[key]
        assert answer.json()["revision"] == index.revision.number
        assert_hits(
            search(client, "photos", {"key": key}, k=2, offset=1), index.similar(key, 3)[1:]
        )


def test_a_picture_is_sent_in_json_or_as_a_file(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        path = sorted(index.source.rglob("*.png"))[0]
        content = path.read_bytes()
        expected = index.search(content, 4)
        assert_hits(search(client, "photos", {"image": in_base64(content)}, k=4), expected)
        url = f"data:image/png;base64,{in_base64(content)}"
        assert_hits(search(client, "photos", {"image": url}, k=4), expected)
        sent = {"file": ("any name", content)}
        answer = client.post("/v1/indexes/photos/search", files=sent, data={"k": "4"})
        assert_hits(answer, expected)
        among = {"k": "4", "among": ["*1*", "*2*"]}
        answer = client.post("/v1/indexes/photos/search", files=sent, data=among)
        assert_hits(answer, index.search(content, 4, among=["*1*", "*2*"]))


def test_words_find_documents_with_snippets_and_reasons(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "papers") as index:
        text = next(iter(index.folder.texts())).text.split(".")[0]
        answer = search(client, "papers", {"text": f"{text} qqqq"}, k=3, explain=True)
        assert_hits(answer, index.search(f"{text} qqqq", 3))
        assert answer.json()["unknown_words"] == ["qqqq"]
        first, expected = answer.json()["hits"][0], index.search(f"{text} qqqq", 3)[0]
        assert expected.snippet is not None
        assert first["snippet"]["text"] == expected.snippet.text
        assert [tuple(mark) for mark in first["snippet"]["marks"]] == list(expected.snippet.marks)
        words = [term["word"] for term in first["why"]["shared"]]
        assert words == [term.word for term in index.explain(text, expected.key).shared]
        document = {"document": in_base64(text.encode())}
        assert_hits(search(client, "papers", document, k=2), index.search(text.encode(), 2))
        low = search(client, "papers", {"text": text}, threshold=0.999, hybrid=False)
        assert_hits(low, index.search(text, threshold=0.999, hybrid=False))


def test_a_vector_finds_vectors(client: TestClient, home: Path) -> None:
    row = vectors(40)[7]
    with aesearch.open(home / "points") as index:
        answer = search(client, "points", {"vector": row.astype(float).tolist()}, k=3)
        assert_hits(answer, index.search(row, 3))
        stream = io.BytesIO()
        np.save(stream, row)
        sent = {"file": ("row.npy", stream.getvalue())}
        assert_hits(client.post("/v1/indexes/points/search", files=sent), index.search(row))


@pytest.mark.parametrize(
    ("name", "body", "status", "says"),
    [
        ("nothing", {"like": [{"text": "x"}]}, 404, "there is no index 'nothing'"),
        ("photos", {"like": [{"key": "nobody.png"}]}, 404, "no item 'nobody.png'"),
        ("photos", {"like": [{"text": "/etc/passwd"}]}, 422, "text finds none"),
        ("points", {"like": [{"text": "/etc/passwd"}]}, 422, "text finds none"),
        ("photos", {"like": [{"vector": [1, 2]}]}, 422, "a vector finds none"),
        ("papers", {"like": [{"vector": [1, 2]}]}, 422, "a vector finds none"),
        ("papers", {"like": [{"image": "AAAA"}]}, 422, "an image finds none"),
        ("photos", {"like": [{"document": "AAAA"}]}, 422, "a document finds none"),
        ("points", {"like": [{"vector": [1, 2]}]}, 422, "it has 2 numbers"),
        ("photos", {"like": [{"image": "AAAA"}]}, 422, "not a picture"),
        ("photos", {"like": [{"image": "é"}]}, 422, "base64"),
        ("photos", {"like": [{"image": ""}]}, 422, "the file is empty"),
        ("papers", {"like": [{"text": " "}]}, 422, "empty"),
        ("papers", {"like": []}, 422, "like is empty"),
        ("papers", {}, 422, "like is empty"),
        ("papers", {"like": [{}]}, 422, "exactly one of"),
        ("papers", {"like": [{"text": "a", "key": "b"}]}, 422, "got text and key"),
        ("papers", {"like": [{"text": "a"}], "k": 0}, 422, "k: "),
        ("papers", {"like": [{"text": "a"}], "k": 10**9}, 422, "k: "),
        ("papers", {"like": [{"text": "a"}], "colour": 1}, 422, "colour: "),
        ("papers", {"like": [{"key": "a"}], "hybrid": True}, 422, "leave out hybrid"),
        ("photos", {"like": [{"image": "AAAA"}], "among": [1]}, 422, "among"),
        ("papers", {"like": [{"text": "x" * 100_001}]}, 422, "like.0.text"),
    ],
)
def test_what_cannot_be_asked_is_told(
    client: TestClient, name: str, body: dict[str, Any], status: int, says: str
) -> None:
    answer = client.post(f"/v1/indexes/{name}/search", json=body)
    assert says in told(answer, status)["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"like": [', "application/json", 422),
        (b"", "application/json", 422),
        (b"\xff\xfe", "application/json", 422),
        (b'{"like": [{"text": "\\ud800"}]}', "application/json", 422),
        (b"[" * 100_000, "application/json", 422),
        (b"[]", "application/json", 422),
        (b"like=x", "application/x-www-form-urlencoded", 415),
        (b"x", "multipart/form-data", 400),
        (b"x", "multipart/form-data; boundary=y", 400),
        (
            b'--y\r\nContent-Disposition: form-data; name="file"\r\n\r\nx',
            "multipart/form-data; boundary=y",
            422,
        ),
    ],
)
def test_a_body_that_is_none_is_told(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    headers = {"content-type": kind}
    told(client.post("/v1/indexes/papers/search", content=content, headers=headers), status)


def bomb(side: int) -> bytes:
    """A PNG that says that it has side times side pixels, and has none."""
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_too_much_is_refused(home: Path) -> None:
    with served(places=(home / "photos",), limits=Limits(body=100_000, pixels=10_000)) as client:
        large = b"x" * 200_000
        url, kind = "/v1/indexes/photos/search", {"content-type": "application/json"}
        told(client.post(url, content=large, headers=kind), 413)
        parts = iter([b"x" * 60_000] * 3)  # without Content-Length
        told(client.post(url, content=parts, headers=kind), 413)
        stream = io.BytesIO()
        Image.new("L", (101, 100)).save(stream, "PNG")
        found = search(client, "photos", {"image": in_base64(stream.getvalue())})
        assert "101 x 100 pixels" in told(found, 413)["detail"]
        told(search(client, "photos", {"image": in_base64(bomb(50_000))}), 413)
        told(client.post(url, files={"file": ("x", bomb(50_000))}), 413)


def test_problems_hold_nothing_of_what_was_sent_wrongly(client: TestClient) -> None:
    answer = search(client, "papers", {"text": "a", "secret": "hunter2"})
    assert "hunter2" not in answer.text
    assert json.loads(answer.text)["faults"][0]["at"] == "like.0.secret"


def test_several_queries_are_one_and_conditions_hold(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        keys = sorted(item.key for item in index.items())
        content = (index.source / keys[0]).read_bytes()
        like = [aesearch.Example(content, weight=2), aesearch.Example(key=keys[4])]
        asked = [{"image": in_base64(content), "weight": 2}, {"key": keys[4]}]
        answer = search(client, "photos", *asked, k=4)
        assert_hits(answer, index.search(like=like, k=4))
        answer = search(client, "photos", *asked, unlike=[{"key": keys[7]}], k=4, offset=1)
        expected = index.search(like=like, unlike=[aesearch.Example(key=keys[7])], k=4, offset=1)
        assert_hits(answer, expected)
        cut = {"image": in_base64(content), "crop": [0.25, 0.25, 0.5, 0.5]}
        expected = index.search(content, 3, crop=(0.25, 0.25, 0.5, 0.5))
        assert_hits(search(client, "photos", cut, k=3), expected)
        where = f"size > {sorted(item.size for item in index.items())[3]}"
        answer = search(client, "photos", {"key": keys[0]}, where=where, not_among="disks/*")
        assert_hits(answer, index.similar(keys[0], where=where, not_among="disks/*"))
        rows = client.get("/v1/indexes/photos/items", params={"where": where}).json()
        assert [row["key"] for row in rows["items"]] == [
            item.key for item in index.items(where=where)
        ]
    wrong = [{"image": in_base64(content)}, {"image": "AAAA"}]
    assert told(search(client, "photos", *wrong), 422)["detail"].startswith("like[1]: ")
    told(search(client, "photos", {"key": keys[0]}, where="size >"), 422)
    told(search(client, "photos", {"key": keys[0]}, where="nothing = 1"), 422)
    told(search(client, "photos", {**cut, "crop": [0, 0, 0, 0]}), 422)
    told(search(client, "photos", {"key": keys[0], "crop": [0, 0, 1, 1]}), 422)
    told(search(client, "papers", {"text": "a"}, {"text": "b"}, explain=True), 422)
