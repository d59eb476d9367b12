"""Several queries as one: their mean code, their words, and what is not meant."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import SLACK, assert_same_hits, command, write_pictures
from conftest import make_picture
from numpy.typing import NDArray
from PIL import Image
from texts_ import made, topics_of, write_texts

import aesearch
from aesearch import Example
from aesearch.errors import (
    ContentError,
    ParameterError,
    UnknownKeyError,
    UnsupportedError,
)
from aesearch.search.hits import Hit
from aesearch.search.index import Index
from aesearch.search.together import UNLIKE, joint_code

N = 36
Codes = NDArray[np.float32]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos`, and `indexes` with its index."""
    root = tmp_path_factory.mktemp("together").resolve()
    write_pictures(root / "photos", N)
    aesearch.build(root / "photos", root / "indexes/photos", budget=0).close()
    return root


@pytest.fixture
def photos(pictures: Path) -> Index:
    return Index(pictures / "indexes/photos")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("texts")
    write_texts(root / "texts")
    return made(root / "texts", root / "index", budget=0)


def keys_of(hits: Sequence[Hit]) -> list[str]:
    return [hit.key for hit in hits]


def expected(index: Index, code: Codes, but: Sequence[str] = ()) -> list[tuple[str, float]]:
    """Keys and scores by brute force over the codes in the store."""
    ids, codes = index.folder.store.codes()
    keys = index.folder.keys_of(ids.tolist())
    scores = {keys[id]: float(score) for id, score in zip(ids.tolist(), codes @ code, strict=True)}
    return sorted(
        ((key, score) for key, score in scores.items() if key not in but),
        key=lambda pair: -pair[1],
    )


def code_of(index: Index, key: str) -> Codes:
    code: Codes = index.folder.codes_of([index.folder.id_of(key)])[0]
    return code


def assert_found(hits: Sequence[Hit], wanted: Sequence[tuple[str, float]]) -> None:
    assert_same_hits(hits, [Hit(score, key, None) for key, score in wanted[: len(hits)]])


# -- codes -----------------------------------------------------------------------------------------


def test_the_code_is_the_weighted_mean_less_a_quarter_of_what_is_not_meant() -> None:
    a, b, c = np.eye(3, dtype=np.float32)
    one = joint_code(np.stack([a, b]), np.array([3.0, 1.0]), c[None], np.array([7.0]))
    wanted = np.array([0.75, 0.25, -UNLIKE])
    np.testing.assert_allclose(one, wanted[None] / np.linalg.norm(wanted), atol=1e-6)
    assert one.dtype == np.float32
    np.testing.assert_allclose(joint_code(a[None], np.ones(1)), a[None])
    with pytest.raises(ParameterError, match="cancel each other out"):
        joint_code(np.stack([a, -a]), np.ones(2))


def test_a_single_example_is_the_query(photos: Index, texts: Index) -> None:
    photo = photos.path_of("disks/000.png")
    hits = photos.search(photo, 5)
    assert photos.search(like=[photo], k=5) == photos.search(like=photo, k=5) == hits
    assert photos.search(like=[Example(photo, weight=3)], k=5) == hits
    assert hits[0].same == "unchanged"
    for text in ("boat harbour anchor", '"boat" -tide', "violin"):
        assert texts.search(like=[text], k=5) == texts.search(text, 5)


def test_examples_are_searched_by_their_mean(photos: Index) -> None:
    likes, bad = ["disks/000.png", "disks/003.png"], "stripes/001.png"
    codes = np.stack([code_of(photos, key) for key in likes])
    paths = [photos.path_of(key) for key in likes]
    mean = joint_code(codes, np.ones(2))[0]
    assert_found(photos.search(like=paths, k=8), expected(photos, mean))
    assert photos.search(paths[0], like=paths[1:], k=8) == photos.search(like=paths, k=8)
    less = joint_code(codes, np.ones(2), code_of(photos, bad)[None], np.ones(1))[0]
    found = photos.search(like=paths, unlike=[photos.path_of(bad)], k=N)
    assert_found(found, expected(photos, less))
    assert all(hit.same is None for hit in found)
    before = keys_of(photos.search(like=paths, k=N)).index(bad)
    assert keys_of(found).index(bad) >= before


