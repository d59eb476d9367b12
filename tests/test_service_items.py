"""Items over HTTP: pages of them, their content, thumbnails, and what a client may never have."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from collections_ import write_pictures
from PIL import Image
from service_ import make_home, search, served, told
from starlette.testclient import TestClient

import aesearch


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    with served(places=tuple(sorted(home.iterdir()))) as client:
        yield client


def id_of(client: TestClient, name: str, key: str) -> int:
    page = client.get(f"/v1/indexes/{name}/items", params={"key": key}).json()
    assert page["total"] == 1
    found: int = page["items"][0]["id"]
    return found


def test_indexes_are_listed_and_told_of(client: TestClient, home: Path) -> None:
    listed = client.get("/v1/indexes").json()
    assert listed["writable"] is False
    rows = {row["name"]: row for row in listed["indexes"]}
    assert list(rows) == ["papers", "photos", "points"]
    assert [row["kind"] for row in rows.values()] == ["texts", "images", "vectors"]
    assert rows["photos"]["items"] == 9
    with aesearch.open(home / "photos") as index:
        facts = index.info().as_dict()
    told_of = client.get("/v1/indexes/photos").json()
    assert {name: told_of[name] for name in ("items", "fingerprint", "source", "code_size")} == {
        name: facts[name] for name in ("items", "fingerprint", "source", "code_size")
    }
    with aesearch.open(home / "points") as index:
        winner = (index.info().check or {}).get("winner")
    checked = client.get("/v1/indexes/points/check").json()
    assert (checked["check"] or {}).get("winner") == winner


def test_items_come_in_pages(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        expected = [(item.id, item.key, item.size, item.digest.hex()) for item in index.items()]
    url, found, offset = "/v1/indexes/photos/items", [], 0
    while items := client.get(url, params={"offset": offset, "limit": 4}).json()["items"]:
        found += [(item["id"], item["key"], item["size"], item["digest"]) for item in items]
        offset += 4
    assert found == expected
    some = client.get(url, params={"among": "disks/*", "limit": 2, "offset": 1}).json()
    keys = [key for _, key, _, _ in expected if key.startswith("disks/")]
    assert (some["total"], [item["key"] for item in some["items"]]) == (len(keys), keys[1:3])
    assert client.get(url, params={"key": "disks"}).json()["total"] == 0


def test_an_item_has_what_is_kept_of_it(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "papers") as index:
        text = next(iter(index.folder.texts()))
    found = client.get(f"/v1/indexes/papers/items/{text.id}").json()
    assert (found["text"], found["id"]) == (text.text, text.id)
    told(client.get("/v1/indexes/papers/items/100000"), 404)
    told(client.get("/v1/indexes/papers/items/-1"), 422)
    told(client.get("/v1/indexes/papers/items/9223372036854775808"), 422)
    told(client.get("/v1/indexes/papers/items/a%2Fb"), 404)


def test_content_and_thumbnail_are_those_of_the_file(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        item = next(iter(index.items()))
        content = (index.source / item.key).read_bytes()
    url = f"/v1/indexes/photos/items/{item.id}"
    answer = client.get(f"{url}/content")
    assert answer.content == content
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-disposition"].startswith("inline; ")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    small = client.get(f"{url}/thumbnail", params={"size": 16})
    assert small.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(small.content)).size == (16, 16)
    again = {"if-none-match": small.headers["etag"]}
    assert client.get(f"{url}/thumbnail", params={"size": 16}, headers=again).status_code == 304
    told(client.get(f"{url}/thumbnail", params={"size": 100_000}), 422)
    told(client.get("/v1/indexes/papers/items/1/thumbnail"), 422)
    paper = client.get("/v1/indexes/papers/items/1/content")
    with aesearch.open(home / "papers") as index:
        key = index.folder.keys_of([1])[1]
        assert paper.content == (index.source / key).read_bytes()


def test_similar_and_why(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "papers") as index:
        keys = index.folder.keys_of([1, 2])
        expected = [hit.key for hit in index.similar(keys[1], 4)]
        shared = [term.word for term in index.explain_similar(keys[2], keys[1]).shared]
    found = client.get("/v1/indexes/papers/items/1/similar", params={"k": 3, "offset": 1}).json()
    assert [hit["key"] for hit in found["hits"]] == expected[1:]
    why = client.get("/v1/indexes/papers/items/1/explain", params={"other": 2}).json()
    assert (why["key"], why["other"]) == (keys[1], keys[2])
    assert [term["word"] for term in why["why"]["shared"]] == shared
    told(client.get("/v1/indexes/papers/items/1/explain"), 422)
    told(client.get("/v1/indexes/points/items/1/explain", params={"other": 2}), 422)
    for name in ("points", "photos"):  # of which a text is no path of the server
        answer = client.get(f"/v1/indexes/{name}/items/1/explain", params={"text": "/etc/passwd"})
        assert "text finds none" in told(answer, 422)["detail"]


NAMES = (
    '<script>alert("1")</script>\'.png'.replace("/", "∕"),
    "line\nend\r\nSet-Cookie: a=b.png",
    "\u202egnp.exe\u202c.png",
    "ü" * 120 + ".png",
    "100% #1;a=b.png",
)


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_file_is_safe(tmp_path: Path, name: str) -> None:
    write_pictures(tmp_path / "photos", 6)
    first = next((tmp_path / "photos").rglob("*.png"))
    shutil.copy(first, tmp_path / "photos" / name)
    aesearch.build(tmp_path / "photos", tmp_path / "ix", budget=0).close()
    with served(places=(tmp_path / "ix",)) as client:
        id = id_of(client, "ix", name)
        answer = client.get(f"/v1/indexes/ix/items/{id}/content")
        assert answer.content == first.read_bytes()
        said = answer.headers["content-disposition"]
        assert not set("\r\n<>\u202e") & set(said)
        assert "set-cookie" not in answer.headers
        assert said.count('"') == 2
        assert unquote(said.rpartition("''")[2]) == name[-200:]
        assert search(client, "ix", {"key": name}, k=1).json()["hits"][0]["id"] == id


def test_nothing_outside_of_the_source_is_served(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 6)
    outside = tmp_path / "secret.png"
    Image.new("RGB", (40, 40), (9, 8, 7)).save(outside)
    (tmp_path / "photos" / "link.png").symlink_to(outside)
    with aesearch.build(tmp_path / "photos", tmp_path / "ix", budget=0) as index:
        index.add([outside])  # from elsewhere: what is kept of it is in the database
    with served(places=(tmp_path / "ix",)) as client:
        link = id_of(client, "ix", "link.png")
        told(client.get(f"/v1/indexes/ix/items/{link}/content"), 403)
        told(client.get(f"/v1/indexes/ix/items/{link}/thumbnail"), 403)
        added = id_of(client, "ix", outside.as_posix())
        answer = client.get(f"/v1/indexes/ix/items/{added}/content")
        assert answer.status_code == 200
        assert answer.content != outside.read_bytes()
        for path in ("..%2f..%2fsecret.png", "../../secret.png", "%2e%2e/%2e%2e/secret.png"):
            assert client.get(f"/v1/indexes/ix/items/{path}").status_code in (404, 422)
        inside = 1
        first = client.get(f"/v1/indexes/ix/items/{inside}").json()
        Path(first["path"]).unlink()
        told(client.get(f"/v1/indexes/ix/items/{inside}/content"), 410)
        Path(first["path"]).write_bytes(b"\x89PNG\r\n\x1a\n damaged")
        told(client.get(f"/v1/indexes/ix/items/{inside}/thumbnail"), 422)


def test_an_index_is_followed_replaced_removed_and_may_be_damaged(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_pictures(tmp_path / "photos", 6)
    with aesearch.build(tmp_path / "photos", home / "ix", budget=0) as index:
        before = index.revision.number
    aesearch.build(tmp_path / "photos", home / "broken", budget=0).close()
    (home / "broken" / "items.db").write_bytes(b"no database at all")
    with served(places=(home / "ix", home / "broken")) as client:
        listed = {row["name"]: row for row in client.get("/v1/indexes").json()["indexes"]}
        assert listed["ix"]["fault"] is None
        assert "items.db" in listed["broken"]["fault"]
        told(search(client, "broken", {"key": "a"}), 503)
        key = client.get("/v1/indexes/ix/items/1").json()["key"]
        with aesearch.open(home / "ix") as index:
            index.remove([key])
        told(search(client, "ix", {"key": key}), 404)
        assert client.get("/v1/indexes/ix/items").json()["revision"] > before
        shutil.rmtree(home / "ix")
        told(client.get("/v1/indexes/ix/items"), 404)
        told(search(client, "ix", {"key": key}), 404)
        assert "fault" in client.get("/v1/indexes").json()["indexes"][0]
        write_pictures(tmp_path / "others", 8, first=50)
        with aesearch.build(tmp_path / "others", home / "ix", budget=0) as index:
            keys = [item.key for item in index.items()]
        page: dict[str, Any] = client.get("/v1/indexes/ix/items").json()
        assert [item["key"] for item in page["items"]] == keys


@pytest.mark.skipif(os.name == "nt", reason="rights of files are others there")
def test_the_home_is_served_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    with served() as client:
        assert client.get("/v1/indexes").json()["indexes"] == []
        write_pictures(tmp_path / "photos", 6)
        aesearch.build(tmp_path / "photos", budget=0).close()
        assert [row["name"] for row in client.get("/v1/indexes").json()["indexes"]] == ["photos"]
        assert client.get("/v1/indexes/photos/items").json()["total"] == 6


def test_a_picture_is_explained_by_what_is_covered(client: TestClient, home: Path) -> None:
    found = client.get("/v1/indexes/photos/items/1/explain", params={"other": 2}).json()
    gaps = np.array(found["occlusion"])
    assert gaps.shape == (8, 8)
    with aesearch.open(home / "photos") as index:
        keys = index.folder.keys_of([1, 2])
        sample = index.prepare((index.source / keys[1]).read_bytes()).sample
        covered = sample.copy()
        height, width = (len(part) // 8 for part in (sample, sample[0]))
        covered[:height, :width] = sample.mean(axis=(0, 1)).astype(sample.dtype)
        snapshot = index.folder.snapshot()
        codes = snapshot.encoder.encode(snapshot.features.stack([sample, covered]))
        cosines = codes @ index.folder.codes_of([2])[0]
    np.testing.assert_allclose(gaps[0, 0], cosines[0] - cosines[1], atol=1e-5)
    assert found["why"] is None
    told(client.get("/v1/indexes/photos/items/1/explain", params={"other": 10**6}), 404)
