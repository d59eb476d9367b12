"""What is typed after a verb, looked at: files are what they hold, whatever their names say."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from aesearch.errors import ContentError
from aesearch.modalities import MODALITIES, Modality, modality
from aesearch.sources.base import MAX_BYTES
from aesearch.sources.folder import read_file

STDIN = "-"


class Given(NamedTuple):
    """One argument.

    Attributes
    ----------
    name : str
        As it was typed.
    content : Path or bytes or None
        The path of a file; the content of one whose name is of another kind, and of what can be
        read but once, a pipe or ``<(...)``; None where there is no such file.
    kind : Modality or None
        What the file holds, or where that says nothing, what its name claims.
    """

    name: str
    content: Path | bytes | None
    kind: Modality | None

    @property
    def is_file(self) -> bool:
        """Whether there is such a file."""
        return self.content is not None

    @property
    def query(self) -> Path | bytes:
        """What is searched with; of what is missing its path, which is then told."""
        return Path(self.name) if self.content is None else self.content


def look_at(name: str) -> Given:
    """Look at what an argument names."""
    if name == STDIN:
        read = sys.stdin.buffer.read()
        return Given(name, read, _kind_of(read, ""))
    try:
        mode = os.stat(name).st_mode
    except (OSError, ValueError):  # missing, or no name at all
        return Given(name, None, _claimed(name))
    path = Path(name)
    try:
        if stat.S_ISREG(mode):
            read, claimed = read_file(path), _claimed(name)
            kind = _kind_of(read, path.name)
            misnamed = claimed is not None and claimed is not kind
            return Given(name, read if misnamed else path, kind)
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            with path.open("rb") as stream:
                content = stream.read(MAX_BYTES)
            return Given(name, content, _kind_of(content, ""))
    except (ContentError, OSError):  # is told when it is searched with
        return Given(name, path, _claimed(name))
    return Given(name, None, _claimed(name))


def look_at_all(names: Sequence[str]) -> list[Given]:
    """Look at all arguments; standard input is read where no word stands beside it."""
    given = [look_at(name) if name != STDIN else Given(STDIN, None, None) for name in names]
    if STDIN in names and all(one.is_file for one in given if one.name != STDIN):
        given = [look_at(STDIN) if one.name == STDIN else one for one in given]
    return given


def kind_of_all(given: Sequence[Given]) -> Modality | None:
    """The kind of a query: that of all its files, or of words; None where there is nothing.

    A name that claims to be of a kind is no word, although there is no such file: it is mistyped.
    """
    kinds = {one.kind or with_words() for one in given}
    return None if not kinds else kinds.pop() if len(kinds) == 1 else with_words()


def with_words() -> Modality:
    """The kind that typed words search."""
    return next(kind for name in MODALITIES if (kind := modality(name)).has_words)


def _claimed(name: str) -> Modality | None:
    """The kind that a name claims."""
    return next((kind for own in MODALITIES if (kind := modality(own)).claims(name)), None)


def _kind_of(content: bytes, name: str) -> Modality | None:
    """The kind of a content: the kind that its name claims is asked first."""
    claimed = _claimed(name)
    kinds = [modality(own) for own in MODALITIES]
    kinds.sort(key=lambda kind: kind is not claimed)
    own = {kind: name if claimed in (None, kind) else "" for kind in kinds}
    return next((kind for kind in kinds if kind.looks_like(content, own[kind])), claimed)
