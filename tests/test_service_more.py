"""Embeddings in the form of others, generated pictures, maps and duplicates over HTTP."""

from __future__ import annotations

import base64
import io
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from service_ import in_base64, make_home, served, told
from starlette.testclient import TestClient

import aesearch
from aesearch.service import jobs
from aesearch.service.worker import DOES


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def client(home: Path) -> Iterator[TestClient]:
    with served(places=tuple(sorted(home.iterdir()))) as client:
        yield client


def embed(client: TestClient, model: str, given: Any, **more: Any) -> Any:
    return client.post("/v1/embeddings", json={"model": model, "input": given, **more})


def test_texts_are_embedded_as_by_encode(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "papers") as index:
        texts = [text.text for text in index.folder.texts()][:2]
        expected = index.encode(texts)
    found = embed(client, "papers", texts, user="me", unknown=1).json()
    assert (found["object"], found["model"]) == ("list", "papers")
    assert [one["index"] for one in found["data"]] == [0, 1]
    codes = np.array([one["embedding"] for one in found["data"]])
    np.testing.assert_allclose(codes, expected, atol=1e-6)
    packed = embed(client, "papers", texts[0], encoding_format="base64").json()["data"][0]
    code = np.frombuffer(base64.b64decode(packed["embedding"]), "<f4")
    np.testing.assert_allclose(code, expected[0], atol=1e-6)
    assert found["usage"]["prompt_tokens"] > 0
    assert [model["id"] for model in client.get("/v1/models").json()["data"]] == [
        "papers",
        "photos",
        "points",
    ]


def test_pictures_are_embedded_as_data_urls(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        content = sorted(index.source.rglob("*.png"))[0].read_bytes()
        expected = index.encode([content])[0]
    url = f"data:image/png;base64,{in_base64(content)}"
    found = embed(client, "photos", url).json()["data"][0]["embedding"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "given", "more", "status"),
    [
        ("nothing", "a", {}, 404),
        ("papers", [], {}, 422),
        ("papers", "", {}, 422),
        ("papers", ["qqqqqq"], {}, 422),
        ("papers", "a", {"encoding_format": "int8"}, 422),
        ("papers", [1, 2], {}, 422),
        ("photos", "/etc/passwd", {}, 422),
        ("photos", "data:text/plain,abc", {}, 422),
        ("points", "/etc/passwd", {}, 422),
    ],
)
def test_what_cannot_be_embedded_is_told(
    client: TestClient, model: str, given: Any, more: dict[str, Any], status: int
) -> None:
    told(embed(client, model, given, **more), status)


def test_other_dimensions_are_refused(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "papers") as index:
        text, size = next(iter(index.folder.texts())).text, index.encoder.code_size
    assert embed(client, "papers", text, dimensions=size).status_code == 200
    told(embed(client, "papers", text, dimensions=size + 1), 422)


def png(image: str) -> Any:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(image))).convert("RGB"))


def as_rgb(pixels: Any) -> Any:
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


def test_pictures_are_made(client: TestClient, home: Path) -> None:
    with aesearch.open(home / "photos") as index:
        keys = sorted(item.key for item in index.items())[:2]
        contents = [(index.source / key).read_bytes() for key in keys]
        made, errors = index.generate.reconstruct(contents)
        between = index.generate.interpolate(*contents, steps=3)
        samples = index.generate.sample(2, seed=5)
    like = [{"key": keys[0]}, {"image": in_base64(contents[1])}]
    found = client.post("/v1/indexes/photos/reconstruct", json={"like": like}).json()["pictures"]
    np.testing.assert_allclose([one["error"] for one in found], errors, rtol=1e-4)
    for one, pixels in zip(found, made, strict=True):
        np.testing.assert_allclose(png(one["image"]), as_rgb(pixels), atol=1)
    asked = {"first": like[0], "second": like[1], "steps": 3}
    found = client.post("/v1/indexes/photos/between", json=asked).json()["pictures"]
    for one, pixels in zip(found, between, strict=True):
        np.testing.assert_allclose(png(one["image"]), as_rgb(pixels), atol=1)
    found = client.post("/v1/indexes/photos/sample", json={"count": 2, "seed": 5}).json()
    for one, pixels in zip(found["pictures"], samples, strict=True):
        np.testing.assert_allclose(png(one["image"]), as_rgb(pixels), atol=1)


def test_what_cannot_be_made_is_told(client: TestClient) -> None:
    told(client.post("/v1/indexes/papers/sample", json={}), 422)
    told(client.post("/v1/indexes/photos/sample", json={"group": "nobody"}), 422)
    told(client.post("/v1/indexes/photos/sample", json={"count": 10**6}), 422)
    for part, status in (
        ({"key": "/etc/passwd"}, 404),
        ({"text": "/etc/passwd"}, 422),
        ({"image": "AAAA"}, 422),
        ({"vector": [1]}, 422),
    ):
        told(client.post("/v1/indexes/photos/reconstruct", json={"like": [part]}), status)


def waited(client: TestClient, answer: Any) -> dict[str, Any]:
    """A job of an answer, when it has ended."""
    assert answer.status_code == 202, answer.text
    id, end = answer.json()["id"], time.monotonic() + 100
    while (job := client.get(f"/v1/jobs/{id}").json())["ended_at"] is None:
        assert time.monotonic() < end
        time.sleep(0.1)
    found: dict[str, Any] = job
    return found


def test_a_map_is_made_once_for_a_revision(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In this process, which has loaded what a map takes.
    monkeypatch.setattr(jobs, "_in_process", lambda _, told, does, asked: DOES[does](told, **asked))
    url = "/v1/indexes/points/map"
    job = waited(client, client.get(url, params={"by": "pca"}))
    assert job["state"] == "done", job
    found = client.get(url, params={"by": "pca"})
    assert found.status_code == 200
    made = found.json()
    assert (made["index"], len(made["keys"]), made["panels"][0]["method"]) == ("points", 40, "pca")
    assert np.array(made["panels"][0]["coordinates"]).shape == (40, 2)
    told(client.get(url, params={"by": "magic"}), 422)
    told(client.get("/v1/indexes/nothing/map"), 404)


def test_duplicates_are_found(tmp_path: Path, home: Path) -> None:
    shutil.copytree(home.parent / "photos", tmp_path / "photos")
    first = sorted((tmp_path / "photos").rglob("*.png"))[0]
    shutil.copy(first, first.with_name("copy.png"))
    aesearch.build(tmp_path / "photos", tmp_path / "ix", budget=0).close()
    with served(places=(tmp_path / "ix",)) as client:
        job = waited(client, client.post("/v1/indexes/ix/duplicates", json={"threshold": 0.9}))
        assert job["state"] == "done", job
        exact = [group for group in job["result"]["groups"] if group["kind"] == "exact"]
        keys = {Path(item["key"]).name for item in exact[0]["items"]}
        assert keys == {first.name, "copy.png"}
        told(client.post("/v1/indexes/ix/duplicates", json={"threshold": 2}), 422)
