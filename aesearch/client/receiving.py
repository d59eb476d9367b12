"""What a service answers as what `Index` returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from aesearch.errors import ServiceError
from aesearch.modalities.texts.passages import Passage
from aesearch.modalities.texts.snippets import Snippet
from aesearch.search.explain import Explanation, Term
from aesearch.search.hits import Hit
from aesearch.settings import Settings
from aesearch.storage.info import IndexInfo, SkippedFile
from aesearch.storage.schema import Item, KeptText

Record = TypeVar("Record", Settings, IndexInfo)


@dataclass(frozen=True)
class Answer:
    """The hits of one search, and what there is to say of it.

    Attributes
    ----------
    hits : list of Hit
    revision : int
        Of the index that was searched.
    notes : list of str
        How the query was read.
    unknown_words : list of str
        Words that were passed over.
    reasons : list of Explanation
        One for each hit, where they were asked for.
    """

    hits: list[Hit]
    revision: int
    notes: list[str]
    unknown_words: list[str]
    reasons: list[Explanation]


def answer_of(told: Mapping[str, Any]) -> Answer:
    """An answer to a search."""
    return Answer(
        [hit_of(hit) for hit in told["hits"]],
        told["revision"],
        list(told.get("notes") or ()),
        list(told.get("unknown_words") or ()),
        [explanation_of(hit["why"]) for hit in told["hits"] if hit.get("why")],
    )


def hit_of(told: Mapping[str, Any]) -> Hit:
    """One hit; its path is one of the machine that serves the index."""
    snippet, passage, path = told.get("snippet"), told.get("passage"), told.get("path")
    return Hit(
        score=told["score"],
        key=told["key"],
        path=None if path is None else Path(path),
        title=told.get("title"),
        snippet=snippet
        and Snippet(snippet["text"], tuple((start, stop) for start, stop in snippet["marks"])),
        passage=passage and Passage(*passage),
        fields=told.get("fields"),
        same=told.get("same"),
    )


def explanation_of(told: Mapping[str, Any]) -> Explanation:
    """Why a document was found."""
    shared, code = (
        tuple(Term(term["word"], term["weight"]) for term in told[name])
        for name in ("shared", "code")
    )
    return Explanation(shared, code, tuple(told.get("borrowed") or ()))


def item_of(told: Mapping[str, Any]) -> Item:
    """One row."""
    digest = bytes.fromhex(told["digest"])
    return Item(told["id"], told["key"], told["size"], told["mtime_ns"], digest, told["added"])


def text_of(told: Mapping[str, Any]) -> KeptText:
    """What is kept of a document."""
    title, label, quoted = (told.get(name) or "" for name in ("title", "label", "quoted"))
    return KeptText(told["id"], title, told["text"] or "", label, quoted)


def info_of(told: Mapping[str, Any]) -> IndexInfo:
    """What there is to know about an index; what a later version adds is left out."""
    skipped = [SkippedFile(f["key"], f["reason"], f["ignored"], f["kept"]) for f in told["skipped"]]
    settings = _record(Settings, told["settings"])
    return _record(IndexInfo, {**told, "settings": settings, "skipped": skipped})


def _record(kind: type[Record], told: Mapping[str, Any]) -> Record:
    known = {one.name for one in fields(kind)}
    try:
        return kind(**{name: value for name, value in told.items() if name in known})
    except TypeError as error:
        raise ServiceError(f"the service is of another version: {error}") from error
