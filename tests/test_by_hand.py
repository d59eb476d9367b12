"""What a person gave or took by hand is theirs, whatever the source has under its key."""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, keys_of
from conftest import make_picture
from PIL import Image
from texts_ import made, make_text, write_table
from vectors_ import make_vectors

import aesearch
from aesearch.errors import UnknownKeyError
from aesearch.search.index import Index
from aesearch.storage.schema import REMOVED, REPLACED

CHANGES = ("new", "changed", "renamed", "removed")
OWN = "A text of my own about violins, taken out by my own program."


@pytest.fixture
def letters(tmp_path: Path) -> Path:
    """A folder with texts, a folder of a name, and files that cannot be read."""
    root = tmp_path / "letters"
    (root / "notes").mkdir(parents=True)
    for number in range(12):
        (root / f"{number}.txt").write_text(make_text("sailing", number))
    (root / "notes" / "n.txt").write_text(make_text("music", 1))
    (root / "letter.docx").write_bytes(b"PK\x03\x04" + b"x" * 300)
    (root / "empty.txt").write_bytes(b"")
    return root


def at(index: Index, reason: str) -> set[str]:
    """Keys that were left out for a reason."""
    return {file.key for file in index.skipped() if file.reason == reason}


def unchanged(index: Index) -> bool:
    counts = index.sync()
    return not any(counts[name] for name in CHANGES)


def test_what_was_added_under_a_key_stays(letters: Path, tmp_path: Path) -> None:
    # A folder, files that cannot be read, one that can, and nothing at all.
    keys = ["notes", "letter.docx", "empty.txt", "3.txt", "mine"]
    with made(letters, tmp_path / "ix") as index:
        count = len(index)
        index.add({key: f"{OWN} {key}" for key in keys})
        assert len(index) == count + 4
        for number in range(3):
            (letters / "3.txt").write_text(make_text("cooking", number))
            (letters / "mine").write_text(make_text("cooking", 10 + number))
            (letters / "empty.txt").write_text(make_text("cooking", 20 + number))
            assert unchanged(index)
            for key in keys:
                assert index.text_of(key).text == f"{OWN} {key}"
                assert index.path_of(key) is None or key in index
                assert index.similar(key, 1)[0].path is None
        assert at(index, REPLACED) == {"letter.docx", "empty.txt", "3.txt", "mine"}
        for key in keys:
            (letters / key).unlink() if (letters / key).is_file() else None
        assert unchanged(index)
        assert {item.key for item in index.items() if item.added} == set(keys)
        assert index.verify() == []


def test_a_retraining_keeps_it(letters: Path, tmp_path: Path) -> None:
    with made(letters, tmp_path / "ix") as index:
        index.add({"notes": OWN, "3.txt": OWN})
    with aesearch.build(letters, tmp_path / "ix", budget=0, retrain=True) as index:
        assert {"notes", "3.txt"} <= keys_of(index)
        assert index.text_of("3.txt").text == OWN


def test_pictures_keep_what_was_added(pictures: Path, tmp_path: Path) -> None:
    for place in (".private", "@eaDir", "disks/.hidden"):
        (pictures / place).mkdir()
        Image.fromarray(make_picture("disks", 70)).save(pictures / place / "x.png")
    own = make_picture("stripes", 71)
    with aesearch.build(pictures, tmp_path / "ix", budget=0) as index:
        index.add({"disks": own, "upload/1": own, "squares/001.png": own})
        paths = [f"{place}/x.png" for place in (".private", "@eaDir", "disks/.hidden")]
        assert index.add([pictures / path for path in paths]) == paths
        before = keys_of(index)
        assert unchanged(index)
        assert keys_of(index) == before
        assert set(index.folder.added_contents()) == {
            "disks",
            "upload/1",
            "squares/001.png",
            *paths,
        }
        hits = {hit.key: hit.path for hit in index.search(own, 99)}
        assert hits["disks"] is hits["squares/001.png"] is None
        assert hits["@eaDir/x.png"] == pictures / "@eaDir/x.png"
    with aesearch.build(pictures, tmp_path / "ix", budget=0, retrain=True) as index:
        assert keys_of(index) == before


