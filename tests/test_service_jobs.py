"""What changes an index over HTTP: jobs, their progress, how they are stopped, who may."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import write_pictures
from PIL import Image
from service_ import in_base64, search, served, told, vectors
from starlette.testclient import TestClient
from texts_ import write_texts

import aesearch
from aesearch.ingest.watching import changed, tells_nothing
from aesearch.search.index import Index
from aesearch.service.options import Limits


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "photos", 6)
    aesearch.build(tmp_path / "photos", tmp_path / "ix", budget=0).close()
    return tmp_path / "ix"


def ended(client: TestClient, answer: Any) -> dict[str, Any]:
    """A job, when it has ended; its events are read to their end."""
    assert answer.status_code == 202, answer.text
    url = f"/v1/jobs/{answer.json()['id']}"
    events = client.get(f"{url}/events").text.strip().split("\n\n")
    found: dict[str, Any] = client.get(url).json()
    last = dict(line.split(": ", 1) for line in events[-1].splitlines())
    assert last["event"] == found["state"]
    assert json.loads(last["data"])["id"] == found["id"]
    return found


def a_picture(color: tuple[int, int, int]) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40), color).save(stream, "PNG")
    return stream.getvalue()


def test_a_server_only_reads_unless_it_is_told(place: Path) -> None:
    with served(places=(place,)) as client:
        for answer in (
            client.post("/v1/indexes/ix/items", json={"items": {"a": {"text": "b"}}}),
            client.delete("/v1/indexes/ix/items/1"),
            client.post("/v1/indexes/ix/sync", json={}),
            client.post("/v1/indexes", json={"source": "x"}),
        ):
            assert "--writable" in told(answer, 403)["detail"]
        assert client.get("/v1/indexes/ix/items").json()["total"] == 6


def test_items_are_added_and_removed(place: Path) -> None:
    with served(places=(place,), writable=True) as client:
        content = a_picture((200, 10, 10))
        asked = {"items": {"../red ?.png": {"image": in_base64(content)}}}
        done = ended(client, client.post("/v1/indexes/ix/items", json=asked))
        assert done["state"] == "done", done
        id = done["result"]["ids"]["../red ?.png"]
        found = search(client, "ix", {"image": in_base64(content)}, k=1).json()
        assert [hit["id"] for hit in found["hits"]] == [id]
        assert found["revision"] == done["result"]["revision"]
        kept = client.get(f"/v1/indexes/ix/items/{id}/content")
        assert kept.headers["content-type"] == "image/png"
        gone = ended(client, client.delete(f"/v1/indexes/ix/items/{id}"))
        assert gone["result"]["removed"] == 1
        told(client.get(f"/v1/indexes/ix/items/{id}"), 404)
        told(client.delete(f"/v1/indexes/ix/items/{id}"), 404)


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"key": "disks/0.png"}, "is added with"),
        ({"text": "words"}, "text finds none"),
        ({"vector": [1.0]}, "a vector finds none"),
    ],
)
def test_what_cannot_be_added_is_told(place: Path, part: dict[str, Any], says: str) -> None:
    with served(places=(place,), writable=True) as client:
        answer = client.post("/v1/indexes/ix/items", json={"items": {"new": part}})
        assert says in told(answer, 422)["detail"]
        assert client.get("/v1/indexes/ix/items").json()["total"] == 6


def test_what_fails_later_fails_its_job_alone(place: Path) -> None:
    with served(places=(place,), writable=True) as client:
        asked = {"items": {"a": {"image": in_base64(a_picture((1, 2, 3)))}, "b": {"image": "AAAA"}}}
        done = ended(client, client.post("/v1/indexes/ix/items", json=asked))
        assert (done["state"], done["problem"]["status"]) == ("failed", 422)
        assert "'b' cannot be added" in done["problem"]["detail"]
        assert client.get("/v1/indexes/ix/items").json()["total"] == 6


def test_no_key_reads_a_file_elsewhere(place: Path) -> None:
    other = place.parent / "private.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2001:02:03 04:05:06"
    Image.new("RGB", (64, 64)).save(other, exif=exif)
    keys = (str(other), f"../{other.name}", "x" * 5000)
    content = in_base64(a_picture((200, 10, 10)))
    with served(places=(place,), writable=True) as client:
        asked = {"items": {key: {"image": content} for key in keys}}
        ids = ended(client, client.post("/v1/indexes/ix/items", json=asked))["result"]["ids"]
        assert ended(client, client.post("/v1/indexes/ix/sync", json={}))["state"] == "done"
        for key in keys:
            told = client.get(f"/v1/indexes/ix/items/{ids[key]}").json()
            assert (told["key"], told["path"], told["fields"]) == (key, None, None)


def test_documents_and_vectors_are_added(tmp_path: Path) -> None:
    write_texts(tmp_path / "papers", 6)
    np.save(tmp_path / "points.npy", vectors(40))
    aesearch.build(tmp_path / "papers", tmp_path / "a" / "papers", budget=0).close()
    aesearch.build(tmp_path / "points.npy", tmp_path / "a" / "points", budget=0).close()
    places = (tmp_path / "a" / "papers", tmp_path / "a" / "points")
    with served(places=places, writable=True) as client:
        asked: dict[str, Any] = {"items": {"mine": {"text": "zymurgy of quarks"}}}
        done = ended(client, client.post("/v1/indexes/papers/items", json=asked))
        assert done["state"] == "done", done
        found = search(client, "papers", {"text": "zymurgy"}, k=1).json()
        assert found["hits"][0]["key"] == "mine"
        row = (vectors(41)[40] * 2).astype(float).tolist()
        asked = {"items": {"mine": {"vector": row}}}
        done = ended(client, client.post("/v1/indexes/points/items", json=asked))
        assert done["state"] == "done", done
        assert search(client, "points", {"vector": row}, k=1).json()["hits"][0]["key"] == "mine"


def test_an_index_is_synchronized_beside_the_searches(place: Path) -> None:
    with served(places=(place,), writable=True) as client:
        write_pictures(place.parent / "photos", 2, first=50)
        done = ended(client, client.post("/v1/indexes/ix/sync", json={}))
        assert done["state"] == "done", done
        assert done["result"]["counts"]["new"] == 2
        assert client.get("/v1/indexes/ix/items").json()["total"] == 8
        (place.parent / "photos").rename(place.parent / "elsewhere")
        done = ended(client, client.post("/v1/indexes/ix/sync"))
        assert (done["state"], done["problem"]["error"]) == ("failed", "SourceError")
        told(client.post("/v1/indexes/nothing/sync", json={}), 404)


def test_a_folder_below_sources_is_indexed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    write_pictures(tmp_path / "all" / "photos", 6)
    write_pictures(tmp_path / "secret", 6)
    (tmp_path / "all" / "link").symlink_to(tmp_path / "secret")
    with served(writable=True, sources=tmp_path / "all") as client:
        asked = {"source": "photos", "budget": "0"}
        done = ended(client, client.post("/v1/indexes", json=asked))
        assert done["state"] == "done", done
        assert done["result"]["items"] == 6
        assert client.get("/v1/indexes/photos/items").json()["total"] == 6
        for source in ("../secret", "link", str(tmp_path / "secret"), "photos/../../secret"):
            told(client.post("/v1/indexes", json={"source": source}), 403)
        for source in ("nothing", "a\0b", "x" * 300):
            told(client.post("/v1/indexes", json={"source": source}), 404)
        for name in ("..", "a/b", "a\\b", "a\nb"):
            told(client.post("/v1/indexes", json={"source": "photos", "name": name}), 422)
        asked = {"source": "photos", "name": "other", "settings": {"colour": 1}}
        done = ended(client, client.post("/v1/indexes", json=asked))
        assert (done["state"], done["problem"]["error"]) == ("failed", "ParameterError")
    with served(writable=True) as client:
        told(client.post("/v1/indexes", json={"source": "photos"}), 403)


def test_jobs_wait_are_cancelled_and_are_not_too_many(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, begun, remove = threading.Event(), threading.Event(), Index.remove

    def waiting(index: Index, keys: Any) -> int:
        begun.set()
        go.wait(20)
        return remove(index, keys)

    monkeypatch.setattr(Index, "remove", waiting)
    with served(places=(place,), writable=True, limits=Limits(jobs=1)) as client:
        first = client.delete("/v1/indexes/ix/items/1").json()
        assert begun.wait(20)
        second = client.delete("/v1/indexes/ix/items/2").json()
        told(client.delete("/v1/indexes/ix/items/3"), 429)
        assert client.delete(f"/v1/jobs/{second['id']}").json()["state"] == "cancelled"
        states = {job["id"]: job["state"] for job in client.get("/v1/jobs").json()["jobs"]}
        assert states == {second["id"]: "cancelled", first["id"]: "running"}
        go.set()
        events = client.get(f"/v1/jobs/{first['id']}/events").text
        assert "event: done" in events
        assert client.get("/v1/indexes/ix/items").json()["total"] == 5
        told(client.get(f"/v1/jobs/{'0' * 32}"), 404)
        told(client.get("/v1/jobs/nonsense"), 422)


def test_indexing_is_cancelled_and_goes_on_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    write_texts(tmp_path / "all" / "papers", 12)
    with served(writable=True, sources=tmp_path / "all") as client:
        job = client.post("/v1/indexes", json={"source": "papers", "budget": "10m"}).json()
        end = time.monotonic() + 60
        while not client.get(f"/v1/jobs/{job['id']}").json()["stage"]:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert client.delete(f"/v1/jobs/{job['id']}").status_code == 202
        assert "event: cancelled" in client.get(f"/v1/jobs/{job['id']}/events").text
        asked = {"source": "papers", "budget": "0"}
        done = ended(client, client.post("/v1/indexes", json=asked))
        assert done["state"] == "done", done
        assert client.get("/v1/indexes/papers/items").json()["total"] == 48


def test_a_source_is_watched(place: Path) -> None:
    with served(places=(place,), watch=True) as client:
        write_pictures(place.parent / "photos", 1, first=70)
        end = time.monotonic() + 60
        while client.get("/v1/indexes/ix/items").json()["total"] < 7:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_what_changed_is_told(tmp_path: Path) -> None:
    folder, table, later = tmp_path / "folder", tmp_path / "t.csv", tmp_path / "later"
    folder.mkdir()
    table.write_text("a")
    stop = threading.Event()
    seen = changed(lambda: {"f": folder, "t": table, "l": later}, stop, every=0.1)
    changes: list[set[str]] = []
    thread = threading.Thread(target=lambda: changes.extend(seen))
    thread.start()

    def until(name: str, change: Any) -> None:
        end = time.monotonic() + 20
        while not any(name in one for one in list(changes)):
            change()
            assert time.monotonic() < end
            time.sleep(0.3)

    until("f", lambda: (folder / "x").write_text(str(time.time())))
    until("t", lambda: table.write_text(table.read_text() + "b"))
    until("l", lambda: later.mkdir(exist_ok=True))
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert not tells_nothing("/")
