"""The database of an index is a dict, whatever is put, removed and renamed."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from aesearch.sources.base import Known
from aesearch.storage.database import Store
from aesearch.storage.schema import NewItem, Skipped

Model = dict[str, tuple[Known, int]]  # what is known of each key, and the number that is its code

KEYS = st.sampled_from(["a", "b", "c", "d", "e/f", "ü"])
TIMES = st.integers(0, 2**62)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One for all examples, each of which begins with `emptied`."""
    store = Store(tmp_path_factory.mktemp("store") / "items.db", create=True)
    store._db.execute("PRAGMA synchronous=OFF")  # no example ends in a loss of power
    yield store
    store.close()


def emptied(store: Store) -> Store:
    with store.transaction():
        store.remove([item.key for item in store.items()])
        store.forget([file.key for file in store.skipped()])
    return store


def code(number: int) -> np.ndarray:
    return np.array([[number, -number]], dtype=np.float32)


def put(store: Store, key: str, known: Known, number: int) -> int:
    with store.transaction():
        ids = store.put([NewItem(key, *known)], code(number))
    return int(ids[0])


def content(store: Store) -> Model:
    ids, codes = store.codes()
    numbers = dict(zip(ids.tolist(), codes[:, 0].tolist() if len(ids) else [], strict=True))
    known = store.known(added=True)
    return {item.key: (known[item.key], int(numbers[item.id])) for item in store.items()}


# -- renaming --------------------------------------------------------------------------------------


@given(
    held=st.sets(KEYS),
    pairs=st.lists(st.tuples(KEYS, KEYS, TIMES), unique_by=(lambda p: p[0], lambda p: p[1])),
    skipped=st.sets(KEYS),
)
@example(held={"a", "b"}, pairs=[("a", "b", 1), ("b", "a", 2)], skipped=set())
@example(held={"a", "b", "c"}, pairs=[("a", "b", 1), ("b", "c", 2), ("c", "d", 3)], skipped={"d"})
def test_renames_happen_all_at_once(
    store: Store, held: set[str], pairs: list[tuple[str, str, int]], skipped: set[str]
) -> None:
    skipped = skipped - held
    emptied(store)
    ids = {key: put(store, key, Known(n, 5, b"x"), n) for n, key in enumerate(sorted(held))}
    before = content(store)
    with store.transaction():
        store.skip(Skipped(key, "damaged", ignored=False) for key in skipped)
        store.rename(pairs)
    moving = {new: (old, time) for old, new, time in pairs if old in held}
    # A pair whose old key is not there moves nothing; its new key gives way all the same.
    gone = {old for old, _, _ in pairs} | {new for _, new, _ in pairs}
    expected = {key: row for key, row in before.items() if key not in gone}
    for new, (old, time) in moving.items():
        known, number = before[old]
        expected[new] = known._replace(mtime_ns=time), number
    assert content(store) == expected
    kept = {key: id for key, id in ids.items() if key not in gone}
    kept |= {new: ids[old] for new, (old, _) in moving.items()}
    assert {item.key: item.id for item in store.items()} == kept
    assert {file.key for file in store.skipped()} == skipped - {new for _, new, _ in pairs}
    assert store.problems() == []


# -- any changes in any order ----------------------------------------------------------------------


class Changes(RuleBasedStateMachine):
    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = emptied(store)
        self.items: Model = {}
        self.skipped: set[str] = set()
        self.given: set[int] = set()
        self.number = 0

    @rule(key=KEYS, time=TIMES)
    def put(self, key: str, time: int) -> None:
        self.number += 1
        known = Known(self.number, time, b"%d" % self.number)
        old = self.store.ids_of([key])
        id = put(self.store, key, known, self.number)
        assert id == old[key] if old else id not in self.given  # an id is never given twice
        self.given.add(id)
        self.items[key] = known, self.number
        self.skipped.discard(key)

    @rule(keys=st.sets(KEYS, max_size=3))
    def remove(self, keys: set[str]) -> None:
        with self.store.transaction():
            self.store.remove(keys)
        for key in keys:
            self.items.pop(key, None)

    @rule(one=KEYS, other=KEYS, time=TIMES)
    def swap(self, one: str, other: str, time: int) -> None:
        if one == other or not {one, other} <= self.items.keys():
            return
        with self.store.transaction():
            self.store.rename([(one, other, time), (other, one, time)])
        for key in (one, other):
            known, number = self.items[key]
            self.items[key] = known._replace(mtime_ns=time), number
        self.items[one], self.items[other] = self.items[other], self.items[one]

    @rule(key=KEYS, time=TIMES)
    def touch(self, key: str, time: int) -> None:
        with self.store.transaction():
            self.store.touch([(key, time)])
        if key in self.items:
            known, number = self.items[key]
            self.items[key] = known._replace(mtime_ns=time), number

    @rule(keys=st.sets(KEYS, min_size=1, max_size=3))
    def skip_and_forget(self, keys: set[str]) -> None:
        keys -= self.items.keys()
        with self.store.transaction():
            self.store.skip(Skipped(key, "damaged", ignored=False) for key in keys)
            self.store.forget(self.skipped)
        self.skipped = keys - self.skipped

    @rule(key=KEYS)
    def fail(self, key: str) -> None:
        try:
            with self.store.transaction():
                self.store.put([NewItem(key, 0, 0, b"")], code(-1))
                self.store.remove(self.items)
                self.store.skip([Skipped("lost", "damaged", ignored=False)])
                raise InterruptedError
        except InterruptedError:
            pass

    @invariant()
    def it_is_the_dict(self) -> None:
        assert content(self.store) == self.items
        assert self.store.count() == len(self.items)
        assert {file.key for file in self.store.skipped()} == self.skipped
        ids = self.store.ids_of(self.items)
        assert self.store.keys_of(ids.values()) == {id: key for key, id in ids.items()}
        for key, (known, _) in self.items.items():
            assert (ids[key], key) in self.store.same_content(known.digest)
        assert self.store.problems() == []


def test_any_changes_in_any_order_are_those_of_a_dict(store: Store) -> None:
    run_state_machine_as_test(lambda: Changes(store))


# -- globs -----------------------------------------------------------------------------------------

LETTERS = "abc/[]!-"
PARTS = st.one_of(
    st.sampled_from(["*", "**", "?", "*/", "[", "]", "!", "[]", "[!]", "[]a]", "[!]a]"]),
    st.builds("[{}{}]".format, st.sampled_from(["", "!"]), st.text("abc/", min_size=1)),
    st.sampled_from(["[a-b]", "[!a-b]", "[b-cx]", "[!-a]", "[a-]", "[!!]"]),
    st.text("abc/", min_size=1, max_size=2),
)


@given(
    keys=st.sets(st.text(LETTERS, min_size=1, max_size=4), min_size=1, max_size=12),
    pattern=st.lists(PARTS, max_size=4).map("".join),
)
@example(keys={"a/1", "b/1"}, pattern="[!a]*")
@example(keys={"a [1].txt"}, pattern="a [1*")
def test_globs_are_those_of_fnmatch(store: Store, keys: set[str], pattern: str) -> None:
    emptied(store)
    with store.transaction():
        items = [NewItem(key, 0, 0, b"") for key in sorted(keys)]
        store.put(items, np.zeros((len(items), 2), dtype=np.float32))
    found = store.keys_of(store.matching(pattern)).values()
    assert set(found) == {key for key in keys if fnmatchcase(key, pattern)}
