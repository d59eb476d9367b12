"""What a search returns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aesearch.modalities.texts.passages import Passage
    from aesearch.modalities.texts.snippets import Snippet


@dataclass(frozen=True, slots=True)
class Hit:
    """One found item.

    Attributes
    ----------
    score : float
        Cosine of the codes, in [-1, 1]; higher is closer, 1 is the same.
    key : str
        Path relative to the source, with forward slashes; of a table, the key of the row.
    path : Path or None
        Where the file is; None of what was added under a key of your own, which has none.
    """

    score: float
    key: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class TextHit(Hit):
    """One found document.

    Attributes
    ----------
    title : str
        Of the document; where it has none, its first words.
    snippet : Snippet
        The part of it that shows best why it was found, with the words of the query marked.
    passage : Passage or None
        The passage whose code was nearest, where it was nearer than that of the whole document.
    """

    title: str
    snippet: Snippet
    passage: Passage | None
