"""The database of an index: what is committed is kept, what is not leaves no trace."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from aesearch.errors import DamagedError, StorageError
from aesearch.sources.base import Known
from aesearch.storage.database import CHUNK, Store
from aesearch.storage.schema import NewItem, Revision, Skipped

SIZE = 4


def item(key: str, **more: object) -> NewItem:
    return NewItem(key, len(key), 10, key.encode(), **more)  # type: ignore[arg-type]


def codes_of(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, SIZE)).astype(np.float32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "items.db", create=True)
    yield opened
    opened.close()


@pytest.fixture
def filled(store: Store) -> Store:
    """Items a, b, c with the ids 1, 2, 3."""
    with store.transaction():
        store.put([item("a"), item("b"), item("c")], codes_of(3))
    return store


def keys(store: Store) -> dict[int, str]:
    return {entry.id: entry.key for entry in store.items()}


# -- items and codes ---------------------------------------------------------------------------


def test_what_is_put_comes_back(filled: Store) -> None:
    assert filled.count() == 3
    assert keys(filled) == {1: "a", 2: "b", 3: "c"}
    found, codes = filled.codes()
    np.testing.assert_array_equal(found, [1, 2, 3])
    np.testing.assert_array_equal(codes, codes_of(3))
    assert codes.dtype == np.float32
    assert filled.known() == {k: Known(1, 10, k.encode()) for k in "abc"}
    entry = next(filled.items())
    assert (entry.size, entry.mtime_ns, entry.digest, entry.added) == (1, 10, b"a", False)


def test_codes_of_some(filled: Store) -> None:
    found, codes = filled.codes([3, 1, 99])
    np.testing.assert_array_equal(found, [1, 3])
    np.testing.assert_array_equal(codes, codes_of(3)[[0, 2]])
    found, codes = filled.codes([])
    assert found.shape == (0,)
    assert len(codes) == 0


def test_codes_of_other_types_become_float32(store: Store) -> None:
    with store.transaction():
        ids = store.put([item("a")], codes_of(1).astype(np.float64))
    np.testing.assert_array_equal(store.codes()[1], codes_of(1))
    with store.transaction():
        store.recode(ids, codes_of(1, 5).astype(np.float64))
    np.testing.assert_array_equal(store.codes()[1], codes_of(1, 5))


def test_a_changed_item_keeps_its_id(filled: Store) -> None:
    with filled.transaction():
        ids = filled.put([NewItem("b", 77, 78, b"new", error=0.5), item("d")], codes_of(2, 1))
    assert ids[0] == 2
    assert ids[1] > 3
    assert filled.known()["b"] == Known(77, 78, b"new")
    np.testing.assert_array_equal(filled.codes(ids)[1], codes_of(2, 1))


def test_ids_are_never_given_twice(filled: Store) -> None:
    with filled.transaction():
        filled.remove(["c"])
        ids = filled.put([item("d")], codes_of(1))
    assert ids.tolist() == [4]


def test_removing_removes_the_code(filled: Store) -> None:
    with filled.transaction():
        filled.remove(["b", "unknown"])
    assert keys(filled) == {1: "a", 3: "c"}
    assert filled.codes()[0].tolist() == [1, 3]
    assert filled.problems() == []


def test_as_many_codes_as_items_are_wanted(store: Store) -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"), store.transaction():
        store.put([item("a"), item("b")], codes_of(1))
    assert store.count() == 0


def test_look_ups(filled: Store) -> None:
    assert filled.keys_of([1, 3, 9]) == {1: "a", 3: "c"}
    assert filled.ids_of(["c", "a", "zzz"]) == {"a": 1, "c": 3}
    assert filled.same_content(b"b") == [(2, "b")]
    assert filled.same_content(b"none") == []


def test_more_than_one_statement_holds(store: Store) -> None:
    count = 2 * CHUNK + 3
    with store.transaction():
        ids = store.put([item(f"k{n:05}") for n in range(count)], codes_of(count))
    assert len(store.ids_of(f"k{n:05}" for n in range(count))) == count
    assert len(store.keys_of(ids)) == count
    found, codes = store.codes(ids[::-1])
    np.testing.assert_array_equal(found, ids)
    np.testing.assert_array_equal(codes, codes_of(count))
    assert len(list(store.items())) == count


def test_globs(store: Store) -> None:
    names = ["cats/1.png", "cats/2.png", "cats/old/1.png", "dogs/1.png", "Cats/1.png", "ü.png"]
    names.append("[cats")
    with store.transaction():
        store.put([item(name) for name in names], codes_of(len(names)))
    for pattern, expected in {
        "cats/*": [1, 2, 3],
        "*/1.png": [1, 3, 4, 5],
        "cats/?.png": [1, 2],
        "[cC]ats/1.png": [1, 5],
        "[!cC]ats/1.png": [],
        "[!cC]*/1.png": [4],
        "[^cC]*/1.png": [4],
        "[cats*": [7],
        "?.png": [6],
        "none*": [],
    }.items():
        found = store.matching(pattern)
        assert found.tolist() == expected
        assert found.dtype == np.int64


def test_hand_added_items(store: Store) -> None:
    with store.transaction():
        ids = store.put([item("found"), item("mine", added=True)], codes_of(2))
        store.put_contents(ids, [b"", b"png"])
    assert set(store.known()) == {"found"}
    assert set(store.known(added=True)) == {"found", "mine"}
    assert [(item.key, item.added, png) for item, png in store.added_contents()] == [
        ("mine", True, b"png")
    ]
    with store.transaction():
        store.put([item("mine")], codes_of(1))  # a file of this name has come
    assert store.added_contents() == []
    assert set(store.known()) == {"found", "mine"}


def test_drift(store: Store) -> None:
    assert store.drift() == (0, 0.0)
    with store.transaction():
        ids = store.put([item("a"), item("b", error=0.2), item("c", error=0.4)], codes_of(3))
    assert store.drift() == (2, pytest.approx(0.3))
    with store.transaction():
        store.recode(ids, codes_of(3, 8))
    assert store.drift() == (0, 0.0)
    np.testing.assert_array_equal(store.codes()[1], codes_of(3, 8))


# -- renaming ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([("a", "z")], {1: "z", 2: "b", 3: "c"}),
        ([("a", "b"), ("b", "a")], {1: "b", 2: "a", 3: "c"}),
        ([("a", "b"), ("b", "c"), ("c", "d")], {1: "b", 2: "c", 3: "d"}),
        ([("c", "d"), ("b", "c"), ("a", "b")], {1: "b", 2: "c", 3: "d"}),
        ([("a", "b"), ("b", "c"), ("c", "a")], {1: "b", 2: "c", 3: "a"}),
        ([("a", "c")], {1: "c", 2: "b"}),  # what stood there gives way
        ([("nothing", "x")], {1: "a", 2: "b", 3: "c"}),
    ],
)
def test_renaming(filled: Store, pairs: list[tuple[str, str]], expected: dict[int, str]) -> None:
    with filled.transaction():
        filled.rename((old, new, 50) for old, new in pairs)
    assert keys(filled) == expected
    assert filled.problems() == []
    moved = {new for _, new in pairs}
    for entry in filled.items():
        assert entry.mtime_ns == (50 if entry.key in moved else 10)
        np.testing.assert_array_equal(filled.codes([entry.id])[1][0], codes_of(3)[entry.id - 1])


def test_renaming_onto_a_skipped_file_takes_it_from_the_list(filled: Store) -> None:
    with filled.transaction():
        filled.skip([Skipped("z", "damaged", False), Skipped("y", "damaged", False)])
        filled.rename([("a", "z", 11)])
    assert [skipped.key for skipped in filled.skipped()] == ["y"]


def test_touching(filled: Store) -> None:
    with filled.transaction():
        filled.touch([("a", 99)])
    assert filled.known()["a"] == Known(1, 99, b"a")
    assert filled.known()["b"] == Known(1, 10, b"b")


# -- skipped files -----------------------------------------------------------------------------


def test_skipped_files(filled: Store) -> None:
    bad, text = Skipped("x", "truncated", False, 5, 6), Skipped("t", "not a picture", True, 7, 8)
    with filled.transaction():
        filled.skip([bad, text])
    assert filled.skipped() == [text, bad]
    with filled.transaction():
        filled.skip([Skipped("x", "still truncated", False, 9, 9)])
        filled.forget(["t", "unknown"])
    assert filled.skipped() == [Skipped("x", "still truncated", False, 9, 9)]
    with filled.transaction():
        filled.put([item("x")], codes_of(1))  # it has been mended
    assert filled.skipped() == []


# -- transactions ------------------------------------------------------------------------------


def test_an_exception_undoes_everything(filled: Store) -> None:
    before, codes = list(filled.items()), filled.codes()[1]
    with pytest.raises(KeyboardInterrupt), filled.transaction():  # noqa: PT012
        filled.put([item("d")], codes_of(1))
        filled.remove(["a"])
        filled.rename([("b", "bb", 5)])
        filled.skip([Skipped("s", "r", False)])
        filled.set_revision(Revision(number=9), None)
        raise KeyboardInterrupt
    assert list(filled.items()) == before
    np.testing.assert_array_equal(filled.codes()[1], codes)
    assert filled.skipped() == []
    assert filled.revision() == (Revision(), None)
    with filled.transaction():  # and the next one works
        filled.remove(["a"])
    assert filled.count() == 2


def test_another_connection_sees_only_what_is_committed(filled: Store) -> None:
    other = Store(filled.path)
    version = other.data_version()
    with filled.transaction():
        filled.remove(["a"])
        assert other.count() == 3
        assert other.data_version() == version
    assert other.count() == 2
    assert other.data_version() != version
    assert other.data_version() == other.data_version()
    other.close()


def test_a_killed_process_leaves_the_last_commit(filled: Store) -> None:
    code = (
        "import os, sys, numpy as np\n"
        "from pathlib import Path\n"
        "from aesearch.storage.database import Store, NewItem\n"
        "store = Store(Path(sys.argv[1]))\n"
        "put = lambda k: store.put([NewItem(k, 1, 1, b'')], np.ones((1, 4), np.float32))\n"
        "with store.transaction(): put('committed')\n"
        "with store.transaction():\n"
        "    put('lost'); store.remove(['a']); os._exit(9)\n"
    )
    command = [sys.executable, "-c", code, str(filled.path)]
    done = subprocess.run(command, timeout=60, check=False, cwd=Path(__file__).parents[1])
    assert done.returncode == 9
    again = Store(filled.path)
    assert set(again.known()) == {"a", "b", "c", "committed"}
    assert again.problems() == []
    again.close()


def test_several_threads_read_while_one_writes(filled: Store) -> None:
    wrong: list[int] = []

    def read() -> None:
        for _ in range(50):
            count = filled.count()
            if count not in (3, 5) or len(filled.codes()[0]) not in (3, 5):
                wrong.append(count)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        with filled.transaction():
            filled.put([item("x")], codes_of(1))
            filled.put([item("y")], codes_of(1))
        with filled.transaction():
            filled.remove(["x"])
            filled.remove(["y"])
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_second_writer_is_told(filled: Store) -> None:
    other = Store(filled.path)
    other._db.execute("PRAGMA busy_timeout=50")
    locked = r"items\.db cannot be written: database is locked"
    with (
        filled.transaction(),
        pytest.raises(StorageError, match=locked),
        other.transaction(),
    ):
        pytest.fail("both are writing")
    other.close()


# -- revisions ---------------------------------------------------------------------------------


def test_a_revision_comes_back(store: Store) -> None:
    assert store.revision() == (Revision(), None)
    rotation = codes_of(5)[:, :SIZE]
    stated = Revision(3, "abc", "codes-3.faiss", "sum", {"factory": "BFlat", "bits": SIZE}, 7)
    with store.transaction():
        store.set_revision(stated, rotation)
    found, turned = store.revision()
    assert found.changed_at > 1_600_000_000
    assert Revision(**{**vars(found), "changed_at": 0.0}) == stated
    assert turned is not None
    np.testing.assert_array_equal(turned, rotation)
    with store.transaction():
        store.set_revision(Revision(4), None)
    assert store.revision()[0].number == 4
    assert store.revision()[1] is None


@pytest.mark.parametrize("document", ["{", "[]", '{"unknown": 1}', "3"])
def test_a_broken_revision_is_damage(store: Store, document: str) -> None:
    with store.transaction():
        store._db.execute("INSERT INTO revision VALUES (1, ?, NULL)", (document,))
    with pytest.raises(DamagedError, match="revision"):
        store.revision()


# -- damage ------------------------------------------------------------------------------------


def test_a_sound_store_has_no_problems(filled: Store) -> None:
    assert filled.problems() == []


def test_problems_finds_planted_faults(filled: Store) -> None:
    with sqlite3.connect(filled.path) as db:
        db.execute("DELETE FROM codes WHERE id = 2")
        db.execute("INSERT INTO codes VALUES (77, x'00000000')")
    db.close()
    found = filled.problems()
    assert "1 item without a code" in found
    assert "1 code without an item" in found
    assert "codes have 2 different lengths" in found
    with pytest.raises(DamagedError, match="differ in length"):
        filled.codes()


def test_problems_finds_a_damaged_page(store: Store) -> None:
    with store.transaction():
        store.put([item(f"k{n:04}") for n in range(2000)], codes_of(2000))
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    content = bytearray(store.path.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half : half + 2 * 4096] = b"\xff" * 8192
    store.path.write_bytes(content)
    again = Store(store.path)
    try:
        found = again.problems()
    except DamagedError as error:  # where the page is one that the check itself stumbles over
        found = [str(error)]
    assert found
    with pytest.raises(DamagedError, match="cannot be read"), again.transaction():  # noqa: PT012
        again.recode(np.arange(1, 2001), codes_of(2000))
        again.remove([f"k{n:04}" for n in range(2000)])
    again.close()


@pytest.mark.parametrize("content", [b"", b"this is no database at all\n" * 100])
def test_what_is_no_database_is_damage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "items.db"
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"items\.db cannot be opened .*index again"):
        Store(path)


def test_a_missing_database_is_damage_and_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="cannot be opened"):
        Store(tmp_path / "items.db")
    assert list(tmp_path.iterdir()) == []


def test_names_with_signs_that_urls_know(tmp_path: Path) -> None:
    folder = tmp_path / "50% off? #1 ü"
    folder.mkdir()
    store = Store(folder / "items.db", create=True)
    with store.transaction():
        store.put([item("a")], codes_of(1))
    store.close()
    again = Store(folder / "items.db")
    assert again.count() == 1
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="changes the permissions of a folder")
def test_a_read_only_folder_can_be_read(filled: Store) -> None:
    filled.close()
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from aesearch.storage.database import Store, NewItem\n"
        "from aesearch.errors import StorageError\n"
        "os.chdir(sys.argv[2]); os.chmod('items.db', 0o444); os.chmod('.', 0o555)\n"
        "if os.getuid() == 0: os.setuid(65534)\n"  # permissions do not stop root
        "store = Store(Path('items.db'))\n"
        "print(store.count(), store.codes()[1].shape, store.problems())\n"
        "try:\n"
        "    with store.transaction(): store.remove(['a'])\n"
        "except StorageError as error: print(error)\n"
    )
    # pytest's folders are its user's alone; this one is open to the other user.
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(filled.path, folder)
        os.chmod(folder, 0o755)
        command = [sys.executable, "-c", code, str(Path(__file__).parents[1]), folder]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        os.chmod(folder, 0o755)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "3 (3, 4) []"
    assert "items.db cannot be written: attempt to write a readonly database" in lines[1]
