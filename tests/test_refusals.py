"""What could not be read: it is known why, it is tried again when that is over, it is not gone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from collections_ import command, keys_of, write_pictures
from faults_ import counted_reads, unlisted, unreadable
from texts_ import write_texts

import aesearch
from aesearch.errors import MissingExtraError, SourceError, UnreachableError
from aesearch.ingest import causes
from aesearch.ingest.causes import THIS_VERSION, UNREACHABLE, cause_of, is_installed, may_be_gone
from aesearch.modalities.texts import extract as extraction
from aesearch.search.index import Index
from aesearch.sources.folder import Folder
from aesearch.storage.schema import Skipped


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """Eight documents, two of each topic."""
    write_texts(tmp_path / "notes", 2)
    return tmp_path / "notes"


def built(source: Path) -> Index:
    return aesearch.build(source, source.parent / "ix", budget=0)


def first_key(source: Path) -> str:
    path = min(path for path in source.rglob("*") if path.is_file())
    return path.relative_to(source).as_posix()


def reasons(index: Index) -> dict[str, str]:
    return {file.key: file.reason for file in index.skipped()}


def write(path: Path, text: str, again: bool = False) -> None:
    """Write a file that looks changed, whatever the clock's step is."""
    path.write_text(text)
    if again:
        later = path.stat().st_mtime_ns + 2_000_000_000
        os.utime(path, ns=(later, later))


# -- causes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE, errno.ENXIO])
def test_what_could_not_be_looked_at_is_tried_at_every_run(notes: Path, code: int) -> None:
    write(notes / "locked.txt", "a zebra in the garden")
    with unreadable("locked.txt", code=code), built(notes) as index:
        assert reasons(index) == {"locked.txt": f"cannot be read: {os.strerror(code)}"}
        assert [file.cause for file in index.skipped()] == [UNREACHABLE]
        before = index.revision
        assert index.sync()["unchanged"] == 8
        assert index.revision == before  # nothing new is known, and nothing was written
    with aesearch.open(notes.parent / "ix") as index:
        assert index.sync()["new"] == 1
        assert index.search("zebra")[0].key == "locked.txt"
        assert index.skipped() == []


def test_index_says_that_a_file_is_back(notes: Path) -> None:
    write(notes / "locked.txt", "a zebra in the garden")
    place = notes.parent / "ix"
    with unreadable("locked.txt"):
        for budget in (["--budget", "0"], []):
            done = command("index", notes, "--index", place, *budget)
            assert done.code == 3
            assert "1 file that could not be read" in done.out
        foretold = command("index", notes, "--index", place, "--dry-run")
        assert "8 unchanged" in foretold.out
        assert "new" not in foretold.out
    assert "1 new" in command("index", notes, "--index", place, "--dry-run").out
    done = command("index", notes, "--index", place)
    assert (done.code, "9 documents (1 new)" in done.out) == (0, True)


def test_what_lacks_an_extra_is_tried_when_it_is_there(
    notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)  # as if it were not installed
    there: list[str] = []
    monkeypatch.setattr(causes, "_is_there", lambda package: package in there)
    (notes / "a.pdf").write_bytes(b"%PDF-1.4 of a zebra")
    with built(notes) as index:
        assert [(s.key, s.cause) for s in index.skipped()] == [("a.pdf", "extra pdf")]
        assert "aesearch[pdf]" in reasons(index)["a.pdf"]
        with counted_reads() as read:
            index.sync()
            assert read == []
            there.append("pypdf")
            monkeypatch.setattr(
                extraction, "_pdf_text", lambda _content: ("A zebra in a PDF.", "Zebra")
            )
            assert index.sync()["new"] == 1
        assert index.skipped() == []
        assert "a.pdf" in index


