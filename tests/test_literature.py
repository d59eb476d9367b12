"""The figures of the literature: steps run, and the page says what they found."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "literature.md"
LARGEST = 150_000  # bytes


def run(work: Path, *arguments: str, data: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AESEARCH_WORK": str(work)}
    environment.pop("AESEARCH_DATA", None)
    if data is not None:
        environment["AESEARCH_DATA"] = str(data)
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.literature", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder with two quick steps and their page."""
    folder = tmp_path_factory.mktemp("literature")
    done = run(folder, "--quick", "two-dimensions", "denoising", "page")
    assert done.returncode == 0, done.stderr
    return folder / "quick"


def test_a_quick_step_leaves_figures_and_a_picture(work):
    for step in ("two-dimensions", "denoising"):
        found = json.loads((work / f"{step}.json").read_text())
        assert found["quick"]
        assert found["rows"]
        assert (work / f"{step}.png").read_bytes().startswith(b"\x89PNG")
    assert 0.1 < json.loads((work / "two-dimensions.json").read_text())["rows"][0]["accuracy"] < 1


def test_the_page_holds_the_steps_that_were_run_and_no_others(work):
    page = (work / "docs" / "literature.md").read_text()
    headings = re.findall(r"^## (.*)", page, re.M)
    assert len(headings) == 4  # and the machine, and the data
    accuracy = json.loads((work / "two-dimensions.json").read_text())["rows"][0]["accuracy"]
    assert f"| two principal components | {accuracy:.3f} |" in page
    assert "reconstruction.png" not in page


def test_a_finished_step_is_not_run_again_and_missing_data_are_told(work):
    before = (work / "denoising.json").read_bytes()
    done = run(work.parent, "--quick", "denoising", "faces")
    assert "denoising: finished before" in done.stderr
    assert (work / "denoising.json").read_bytes() == before
    assert done.returncode == 1
    assert "no folder 'faces'" in done.stderr
    assert "AESEARCH_DATA" in done.stderr


def test_a_step_done_again_takes_the_networks_that_were_trained(work):
    before = json.loads((work / "denoising.json").read_text())
    done = run(work.parent, "--quick", "--redo", "denoising")
    assert "denoising mlp: as kept" in done.stderr
    again = json.loads((work / "denoising.json").read_text())
    errors = [[row["noisy"] for row in found["rows"]] for found in (again, before)]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)


def test_links_of_the_page_lead_somewhere_and_pictures_are_small():
    page = PAGE.read_text(encoding="utf-8")
    targets = [link for link in re.findall(r"\]\(([^)]+)\)", page) if "//" not in link]
    files = [target for target in targets if not target.startswith("#")]
    assert any(name.endswith(".png") for name in files)
    for name in files:
        assert (DOCS / name).is_file(), name
    for picture in (DOCS / "literature").glob("*.png"):
        assert f"literature/{picture.name}" in files
        assert picture.stat().st_size <= LARGEST, picture.name


def test_the_page_is_what_its_figures_make_it():
    """No figure was typed by hand."""
    from benchmarks.literature.catalogue import STEPS
    from benchmarks.literature.page import page_of, read_results

    results = read_results(DOCS)
    assert results
    assert not any(found["quick"] for found in results.values())
    assert PAGE.read_text(encoding="utf-8") == page_of(STEPS, results)


def test_the_links_in_the_page_name_its_headings():
    page = PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)", page, re.M)
    names = {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}
    for anchor in re.findall(r"\]\(#([^)]+)\)", page):
        assert anchor in names


def test_faces_are_searched_among_persons_that_were_not_learned_from(tmp_path):
    rng = np.random.default_rng(0)
    for person in range(6):
        own = rng.integers(0, 256, (14, 12))
        folder = tmp_path / f"data/faces/s{person}"
        folder.mkdir(parents=True)
        for number in range(1, 11):
            pixels = np.clip(own + rng.normal(0, 20, own.shape), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((92, 112)).save(folder / f"{number}.pgm")
    done = run(tmp_path, "--quick", "faces", "page", data=tmp_path / "data")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "quick/faces.json").read_text())
    assert found["count"] == [30, 30]
    pixels, *others = found["rows"]
    assert pixels["five"] == pixels["first"] == 1.0  # noise is all that tells faces of one apart
    assert len(others) == 4
    for row in others:
        assert row["gain"] == pytest.approx(row["five"] / pixels["five"] - 1)
    page = (tmp_path / "quick/docs/literature.md").read_text()
    assert f"| {others[-1]['gain']:+.1%} |" in page


def test_each_half_of_the_persons_is_learned_from_once():
    from benchmarks.literature.faces import halves

    persons = np.repeat(np.arange(10), 3)
    splits = [learned for _, learned in halves(persons, 2, 0)]
    assert len(splits) == 4
    for learned in splits:
        assert len(set(persons[learned])) == 5
        assert not set(persons[learned]) & set(persons[~learned])
    np.testing.assert_array_equal(splits[0], ~splits[1])
    assert not any((splits[0] == other).all() for other in splits[2:])


def test_a_face_does_not_find_itself():
    from benchmarks.literature.faces import ranked

    codes = np.array([[1.0], [2.0], [4.0]])
    assert ranked(codes, codes).tolist() == [[2, 1], [2, 0], [1, 0]]


def test_the_gain_over_pixels_is_that_of_each_split():
    from benchmarks.literature.faces import summary

    pixels = [{"five": 0.5, "moved five": 0.5, "seconds": 0.0},
              {"five": 0.8, "moved five": 0.4, "seconds": 0.0}]  # fmt: skip
    rows = [{"five": 0.6, "moved five": 0.5, "seconds": 2.0},
            {"five": 0.8, "moved five": 0.6, "seconds": 3.0}]  # fmt: skip
    found = summary("pca", rows, pixels)
    assert found["five"] == pytest.approx(0.7)
    assert found["spread"] == pytest.approx(np.std([0.6, 0.8], ddof=1))
    assert found["gain"] == pytest.approx(0.1)
    assert found["gain least"] == pytest.approx(0.0)
    assert found["moved gain"] == pytest.approx(0.25)
    assert found["seconds"] == 5
    assert "gain" not in summary("pixels", pixels, pixels)
