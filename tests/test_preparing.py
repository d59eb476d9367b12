"""A dry run: what would be done, and everything that would be refused; nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from collections_ import command, state_of, write_pictures
from texts_ import made, write_texts

import aesearch
from aesearch.indexing.preflight import foretell


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, documents, and the index of the documents."""
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "photos", 9)
    write_texts(tmp_path / "docs", 9)
    made(Path("docs"), Path("indexes/docs")).close()
    return tmp_path


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("photos", "--index", "docs"), "is the index of"),
        (("docs", "--kind", "images"), "this is an index of documents"),
        (("docs", "--encoder", "vae"), "needs new codes: add --retrain"),
        (("docs", "--code-size", "9"), "add --retrain"),
        (("docs", "--set", "nonsense=1"), "has no parameter 'nonsense'"),
        (("photos", "--encoder", "text"), "encoder text learns from documents"),
        (("photos", "--encoder", "vae", "--set", "beta=much"), "beta"),
        (("photos", "--encoder", "vae", "--budget", "0"), "a budget of 0 trains nothing"),
        (("photos", "--index", "./docs"), "holds other things"),
        (("photos", "--index", "./photos/ix"), "would lie inside the source"),
        (("nowhere",), "there is no file or folder"),
    ],
)
def test_a_dry_run_refuses_what_a_run_would(words: tuple[str, ...], reason: str) -> None:
    dry = command("index", *words, "--dry-run")
    assert reason in dry.err
    assert dry.out == ""
    wet = command("index", *words)
    assert (wet.code, wet.err) == (dry.code, dry.err)


def test_a_dry_run_says_what_would_be_done(here: Path) -> None:
    before = state_of(here)
    assert "would be made: 9 new" in command("index", "photos", "--dry-run").out
    assert "up to date: 36 unchanged" in command("index", "docs", "--dry-run").out
    anew = command("index", "docs", "--dry-run", "--retrain", "--code-size", "9")
    assert "and trained anew: 36 unchanged" in anew.out
    assert foretell("docs", retrain=True).trains == "anew"
    after = state_of(here)
    before["indexes/docs"] = after["indexes/docs"]  # SQLite's journal came and went
    assert after == before


def test_an_index_is_named_as_the_source_was_written(here: Path) -> None:
    (here / "pictures-of-2026").mkdir()
    write_pictures(here / "pictures-of-2026", 6)
    (here / "images").symlink_to("pictures-of-2026")
    aesearch.build("images", budget=0).close()
    with aesearch.open("images") as index:
        assert index.name == "images"
        assert index.source == (here / "pictures-of-2026").resolve()
    assert "images: 6 pictures (no file changed)" in command("index", "images/").out
