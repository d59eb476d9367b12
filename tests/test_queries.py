"""A query is read once: one database, one look at its words; many are encoded together."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collections_ import assert_same_hits, command, write_pictures
from texts_ import made, write_texts

import aesearch
from aesearch.modalities.texts import tokenizer
from aesearch.storage.backend import Backend
from aesearch.storage.folder import IndexFolder

TEXT = "the boat left the harbour under a spinnaker"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of documents, and one of pictures."""
    root = tmp_path_factory.mktemp("queries").resolve()
    write_texts(root / "docs", per_topic=10)
    made(root / "docs", root / "texts", settings={"encoder": "lsa"}).close()
    write_pictures(root / "photos", 24)
    made(root / "photos", root / "images").close()
    return root


@pytest.fixture
def texts(home: Path) -> Iterator[aesearch.Index]:
    with aesearch.open(home / "texts") as index:
        yield index


def counting(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, seen: list[Any]) -> None:
    """Note the first argument of every call of a function, wherever it was imported to."""
    original: Callable[..., Any] = getattr(module, name)

    def counted(first: Any, *args: Any, **options: Any) -> Any:
        seen.append(first)
        return original(first, *args, **options)

    import sys

    for loaded in list(sys.modules.values()):
        if getattr(loaded, name, None) is original:
            monkeypatch.setattr(loaded, name, counted)


def test_a_text_is_tokenized_once(
    texts: aesearch.Index, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert texts.is_hybrid
    texts.search("harbour")  # everything is imported, and the lexical index is there
    seen: list[str] = []
    for name in ("raw_tokens", "spans", "tokenize"):
        counting(monkeypatch, tokenizer, name, seen)
    assert len(texts.search(TEXT, k=10)) == 10
    assert seen.count(TEXT) == 1
    seen.clear()
    monkeypatch.setenv("AESEARCH_HOME", str(home))
    shown = command("query", "--index", "texts", "-k", "10", "--explain", *TEXT.split())
    assert shown.out.count("both say") >= 8
    assert seen.count(TEXT) == 1


def test_a_query_opens_one_database(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    counting(monkeypatch, sqlite3, "connect", opened)
    monkeypatch.setenv("AESEARCH_HOME", str(home))
    assert command("query", "--index", "texts", "boat", "harbour").code == 0
    assert len(opened) == 1
    opened.clear()
    assert command("query", "--index", "texts", "--explain", "boat", "harbour").code == 0
    assert len(opened) == 1


def test_a_query_that_was_prepared_finds_the_same(texts: aesearch.Index) -> None:
    query = texts.prepare(TEXT)
    assert texts.prepare(query) is query
    assert_same_hits(texts.search(query), texts.search(TEXT))
    assert texts.unknown_words(query) == texts.unknown_words(TEXT)
    key = texts.search(TEXT, k=1)[0].key
    assert texts.explain(query, key) == texts.explain(TEXT, key)


@pytest.mark.parametrize("options", [{}, {"hybrid": False}, {"hybrid": True}, {"threshold": 0.2}])
def test_many_texts_find_what_each_finds(
    texts: aesearch.Index, home: Path, options: dict[str, Any]
) -> None:
    asked = [TEXT, "violin and orchestra", home / "docs" / "sailing" / "03.txt", "harbour"]
    together = texts.search_many(asked, k=7, among="*/0*", **options)
    assert len(together) == len(asked)
    for content, hits in zip(asked, together, strict=True):
        assert_same_hits(hits, texts.search(content, k=7, among="*/0*", **options))


def test_many_pictures_find_what_each_finds(home: Path) -> None:
    files = sorted((home / "photos").rglob("*.png"))[:20]
    with aesearch.open(home / "images") as index:
        together = index.search_many(files, k=5)
        for path, hits in zip(files, together, strict=True):
            assert hits[0].path == path
            assert hits[0].score == 1
            assert_same_hits(hits, index.search(path, k=5))
        assert index.search_many([]) == []


def test_what_means_nothing_for_a_kind_is_refused_by_name(home: Path) -> None:
    with aesearch.open(home / "images") as index:
        path = next((home / "photos").rglob("*.png"))
        for refused in (
            lambda: index.search(path, hybrid=True),
            lambda: index.explain(path, "x"),
            lambda: index.text_of("x"),
        ):
            with pytest.raises(aesearch.AesearchError, match="an index of pictures"):
                refused()
        assert not index.is_hybrid
        hit = index.search(path, k=1)[0]
        assert (hit.title, hit.snippet, hit.passage) == (None, None, None)
    with (
        aesearch.open(home / "texts") as index,
        pytest.raises(aesearch.AesearchError, match="an index of documents"),
    ):
        _ = index.generate


def test_the_folder_of_an_index_is_a_backend(home: Path) -> None:
    backend: Backend = IndexFolder(home / "images")  # mypy holds it to the protocol
    assert backend.count() == len(list(backend.items()))
    backend.close()
