"""A drive that is away, files that look as they did, and time stamps of other centuries."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, keys_of, write_pictures
from PIL import Image
from texts_ import table_rows, write_table, write_texts

import aesearch
from aesearch.errors import SourceError
from aesearch.ingest.differences import _keep_many
from aesearch.search.index import Index
from aesearch.sources.base import stamp_of
from aesearch.sources.changes import Changes

GONE = "are not in {} any more"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """40 documents in four folders."""
    write_texts(tmp_path / "notes", 10)
    return tmp_path / "notes"


def built(source: Path) -> Index:
    return aesearch.build(source, source.parent / "ix", budget=0)


def files_of(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file())


# -- many that seem to be gone ---------------------------------------------------------------------


def test_a_stray_file_where_a_drive_was_removes_nothing(notes: Path) -> None:
    place = notes.parent / "ix"
    with built(notes) as index:
        keys = keys_of(index)
    notes.rename(notes.parent / "away")
    notes.mkdir()
    (notes / "README.txt").write_text("Mount the drive with the zebra here.")
    for number in range(3):  # finding it twice makes it no truer
        done = command("index", notes, "--index", place)
        assert done.code == 3
        assert f"40 of 41 documents {GONE.format(notes.resolve())}" in done.err
        assert f"({', '.join(sorted(keys)[:3])}, ...)" in done.err
        assert "--yes" in done.err
        assert ("1 new, 40 missing" if number == 0 else "(40 missing)") in done.out
        with Index(place) as index:
            assert keys_of(index) == {*keys, "README.txt"}  # what is new is there all the same
    (notes / "README.txt").unlink()
    shutil.rmtree(notes)
    (notes.parent / "away").rename(notes)
    done = command("index", notes, "--index", place)
    assert (done.code, "40 documents (1 removed)" in done.out) == (0, True)


def test_a_dry_run_tells_the_same(notes: Path) -> None:
    place = notes.parent / "ix"
    built(notes).close()
    for path in files_of(notes)[:30]:
        path.unlink()
    foretold = command("index", notes, "--index", place, "--dry-run")
    assert foretold.code == 3
    assert "10 unchanged, 30 missing" in foretold.out
    assert f"30 of 40 documents {GONE.format(notes.resolve())}" in foretold.err
    summary = json.loads(command("index", notes, "--index", place, "--dry-run", "--json").out)
    assert (summary["missing"], summary["removed"]) == (30, 0)
    foretold = command("index", notes, "--index", place, "--dry-run", "--yes")
    assert (foretold.code, foretold.err) == (0, "")
    assert "30 removed, 10 unchanged" in foretold.out
    summary = json.loads(command("index", notes, "--index", place, "--json").out)
    assert (summary["missing"], summary["removed"], summary["items"]) == (30, 0, 40)
    done = command("index", notes, "--index", place, "--yes")
    assert (done.code, done.err) == (0, "")
    assert "10 documents (30 removed)" in done.out


def test_python_asks_too(notes: Path) -> None:
    with built(notes) as index:
        for path in files_of(notes)[:25]:
            path.unlink()
        for _ in range(2):
            with pytest.warns(UserWarning, match=r"25 of 40 documents are not in .* remove=True"):
                assert index.sync()["missing"] == 25
            assert len(index) == 40
        with pytest.warns(UserWarning, match="25 of 40"):
            built(notes).close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert index.sync(remove=True)["removed"] == 25
        assert len(index) == 15
        assert index.verify() == []


@pytest.mark.parametrize(
    ("gone", "count", "stay"),
    [
        (20, 40, False),
        (21, 40, True),
        (21, 209, True),
        (21, 210, False),
        (100, 1_000, False),
        (101, 1_000, True),
        (11, 12, False),
        (12, 12, True),  # all of them
        (1, 1, True),
        (0, 0, False),
    ],
)
def test_so_many_stay(gone: int, count: int, stay: bool) -> None:
    changes = Changes(removed=[str(n) for n in range(gone)])
    _keep_many(changes, count)
    assert (len(changes.missing), len(changes.removed)) == ((gone, 0) if stay else (0, gone))


def test_renamed_files_are_not_gone(notes: Path) -> None:
    with built(notes) as index:
        (notes / "below").mkdir()
        for path in [path for path in notes.iterdir() if path.name != "below"]:
            path.rename(notes / "below" / path.name)
        counts = index.sync()
        assert (counts["renamed"], counts["removed"], counts.get("missing", 0)) == (40, 0, 0)


def test_a_small_index_goes_only_as_a_whole_if_that_is_right(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_pictures(source, 9)
    with built(source) as index:
        shutil.rmtree(source)
        source.mkdir()
        with pytest.raises(SourceError, match="is its disk mounted"):
            index.sync()
        (source / "README").write_text("mount it here")
        with pytest.warns(UserWarning, match="9 of 9 pictures"):
            assert index.sync()["missing"] == 9
        assert len(index) == 9
        (source / "README").unlink()
        assert index.sync(remove=True)["removed"] == 9
        assert len(index) == 0
        assert index.verify() == []
        write_pictures(source, 9)
        assert index.sync()["new"] == 9
        assert index.search(files_of(source)[0])[0].score == 1


def test_rows_of_a_table_that_breaks_off_stay(tmp_path: Path) -> None:
    rows = table_rows(10)
    table = write_table(tmp_path / "notes.csv", rows)
    with built(table) as index:
        write_table(table, rows[:5])
        with pytest.warns(UserWarning, match="35 of 40 documents"):
            assert index.sync()["missing"] == 35
        assert len(index) == 40
        assert index.sync(remove=True)["removed"] == 35


# -- reading again ---------------------------------------------------------------------------------


def test_reread_finds_what_neither_size_nor_time_tell(tmp_path: Path) -> None:
    source = tmp_path / "source"
    keys = write_pictures(source, 6)
    for key in keys:  # of one size, as the bitmaps of one camera
        (source / key).write_bytes((source / key).read_bytes().ljust(5_000, b"\0"))
    one, other = source / keys[0], source / keys[4]
    with built(source) as index:
        times = one.stat()
        shutil.copy(other, one)
        os.utime(one, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert index.sync()["unchanged"] == 6
        counts = index.sync(reread=True)
        assert (counts["changed"], counts["unchanged"]) == (1, 5)
        hits = index.search(other, 2)
        assert {(hit.key, hit.score) for hit in hits} == {(keys[0], 1), (keys[4], 1)}
        revision = index.revision
        assert index.sync(reread=True)["unchanged"] == 6
        assert index.revision == revision
    done = command("index", source, "--index", tmp_path / "ix", "--reread")
    assert (done.code, "no file changed" in done.out) == (0, True)


# -- time stamps -----------------------------------------------------------------------------------


@pytest.mark.parametrize("year", [1900, 1600, 2300, 2400])
def test_files_of_any_year(notes: Path, year: int) -> None:
    seconds = (year - 1970) * 31_556_952
    first, second = files_of(notes)[:2]
    with built(notes) as index:
        try:
            os.utime(first, (seconds, seconds))
        except (OSError, OverflowError):
            pytest.skip("the file system knows no such year")
        assert index.sync()["unchanged"] == 40
        before = index.revision
        assert index.sync()["unchanged"] == 40
        assert index.revision == before  # the time stamp is known now
        os.utime(second, (seconds, seconds))
        second.write_text("The zebra came later.")
        os.utime(second, (seconds, seconds))
        assert index.sync()["changed"] == 1
        key = second.relative_to(notes).as_posix()
        index.remove([key])
        index.add([second])
        assert key in index
    with aesearch.build(notes, notes.parent / "anew", budget=0) as index:  # a first index, too
        assert len(index) == 40


def test_time_stamps_fit_into_sqlite_and_still_differ() -> None:
    class Status:
        def __init__(self, ns: int) -> None:
            self.st_mtime_ns = ns

    years = [-(10**19), -(2**63), -1, 0, 2**63 - 1, 2**63 + 7, 10**19, 10**19 + 1]
    stamps = [stamp_of(Status(ns)) for ns in years]  # type: ignore[arg-type]
    assert all(-(2**63) <= stamp < 2**63 for stamp in stamps)
    assert len(set(stamps)) == len(years)
    assert stamps[1:5] == years[1:5]


def test_pages_that_vanish_go_only_as_that_is_confirmed(tmp_path: Path) -> None:
    folder, place = tmp_path / "p", tmp_path / "ix"
    folder.mkdir()
    rng = np.random.default_rng(0)
    pages = [Image.fromarray(rng.integers(0, 255, (24, 24, 3), np.uint8)) for _ in range(40)]

    def write(count: int) -> None:
        pages[0].save(folder / "scan.tif", save_all=True, append_images=pages[1:count])

    write(40)
    for number in range(10):
        pages[number].rotate(90).save(folder / f"p{number}.png")
    aesearch.build(folder, place, budget=0).close()
    write(2)
    for _ in range(2):  # finding the same twice confirms nothing
        held = command("index", str(folder), "--index", str(place), "--json")
        counts = json.loads(held.out)
        assert held.code == 3
        assert [counts[n] for n in ("items", "changed", "removed", "missing")] == [50, 0, 0, 38]
    done = command("index", str(folder), "--index", str(place), "--yes", "--json")
    counts = json.loads(done.out)
    assert done.code == 0
    assert [counts[n] for n in ("items", "changed", "removed", "missing")] == [12, 1, 38, 0]
    write(1)
    few = json.loads(command("index", str(folder), "--index", str(place), "--json").out)
    assert [few[n] for n in ("items", "changed", "removed", "missing")] == [11, 1, 1, 0]