def test_a_file_of_the_source_stays_a_file_of_the_source(letters: Path, tmp_path: Path) -> None:
    with made(letters, tmp_path / "ix") as index:
        (letters / "new.txt").write_text(make_text("music", 5))
        assert index.add([letters / "new.txt", letters / "3.txt"]) == ["new.txt", "3.txt"]
        (letters / "new.txt").write_text(OWN)
        (letters / "3.txt").unlink()
        counts = index.sync()
        assert (counts["changed"], counts["removed"]) == (1, 1)
        assert index.text_of("new.txt").text == OWN
        assert "3.txt" not in index
        # What is given under a key can be handed back to the source by its path.
        index.add({"4.txt": OWN})
        index.add([letters / "4.txt"])
        assert index.text_of("4.txt").text == make_text("sailing", 4)
        assert at(index, REPLACED) == set()


def test_rows_keep_what_was_added(tmp_path: Path) -> None:
    rows = [{"id": f"a{n}", "text": make_text("music", n)} for n in range(8)]
    table = write_table(tmp_path / "t.csv", rows)
    with made(table, tmp_path / "ix") as index:
        index.add({"a3": OWN, "b": OWN})
        rows[3]["text"] = make_text("cooking", 3)
        write_table(table, [*rows, {"id": "b", "text": make_text("cooking", 4)}])
        assert unchanged(index)
        assert index.text_of("a3").text == index.text_of("b").text == OWN
        assert index.remove(["a3", "b"]) == 2
        assert unchanged(index)
        assert {"a3", "b"}.isdisjoint(keys_of(index))
        index.restore(["a3", "b"])
        assert index.sync()["new"] == 2
        assert index.text_of("b").text == make_text("cooking", 4)


def test_vectors_keep_what_was_added(tmp_path: Path) -> None:
    rows = make_vectors(40)
    np.save(tmp_path / "a.npy", rows)
    with aesearch.build(tmp_path / "a.npy", tmp_path / "ix", {"code_size": 4}, budget=0) as index:
        index.add({3: rows[5], "mine": rows[6]})
        rows[3] = rows[7]
        np.save(tmp_path / "a.npy", rows)
        assert unchanged(index)
        index.remove([4])
        rows[4] = rows[8]
        np.save(tmp_path / "a.npy", rows)
        assert unchanged(index)
        assert "4" not in index
    with aesearch.build(
        tmp_path / "a.npy", tmp_path / "ix", {"code_size": 4}, budget=0, retrain=True
    ) as index:
        assert {"3", "mine"} <= keys_of(index)
        assert {hit.key for hit in index.similar("3", 2)} == {"3", "5"}


def touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def changed(path: Path) -> None:
    path.write_text(make_text("cooking", 50))


def away_and_back(path: Path) -> None:
    shutil.copy2(path, path.with_name(".n.aside"))
    path.unlink()


@pytest.mark.parametrize("how", [touched, changed, away_and_back])
def test_what_was_removed_stays_away(
    how: Callable[[Path], None], letters: Path, tmp_path: Path
) -> None:
    with made(letters, tmp_path / "ix") as index:
        assert index.remove(["notes/n.txt"]) == 1
        how(letters / "notes" / "n.txt")
        assert unchanged(index)
        aside = letters / "notes" / ".n.aside"
        if aside.exists():
            aside.replace(letters / "notes" / "n.txt")
        assert unchanged(index)
        assert at(index, REMOVED) == {"notes/n.txt"}
        with pytest.raises(UnknownKeyError, match=r"no item 'notes/n\.txt'"):
            index.similar("notes/n.txt")
        with pytest.raises(UnknownKeyError, match=r"'1\.txt' was not removed from ix by hand"):
            index.restore(["notes/n.txt", "1.txt"])
        assert unchanged(index)
        assert index.restore(["notes/n.txt"]) == 1
        assert index.sync()["new"] == 1
        assert at(index, REMOVED) == set()


def test_a_folder_that_was_away_brings_nothing_back(pictures: Path, tmp_path: Path) -> None:
    with aesearch.build(pictures, tmp_path / "ix", budget=0) as index:
        index.remove(["disks/000.png", "disks/002.png"])
        shutil.move(pictures / "disks", tmp_path / "away")
        index.sync()
        shutil.move(tmp_path / "away", pictures / "disks")
        index.sync()
        assert len(index) == 10
        assert {"disks/000.png", "disks/002.png"}.isdisjoint(keys_of(index))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs rights that can be taken")
def test_a_file_that_cannot_be_examined_stays_removed(
    letters: Path, tmp_path: Path
) -> None:  # pragma: no cover
    with made(letters, tmp_path / "ix") as index:
        index.remove(["notes/n.txt"])
        (letters / "notes").chmod(0o400)
        index.sync()
        (letters / "notes").chmod(0o700)
        index.sync()
        assert at(index, REMOVED) == {"notes/n.txt"}


