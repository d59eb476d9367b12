"""An index is a dict of its source, whatever happens to the files and is added or removed by hand.

The model is two dicts: the files on the disk, and what the index must hold. After each change of
the index its keys, contents and skipped are those of the model, and each item finds itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import make_picture
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from PIL import Image
from texts_ import NAMES, long_text, make_text

from aesearch.errors import ContentError, SourceError, UnknownKeyError
from aesearch.indexing.build import build
from aesearch.search.index import Index
from aesearch.sources.base import digest_of

# Those of the template and others, in folders that come and go.
NUMBERS = range(7)
FIRST = 4
EVERYWHERE = st.sampled_from(NUMBERS)
CONTENTS = {"write": "good", "damage": "bad"}


@dataclass(frozen=True)
class Kind:
    """What a collection of one kind is made of.

    Attributes
    ----------
    name, suffix : str
    good : list of bytes
        Contents of files; no two are the same.
    bad : list of bytes
        Contents that cannot be read, of different sizes.
    as_query : callable
        From such a content to what is like it, but not the same bytes.
    """

    name: str
    suffix: str
    good: list[bytes]
    bad: list[bytes]
    as_query: Callable[[bytes], Any]

    def key(self, number: int) -> str:
        return f"{('', 'sub/', 'sub/deep/', 'other/')[number % 4]}{number}{self.suffix}"


def png(number: int) -> bytes:
    stream = BytesIO()
    Image.fromarray(make_picture(("disks", "stripes", "squares")[number % 3], number)).save(
        stream, "PNG"
    )
    return stream.getvalue()


TEXTS = Kind(
    "texts",
    ".txt",
    # The last two: passages, and words that no code knows.
    [make_text(NAMES[n % 4], n).encode() for n in range(6)]
    + [long_text(2).encode(), b"qwertz uiopue"],
    [b"", b"\x00\x01\x02"],
    bytes.decode,
)
IMAGES = Kind(
    "images",
    ".png",
    [png(n) for n in range(8)],
    [b"", b"\x89PNG\r\n\x1a\nbroken"],
    lambda content: np.asarray(Image.open(BytesIO(content))),
)


@dataclass(frozen=True)
class File:
    """A file, or an item: what it holds, its size and time, and whether it was added by hand."""

    content: bytes
    mtime: int = 0
    added: bool = False

    @property
    def stamp(self) -> tuple[int, int]:
        return len(self.content), self.mtime


class Syncing(RuleBasedStateMachine):
    """The index at `root`/ix of the folder `root`/files; what they begin as is in `root`/kept."""

    def __init__(self, kind: Kind, root: Path) -> None:
        super().__init__()
        self.kind, self.root, self.source = kind, root, root / "files"
        for name in ("files", "ix"):
            shutil.rmtree(root / name, ignore_errors=True)
            shutil.copytree(root / "kept" / name, root / name)
        self.disk = {
            self.kind.key(n): File(
                self.kind.good[n], (self.source / self.kind.key(n)).stat().st_mtime_ns
            )
            for n in range(FIRST)
        }
        self.items = dict(self.disk)
        self.skipped: dict[str, tuple[int, int]] = {}
        self.removed: set[str] = set()  # by hand
        self.clock = max(file.mtime for file in self.disk.values())
        self.open()
        self.check()

    def open(self) -> None:
        self.index = Index(self.root / "ix")
        self.index.folder.store._db.execute("PRAGMA synchronous=OFF")

    def teardown(self) -> None:
        self.index.close()

    # -- the disk ----------------------------------------------------------------------------------

    def put(self, key: str, content: bytes) -> None:
        path = self.source / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.clock += 1_000_000_000
        os.utime(path, ns=(self.clock, self.clock))
        self.disk[key] = File(content, path.stat().st_mtime_ns)

    @rule(data=st.data(), how=st.sampled_from(["write", "damage", "touch", "rename", "delete"]))
    def edit(self, data: st.DataObject, how: str) -> None:
        there = st.sampled_from(sorted(self.disk)) if self.disk else st.nothing()
        new = self.kind.key(data.draw(EVERYWHERE))
        if how in ("write", "damage"):
            self.put(new, data.draw(st.sampled_from(getattr(self.kind, CONTENTS[how]))))
        elif self.disk:
            old = data.draw(there)
            if how == "touch":
                self.put(old, self.disk[old].content)
            elif how == "delete":
                (self.source / old).unlink()
                del self.disk[old]
            elif new != old:
                (self.source / new).parent.mkdir(parents=True, exist_ok=True)
                os.replace(self.source / old, self.source / new)
                self.disk[new] = self.disk.pop(old)

    @precondition(lambda self: len(self.disk) > 1)
    @rule(data=st.data())
    def rotate(self, data: st.DataObject) -> None:
        """Rename files in a circle; of two, swap them."""
        there = st.sampled_from(sorted(self.disk))
        keys = data.draw(st.lists(there, min_size=2, max_size=3, unique=True))
        files = [self.disk[key] for key in keys]
        for key in keys:
            os.replace(self.source / key, f"{self.source / key}.aside")
        for key, old, file in zip(keys, [keys[-1], *keys], [files[-1], *files], strict=False):
            os.replace(f"{self.source / old}.aside", self.source / key)
            self.disk[key] = file

    # -- the index ---------------------------------------------------------------------------------

    @rule(data=st.data(), number=EVERYWHERE)
    def add(self, data: st.DataObject, number: int) -> None:
        key, content = self.kind.key(number), data.draw(st.sampled_from(self.kind.good))
        assert self.index.add({key: content}) == [key]
        self.decide(key)
        self.items[key] = File(content, added=True)
        self.removed.discard(key)
        self.check()

    def decide(self, key: str) -> None:
        """Note what the source has, or had, under a key that was added or removed by hand."""
        if key in self.items and not self.items[key].added:
            self.skipped[key] = self.items[key].stamp
        elif key in self.disk:
            self.skipped.setdefault(key, (0, 0))

    @precondition(lambda self: self.disk)
    @rule(data=st.data())
    def add_a_file(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.disk)))
        file = self.disk[key]
        if file.content in self.kind.bad:
            with pytest.raises(ContentError, match="cannot be added"):
                self.index.add([self.source / key])
        else:
            assert self.index.add([self.source / key]) == [key]
            self.items[key] = file
            self.skipped.pop(key, None)
            self.removed.discard(key)
        self.check()

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        keys = data.draw(st.lists(st.sampled_from(sorted(self.items)), min_size=1, max_size=2))
        with pytest.raises(UnknownKeyError, match="nothing was removed"):
            self.index.remove([*keys, "nothing"])
        assert self.index.remove(keys) == len(set(keys))
        for key in set(keys):
            self.decide(key)
            del self.items[key]
            if key in self.skipped:
                self.removed.add(key)
        self.check()

    @precondition(lambda self: self.removed)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.removed)))
        with pytest.raises(UnknownKeyError, match="nothing was restored"):
            self.index.restore([key, "nothing"])
        assert self.index.restore([key]) == 1
        self.removed.discard(key)
        del self.skipped[key]
        self.check()

    @rule(anew=st.booleans())
    def sync(self, anew: bool) -> None:
        if anew:
            self.index.close()
            self.open()
        walked = {key for key, item in self.items.items() if not item.added}
        if walked and not self.disk:
            with pytest.raises(SourceError, match="Nothing was removed"):
                self.index.sync()
            self.check()
            return
        before, ids = self.items, self.index.folder.store.ids_of(self.items)
        seen_before = self.skipped
        self.items = {key: item for key, item in before.items() if item.added}
        self.skipped = {
            key: stamp
            for key, stamp in seen_before.items()
            if key in self.removed or key in self.items
        }
        for key, file in self.disk.items():
            if key in self.removed or key in self.items:  # a person decided
                self.skipped.setdefault(key, file.stamp)
            elif key in walked and file.content in self.kind.bad:  # what was indexed stays
                self.items[key] = before[key]
                self.skipped[key] = file.stamp
            elif file.content in self.kind.bad or (
                key not in walked and seen_before.get(key) == file.stamp
            ):
                self.skipped[key] = file.stamp
            else:
                self.items[key] = file
        counts = self.index.sync(remove=True)
        self.check()
        self.check_ids(before, ids)
        here = {key for key, item in self.items.items() if not item.added}
        unread = {"unread": len(here & self.skipped.keys())} if here & self.skipped.keys() else {}
        nothing = {"new": 0, "changed": 0, "renamed": 0, "removed": 0}
        unchanged = {**nothing, "unchanged": len(here) - sum(unread.values()), **unread}
        assert sum(counts.values()) - counts["removed"] == len(here)
        assert counts["new"] + counts["renamed"] == len(here - walked)
        assert counts["renamed"] + counts["removed"] == len(walked - here)
        assert self.index.sync() == unchanged

    # -- what must hold ----------------------------------------------------------------------------

    def check_ids(self, before: dict[str, File], ids: dict[str, int]) -> None:
        """What was there keeps its id, also under the new name of its file."""
        now = self.index.folder.store.ids_of(self.items)
        for key in before.keys() & self.items.keys():
            if before[key].added == self.items[key].added:
                assert now[key] == ids[key]
        for content in {file.content for file in self.items.values()}:
            old = [key for key, item in before.items() if item.content == content]
            new = [key for key, item in self.items.items() if item.content == content]
            only_one = len(old) == len(new) == 1 and not before[old[0]].added
            if only_one and old[0] not in self.disk and new[0] not in before:
                assert now[new[0]] == ids[old[0]]

    def check(self) -> None:
        index, items = self.index, self.items
        assert {item.key: item.added for item in index.items()} == {
            key: item.added for key, item in items.items()
        }
        assert len(index) == len(items)
        stamps = {key: known[:2] for key, known in index.folder.store.known(added=True).items()}
        assert stamps == {key: item.stamp for key, item in items.items()}
        assert {s.key: (s.size, s.mtime_ns) for s in index.skipped()} == self.skipped
        assert index.verify() == []
        for key, item in items.items():
            assert key in index
            self.check_item(key, item.content)

    def check_item(self, key: str, content: bytes) -> None:
        index, copies = self.index, {k for k, i in self.items.items() if i.content == content}
        if self.kind is TEXTS:
            assert index.text_of(key).text == content.decode()  # type: ignore[attr-defined]
        assert {key for _, key in index.folder.store.same_content(digest_of(content))} == copies
        best = index.similar(key, k=1)
        assert [(hit.key, hit.score) for hit in best] == [(key, 1)]
        exact = index.search(content, k=len(self.items))
        assert {hit.key for hit in exact[: len(copies)]} == copies
        assert {hit.key for hit in exact} <= self.items.keys()
        # By its code, or by its words where no code knows one of them: not by its bytes.
        query = index.prepare(self.kind.as_query(content))
        try:
            hits = index.search(query, k=99, hybrid=False)
        except ContentError:
            hits = index.search(query, k=99)
        found = {hit.key: hit.score for hit in hits}
        assert found.keys() <= self.items.keys()
        assert found[key] > 0.999


@pytest.mark.parametrize("kind", [TEXTS, IMAGES], ids=lambda kind: kind.name)
def test_it_is_a_dict_of_its_source(
    kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    source = tmp_path / "files"
    for number in range(FIRST):
        path = source / kind.key(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(kind.good[number])
        os.utime(path, (number + 1, number + 1))
    build(source, tmp_path / "ix", {"kind": kind.name}, budget=0).close()
    for name in ("files", "ix"):
        shutil.copytree(tmp_path / name, tmp_path / "kept" / name)
    run_state_machine_as_test(
        lambda: Syncing(kind, tmp_path),
        settings=settings(
            max_examples=settings().max_examples // 6,
            stateful_step_count=25,
            phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to shrink takes minutes
        ),
    )
