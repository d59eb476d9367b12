"""What changed in a source: every file and every item is accounted for, once."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from aesearch.sources.base import Entry, Known, digest_of
from aesearch.sources.changes import Changes, compare

KEYS = st.sampled_from(["a", "b", "c", "d", "e/a", "e/b"])
# Few contents, two of a size, so that files are copies of one another.
CONTENTS = st.sampled_from([b"x", b"y", b"long", b""])
FILES = st.dictionaries(KEYS, st.tuples(CONTENTS, st.integers(1, 3)))

Files = dict[str, tuple[bytes, int]]


def known(files: Files) -> dict[str, Known]:
    return {key: Known(len(what), time, digest_of(what)) for key, (what, time) in files.items()}


def entries(files: Files) -> list[Entry]:
    return [Entry(key, len(what), time) for key, (what, time) in files.items()]


def looked_at(changes: Changes) -> Counter[str]:
    """How often each key of the source is named."""
    lists = (changes.new, changes.changed, changes.touched, [new for _, new in changes.renamed])
    return Counter(entry.key for entries in lists for entry in entries)


@given(before=FILES, now=FILES, skipped=FILES, locked=st.sets(KEYS))
@example(before={"a": (b"x", 1)}, now={"b": (b"x", 2)}, skipped={}, locked=set())
@example(before={"a": (b"x", 1), "b": (b"x", 1)}, now={"c": (b"x", 1)}, skipped={}, locked=set())
def test_every_file_and_every_item_is_in_one_part(
    before: Files, now: Files, skipped: Files, locked: set[str]
) -> None:
    skipped = {key: file for key, file in skipped.items() if key not in before}
    read: list[str] = []

    def digest(key: str) -> bytes | None:
        read.append(key)
        return None if key in locked else digest_of(now[key][0])

    items, skipped = known(before), {k: v._replace(digest=b"") for k, v in known(skipped).items()}
    changes = compare(entries(now), items, skipped, digest)
    same = {key for key in now if key in items and items[key][:2] == known(now)[key][:2]}
    passed_over = {key for key in now if key in skipped and skipped[key][:2] == known(now)[key][:2]}
    # Of the source: each file in one list, but those that look as they did.
    assert looked_at(changes) == Counter(now.keys() - same - passed_over)
    assert changes.unchanged == len(same)
    # Of the index: each item is still there, or renamed, or removed.
    left = [old for old, _ in changes.renamed] + changes.removed
    assert Counter(left) == Counter(items.keys() - now.keys())
    assert sorted(changes.forgotten) == sorted(skipped.keys() - now.keys())
    # What each list says is so.
    assert all(entry.key not in items for entry in changes.new)
    assert all(before[old][0] == now[new.key][0] for old, new in changes.renamed)
    assert all(new.key not in items for _, new in changes.renamed)
    assert all(before[entry.key][0] == now[entry.key][0] for entry in changes.touched)
    assert all(
        entry.key in locked or before[entry.key][0] != now[entry.key][0]
        for entry in changes.changed
    )
    # No new file is taken for new while an item of its content is taken for removed.
    gone = {before[key][0] for key in changes.removed}
    assert all(now[entry.key][0] not in gone or entry.key in locked for entry in changes.new)
    # Files that look as they did are not read, and none is read twice.
    assert max(Counter(read).values(), default=0) <= 1
    assert not set(read) & (same | passed_over)
    counts = changes.counts()
    assert sum(counts.values()) - counts["removed"] == len(now) - len(passed_over)
    assert bool(changes) == (
        looked_at(changes) != Counter() or bool(left) or bool(changes.forgotten)
    )


@given(before=FILES, now=FILES)
def test_an_index_that_followed_has_nothing_left_to_do(before: Files, now: Files) -> None:
    items = known(before)
    changes = compare(entries(now), items, {}, lambda key: digest_of(now[key][0]))
    moved = {new.key: items.pop(old) for old, new in changes.renamed}
    for key in changes.removed:
        del items[key]
    items |= {key: old._replace(mtime_ns=now[key][1]) for key, old in moved.items()}
    for entry in changes.touched:
        items[entry.key] = items[entry.key]._replace(mtime_ns=entry.mtime_ns)
    taken = {entry.key: now[entry.key] for entry in (*changes.new, *changes.changed)}
    items |= known(taken)
    hidden = {key for key, file in before.items() if key in now and now[key] != file
              and (len(now[key][0]), now[key][1]) == (len(file[0]), file[1])}  # fmt: skip
    expected = known(now)
    assert {k: v for k, v in items.items() if k not in hidden} == {
        k: v for k, v in expected.items() if k not in hidden
    }
    assert not compare(entries(now), items, {}, lambda key: digest_of(now[key][0]))
