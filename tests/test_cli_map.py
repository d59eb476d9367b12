"""``aesearch map``: what is printed, what is written, and what is refused."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from collections_ import command, write_pictures
from PIL import Image
from test_map import data_of, indexed, write_documents

from aesearch.cli import map as verb


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("maps").resolve()
    write_pictures(root / "photos", 45, side=300)
    write_documents(root / "texts", 45)
    indexed(root / "photos", root / "indexes/photos", "--code-size", "8")
    indexed(root / "texts", root / "indexes/texts", "--code-size", "8", "--encoder", "lsa")
    return root


@pytest.fixture(autouse=True)
def _at_home(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(home / "indexes"))
    monkeypatch.chdir(tmp_path)


def test_a_page_of_pictures_has_thumbnails(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = command("map", "photos", "--by", "pca")
    assert answer.code == 0, answer.err
    left, right = answer.out.splitlines()
    assert left.startswith("PCA of the codes, 2 components: 5-NN accuracy 0.")
    assert right.startswith("PCA of the pixels, 2 components: 5-NN accuracy 0.")
    assert answer.err.startswith("wrote map.html in ")
    data = data_of(Path("map.html").read_text(encoding="utf-8"))
    assert len(data["pictures"]) == len(data["keys"]) == 45
    with Image.open(io.BytesIO(base64.b64decode(data["pictures"]["0"]))) as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) == verb.THUMBNAIL
    monkeypatch.setattr(verb, "MOST_THUMBNAILS", 44)
    assert command("map", "photos", "--by", "pca").code == 0
    assert data_of(Path("map.html").read_text(encoding="utf-8"))["pictures"] == {}


def test_a_page_of_documents_has_their_first_words() -> None:
    answer = command("map", "--index", "texts", "--by", "pca", "-o", "t.html", "--json")
    assert answer.code == 0, answer.err
    facts = json.loads(answer.out)
    assert facts.pop("seconds") > 0
    assert [panel.pop("accuracy") > 0.5 for panel in facts["panels"]] == [True, True]
    assert facts == {
        "output": "t.html",
        "index": facts["index"],
        "encoder": "lsa",
        "items": 45,
        "groups": 3,
        "panels": [
            {"method": "pca", "title": "PCA of the codes, 2 components"},
            {"method": "lsa", "title": "LSA, 2 components"},
        ],
    }
    assert facts["index"].endswith("texts")
    data = data_of(Path("t.html").read_text(encoding="utf-8"))
    topics = [key.split("/")[0] for key in data["keys"]]
    for topic, said in zip(topics, data["words"], strict=True):
        assert said.startswith(f"About {topic}")
        assert len(said) <= verb.LONG


def test_a_figure_that_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    monkeypatch.setattr(verb.click, "launch", seen.append)
    assert command("map", "photos", "--by", "pca", "-o", "map.png", "--open").code == 0
    assert seen == ["map.png"]
    with Image.open("map.png") as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ([], 1, "several indexes fit: photos, texts"),
        (["nothing"], 1, "there is no index at"),
        (["photos", "-o", "map.gif"], 2, "a map is written as .html, .png, .pdf, .svg; got"),
        (["photos", "--by", "isomap"], 2, "'isomap' is not one of 'auto', 'code'"),
        (["photos", "-o", "none/map.png"], 2, "none/map.png cannot be written: there is no folder"),
    ],
)
def test_maps_that_cannot_be(words: list[str], code: int, told: str) -> None:
    answer = command("map", *words)
    assert answer.code == code
    assert told in answer.err.splitlines()[-1]
    assert not list(Path().iterdir())


def test_an_index_that_cannot_be_read_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/index.json").write_text("{")
    answer = command("map", "./broken")
    assert answer.code == 1
    assert len(answer.err.splitlines()) == 1
    assert "index.json cannot be read" in answer.err