def test_an_unreadable_key_stays_removed(letters: Path, tmp_path: Path) -> None:
    """A walk that cannot list what was removed does not overwrite the decision."""
    from aesearch.ingest.update import source_of, synchronize

    with made(letters, tmp_path / "ix") as index:
        index.remove(["3.txt"])
        source = source_of(index.folder)
        walk = source.walk

        def failing():
            found = [entry for entry in walk() if entry.key != "3.txt"]
            source.unreadable = [("3.txt", "cannot be examined: Input/output error")]
            yield from found

        source.walk = failing  # type: ignore[method-assign]
        for _ in range(2):
            assert not synchronize(index.folder, source=source)
        assert at(index, REMOVED) == {"3.txt"}
        assert unchanged(index)
        assert "3.txt" not in index


def test_added_again_it_is_there_again(letters: Path, tmp_path: Path) -> None:
    with made(letters, tmp_path / "ix") as index:
        index.remove(["3.txt", "4.txt"])
        index.add({"3.txt": OWN})
        index.add([letters / "4.txt"])
        assert unchanged(index)
        assert {"3.txt", "4.txt"} <= keys_of(index)
        index.remove(["3.txt"])  # what was added, in place of a file that was removed
        assert unchanged(index)
        assert "3.txt" not in index


def test_what_nobody_has_leaves_no_trace(letters: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.txt").write_text(OWN)
    with made(letters, tmp_path / "ix") as index:
        before = index.skipped()
        keys = [*index.add({"mine": OWN}), *index.add([tmp_path / "elsewhere.txt"])]
        index.remove(keys)
        assert index.skipped() == before


def test_remove_takes_globs_and_paths(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "ix"
    aesearch.build(pictures, place, budget=0).close()
    monkeypatch.chdir(tmp_path)

    def left() -> int:
        with Index(place) as index:
            return len(index)

    told = command("remove", "--index", place, "--dry-run", "disks/*", "squares/00[12].png")
    assert (told.code, len(told.out.splitlines()), left()) == (0, 6, 12)
    assert told.err == "6 pictures would be removed; nothing was changed\n"
    assert command("remove", "--index", place, "disks/*", "nosuch/*").code == 1
    assert left() == 12
    paths = [pictures / "stripes" / "000.png", "pictures/stripes/001.png"]
    done = command("remove", "--index", place, "disks/*", "disks/001.png", *paths)
    assert done.out == "removed 6; 6 pictures remain\n"
    command("index", pictures, "--index", place, "--budget", "0")
    assert left() == 6
    told = command("remove", "--restore", "--dry-run", "--index", place, "disks/*")
    assert (len(told.out.splitlines()), told.code) == (4, 0)
    assert command("remove", "--restore", "--index", place, "squares/*").code == 1
    back = command("remove", "--restore", "--index", place, "disks/00[!3].png", paths[0])
    assert back.out == "restored 4 pictures; 'aesearch index' reads what is still there\n"
    command("index", pictures, "--index", place)
    assert left() == 10


def test_a_key_goes_before_a_path(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(pictures / "disks/000.png", pictures / "001.png")
    aesearch.build(pictures, tmp_path / "ix", budget=0).close()
    monkeypatch.chdir(pictures / "disks")
    assert command("remove", "--index", tmp_path / "ix", "001.png").out.startswith("removed 1;")
    with Index(tmp_path / "ix") as index:
        assert ("001.png" in index, "disks/001.png" in index) == (False, True)
    assert command("remove", "--restore", "--index", tmp_path / "ix", "001.png").code == 0


def test_what_query_prints_can_be_removed(letters: Path, tmp_path: Path) -> None:
    place = tmp_path / "ix"
    made(letters, place).close()
    printed = command("query", "--index", place, "-k", 1, "violin").out.split("\t")[1].strip()
    assert command("remove", "--index", place, printed).code == 0
    with Index(place) as index:
        assert "notes/n.txt" not in index


def test_an_index_of_an_older_version_keeps_what_was_removed(letters: Path, tmp_path: Path) -> None:
    """Its line for what was removed is the same."""
    with made(letters, tmp_path / "ix") as index:
        index.remove(["3.txt"])
        lines = index.folder.store._rows("SELECT * FROM skipped WHERE key = '3.txt'")
        size = len(make_text("sailing", 3))
        assert lines == [("3.txt", "removed by hand", 1, size, lines[0][4])]


SECRET = "The quetzal of Mrs Featherstonehaugh-Cholmondeley owes 4711 crowns. " * 40
OTHER = make_text("sailing", 1)


def traces(place: Path, text: str) -> list[str]:
    """Files below a folder that hold pieces of a text, as it is or compressed."""
    body = text.encode()
    packed = zlib.compress(body, 1)
    pieces = [
        body[20:60],
        b"Featherstonehaugh",
        b"featherstonehaugh",
        packed[16:48],
        packed[-24:-4],
    ]
    files = [path for path in place.rglob("*") if path.is_file()]
    return [
        f"{path.name}: {piece!r}"
        for path in files
        for piece in pieces
        if piece in path.read_bytes()
    ]


@pytest.fixture
def many(letters: Path) -> Path:
    """So many texts that the words of one alone are not learned."""
    for number in range(60):
        (letters / f"more{number}.txt").write_text(make_text("gardens", number))
    (letters / "secret.txt").write_text(SECRET)
    return letters


@pytest.mark.parametrize("how", ["remove", "update", "gone", "add"])
def test_nothing_of_what_was_removed_stays_on_the_disk(
    how: str, many: Path, tmp_path: Path
) -> None:
    place = tmp_path / "ix"
    with made(many, place) as index:
        index.search("violin", hybrid=True)  # makes the lexical index
        if how == "add":
            index.add({"own": SECRET})
        assert traces(place, SECRET)
        if how == "remove":
            index.remove(["secret.txt"])
        else:
            (many / "secret.txt").write_text(OTHER) if how != "gone" else (
                many / "secret.txt"
            ).unlink()
            index.sync()
        if how == "add":
            index.add({"own": OTHER})
        index.search("violin", hybrid=True)
        assert index.compact() == []
        assert traces(place, SECRET) == []
        assert index.verify() == []
        assert index.search("violin", hybrid=True)
    assert traces(place, SECRET) == []


def test_what_is_removed_is_overwritten_also_without_compacting(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "ix"
    with made(many, place) as index:
        index.remove(["secret.txt"])
    assert traces(place, SECRET) == []  # with its last user the journal goes


def test_kept_pictures_and_codes_go(pictures: Path, tmp_path: Path) -> None:
    place = tmp_path / "ix"
    with aesearch.build(pictures, place, budget=0) as index:
        index.add({"mine": make_picture("disks", 80)})
        id = index.folder.id_of("mine")
        png = index.folder.added_contents()["mine"]
        code = index.folder.codes_of([id])[0].tobytes()
        index.remove(["mine"])
        index.compact()
        for path in place.rglob("*"):
            if path.is_file():
                assert png[50:] not in path.read_bytes()
                assert code not in path.read_bytes()


def test_compacting_removes_what_is_of_no_use(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "ix"
    made(many, place).close()
    for name in ("codes-0.faiss", "codes-9.new"):
        (place / name).write_bytes(SECRET.encode())
    for name in ("words-0", "words-new-1", "encoder-0123456789abcdef"):
        (place / name).mkdir()
        (place / name / "a").write_bytes(SECRET.encode())
    (place / "training").mkdir()
    (place / "training" / "state").write_bytes(SECRET.encode())
    command("remove", "--index", place, "secret.txt")
    done = command("verify", "--compact", "--index", place)
    assert done.code == 0
    assert done.out.startswith("compacted: ")
    assert traces(place, SECRET) == []


def test_the_encoder_forgets_words_of_removed_texts_alone(letters: Path, tmp_path: Path) -> None:
    """Of a few texts it knows every word."""
    (letters / "secret.txt").write_text(f"{SECRET} A mast and a harbour.")
    with made(letters, tmp_path / "ix") as index:
        before = index.revision.fingerprint
        codes = dict(zip(*index.folder.store.codes(), strict=True))
        assert index.compact() == []
        assert index.revision.fingerprint == before  # nothing was removed
        assert traces(tmp_path / "ix", SECRET)
        index.remove(["secret.txt"])
        assert index.compact() == []
        assert traces(tmp_path / "ix", SECRET) == []
        assert b"crown" not in (index.encoder.folder / "terms.txt").read_bytes()
        assert index.revision.fingerprint != before
        assert index.verify() == []
        for id, code in zip(*index.folder.store.codes(), strict=True):
            np.testing.assert_array_equal(code, codes[id])
        own = codes[index.folder.id_of("3.txt")]
        np.testing.assert_allclose(index.encode([make_text("sailing", 3)])[0], own, atol=1e-5)
        assert index.explain("mast harbour crown", "3.txt").shared
        assert index.compact() == []
        again = index.revision.number
        assert index.compact() == []
        assert index.revision.number == again
        (letters / "later.txt").write_text("A crown of the quetzal on a mast.")
        assert index.sync()["new"] == 1


def test_a_reader_that_holds_the_journal_is_named(many: Path, tmp_path: Path) -> None:
    place = tmp_path / "ix"
    made(many, place).close()
    with Index(place) as index, Index(place) as reader, reader.folder.reading():
        len(reader)
        index.folder.store._db.execute("PRAGMA busy_timeout=50")
        index.remove(["secret.txt"])
        left = index.compact()
        assert left == [
            "the journal of items.db is held by a process that reads; stop what uses the index, "
            "and run again"
        ]


def test_a_page_that_was_added_or_removed_stays_so(pictures: Path, tmp_path: Path) -> None:
    """Also where its file is read anew, which is no decision about the other pages."""

    def scan(first: int, count: int) -> None:
        pages = [Image.fromarray(make_picture("disks", first + n)) for n in range(count)]
        pages[0].save(pictures / "scan.tif", save_all=True, append_images=pages[1:])

    scan(100, 3)
    with aesearch.build(pictures, tmp_path / "ix", budget=0) as index:
        index.remove(["scan.tif#2"])
        index.add({"scan.tif#4": make_picture("stripes", 110)})
        scan(120, 5)
        index.sync()
        pages = {item.key: item.added for item in index.items() if item.key.startswith("scan")}
        assert pages == {
            "scan.tif": False,
            "scan.tif#3": False,
            "scan.tif#4": True,
            "scan.tif#5": False,
        }
        assert "scan.tif#4" in index.folder.added_contents()


def test_what_was_removed_stays_so_under_a_new_name(letters: Path, tmp_path: Path) -> None:
    """Renamed, it stays away and is restored by its new name; a copy beside it is another item."""
    with aesearch.build(letters, tmp_path / "ix", budget=0) as index:
        index.remove(["3.txt"])
        (letters / "3.txt").rename(letters / "notes" / "three.txt")
        assert [index.sync()[name] for name in CHANGES] == [0, 0, 0, 0]
        assert at(index, REMOVED) == {"notes/three.txt"}
        (letters / "notes" / "three.txt").rename(letters / "again.txt")
        os.utime(letters / "again.txt", (1, 1))
        index.sync(retry=True, reread=True)
        assert at(index, REMOVED) == {"again.txt"}
        shutil.copy(letters / "again.txt", letters / "copy.txt")
        assert index.sync()["new"] == 1
        index.restore(["again.txt"])
        assert index.sync()["new"] == 1
        assert {"again.txt", "copy.txt"} <= set(keys_of(index))


@pytest.mark.parametrize("form", ["a.csv", "a.npy"])
def test_a_removed_row_is_followed_to_its_new_number(tmp_path: Path, form: str) -> None:
    source, count = tmp_path / form, 20
    vectors = make_vectors(count + 2)
    texts = [make_text("music", number, 9) for number in range(count + 2)]

    def write(rows: list[int]) -> None:
        if form == "a.npy":
            np.save(source, vectors[rows])
        else:
            write_table(source, [{"text": texts[row]} for row in rows])

    def removed() -> set[str]:
        return {file.key for file in index.skipped() if file.reason == REMOVED}

    rows = list(range(count))
    write(rows)
    base = 0 if form == "a.npy" else 1  # tables count from 1
    with aesearch.build(source, tmp_path / "ix", budget=0) as index:
        index.remove([str(base + row) for row in (4, 5, 11)])
        write([20, *rows])  # one above
        index.sync()
        assert removed() == {str(base + row) for row in (5, 6, 12)}
        assert keys_of(index) == {str(base + row) for row in range(21)} - removed()
        assert index.verify() == []
        assert index.sync()["unchanged"] == 18
        write([20, *rows[2:]])  # and two less
        index.sync()
        assert removed() == {str(base + row) for row in (3, 4, 10)}
        write([20, *rows[2:4], 21, *rows[5:]])  # what was removed is another now: it stays away
        index.sync()
        assert removed() == {str(base + row) for row in (3, 4, 10)}
        index.restore([str(base + 3)])
        index.sync()
        assert len(index) == 17