def test_an_extra_is_there_when_all_of_its_packages_are(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=1", "one-part>=1; extra == 'both'", 'other.part ; extra == "both"']
    monkeypatch.setattr(causes, "requires", lambda _name: lines)
    modules = {"one_part"}
    monkeypatch.setattr(causes, "find_spec", lambda name: name if name in modules else None)
    assert not is_installed("both")
    modules.add("other_part")
    assert is_installed("both")
    assert is_installed("nobody knows")


@pytest.mark.parametrize("kind", ["images", "texts"])
def test_what_is_damaged_is_tried_again_by_another_version(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    (write_pictures if kind == "images" else write_texts)(source, 6)
    (source / "new.png").write_bytes(b"\x89PNG\r\n\x1a\nof a format to come")
    (source / "movie.bin").write_bytes(bytes(range(256)))
    odd = {"images": {"new.png", "movie.bin"}, "texts": {"new.png", "movie.bin"}}[kind]
    with built(source) as index:
        assert {s.key: s.cause for s in index.skipped()} == dict.fromkeys(odd, THIS_VERSION)
        with counted_reads() as read:
            index.sync()
            assert read == []
            monkeypatch.setattr(causes, "THIS_VERSION", "version 99.0")
            index.sync()
            assert set(read) == odd
            assert {s.cause for s in index.skipped()} == {"version 99.0"}
            read.clear()
            index.sync()
            assert read == []


def test_causes_are_those_of_the_errors() -> None:
    assert cause_of(UnreachableError("")) == UNREACHABLE
    assert cause_of(MissingExtraError("", "heic")) == "extra heic"
    assert may_be_gone(Skipped("a", "r", False, cause=UNREACHABLE))
    assert may_be_gone(Skipped("a", "r", False))  # an older version did not say
    assert may_be_gone(Skipped("a", "r", False, cause="version 0.0.1"))
    assert not may_be_gone(Skipped("a", "r", False, cause=THIS_VERSION))
    assert not may_be_gone(Skipped("a", "removed by hand", True))


def test_retry_tries_all_but_what_a_person_removed(notes: Path) -> None:
    (notes / "empty.txt").write_text("")
    place = notes.parent / "ix"
    with built(notes) as index:
        gone = first_key(notes)
        index.remove([gone])
        with counted_reads() as read:
            index.sync()
            assert read == []
            before = index.revision
            index.sync(retry=True)
            assert set(read) == {"empty.txt"}
            assert index.revision == before
        assert reasons(index) == {"empty.txt": "is empty", gone: "removed by hand"}
    with counted_reads() as read:
        assert command("index", notes, "--index", place, "--retry").code == 3
        assert set(read) == {"empty.txt"}


# -- what older versions wrote, and can still write ------------------------------------------------


def golden(tmp_path: Path) -> Path:
    """Texts of format 2 with a file that their version refused, without saying on what account."""
    here = Path(__file__).parent / "data" / "indexes"
    for name in ("texts-2", "texts-2-source"):
        shutil.copytree(here / name, tmp_path / name)
    (tmp_path / "texts-2-source" / "late.txt").write_text("A zebra in the garden.")
    status = (tmp_path / "texts-2-source" / "late.txt").stat()
    with Index(tmp_path / "texts-2") as index:
        source = str((tmp_path / "texts-2-source").resolve())
        index.folder.write_card(replace(index.folder.card, source=source))
    row = ("late.txt", "cannot be read: Permission denied", 0, status.st_size, status.st_mtime_ns)
    written_by_it(tmp_path / "texts-2", row)
    return tmp_path / "texts-2"


def written_by_it(place: Path, row: tuple[Any, ...]) -> None:
    """Write a row as the versions before did."""
    with sqlite3.connect(place / "items.db") as db:
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?, ?)", row)
    db.close()


def test_a_refusal_of_an_older_version_is_tried_again(tmp_path: Path) -> None:
    place = golden(tmp_path)
    with Index(place) as index:
        assert [(s.key, s.cause) for s in index.skipped()] == [("late.txt", "")]
        with unreadable("late.txt"):
            index.sync()
        assert [(s.key, s.cause) for s in index.skipped()] == [("late.txt", UNREACHABLE)]
    written_by_it(place, ("late.txt", "is empty", 0, 0, 0))  # an older version goes on with it
    with Index(place) as index:
        assert [(s.reason, s.cause) for s in index.skipped()] == [("is empty", "")]
        assert index.sync()["new"] == 1
        assert index.verify() == []


# -- items whose file changed, and cannot be read --------------------------------------------------


def test_a_changed_file_that_cannot_be_read_stays_as_it_was(notes: Path) -> None:
    place = notes.parent / "ix"
    key = first_key(notes)
    with built(notes) as index:
        text = index.text_of(key).text
    write(notes / key, "The zebra came later.", again=True)
    with unreadable(Path(key).name):
        for _ in range(2):
            done = command("index", notes, "--index", place)
            assert done.code == 3
            assert "8 documents (1 unread)" in done.out
            assert "1 changed file that cannot be read now: what was indexed stays" in done.out
            with Index(place) as index:
                assert index.text_of(key).text == text
                (file,) = index.info().skipped
                assert (file.key, file.kept) == (key, True)
                revision = index.revision
        shown = command("info", place).out
        assert f"{key}: cannot be read: Permission denied" in shown
        summary = json.loads(command("index", notes, "--index", place, "--json").out)
        assert (summary["unread"], summary["skipped"], summary["removed"]) == (1, 1, 0)
        with Index(place) as index:
            assert index.revision == revision
    with Index(place) as index:
        assert index.sync()["changed"] == 1
        assert "zebra" in index.text_of(key).text
        assert index.skipped() == []


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"no picture at all", b"half"])
def test_a_picture_that_is_being_written_stays_as_it_was(tmp_path: Path, content: bytes) -> None:
    key = write_pictures(tmp_path / "source", 6)[1]
    path = tmp_path / "source" / key
    whole = path.read_bytes()
    with built(tmp_path / "source") as index:
        path.write_bytes(whole[: len(whole) // 2] if content == b"half" else content)
        counts = index.sync()
        assert (counts["unread"], counts["removed"], len(index)) == (1, 0, 6)
        assert index.info().skipped[0].kept
        path.write_bytes(whole)
        assert index.sync()["unchanged"] == 6
        assert index.skipped() == []
        assert index.search(path)[0].key == key


def test_a_file_that_is_as_it_was_needs_no_note_any_more(notes: Path) -> None:
    key = first_key(notes)
    with built(notes) as index:
        before, content = (notes / key).stat(), (notes / key).read_bytes()
        (notes / key).write_bytes(b"")
        index.sync()
        assert set(reasons(index)) == {key}
        (notes / key).write_bytes(content)
        os.utime(notes / key, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert index.sync()["unchanged"] == 8
        assert index.skipped() == []


# -- what cannot be listed -------------------------------------------------------------------------


def test_what_lies_below_a_folder_that_cannot_be_listed_stays(tmp_path: Path) -> None:
    source = tmp_path / "source"
    keys = write_pictures(source, 12)
    (source / "disks/notes.txt").write_text("no picture")
    below = {key for key in keys if key.startswith("disks/")}
    with built(source) as index:
        with unlisted("disks"):
            counts = index.sync()
            assert (counts["removed"], counts["unread"]) == (0, len(below))
            assert below <= keys_of(index)
            place = index.folder.layout.root
            assert command("index", source, "--index", place).code == 3
            assert set(reasons(index)) == {"disks", "disks/notes.txt"}
        assert index.sync()["unchanged"] == 12
        assert set(reasons(index)) == {"disks/notes.txt"}


def test_a_file_that_cannot_be_examined_stays(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = first_key(notes)

    def noting(folder: Folder) -> Any:
        for entry in walk(folder):
            if entry.key == key:
                folder._note(str(folder.path(key)), "cannot be examined: Input/output error")
            else:
                yield entry

    with built(notes) as index:
        walk = Folder.walk
        monkeypatch.setattr(Folder, "walk", noting)
        counts = index.sync()
        assert (counts["removed"], counts["unread"], counts["unchanged"]) == (0, 1, 7)
        assert key in index


def test_a_link_that_leads_nowhere_just_now_stays(notes: Path) -> None:
    far = notes.parent / "far"
    far.mkdir()
    write(far / "a.txt", "A zebra lives elsewhere.")
    (notes / "link.txt").symlink_to(far / "a.txt")
    with built(notes) as index:
        assert "link.txt" in index
        far.rename(notes.parent / "away")
        counts = index.sync()
        assert (counts["removed"], counts["unread"]) == (0, 1)
        assert "link.txt" in index
        assert "leads nowhere" in reasons(index)["link.txt"]
        (notes.parent / "away").rename(far)
        assert index.sync()["unchanged"] == 9
        assert index.skipped() == []


# -- a training needs all of them ------------------------------------------------------------------


def test_a_training_lets_nothing_go_that_cannot_be_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    key = write_pictures(source, 36)[0]
    built(source).close()
    with unreadable(Path(key).name):
        with pytest.raises(SourceError, match=rf"{key}: cannot be read: Permission denied"):
            aesearch.build(source, tmp_path / "ix", budget=0, retrain=True)
        with aesearch.open(tmp_path / "ix") as index:
            assert len(index) == 36
            assert index.verify() == []
        with aesearch.build(source, tmp_path / "ix", budget=0, retrain=True, remove=True) as index:
            assert len(index) == 35
    with aesearch.build(source, tmp_path / "ix", budget=0) as index:
        assert len(index) == 36
