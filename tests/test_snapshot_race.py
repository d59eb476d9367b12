"""A reader whose files a writer removes: it answers from one revision throughout."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import aesearch
from aesearch.inference.encoder import FrozenEncoder
from aesearch.storage import snapshot as snapshots
from aesearch.storage.folder import IndexFolder
from aesearch.storage.layout import Layout
from aesearch.storage.schema import Revision

TEXTS = {"a": "boat harbour anchor", "b": "soup onion garlic", "c": "violin choir melody"}
MORE = {"d": "oboe and flute"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    aesearch.build(TEXTS, tmp_path / "index", budget=0).close()
    return tmp_path / "index"


@pytest.fixture(autouse=True)
def _no_warning() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def add(writer: aesearch.Index) -> None:
    """Publish a revision of the same encoder."""
    writer.add(MORE)


def another_encoder(writer: aesearch.Index) -> None:
    """Publish the codes of another encoder, whose vocabulary is smaller."""
    writer.add(MORE)
    writer.folder.store._db.execute("PRAGMA busy_timeout=50")  # the reader holds the journal
    writer.remove(["a"])
    writer.compact()


def test_a_transaction_reads_on_when_the_files_it_sees_are_replaced(place: Path) -> None:
    with aesearch.Index(place) as reader, aesearch.Index(place) as writer:
        with reader.folder.settled():
            before = reader.revision.number
            writer.add(MORE)
            opened = reader.folder.snapshot()
            assert opened.revision.number == before
            assert not (reader.folder.layout.root / opened.revision.codes_file).exists()
            assert len(opened.engine) == 3
        assert reader.similar("d", 1)[0].key == "d"


@pytest.mark.parametrize("change", [add, another_encoder])
def test_a_transaction_whose_files_went_before_it_opened_them_begins_again(
    place: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[aesearch.Index], None]
) -> None:
    """It sees the revision that came meanwhile, and makes no engine of all codes for the old."""
    opening, revisions = snapshots._open_encoder, list[Revision]()

    def interrupted(layout: Layout, revision: Revision) -> FrozenEncoder:
        revisions.append(revision)
        if len(revisions) == 1:
            change(writer)
        return opening(layout, revision)

    with aesearch.Index(place) as reader, aesearch.Index(place) as writer:
        monkeypatch.setattr(snapshots, "_open_encoder", interrupted)
        monkeypatch.setattr(snapshots, "build_engine", None)
        with reader.folder.settled():
            opened = reader.folder.snapshot()
            assert opened.revision == reader.revision == revisions[-1]
            assert len(opened.engine) == len(reader)
        assert len({one.number for one in revisions}) > 1
        assert len({one.fingerprint for one in revisions}) == 1 + (change is another_encoder)


def test_an_encoder_that_is_open_outlives_its_folder(place: Path) -> None:
    if not hasattr(os, "pread"):
        pytest.skip("what is open cannot be removed here")
    with aesearch.Index(place) as index:
        items = list(index.items())
        encoder, rows = index.encoder, index.features.transform([TEXTS[i.key] for i in items])
        codes = index.folder.codes_of(item.id for item in items)
        shutil.rmtree(encoder.folder)
        assert np.abs(encoder.encode(rows) - codes).max() < 1e-5
        assert encoder.errors(rows)[0].shape == codes.shape


def test_words_are_kept_of_one_revision_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lexical index that a writer's texts came into is neither used nor kept."""
    texts, came = IndexFolder.texts, list[bool]()

    def interrupted(self: IndexFolder) -> Any:
        if not came:
            came.append(True)
            add(writer)
        return texts(self)

    with aesearch.Index(place) as reader, aesearch.Index(place) as writer:
        shutil.rmtree(place / "words-1", ignore_errors=True)
        monkeypatch.setattr(IndexFolder, "texts", interrupted)
        assert reader.search("oboe", 1, hybrid=True)[0].key == "d"
        assert reader.unknown_words("oboe", hybrid=True) == []
        assert [path.name for path in place.glob("words-*")] == ["words-2"]
