"""``aesearch sample``, ``reconstruct`` and ``info --plot``: what is printed, and what is drawn."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from collections_ import command, write_pictures
from PIL import Image
from test_sheet import Page

import aesearch
from aesearch.inference.manifest import MANIFEST
from aesearch.reports.base import MARGIN
from aesearch.reports.grid import BETWEEN, HEADING, NOTE, TITLE

N = 150
SIDE = 128


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generate").resolve()
    write_pictures(root / "photos", N)
    place = root / "indexes/photos"
    words = ("--budget", "0", "--code-size", "16")
    assert command("index", root / "photos", "--index", place, *words).code == 0
    return root


@pytest.fixture
def home(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(made / "indexes"))
    monkeypatch.chdir(tmp_path)
    return made


def tiles_of(path: Path, count: int, columns: int, above: int = NOTE, below: int = 0):
    """The pictures of a sheet of one group, at the size they had."""
    with Image.open(path) as picture:
        sheet = np.asarray(picture.convert("RGB"))
    top = MARGIN + HEADING + BETWEEN + above
    found = []
    for number in range(count):
        line, column = divmod(number, columns)
        y = top + line * (SIDE + BETWEEN + below)
        x = MARGIN + column * (SIDE + BETWEEN)
        found.append(sheet[y : y + SIDE : 4, x : x + SIDE : 4])
    return np.stack(found)


@pytest.mark.usefixtures("home")
def test_samples_at_random() -> None:
    answer = command("sample", "--number", 10, "--seed", 4)
    assert (answer.code, answer.err) == (0, "wrote samples.png\n")
    with aesearch.open("photos") as index:
        expected = index.generate.sample(10, seed=4)
        distance = index.generate.distance(seed=4)
    np.testing.assert_array_equal(tiles_of(Path("samples.png"), 10, 8), expected)
    assert answer.out == (
        f"Fréchet distance of 75 samples {distance.samples:.4f}, of as many real pictures "
        f"{distance.floor:.4f} (the floor)\n"
    )
    facts = json.loads(command("sample", "photos", "--seed", 4, "--json").out)
    assert facts == {
        "output": "samples.png",
        "encoder": "descriptions",
        "frechet": {"samples": distance.samples, "floor": distance.floor, "count": 75},
        "pictures": 16,
    }


def test_a_plane_and_a_way(home: Path) -> None:
    answer = command("sample", "--plane", 1, 0, "--steps", 3, "--output", "plane.png")
    assert (answer.code, answer.out, answer.err) == (0, "", "wrote plane.png\n")
    ends = ("disks/000.png", home / "photos/stripes/001.png")
    answer = command("sample", "--between", *ends, "--steps", 3, "--output", "way.html")
    assert answer.code == 0
    with aesearch.open("photos") as index:
        grid = index.generate.plane(1, 0, steps=3)
    found = tiles_of(Path("plane.png"), 9, 3)
    np.testing.assert_array_equal(found.reshape(grid.shape), grid)
    page = Page(Path("way.html").read_text(encoding="utf-8"))
    assert [picture["alt"] for picture in page.all("img")] == [
        "disks/000.png itself", "0% of the way", "50% of the way", "100% of the way",
        f"{ends[1]} itself",
    ]  # fmt: skip


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--steps", "3"], 2, "--steps needs --plane or --between"),
        (["--plane", "0", "1", "--between", "a", "b"], 2, "--between does not go with --plane"),
        (["--plane", "0", "1", "--number", "3"], 2, "--number does not go with --plane"),
        (["--plane", "0", "1", "--seed", "0"], 2, "--seed does not go with --plane"),
        (["--between", "a", "b", "--group", "x"], 2, "--group does not go with --between"),
        (["--group", "cats"], 2, "no group 'cats' to draw from"),
        (
            ["--plane", "0", "16"],
            2,
            "down, one of the dimensions of a code, must be 0 to 15; got 16",
        ),
        (["--number", "0"], 2, "0 is not in the range"),
        (["--output", "a.gif"], 2, "'a.gif' must end in .png, .jpg, .webp or .html"),
        (["--output", "no/a.png"], 2, "no/a.png cannot be written: there is no folder no"),
        (["--between", "a.png", "b.png"], 1, "a.png: neither a file nor an item of photos"),
        (["nothing"], 1, "nothing"),
    ],
)
def test_samples_that_cannot_be(words: list[str], code: int, told: str) -> None:
    answer = command("sample", *words)
    assert answer.code == code
    assert told in answer.err.splitlines()[-1]
    assert not Path("samples.png").exists()


@pytest.mark.usefixtures("home")
def test_too_few_pictures_for_a_figure(tmp_path: Path) -> None:
    write_pictures(tmp_path / "few", 33)
    assert command("index", "few", "--index", tmp_path / "ix", "--budget", "0").code == 0
    answer = command("sample", tmp_path / "ix")
    assert answer.out.startswith("a Fréchet distance needs ")
    assert answer.out.endswith(" pictures; ix holds 33\n")
    assert json.loads(command("sample", tmp_path / "ix", "--json").out)["frechet"] is None


def test_reconstructions(home: Path) -> None:
    files = [home / "photos/disks/000.png", home / "photos/stripes/001.png"]
    answer = command("reconstruct", *files)
    assert (answer.code, answer.err) == (0, "wrote reconstructions.png\n")
    with aesearch.open("photos") as index:
        pictures, errors = index.generate.reconstruct(files)
        seen = [index.generate.pixels(path) for path in files]
    assert answer.out.splitlines() == [f"{e:.6f}\t{f}" for e, f in zip(errors, files, strict=True)]
    found = tiles_of(Path("reconstructions.png"), 3, 3, above=2 * NOTE + TITLE)
    np.testing.assert_array_equal(found, [seen[0], seen[0], pictures[0]])
    lines = command("reconstruct", *files, "--json", "--output", "r.html").out.splitlines()
    assert [json.loads(line) for line in lines] == [
        {"file": str(f), "error": float(e), "output": "r.html"}
        for e, f in zip(errors, files, strict=True)
    ]
    page = Page(Path("r.html").read_text(encoding="utf-8"))
    assert [picture["alt"] for picture in page.all("img")] == [
        text
        for file in files
        for text in (
            f"{file}, original", f"{file} as the encoder sees it", f"{file}, reconstruction",
        )
    ]  # fmt: skip
    assert f"mean squared error {errors[1]:.4f}" in page.text


def test_files_that_cannot_be_reconstructed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("notes.txt").write_text("no picture")
    good = home / "photos/disks/000.png"
    answer = command("reconstruct", "gone.png", good, "notes.txt")
    assert answer.code == 3
    assert answer.out.endswith(f"\t{good}\n")
    assert answer.err.splitlines() == [
        "aesearch: gone.png: there is no such file",
        "aesearch: notes.txt: not a picture",
        "wrote reconstructions.png",
    ]
    nothing = command("reconstruct", "gone.png", "--output", "other.png")
    assert (nothing.code, nothing.out) == (1, "")
    assert not Path("other.png").exists()
    assert command("reconstruct").code == 2
    assert command("reconstruct", good, "--output", "a.doc").code == 2
    with good.open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
        assert command("reconstruct", "-").out == answer.out.replace(str(good), "-")


def test_the_training_is_plotted(home: Path, tmp_path: Path) -> None:
    none = command("info", "--plot", "plot.png")
    assert (none.code, none.out) == (1, "")
    assert none.err.startswith("aesearch: there is no training history to plot")
    assert len(none.err.splitlines()) == 1
    place = Path(shutil.copytree(home / "indexes/photos", tmp_path / "ix"))
    manifest = next(place.glob("encoder-*")) / MANIFEST
    document = json.loads(manifest.read_text())
    document["history"] = [{"epoch": n, "seconds": n, "loss": 1 / n} for n in range(1, 5)]
    manifest.write_text(json.dumps(document))
    answer = command("info", place, "--plot", "plot.html")
    assert (answer.code, answer.err) == (0, "wrote plot.html\n")
    assert "150 pictures" in answer.out
    (chart,) = Page(Path("plot.html").read_text(encoding="utf-8")).all("svg")
    assert chart["aria-label"] == "training: loss from 1 to 0.25 at epoch 4"
    assert command("info", place, "--plot", "plot.doc").code == 2
