"""The types that a user's code sees; nothing here is run, mypy reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import aesearch
from aesearch.client import RemoteIndex
from aesearch.encoders import MLPEncoder, VAEEncoder
from aesearch.modalities.texts.passages import Passage
from aesearch.modalities.texts.snippets import Snippet
from aesearch.storage.info import IndexInfo
from aesearch.types import Floats


def opened() -> None:
    """An index is one type, whatever it holds."""
    assert_type(aesearch.open("images"), aesearch.Index)
    assert_type(aesearch.open(), aesearch.Index)
    assert_type(aesearch.open("http://127.0.0.1:8080/images", timeout=9), RemoteIndex)
    assert_type(aesearch.open("http://127.0.0.1:8080/images", token="..."), RemoteIndex)
    assert_type(aesearch.build(Path("images"), budget="5m"), aesearch.Index)
    with aesearch.open("images") as index:
        assert_type(index, aesearch.Index)
        assert_type(index.encode(["photo.png"]), Floats)
        assert_type(index.info(), IndexInfo)
        assert_type(len(index), int)


def hits(index: aesearch.Index) -> None:
    """A hit is one type too; what a kind of data has not is None."""
    assert_type(index.search("wing flutter", k=3, hybrid=True), list[aesearch.Hit])
    assert_type(index.search_many(["a.png", "b.png"], 3), list[list[aesearch.Hit]])
    examples = ["a.png", aesearch.Example(key="b.png", weight=2, crop=(0, 0, 0.5, 0.5))]
    assert_type(index.search(like=examples, unlike="c.png", offset=10), list[aesearch.Hit])
    for hit in index.similar("a.png", k=3):
        assert_type(hit.score, float)
        assert_type(hit.key, str)
        assert_type(hit.path, Path | None)
        assert_type(hit.title, str | None)
        assert_type(hit.snippet, Snippet | None)
        assert_type(hit.passage, Passage | None)
        assert_type(hit.fields, Mapping[str, Any] | None)


def remote(index: RemoteIndex) -> None:
    """An index of a service answers in the same types."""
    assert_type(index.search("wing flutter", k=3, hybrid=True), list[aesearch.Hit])
    assert_type(index.similar("a.png", k=3), list[aesearch.Hit])
    assert_type(index.info(), IndexInfo)
    assert_type(index.encode(["photo.png"]), Floats)


def changes(index: aesearch.Index) -> None:
    """What is added and removed is told."""
    assert_type(index.add({"upload/1": b"..."}), list[str])
    assert_type(index.remove(["upload/1"]), int)
    assert_type(index.sync(), dict[str, int])


def encoders(X: Floats) -> None:
    """Encoders come from their room, and are what they are called."""
    assert_type(VAEEncoder(20, beta=2), VAEEncoder)
    assert_type(VAEEncoder(20, beta=2).fit(X), VAEEncoder)
    assert_type(MLPEncoder(8, hidden=(16,)).fit(X).transform(X), Floats)


def settings() -> None:
    """Choices are one record."""
    assert_type(aesearch.Settings(code_size=16).code_size, int)
    assert_type(aesearch.build("images", settings={"code_size": 16}), aesearch.Index)
    assert_type(aesearch.__version__, str)
