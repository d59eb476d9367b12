"""What tools of an assistant answer: fewer words than over HTTP, and pictures where asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from mcp.types import CallToolResult, ContentBlock, ImageContent, TextContent
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from aesearch.errors import AesearchError
from aesearch.search.hits import Hit
from aesearch.search.index import Index
from aesearch.service.contents import item_of, thumbnail_of
from aesearch.settings import MAX_PIXELS
from aesearch.sources.folder import folder_names
from aesearch.sources.names import escaped
from aesearch.wording import clipped

if TYPE_CHECKING:
    from aesearch.search.explain import Explanation

MOST_PICTURES = 12  # thumbnails in one answer: each is some thousand tokens to an assistant
LONGEST = 500  # characters of a field
THUMBNAIL = 192  # pixels along the longer side


class About(BaseModel):
    """One index."""

    name: str
    kind: str = Field(description="What it holds: images, texts (documents) or vectors.")
    items: int
    source: str = Field(description="The folder or table that was indexed.")
    error: str | None = Field(None, description="Why it cannot be searched, if so.")

    @classmethod
    def of(cls, index: Index) -> Self:
        """Say what an index is."""
        source = escaped(str(index.source))
        return cls(name=index.name, kind=index.kind, items=len(index), source=source, error=None)


class Listing(BaseModel):
    """The indexes that there are."""

    indexes: list[About]


class FoundItem(BaseModel):
    """One hit."""

    score: float
    key: str
    path: str | None = Field(description="Where its file is, or the table that holds its row.")
    label: str = Field("", description="Its label, or the folder that it lies in.")
    title: str | None = None
    snippet: str | None = Field(None, description="The part of a document that was found.")
    same: str | None = Field(None, description="How the query picture was made from this one.")
    fields: dict[str, Any] | None = None


class Answer(BaseModel):
    """Hits, best first."""

    index: str
    hits: list[FoundItem]
    notes: list[str] = Field(description="What is to be known of this answer.")


class Weighted(BaseModel):
    """A word, and its share in the similarity."""

    word: str
    weight: float


class Reasons(BaseModel):
    """Why a document was found."""

    index: str
    shared: list[Weighted] = Field(description="Words that both hold.")
    code: list[Weighted] = Field(description="What the learned code says both are about.")
    borrowed: list[str] = Field(description="Words that stand in similar documents only.")


def answered(
    index: Index, hits: Sequence[Hit], notes: Sequence[str] = (), *, thumbnails: bool = False
) -> CallToolResult:
    """Hits as an assistant reads them, and as a program does."""
    labels = _labels_of(index, [hit.key for hit in hits])
    found = [
        FoundItem(
            score=round(hit.score, 6),
            key=hit.key,
            path=None if hit.path is None else escaped(str(hit.path)),
            label=labels.get(hit.key, ""),
            title=hit.title,
            snippet=None if hit.snippet is None else hit.snippet.text,
            same=hit.same,
            fields=None if hit.fields is None else _short(hit.fields),
        )
        for hit in hits
    ]
    shown, failed = _thumbnails(index, hits[:MOST_PICTURES]) if thumbnails else ([], [])
    answer = Answer(index=index.name, hits=found, notes=[*notes, *failed])
    return CallToolResult(
        content=[as_text(answer.model_dump_json(exclude_none=True)), *shown],
        structured_content=answer.model_dump(mode="json"),
    )


def _short(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields, of long ones the beginning: an assistant has little room."""
    told = {name: json.dumps(value, ensure_ascii=False) for name, value in fields.items()}
    return {
        name: value if len(told[name]) <= LONGEST else clipped(str(value), LONGEST)
        for name, value in fields.items()
    }


def _labels_of(index: Index, keys: Sequence[str]) -> dict[str, str]:
    """The label of each of some items, or its folder."""
    folder = index.folder
    if folder.modality.keeps_texts:
        ids = folder.ids_of(keys)
        texts = folder.texts_of(ids.values())
        return {key: texts[id].label for key, id in ids.items() if id in texts}
    return dict(zip(keys, folder_names(keys), strict=True))


def _thumbnails(index: Index, hits: Sequence[Hit]) -> tuple[list[ContentBlock], list[str]]:
    """Small pictures of hits, each behind its key, and what cannot be shown."""
    if not index.folder.modality.visual:
        return [], ["only pictures have thumbnails"]
    shown: list[ContentBlock] = []
    failed = []
    ids = index.folder.ids_of(hit.key for hit in hits)
    for hit in hits:
        try:
            row = item_of(index, ids.get(hit.key, -1))
            small = thumbnail_of(index, row, THUMBNAIL, MAX_PIXELS)
        except (AesearchError, HTTPException) as error:
            why = error.detail if isinstance(error, HTTPException) else error
            failed.append(f"no thumbnail of {escaped(hit.key)}: {why}")
            continue
        data = base64.b64encode(small).decode("ascii")
        picture = ImageContent(type="image", data=data, mime_type="image/jpeg")
        shown += [as_text(escaped(hit.key)), picture]
    return shown, failed


def as_text(text: str) -> TextContent:
    """A part of an answer that is read as it stands."""
    return TextContent(type="text", text=text)


def reasons_of(index: Index, why: Explanation) -> Reasons:
    """Why a document was found, in words and their weights."""
    return Reasons.model_validate({"index": index.name, "borrowed": [], **why.as_dict()})
