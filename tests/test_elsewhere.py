"""An index that is open, and of which the folder is removed, moved or replaced meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from collections_ import command
from texts_ import made, make_text

from aesearch.errors import ClosedError, IndexNotFoundError
from aesearch.search.index import Index

Act = Callable[[Index], object]
READS: tuple[Act, ...] = (
    lambda index: index.search("violin"),
    lambda index: index.info(),
    lambda index: index.verify(),
)
WRITES: tuple[Act, ...] = (
    lambda index: index.add({"own": make_text("music", 3)}),
    lambda index: index.remove(["1.txt"]),
    lambda index: index.restore(["1.txt"]),
    lambda index: index.compact(),
    lambda index: index.sync(),
)


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    """The folders of two indexes, of music and of sailing."""
    for topic in ("music", "sailing"):
        (tmp_path / topic).mkdir()
        for number in range(6):
            (tmp_path / topic / f"{number}.txt").write_text(make_text(topic, number))
        made(tmp_path / topic, tmp_path / "indexes" / topic).close()
    return tmp_path / "indexes" / "music", tmp_path / "indexes" / "sailing"


def files_of(place: Path) -> dict[str, bytes]:
    """What lies in the folder of an index; not who writes, and what SQLite keeps beside."""
    found = (path for path in place.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {str(path): path.read_bytes() for path in found if not path.name.endswith(("m", "l"))}


@pytest.mark.parametrize("act", [*READS, *WRITES])
def test_one_that_was_removed_is_not_called_damaged(places: tuple[Path, Path], act: Act) -> None:
    with Index(places[0]) as index:
        shutil.rmtree(places[0])
        with pytest.raises(IndexNotFoundError, match="any more: it was removed, or moved"):
            act(index)
    assert not places[0].exists()


@pytest.mark.parametrize("act", [*READS, *WRITES])
def test_one_that_was_replaced_is_to_be_opened_again(places: tuple[Path, Path], act: Act) -> None:
    ours, other = places
    with Index(ours) as index:
        ours.rename(ours.with_name("before"))
        shutil.copytree(other, ours)
        with pytest.raises(ClosedError, match="was replaced by another index"):
            act(index)
    with Index(ours) as index:
        assert index.verify() == []


@pytest.mark.parametrize("act", WRITES)
def test_nothing_is_written_into_what_took_its_place(places: tuple[Path, Path], act: Act) -> None:
    ours, _ = places
    before = ours.with_name("before")
    with Index(ours) as index:
        index.search(make_text("music", 1))  # all is open: even a copy of it is another index
        ours.rename(before)
        shutil.copytree(before, ours)
        held, state = files_of(before), files_of(ours)
        with pytest.raises(ClosedError):
            act(index)
        assert index.search(make_text("music", 1))
    assert (files_of(before), files_of(ours)) == (held, state)
    for place in (ours, before):
        assert command("verify", "--index", place)[0] == 0
