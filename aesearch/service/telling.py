"""Hits, items and facts of an index as what travels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aesearch.service import models
from aesearch.sources.folder import folder_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aesearch.search.explain import Explanation
    from aesearch.search.hits import Hit
    from aesearch.search.index import Index
    from aesearch.storage.schema import Item


def hits(
    index: Index, found: Sequence[Hit], reasons: Sequence[Explanation] = ()
) -> list[models.Hit]:
    """Hits with their ids; one that a writer has just removed is left out."""
    ids = index.folder.ids_of(hit.key for hit in found)
    why: list[models.Explanation | None] = [explanation(reason) for reason in reasons]
    why = why or [None] * len(found)
    return [
        _hit(ids[hit.key], hit, reason)
        for hit, reason in zip(found, why, strict=True)
        if hit.key in ids
    ]


def _hit(id: int, hit: Hit, why: models.Explanation | None) -> models.Hit:
    return models.Hit.model_construct(
        id=id,
        score=float(hit.score),
        key=hit.key,
        path=None if hit.path is None else str(hit.path),
        title=hit.title,
        snippet=None if hit.snippet is None else models.Snippet(**hit.snippet._asdict()),
        passage=None if hit.passage is None else tuple(hit.passage),
        fields=None if hit.fields is None else dict(hit.fields),
        same=hit.same,
        why=why,
    )


def explanation(why: Explanation) -> models.Explanation:
    """Why a document was found."""
    return models.Explanation(
        shared=[models.Term(**term._asdict()) for term in why.shared],
        code=[models.Term(**term._asdict()) for term in why.code],
        borrowed=list(why.borrowed),
    )


def summary(index: Index, name: str) -> models.IndexSummary:
    """One line on an index."""
    return models.IndexSummary(
        name=name,
        kind=index.kind,
        items=len(index),
        revision=index.revision.number,
        encoder=index.folder.manifest.kind,
        hybrid=index.is_hybrid,
    )


def info(index: Index) -> models.IndexInfo:
    """Everything there is to know about an index."""
    return models.IndexInfo(**index.info().as_dict(), hybrid=index.is_hybrid)


def item(row: Item) -> models.Item:
    """One item."""
    return models.Item(**_facts(row))


def _facts(row: Item) -> dict[str, Any]:
    return {
        "id": row.id,
        "key": row.key,
        "size": row.size,
        "mtime_ns": row.mtime_ns,
        "digest": row.digest.hex(),
        "added": row.added,
    }


def details(index: Index, name: str, row: Item) -> models.ItemDetails:
    """One item and what is kept of it."""
    folder = index.folder
    path = folder.paths_of({row.id: row.key})[row.id]
    more: dict[str, Any] = {}
    if not folder.modality.keeps_texts:
        more["label"] = folder_names([row.key])[0] or None
    kept = folder.texts_of([row.id]).get(row.id)
    if kept is not None:
        more["label"] = kept.label or None
        if folder.modality.has_words:
            more |= {"title": kept.title or None, "text": kept.text, "quoted": kept.quoted or None}
    return models.ItemDetails(
        **_facts(row),
        fields=folder.fields_of([row.id]).get(row.id),
        index=name,
        revision=index.revision.number,
        path=None if path is None else str(path),
        **more,
    )
