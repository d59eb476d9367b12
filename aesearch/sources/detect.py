"""Which kind of data a source holds: found by the names of its files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aesearch.engines.watched import within_limit
from aesearch.errors import ContentError, ParameterError
from aesearch.modalities import MODALITIES, Modality, modality
from aesearch.sources.base import Entry, Source
from aesearch.wording import counted

CLEAR = 10  # a few notes beside many photos, or a few figures beside many notes, leave no doubt
LOOKED_AT = 8  # files whose names say nothing


def kind_of(source: Source, entries: Sequence[Entry], wanted: str) -> str:
    """The modality that is wanted, or that most of the files are of.

    Parameters
    ----------
    source : Source
        A table always holds one kind.
    entries : sequence of Entry
        Of the source.
    wanted : str
        'auto', or the name of a modality.

    Raises
    ------
    ParameterError
        If it holds several, or if what is wanted cannot be.
    """
    if source.kind is not None:
        if wanted not in ("auto", source.kind):
            noun = modality(source.kind).noun
            raise ParameterError(f"{source.root} holds {noun}s; leave out --kind {wanted}")
        return source.kind
    if wanted != "auto":
        return modality(wanted).name
    kinds = [modality(name) for name in MODALITIES]
    claimed = {kind: sum(kind.claims(entry.key) for entry in entries) for kind in kinds}
    most = sorted((kind for kind in kinds if claimed[kind]), key=lambda kind: -claimed[kind])
    if len(most) > 1 and claimed[most[1]] * CLEAR >= claimed[most[0]]:
        ordered = [kind for kind in kinds if kind in most[:2]]
        found = " and ".join(counted(claimed[kind], kind.noun) for kind in ordered)
        options = " or ".join(f"--kind {kind.name}" for kind in ordered)
        raise ParameterError(f"{source.root} holds {found}; say which are meant with {options}")
    if most:
        return most[0].name
    return next((kind.name for kind in kinds if _looks_like(kind, source, entries)), kinds[0].name)


def _looks_like(kind: Modality, source: Source, entries: Sequence[Entry]) -> bool:
    """Whether files whose names say nothing are of a kind: messages of a mail folder, say."""
    for entry in entries[:: max(1, len(entries) // LOOKED_AT)][:LOOKED_AT]:
        try:
            if within_limit(partial(_holds, source, entry.key, kind)):
                return True
        except ContentError:
            continue
    return False


def _holds(source: Source, key: str, kind: Modality) -> bool:
    return kind.looks_like(source.read(key), key)
