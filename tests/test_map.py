"""The map of a collection: where items are, what is measured of it, and how it is drawn."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, write_pictures
from PIL import Image

from aesearch.cli.map import BY
from aesearch.errors import ContentError, ParameterError, StorageError, UnsupportedError
from aesearch.maps import map as mapping
from aesearch.maps import material, texts
from aesearch.maps.layouts import Panel, neighbor_accuracy
from aesearch.maps.map import Map, map_of
from aesearch.reports.map import figure
from aesearch.reports.map import styles as looks_of
from aesearch.reports.map.figure import names_placed, write_map
from aesearch.reports.map.styles import styles_of
from aesearch.search.index import Index

N = 60
TOPICS = {
    "space": "rocket orbit moon launch satellite astronaut shuttle planet telescope comet",
    "kitchen": "flour butter oven dough sugar recipe bake yeast pastry spoon",
    "sport": "goal match player team coach league score stadium referee penalty",
}


def indexed(source: Path, place: Path, *words: str) -> Path:
    answer = command("index", source, "--index", place, "--budget", "0", *words)
    assert answer.code == 0, answer.err
    return place


def write_documents(root: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    for n in range(count):
        topic = list(TOPICS)[n % 3]
        (root / topic).mkdir(parents=True, exist_ok=True)
        words = rng.choice(TOPICS[topic].split(), 30)
        (root / topic / f"{n:03}.txt").write_text(f"About {topic}\n\n{' '.join(words)}.\n")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pictures").resolve()
    write_pictures(root / "photos", N)
    return indexed(root / "photos", root / "ix", "--code-size", "16")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("documents").resolve()
    write_documents(root / "texts", N)
    return indexed(root / "texts", root / "ix", "--code-size", "8", "--encoder", "lsa")


@pytest.fixture
def index(pictures: Path) -> Iterator[Index]:
    with Index(pictures) as opened:
        yield opened


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(material, "MOST_EPOCHS", material.FEWEST_EPOCHS)


def made(groups: list[str], *, name: str = "trip") -> Map:
    rng = np.random.default_rng(1)
    places = rng.normal(size=(len(groups), 2)).astype(np.float32)
    keys = [f"{group}/{n}.jpg" for n, group in enumerate(groups)]
    panels = (Panel("learned", "left", places, 0.75), Panel("pca", "right", places[::-1], None))
    return Map(name, "images", np.arange(len(groups)), keys, groups, panels)


# -- the numbers ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("quick")
def test_pictures_are_laid_out_beside_the_components_of_their_pixels(index: Index) -> None:
    told: list[tuple[str, float]] = []
    found = map_of(index, progress=lambda stage, done, total: told.append((stage, done / total)))
    assert [panel.method for panel in found.panels] == ["learned", "pca"]
    assert found.keys == [item.key for item in index.items()]
    assert found.groups == [key.split("/")[0] for key in found.keys]
    assert found.coordinates.shape == (N, 2)
    assert found.coordinates.std(axis=0).min() > 0
    assert ("learning the map", 1.0) in told
    again = map_of(index)
    np.testing.assert_array_equal(found.coordinates, again.coordinates)
    for panel in found.panels:
        labels = np.unique(found.groups, return_inverse=True)[1]
        assert panel.accuracy == neighbor_accuracy(panel.coordinates, labels)


def test_the_baseline_is_pca_of_the_pixels(index: Index) -> None:
    pixels = np.stack([index.prepare(index.source / item.key).sample for item in index.items()])
    # Averaged to 16 by 16, as the encoder pca looks at pictures.
    small = pixels.reshape(N, 16, 2, 16, 2, 3).mean(axis=(2, 4)).reshape(N, -1)
    centred = small - small.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    places = map_of(index, "pca").panels[1].coordinates
    np.testing.assert_allclose(abs(places), abs(left[:, :2] * values[:2]), rtol=2e-2, atol=0.5)


def test_documents_are_laid_out_beside_latent_semantics(documents: Path) -> None:
    with Index(documents) as index:
        found = map_of(index)
    assert [panel.method for panel in found.panels] == ["learned", "lsa"]
    assert sorted(set(found.groups)) == sorted(TOPICS)
    assert found.accuracy is not None
    assert found.accuracy > 0.9


@pytest.mark.usefixtures("quick")
def test_very_many_documents_are_laid_out_by_their_codes(
    documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "MOST_LEARNED", N - 1)
    monkeypatch.setattr(texts, "MOST_COUNTED", N - 1)
    monkeypatch.delattr(texts, "TextEncoder")
    monkeypatch.delattr(texts, "LSAEncoder")
    with Index(documents) as index:
        found = map_of(index)
        assert [panel.method for panel in found.panels] == ["learned", "pca"]
        assert len(map_of(index, "pca").panels) == 1  # both would be the same


@pytest.mark.parametrize("kind", ["images", "texts"])
def test_an_encoder_of_two_numbers_is_shown_as_it_is(kind: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    if kind == "images":
        write_pictures(source, 40)
    else:
        write_documents(source, 40)
    linear = {"images": "pca", "texts": "lsa"}[kind]
    place = indexed(source, tmp_path / "ix", "--code-size", "2", "--encoder", linear)
    with Index(place) as index:
        found = map_of(index)
        sample = index.prepare(source / found.keys[7]).sample
        latents = index.encoder.encode_with_latents(index.features.stack([sample] * 2))[1]
    assert found.method == "code"
    np.testing.assert_allclose(found.coordinates[7], latents[0], rtol=1e-4, atol=1e-5)


def test_tsne_of_the_codes(index: Index) -> None:
    found = map_of(index, "tsne")
    assert found.method == "tsne"
    assert np.isfinite(found.coordinates).all()
    np.testing.assert_array_equal(found.coordinates, map_of(index, "tsne").coordinates)


def test_umap_of_the_codes(index: Index) -> None:
    pytest.importorskip("umap")
    found = map_of(index, "umap")
    assert found.method == "umap"
    assert np.isfinite(found.coordinates).all()
    np.testing.assert_array_equal(found.coordinates, map_of(index, "umap").coordinates)


def test_umap_that_is_not_installed_names_the_extra(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'aesearch\[umap\]'"):
        map_of(index, "umap")


def test_an_unknown_layout_is_refused(index: Index) -> None:
    with pytest.raises(ParameterError, match="by must be one of auto, code, pca, tsne, umap; got"):
        map_of(index, "isomap")
    assert BY == mapping.METHODS  # the command says them without loading what lays out


def test_too_few_items_have_no_map(tmp_path: Path) -> None:
    write_pictures(tmp_path / "few", 3)
    with (
        Index(indexed(tmp_path / "few", tmp_path / "ix")) as index,
        pytest.raises(UnsupportedError, match="holds 3 pictures; a map needs at least 4"),
    ):
        map_of(index)


@pytest.mark.usefixtures("quick")
def test_a_handful_of_equal_pictures_have_one(tmp_path: Path) -> None:
    for n in range(5):
        (tmp_path / "same").mkdir(exist_ok=True)
        Image.new("RGB", (32, 32), "red").save(tmp_path / f"same/{n}.png")
    with Index(indexed(tmp_path / "same", tmp_path / "ix")) as index:
        for by in ("auto", "code", "tsne"):
            found = map_of(index, by)
            assert np.isfinite(found.coordinates).all()
            assert found.accuracy is None  # there are no groups


def test_pictures_that_are_gone_are_left_out(tmp_path: Path) -> None:
    keys = write_pictures(tmp_path / "photos", 40)
    place = indexed(tmp_path / "photos", tmp_path / "ix", "--code-size", "2", "--encoder", "pca")
    (tmp_path / "photos" / keys[3]).unlink()
    with Index(place) as index:
        with pytest.warns(UserWarning, match="1 of 40 pictures cannot be read again"):
            found = map_of(index)
        row = found.keys.index(keys[3])
        for panel in found.panels:
            assert np.flatnonzero(np.isnan(panel.coordinates).any(axis=1)).tolist() == [row]
        (tmp_path / "photos").rename(tmp_path / "elsewhere")
        with (
            pytest.warns(UserWarning, match="40 of 40 pictures"),
            pytest.raises(ContentError, match=r"0 of 40 pictures in .* --by pca"),
        ):
            map_of(index)
        with pytest.warns(UserWarning, match="40 of 40 pictures"):
            found = map_of(index, "pca")
    assert [panel.title for panel in found.panels] == ["PCA of the codes, 2 components"]


def test_pictures_added_by_hand_are_on_the_map(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 36)
    place = indexed(tmp_path / "photos", tmp_path / "ix")
    with Index(place) as index:
        index.add({"by hand": Image.new("RGB", (40, 40), "green")})
        found = map_of(index, "pca")
    assert "by hand" in found.keys
    assert all(np.isfinite(panel.coordinates).all() for panel in found.panels)


# -- the figure of merit -------------------------------------------------------------------------


def test_the_accuracy_is_that_of_counting_by_hand() -> None:
    rng = np.random.default_rng(2)
    labels = rng.integers(-1, 4, 120)
    places = (labels[:, None] + rng.normal(0, 1.5, (120, 2))).astype(np.float32)
    places[5] = np.nan
    usable = [i for i in range(120) if labels[i] >= 0 and i != 5]
    right = 0
    for i in usable:
        far = {j: float(np.square(places[i] - places[j], dtype=float).sum()) for j in usable}
        *others, sixth = sorted((j for j in usable if j != i), key=far.__getitem__)[:6]
        assert far[sixth] - far[others[-1]] > 1e-6  # rounding does not choose
        votes = [labels[j] for j in others]
        right += max(votes, key=votes.count) == labels[i]  # of equals the first, the nearest
    assert neighbor_accuracy(places, labels) == pytest.approx(right / len(usable))


def test_an_item_never_votes_for_itself() -> None:
    labels = np.arange(12)
    assert neighbor_accuracy(np.zeros((12, 2), dtype=np.float32), labels) == 0
    assert neighbor_accuracy(np.zeros((1, 2), dtype=np.float32), labels[:1]) is None


# -- colours and shapes --------------------------------------------------------------------------


def test_large_groups_come_first_and_the_rest_share_a_colour() -> None:
    groups = [f"g{n:02}" for n in range(60) for _ in range(60 - n)] + [""] * 3
    styles, numbers = styles_of(groups)
    assert [style.name for style in styles[:2]] == ["g00", "g01"]
    looks = [(style.color, style.shape) for style in styles[:-2]]
    assert len(set(looks)) == len(looks) == 47
    assert [style.name for style in styles[-2:]] == [looks_of.OTHERS, looks_of.NO_GROUP]
    assert sum(style.count for style in styles) == len(groups)
    assert np.bincount(numbers).tolist() == [style.count for style in styles]
    assert styles_of(["one"] * 9 + [""])[0] == []


MACHADO = {  # Machado, Oliveira and Fernandes 2009, severity 1, for linear RGB
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def cielab(colour: str, sight: list[list[float]]) -> np.ndarray:
    share = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(sight) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ seen / [0.9505, 1, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("sight", MACHADO)
@pytest.mark.parametrize(("palette", "least"), [("FEW_COLORS", 16), ("MANY_COLORS", 26)])
def test_the_colour_blind_can_tell_the_groups_apart(palette: str, least: int, sight: str) -> None:
    seen = [cielab(colour, MACHADO[sight]) for colour in getattr(looks_of, palette)]
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) >= least


# -- what is drawn -------------------------------------------------------------------------------


def test_the_figure_has_both_panels_in_the_colours_of_the_groups(tmp_path: Path) -> None:
    write_map(made(["cats"] * 30 + ["do$gs"] * 20), tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.width >= 2000
        assert picture.width > 1.5 * picture.height
        halves = [picture.crop((0, 0, picture.width // 2, picture.height)),
                  picture.crop((picture.width // 2, 0, picture.width, picture.height))]  # fmt: skip
        for half in halves:
            pixels = np.asarray(half.convert("RGB")).reshape(-1, 3).astype(int)
            for colour in looks_of.FEW_COLORS[:2]:
                own = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
                drawn = [round(0.8 * value + 0.2 * 255) for value in own]  # a little transparent
                assert (abs(pixels - drawn).max(axis=1) <= 2).sum() > 500
    first = (tmp_path / "map.png").read_bytes()
    write_map(made(["cats"] * 30 + ["do$gs"] * 20), tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes() == first


@pytest.mark.parametrize("groups", [3, 20, 100])
def test_names_of_groups_meet_neither_each_other_nor_the_border(groups: int) -> None:
    found = made([f"rec.sport.number-{n % groups}" for n in range(20 * groups)])
    centres = np.random.default_rng(0).uniform(-9, 9, (groups, 2))
    centres[:3] = [[-20, -20], [20, 20], [-20, 20]]  # whole groups that lie in a corner
    for number, centre in enumerate(centres.astype(np.float32)):
        found.panels[0].coordinates[number::groups] = centre
    drawn = figure._figure(found, *styles_of(found.groups))
    drawn.draw_without_rendering()
    axes = drawn.axes[0]
    panel = axes.get_window_extent()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert min(groups, 10) <= len(boxes) <= figure.NAMED
    for box in boxes:
        assert panel.x0 < box.x0 < box.x1 < panel.x1
        assert panel.y0 < box.y0 < box.y1 < panel.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_the_middle_of_a_group_of_two_parts_is_in_the_denser_one() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.normal(0, 0.1, (400, 2)), rng.normal(9, 2, (600, 2))]
    places = rng.permutation(np.concatenate(parts)).astype(np.float32)
    assert np.abs(np.median(places, axis=0)).min() > 5  # a median is elsewhere
    assert np.abs(figure.middle_of(places)).max() < 0.3
    assert figure.middle_of(np.array([[1, 2]])) == (1, 2)
    assert figure.middle_of(np.array([[1, 2], [3, 4]])) in [(1, 2), (3, 4)]


def test_a_name_stands_where_its_group_is_or_a_line_beside_it_or_nowhere() -> None:
    at = (50.0, 50.0, 30.0, 10.0)
    line = 10 + figure.APART
    assert names_placed([at] * 4, 100, 100, 9) == [(50, 50), (50, 50 + line), (50, 50 - line), None]
    assert names_placed([at] * 4, 100, 100, 1) == [(50, 50), None, None, None]
    border = figure.INSET
    assert names_placed([(0, 100, 30, 10)], 100, 100, 9) == [(15 + border, 95 - border)]
    assert names_placed([(0, 100, 99, 10)], 100, 100, 9) == [None]  # wider than the panel


@pytest.mark.parametrize("colour", [*looks_of.FEW_COLORS, *looks_of.MANY_COLORS])
def test_names_can_be_read_on_white(colour: str) -> None:
    shares = [int(figure.tinted(colour)[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    light = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (light + 0.05) >= 7  # WCAG 2, level AAA


@pytest.mark.parametrize(("suffix", "head"), [(".pdf", b"%PDF"), (".svg", b"<?xml")])
def test_other_figures(suffix: str, head: bytes, tmp_path: Path) -> None:
    groups = [f"group {n % 61}" for n in range(200)]
    write_map(made(groups), tmp_path / f"map{suffix}")
    assert (tmp_path / f"map{suffix}").read_bytes().startswith(head)


def test_a_wrong_suffix_and_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"\.html, \.png, \.pdf, \.svg; got 'map\.gif'"):
        write_map(made(["a"] * 5), tmp_path / "map.gif")
    with pytest.raises(StorageError, match="cannot be written"):
        write_map(made(["a"] * 5), tmp_path / "none/map.png")


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_everything_and_loads_nothing(tmp_path: Path) -> None:
    groups = ["</script><b>"] * 6 + ["dogs"] * 4
    found = made(groups, name="<trip>")
    found.panels[0].coordinates[2] = np.nan
    words = [f"said of {n}" for n in range(10)]
    write_map(found, tmp_path / "map.html", words=words, pictures={3: b"jpeg"})
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    assert "<title>Map of &lt;trip&gt;: 10 pictures</title>" in page
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    data = data_of(page)
    assert data["keys"] == found.keys
    assert data["words"] == words
    assert base64.b64decode(data["pictures"]["3"]) == b"jpeg"
    assert [style["name"] for style in data["styles"]] == ["</script><b>", "dogs"]
    assert list(base64.b64decode(data["groups"])) == [0] * 6 + [1] * 4
    for panel, kept in zip(found.panels, data["panels"], strict=True):
        places = np.frombuffer(base64.b64decode(kept["places"]), "<f4").reshape(-1, 2)
        np.testing.assert_array_equal(places, panel.coordinates)
        assert kept["accuracy"] == panel.accuracy


@pytest.mark.skipif(shutil.which("node") is None, reason="no node to read it")
def test_the_script_of_the_page_is_one_that_can_be_read(tmp_path: Path) -> None:
    write_map(made(["a"] * 3 + ["b"] * 3), tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    (tmp_path / "map.js").write_text(script, encoding="utf-8")
    read = subprocess.run(["node", "--check", tmp_path / "map.js"], capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    names = re.findall(r"^(?:const|let|class) (\w+)", script, re.M)
    assert {"data", "Panel", "hover", "panels"} <= set(names)
    assert len(names) == len(set(names))


def test_the_browser_may_run_the_script_of_the_page_and_no_other(tmp_path: Path) -> None:
    write_map(made(["a"] * 3 + ["b"] * 3), tmp_path / "map.html")
    page = (tmp_path / "map.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page
