"""A closed index, and one that is asked wrongly: the right error, and never that of damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from collections_ import write_pictures
from texts_ import write_texts

import aesearch
from aesearch.errors import ClosedError, DamagedError, ParameterError, StorageError
from aesearch.search.hits import Limits
from aesearch.search.index import Index
from aesearch.search.query import Query
from aesearch.storage.commit import nothing
from aesearch.storage.schema import Skipped

PICTURE = "disks/000.png"


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("closed")
    write_pictures(root / "pictures", 12)
    write_texts(root / "documents", per_topic=4)
    for kind in ("pictures", "documents"):
        aesearch.build(root / kind, root / f"{kind}.ix", budget=0).close()
    return {kind: root / f"{kind}.ix" for kind in ("pictures", "documents")}


WAYS: dict[str, Callable[[Index], Any]] = {
    "len": len,
    "in": lambda index: "a" in index,
    "items": lambda index: list(index.items()),
    "skipped": lambda index: index.skipped(),
    "drift": lambda index: index.drift(),
    "info": lambda index: index.info(),
    "revision": lambda index: index.revision,
    "similar": lambda index: index.similar(PICTURE),
    "add": lambda index: index.add({"a": b"violin"}),
    "remove": lambda index: index.remove([PICTURE]),
    "sync": lambda index: index.sync(),
    "verify": lambda index: index.verify(),
    "repair": lambda index: index.verify(repair=True),
    "prepare": lambda index: index.prepare("violin"),
    "encoder": lambda index: index.encoder,
    "manifest": lambda index: index.folder.manifest,
    "labels": lambda index: index.folder.labels(),
    "reading": lambda index: index.folder.reading().__enter__(),
    "settled": lambda index: index.folder.settled().__enter__(),
    "transaction": lambda index: index.folder.store.transaction().__enter__(),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_closed_index_says_so(way: str, places: dict[str, Path]) -> None:
    for place in places.values():
        with Index(place) as index:
            index.similar(next(index.items()).key, 1)
        with pytest.raises(ClosedError, match="was closed; open it again") as caught:
            WAYS[way](index)
        assert isinstance(caught.value, StorageError)
        assert not isinstance(caught.value, DamagedError)


def test_searching_a_closed_index(places: dict[str, Path]) -> None:
    index = Index(places["documents"])
    index.search("violin orchestra")
    index.close()
    index.close()  # twice is as good as once
    for hybrid in (None, True, False):
        with pytest.raises(ClosedError):
            index.search("violin orchestra", hybrid=hybrid)
        with pytest.raises(ClosedError):
            index.search_many(["violin", "soup"], hybrid=hybrid)
    with pytest.raises(ClosedError):
        index.explain("violin", "music/00.txt")
    with pytest.raises(ClosedError):
        index.text_of("music/00.txt")


def test_repr_never_raises(places: dict[str, Path]) -> None:
    for kind, place in places.items():
        index = Index(place)
        assert repr(index) == f"<Index '{kind}.ix': {len(index)} items>"
        index.close()
        assert repr(index) == f"<Index '{kind}.ix': closed>"
    assert repr(Index.__new__(Index)) == "<Index: AttributeError>"  # as a debugger sees it
    with Index(places["pictures"]) as index:
        index.folder.store._db.close()
        assert "closed" in repr(index)


def test_what_is_asked_wrongly_is_no_damage(places: dict[str, Path]) -> None:
    with Index(places["pictures"]) as index:
        store = index.folder.store
        with pytest.raises(ParameterError):
            store.keys_of([1 << 70])
        with pytest.raises(ParameterError):
            store.same_content(object())  # type: ignore[arg-type]
        with pytest.raises(ParameterError), store.transaction():
            store.skip([Skipped(("a",), "", ignored=False)])  # type: ignore[arg-type]
        assert index.similar(PICTURE, 1)[0].key == PICTURE


def test_a_query_is_read_once_where_a_writer_comes_in_between(
    places: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path may name a pipe: what was read is used again with the next revision."""
    place = places["pictures"]
    reads: list[object] = []
    with Index(place) as index, Index(place) as other:
        ranker, read = index.ranker, index.ranker.query
        rank, seen = type(ranker).rank, list[int]()

        def counted(content: object) -> Query:
            reads.append(content)
            return read(content)

        def interrupted(self: Any, snapshot: Any, queries: Any, limits: Limits) -> Any:
            if len(seen) < 2:
                seen.append(snapshot.revision.number)
                other.folder.publish(nothing, fingerprint=other.revision.fingerprint)
            return rank(self, snapshot, queries, limits)

        monkeypatch.setattr(ranker, "query", counted)
        monkeypatch.setattr(type(ranker), "rank", interrupted)
        hits = index.search(index.source / PICTURE, 1)
        assert hits[0].key == PICTURE
        assert len(seen) == 2
        assert len(reads) == 1


def test_info_is_of_one_revision(places: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and revision belong together, whatever is written while they are gathered."""
    place = places["pictures"]
    with Index(place) as index, Index(place) as other:
        items, number = len(index), index.revision.number
        content = (index.source / PICTURE).read_bytes()

        def interrupted() -> int:
            other.add({"by/hand": content})
            return index.folder.store.count()

        monkeypatch.setattr(index.folder, "count", interrupted)
        facts = index.info()
        assert (facts.items, facts.revision) == (items, number)
        other.remove(["by/hand"])
