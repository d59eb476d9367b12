"""``aesearch duplicates``: what is printed, drawn and never done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from collections_ import command, state_of
from PIL import Image
from test_duplicates import cropped, quick, scene

import aesearch

ROOT = Path(__file__).parents[1]
__all__ = ["quick"]
pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli").resolve()
    photos = root / "photos"
    photos.mkdir()
    for seed in range(30):
        scene(seed).save(photos / f"{seed:02}.png")
    cropped(scene(3)).save(photos / "03-crop.jpg")
    scene(4).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photos / "04-mirrored.png")
    (photos / "05-same.png").write_bytes((photos / "05.png").read_bytes())
    aesearch.build(photos, root / "index", aesearch.Settings(encoder="pca")).close()
    return root / "index"


def test_groups_are_printed_one_item_to_a_line(place: Path) -> None:
    before = state_of(place.parent / "photos")
    done = command("duplicates", place)
    assert state_of(place.parent / "photos") == before
    assert done.code == 0
    lines = [line.split("\t") for line in done.out.splitlines()]
    assert [(kind, Path(path).name) for kind, _, _, path in lines[:4]] == [
        ("exact", "05-same.png"),
        ("exact", "05.png"),
        ("near", "03.png"),
        ("near", "03-crop.jpg"),
    ]
    assert [kind for kind, *_ in lines[4:]] == ["mirrored", "mirrored"]
    assert {Path(path).name for *_, path in lines[4:]} == {"04-mirrored.png", "04.png"}
    assert "1 group the same, byte for byte; 1 group near-duplicates; 1 group mirrored" in done.err
    assert "perturbed copies of your own pictures" in done.err


def test_json_is_one_object_for_each_group(place: Path) -> None:
    done = command("duplicates", "--index", place, "--json")
    assert done.code == 0
    groups = [json.loads(line) for line in done.out.splitlines()]
    assert [group["kind"] for group in groups] == ["exact", "near", "mirrored"]
    first, second = groups[1]["items"]
    assert (first["key"], first["score"], first["pixels"]) == ("03.png", 1, [192, 144])
    assert second["key"] == "03-crop.jpg"
    assert Path(second["path"]).is_file()
    assert 0.5 < second["score"] < 1
    assert groups[1]["score"] == second["score"]


def test_a_sheet_has_a_row_for_each_group(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.html"
    done = command("duplicates", place, "--sheet", out)
    assert done.code == 0
    assert f"wrote {out}" in done.err
    page = out.read_text()
    assert page.count("<section>") == 3
    assert "near-duplicates 1" in page
    assert "first 03.png" in page
    assert "exact 05.png" in page
    assert page.count("<img") == 6


@pytest.mark.usefixtures("place")
def test_without_duplicates_there_is_nothing_to_draw(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(5):
        scene(seed).save(root / f"{seed}.png")
    aesearch.build(root, tmp_path / "index", aesearch.Settings(encoder="pca")).close()
    done = command("duplicates", tmp_path / "index", "--sheet", tmp_path / "out.png")
    assert (done.code, done.out) == (0, "")
    assert "nothing to draw" in done.err
    assert not (tmp_path / "out.png").exists()


def test_a_file_that_is_gone_is_told_and_counts(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    root.mkdir()
    for seed in range(6):
        scene(seed).save(root / f"{seed}.png")
    aesearch.build(root, tmp_path / "index", aesearch.Settings(encoder="pca")).close()
    (root / "2.png").unlink()
    done = command("duplicates", tmp_path / "index")
    assert done.code == 3
    assert "2.png: there is no such file" in done.err


@pytest.mark.parametrize(
    "words", [("--alarm", "0"), ("--threshold", "2"), ("--sheet", "x.doc"), ("--alarm", "x")]
)
def test_wrong_usage(place: Path, words: tuple[str, ...]) -> None:
    done = command("duplicates", place, *words)
    assert done.code == 2
    assert words[1] in done.err


def test_sheets_are_for_pictures(tmp_path: Path) -> None:
    root = tmp_path / "texts"
    root.mkdir()
    for n in range(8):
        (root / f"{n}.txt").write_text(f"document number {n} speaks of {n * 'things '} and more")
    aesearch.build(root, tmp_path / "index", aesearch.Settings(encoder="lsa")).close()
    done = command("duplicates", tmp_path / "index", "--sheet", tmp_path / "x.png")
    assert done.code == 2
    assert "-o draws pictures" in done.err
    assert command("duplicates", tmp_path / "index").code == 0


def test_no_index_is_an_error_in_one_line(tmp_path: Path) -> None:
    done = command("duplicates", tmp_path / "none")
    assert done.code == 1
    assert done.err.startswith("aesearch: ")
    assert done.err.count("\n") == 1


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; import aesearch.cli.duplicates; "
        "import aesearch.duplicates.images, aesearch.duplicates.texts; "
        "print(*sorted({'torch', 'sklearn', 'scipy', 'rich', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