def test_items_are_named_by_key_weighted_and_left_out(photos: Index) -> None:
    likes: list[Any] = [Example(key="disks/000.png", weight=2), photos.path_of("squares/002.png")]
    codes = np.stack([code_of(photos, key) for key in ("disks/000.png", "squares/002.png")])
    code = joint_code(
        codes, np.array([2.0, 1.0]), code_of(photos, "stripes/001.png")[None], np.ones(1)
    )[0]
    hits = photos.search(like=likes, unlike=Example(key=Path("stripes/001.png")), k=N)
    assert len(hits) == N - 2
    assert_found(hits, expected(photos, code, ["disks/000.png", "stripes/001.png"]))
    alone = photos.search(like=Example(key="disks/000.png"), k=4)
    assert alone == photos.similar("disks/000.png", 5)[1:]
    twice = [Example(key="squares/002.png"), Example(key="disks/000.png"), *likes[:1]]
    thrice = Example(key="disks/000.png", weight=3)
    assert_same_hits(photos.search(like=twice, k=5), photos.search(like=[twice[0], thrice], k=5))
    with pytest.raises(ParameterError, match=r"unlike\[0\] is an item that is given as like too"):
        photos.search(like=twice, unlike=twice[:1])
    late = [Example(key="stripes/034.png"), Example(key="disks/003.png", weight=5)]
    codes = np.stack([code_of(photos, str(one.key)) for one in late])
    code = joint_code(codes, np.array([1.0, 5.0]))[0]
    assert_found(photos.search(like=late, k=5), expected(photos, code, [str(x.key) for x in late]))
    near = photos.search(like=likes, k=3, among="disks/**")
    assert {key.split("/")[0] for key in keys_of(near)} == {"disks"}


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"unlike": ["x.png"]}, ParameterError, "nothing is like"),
        ({"like": []}, ParameterError, "nothing is like"),
        ({"like": 7}, ParameterError, "like is a content, an Example, or a list of these; got int"),
        ({"like": ["a.png", "b.png"], "crop": (0, 0, 1, 1)}, ParameterError, "of one picture"),
        ({"like": [Example(key="no"), Example(key="no")]}, UnknownKeyError, "no item 'no'"),
        ({"content": "gone.png", "unlike": "b.png"}, ContentError, r"like\[0\]: there is no such"),
    ],
)
def test_what_is_no_query(
    photos: Index, asked: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        photos.search(**asked)


def test_examples_are_checked(photos: Index) -> None:
    with pytest.raises(ParameterError, match="one of the two"):
        Example("a.png", key="a.png")
    with pytest.raises(ParameterError, match="one of the two"):
        Example()
    for weight in (0, -1, np.nan, np.inf, True):
        with pytest.raises(ParameterError, match="weight must be a number above 0"):
            Example("a.png", weight=weight)
    with pytest.raises(ParameterError, match="taken whole"):
        Example(key="a.png", crop=(0, 0, 1, 1))
    photo = photos.path_of("disks/000.png")
    with pytest.raises(UnsupportedError, match="one query alone"):
        photos.search(like=[photo, photo], copies=True)
    with pytest.raises(UnsupportedError, match="only documents have words"):
        photos.search(like=[photo, photo], hybrid=True)
    with pytest.raises(ParameterError, match="k must be at least 1"):
        photos.search(like=[photo, photo], k=0, offset=5)
    with pytest.raises(ParameterError, match="similar"):
        photos.search_many([Example(key="disks/000.png")])


# -- documents -------------------------------------------------------------------------------------


def test_words_of_several_texts_count_together(texts: Index) -> None:
    hits = texts.search(like=["spinnaker", "oboe"], k=2)
    assert set(keys_of(hits)) == {"sailing/00.txt", "music/00.txt"}
    assert all(hit.snippet and hit.snippet.marks for hit in hits)
    both = texts.search(like=['"boat"', "violin -tide"], k=48)
    assert all("boat" in texts.text_of(hit.key).text.lower() for hit in both)
    assert not any("tide" in texts.text_of(hit.key).text.lower() for hit in both)


@pytest.mark.parametrize("hybrid", [None, True, False])
def test_what_holds_an_unlike_text_comes_last(texts: Index, hybrid: bool | None) -> None:
    plain = texts.search("boat rudder sail", 48, hybrid=hybrid)
    hits = texts.search("boat rudder sail", 48, unlike="anchor", hybrid=hybrid)
    holds = ["anchor" in texts.text_of(hit.key).text.lower() for hit in hits]
    assert sorted(keys_of(hits)) == sorted(keys_of(plain))
    assert any(holds)
    assert holds == sorted(holds)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert topics_of(keys_of(hits[:1])) == ["sailing"]
    few = texts.search("boat rudder sail", 3, unlike="anchor", hybrid=hybrid)
    assert keys_of(few) == keys_of(hits[:3])
    of_all = texts.search("boat", 48, unlike='"no such phrase"', hybrid=hybrid)
    assert len(of_all) == len(texts.search("boat", 48, hybrid=hybrid))


def test_documents_and_items_as_examples(texts: Index) -> None:
    keys = ["music/01.txt", "gardens/01.txt"]
    items = texts.search(like=[Example(key=key) for key in keys], k=8)
    codes = np.stack([code_of(texts, key) for key in keys])
    assert_found(items, expected(texts, joint_code(codes, np.ones(2))[0], keys))
    assert set(topics_of(keys_of(items))) == {"music", "gardens"}
    files = texts.search(like=[texts.path_of(key) for key in keys], k=8)
    assert set(keys_of(files)) >= set(keys)
    mixed = texts.search("violin", like=[Example(key="music/01.txt")], k=5)
    assert set(topics_of(keys_of(mixed))) == {"music"}
    assert "music/01.txt" not in keys_of(mixed)
    less = texts.search("orchard", 5, unlike=[Example(key="gardens/03.txt")], hybrid=False)
    assert "gardens/03.txt" not in keys_of(less)


def test_texts_without_a_known_word(texts: Index) -> None:
    with pytest.raises(ContentError, match="qqxx, xxyy"):
        texts.search(like=["qqxx", "xxyy"])
    alone = texts.search("boat", 5)
    assert_same_hits(texts.search(like=["boat", "qqxx"], k=5), alone)
    assert_same_hits(texts.search("boat", 5, unlike=["qqxx", "the"]), alone)
    with pytest.raises(ContentError, match=r"like\[1\]: the text is empty"):
        texts.search(like=["boat", " "])
    with pytest.raises(UnsupportedError, match="only pictures are cropped"):
        texts.search("boat", crop=(0, 0, 1, 1))


# -- parts of pictures -----------------------------------------------------------------------------


def test_a_part_of_a_picture_finds_what_it_shows(photos: Index, tmp_path: Path) -> None:
    page = np.full((90, 120, 3), 200, dtype=np.uint8)
    page[40:72, 60:92] = make_picture("disks", 0, 32)
    path = tmp_path / "page.png"
    Image.fromarray(page).save(path)
    for content in (path, str(path), path.read_bytes(), page, Image.fromarray(page)):
        first = photos.search(content, 1, crop=(60, 40, 32, 32), copies=False)[0]
        assert (first.key, first.score) == ("disks/000.png", pytest.approx(1, abs=SLACK))
    shares = photos.search(path, 3, crop=(0.5, 40 / 90, 32 / 120, 32 / 90))
    assert keys_of(shares) == keys_of(photos.search(path, 3, crop=np.array([60, 40, 32, 32])))
    assert photos.search(path, 3, crop=(0, 0, 1, 1)) == photos.search(path, 3)
    assert photos.search(path, 3, crop=(0, 0, 120, 90)) == photos.search(path, 3)
    joint = photos.search(like=[Example(path, crop=(60, 40, 32, 32)), Example(key="disks/003.png")])
    assert joint[0].key == "disks/000.png"
    read = photos.prepare(path, crop=(60, 40, 32, 32))
    assert photos.search(read, 2) == photos.search(path, 2, crop=(60, 40, 32, 32))


def test_a_part_is_one_of_the_picture_as_it_is_shown(photos: Index, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned clockwise: 40 wide and 60 high
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    shown = np.rot90(pixels, -1)
    part = photos.prepare(tmp_path / "turned.png", crop=(5, 30, 30, 25)).sample
    np.testing.assert_array_equal(part, photos.prepare(shown[30:55, 5:35].copy()).sample)


@pytest.mark.parametrize(
    ("crop", "said"),
    [
        ((0, 0, 41, 10), "crop 0,0,41,10 reaches beyond the picture, of 40 x 30 pixels"),
        ((0.5, 0, 0.6, 1), "crop 0.5,0,0.6,1 reaches beyond the picture, of 40 x 30 pixels"),
        ((50, 0, 10, 10), "reaches beyond"),
        ((0, 0, 0, 10), "crop is empty"),
        ((0, 0, 5, -1), "crop is empty"),
        ((-1, 0, 5, 5), "begins at 0, 0"),
        ((0, 0, np.nan, 5), "finite"),
        ((0.5, 0.5, 10, 10), "crop in pixels is whole numbers"),
        ((1, 2, 3), "crop is four numbers"),
        ("1,2,3,4", "crop is four numbers"),
    ],
)
def test_what_is_no_part(photos: Index, crop: Any, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        photos.search(np.zeros((30, 40, 3), dtype=np.uint8), crop=crop)


# -- pages of hits ---------------------------------------------------------------------------------


def test_pages_are_of_one_ranking(photos: Index, texts: Index) -> None:
    photo = photos.path_of("disks/000.png")
    whole = photos.search(photo, N)
    assert [hit for page in range(0, N, 7) for hit in photos.search(photo, 7, offset=page)] == whole
    assert photos.search(photo, offset=N) == []
    assert photos.similar("disks/000.png", 3, offset=2) == photos.similar("disks/000.png", 5)[2:]
    assert photos.search_many([photo], 3, offset=2) == [whole[2:5]]
    two = [photo, Example(key="stripes/001.png")]
    assert photos.search(like=two, k=3, offset=4) == photos.search(like=two, k=7)[4:]
    for text in ("boat harbour", "boat -tide", "violin"):
        pages = [texts.search(text, 5, offset=page) for page in range(0, 48, 5)]
        assert [hit for page in pages for hit in page] == texts.search(text, 48)
    least = whole[4].score - SLACK
    assert photos.search(photo, 3, offset=2, threshold=least) == whole[2:5]
    for offset in (-1, 1.5, True, "1"):
        with pytest.raises(ParameterError, match="offset must be a whole number"):
            photos.search(photo, offset=offset)  # type: ignore[arg-type]


def test_pages_go_through_equal_items_once(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    with aesearch.build(np.repeat(rows, 20, axis=0), tmp_path / "index", budget=0) as index:
        pages = [index.search(rows[3] + rows[5], 7, offset=page) for page in range(0, 240, 7)]
        keys = [hit.key for page in pages for hit in page]
        assert len(keys) == len(set(keys)) == 240


# -- on the command line ---------------------------------------------------------------------------


@pytest.fixture
def home(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(pictures / "indexes"))
    monkeypatch.chdir(pictures)
    return pictures


@pytest.mark.usefixtures("home")
def test_together_on_the_command_line(photos: Index) -> None:
    a, b, c = "photos/disks/000.png", "photos/disks/003.png", "photos/stripes/001.png"
    done = command("query", a, b, "--together", "--unlike", c, "-k", "3", "--offset", "2", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    hits = photos.search(like=[Path(a), Path(b)], unlike=[Path(c)], k=3, offset=2)
    assert (done.code, done.err) == (0, "")
    assert [row["key"] for row in rows] == keys_of(hits)
    assert [row["rank"] for row in rows] == [3, 4, 5]
    assert {row["query"] for row in rows} == {f"{a} + {b} - {c}"}
    keys = command("query", b, "--key", "disks/000.png", "--together", "--unlike-key",
                   "stripes/001.png", "-k", "3", "--json")  # fmt: skip
    names = [json.loads(line)["key"] for line in keys.out.splitlines()]
    assert names == keys_of(photos.search(
        like=[Example(key="disks/000.png"), Path(b)], unlike=Example(key="stripes/001.png"), k=3
    ))  # fmt: skip
    each = command("query", a, b, "--unlike", c, "-k", "1")
    assert [line.split("\t")[2] for line in each.out.splitlines()] == [f"{a} - {c}", f"{b} - {c}"]
    none = command("query", a, "--offset", "99")
    assert (none.code, none.out) == (0, "")
    assert none.err == "aesearch: there are no hits behind the first 99\n"


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_sheets_of_several_as_one(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"sheet{suffix}"
    done = command("query", "photos/disks/000.png", "--key", "disks/003.png", "--together",
                   "--unlike", "photos/stripes/001.png", "-o", out)  # fmt: skip
    assert (done.code, done.err) == (0, f"wrote {out}\n")
    assert out.stat().st_size > 1000
    if suffix == ".html":
        said = "disks/003.png + photos/disks/000.png - photos/stripes/001.png"
        assert said in out.read_text()


@pytest.mark.usefixtures("home")
def test_parts_on_the_command_line() -> None:
    a = "photos/disks/000.png"
    pixels, shares, percent = (
        command("query", a, "--crop", crop, "--no-copies", "-k", "3")
        for crop in ("8,8,16,16", ".25,.25,.5,.5", "25%,25%,50%,50%")
    )
    assert pixels.code == 0
    assert pixels.out == shares.out == percent.out
    corner, zeros = (
        command("query", a, "--crop", crop, "--no-copies", "-k", "3")
        for crop in ("0,0,16,16", "0,0,50%,50%")
    )
    assert (zeros.code, zeros.out) == (0, corner.out)
    for crop, said in (
        ("1,2,3", "is not x,y,width,height"),
        ("1,2,3,x", "is not x,y,width,height"),
        ("10%,10%,101%,5%", "not in 0..100"),
        ("10,10,50%,50%", "is not x,y,width,height"),
        ("0,0,33,1", "crop 0,0,33,1 reaches beyond the picture, of 32 x 32 pixels"),
    ):
        wrong = command("query", a, "--crop", crop)
        assert (wrong.code, wrong.out) == (2, "")
        assert said in wrong.err
    two = command("query", a, "photos/disks/003.png", "--crop", "0,0,9,9")
    assert (two.code, "--crop is of one FILE; got 2" in two.err) == (2, True)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("a", "--together", "--explain"), 2, "--explain is for one query"),
        (("photos/disks/000.png", "gone.png", "--together"), 1, "gone.png: there is no such file"),
        (("photos/disks/000.png", "--unlike", "gone.png"), 1, "gone.png: there is no such file"),
        (("photos/disks/000.png", "--unlike-key", "no"), 1, "there is no item 'no'"),
        (("--unlike", "photos/disks/000.png"), 2, "--unlike alone says only what is not meant"),
    ],
)
def test_wrong_examples_on_the_command_line(words: tuple[str, ...], code: int, said: str) -> None:
    wrong = command("query", "--index", "photos", *words)
    assert (wrong.code, wrong.out) == (code, "")
    assert said in wrong.err
    assert code == 2 or len(wrong.err.splitlines()) == 1


def test_texts_on_the_command_line(texts: Index) -> None:
    place = texts.folder.layout.root
    done = command("query", "boat", "rudder", "--unlike", "anchor", "-k", "3", "--json",
                   "--index", place)  # fmt: skip
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["key"] for row in rows] == keys_of(texts.search("boat rudder", 3, unlike="anchor"))
    assert {row["query"] for row in rows} == {"boat rudder - anchor"}
    assert not any("anchor" in texts.text_of(row["key"]).text.lower() for row in rows)
    passed = command("query", "boat", "--unlike", "qqxx -tide", "-k", "1", "--index", place)
    assert (passed.code, passed.err) == (0, "aesearch: note: not known here: qqxx\n")
    crop = command("query", "boat", "--crop", "0,0,1,1", "--index", place)
    assert (crop.code, "--crop is for pictures" in crop.err) == (2, True)
    explained = command("query", "boat", "--unlike", "tide", "--explain", "--index", place)
    assert (explained.code, "--explain is for one query" in explained.err) == (2, True)
