"""What a user asked for, read once: source, place, choices, budget."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, fields, replace
from math import inf
from pathlib import Path
from typing import Any, Self

from aesearch._renamed import current_name
from aesearch.encoders import ENCODERS, is_trained
from aesearch.encoders.factory import chosen_parameters, kind_learned_from, learned_by, require_kind
from aesearch.errors import IndexExistsError, ParameterError
from aesearch.ingest.differences import SyncOptions
from aesearch.ingest.fields import refuse_metadata
from aesearch.ingest.moved import require_source
from aesearch.modalities import modality
from aesearch.settings import (
    Metadata,
    Settings,
    format_parameters,
    parse_seconds,
    plain,
    require_encoding,
    require_number,
)
from aesearch.sources.base import STANDARD_INPUT, Source
from aesearch.sources.columns import Columns
from aesearch.sources.contents import open_given
from aesearch.sources.metadata import refuse_key_alone, require_metadata
from aesearch.sources.open import open_source
from aesearch.storage.card import Card
from aesearch.storage.folder import IndexFolder, refuse_inside
from aesearch.storage.layout import Layout
from aesearch.storage.places import place_for
from aesearch.types import Progress, silent

NEED_TRAINING = ("encoder", "code_size", "seed", "parameters", "weighting", "vocabulary", "labels")

Given = Any  # a path, or what `open_given` takes
Wanted = Settings | Mapping[str, Any] | None


@dataclass(frozen=True)
class Choices:
    """Settings that a user chose, all or some.

    Attributes
    ----------
    changes : mapping
        By the names of `Settings`; parameters of the encoder apart.
    parameters : mapping
        Of the encoder, as they were given.
    replaces : bool
        Whether parameters that were chosen before are dropped: whole `Settings` say everything.
    """

    changes: Mapping[str, Any]
    parameters: Mapping[str, Any]
    replaces: bool = False

    @classmethod
    def of(cls, wanted: Wanted) -> Self:
        """Read settings, or a mapping of those that are to change; raises ParameterError."""
        if not isinstance(wanted, Settings | Mapping | None):
            raise ParameterError(f"settings are names with values, or Settings; got {wanted!r}")
        whole = isinstance(wanted, Settings)
        changes = asdict(wanted) if isinstance(wanted, Settings) else dict(wanted or {})
        if unknown := set(changes) - {each.name for each in fields(Settings)}:
            raise ParameterError(
                f"there is no setting '{min(unknown, key=str)}'; choose "
                f"{', '.join(each.name for each in fields(Settings))}"
            )
        parameters = plain(changes.pop("parameters", {}))
        if "form" in changes and changes["form"] != "bits":
            changes.setdefault("bits", 0)
        elif "bits" in changes and "form" not in changes:
            changes["form"] = "bits" if changes["bits"] else "float"
        return cls(changes, parameters, whole)

    @property
    def encoding(self) -> str:
        """The encoding that was chosen, or ""; raises ParameterError where there is none such."""
        return require_encoding(self.changes.get("encoding", ""))

    @property
    def encoder(self) -> str:
        """The encoder that was chosen, or 'auto'."""
        return str(self.changes.get("encoder", "auto"))

    @property
    def kind(self) -> str:
        """The modality that was chosen, or 'auto'."""
        return str(self.changes.get("kind", "auto"))

    def over(self, before: Settings, kind: str, *, retrain: bool) -> Settings:
        """Merge them with what holds so far; those that change every code need a training.

        Parameters
        ----------
        before : Settings
        kind : str
            Modality of the collection.
        retrain : bool
            Whether there will be a training.

        Raises
        ------
        ParameterError
        """
        if self.kind not in ("auto", kind):
            raise ParameterError(
                f"this is an index of {modality(kind).noun}s; name another place for one of the "
                "others with --index"
            )
        changes = {name: value for name, value in self.changes.items() if name != "kind"}
        before = _with_current_names(before)
        chosen = replace(before, **changes)
        chosen = replace(chosen, encoder=current_name(chosen.encoder, note=True))
        if chosen.encoder not in ("auto", *ENCODERS):
            raise ParameterError(
                f"unknown encoder '{chosen.encoder}'; choose auto, {', '.join(ENCODERS)}"
            )
        given = dict(self.parameters)
        if not self.replaces:
            same = learned_by(chosen.encoder, kind) == learned_by(before.encoder, kind)
            given = {**(before.parameters if same else {}), **given}
        # An index that stays as it is need not wait for torch, nor what is learned by default.
        known = given == before.parameters and not retrain
        if not known and (given or _is_forced(chosen.encoder)):
            require_kind(chosen.encoder, kind)
            given = chosen_parameters(chosen.encoder, given, chosen.code_size, chosen.seed, kind)
        chosen = replace(chosen, parameters=given, kind=kind)
        if not retrain:
            _refuse_new_codes(before, chosen)
        return chosen

    def refuse_early(self) -> None:
        """Say what is wrong whatever the source holds, before it is looked at."""
        if self.encoder != "auto":
            kind = kind_learned_from(self.encoder) if self.kind == "auto" else self.kind
            self.over(Settings(), kind, retrain=True)


def _opened(
    source: Given,
    path: str | Path | None,
    choices: Choices,
    columns: Columns | None,
    keys: Sequence[object] | None,
    labels: Sequence[object] | None,
    sync: SyncOptions,
) -> tuple[Layout, Source]:
    """The place of an index, and its source."""
    if sync.append is not None and str(source) != STANDARD_INPUT:
        raise ParameterError(
            "--append and --replace are for standard input; other sources are compared with their "
            "index at each run, and 'add' takes what is in memory"
        )
    if not isinstance(source, str | Path):
        if path is None:
            raise ParameterError(
                "what is in memory has no name; give the index a place: build(contents, path)"
            )
        return Layout(place_for(Path(), path)), open_given(source, keys, labels, choices.kind)
    if keys is not None or labels is not None:
        raise ParameterError(f"keys and labels go with what is in memory; {source} has its own")
    if str(source) == STANDARD_INPUT and path is None:
        raise ParameterError("what comes on standard input needs a place: --index NAME")
    layout = Layout(place_for(Path(source), path))
    kind, encoding = choices.kind, choices.encoding
    if layout.exists():  # with what it knows already
        card = Card.read(layout.card)
        if str(source) == STANDARD_INPUT:
            _require_way(layout, card, sync)
        elif Path(source).exists() and not Path(source).is_dir():  # before its columns are sought
            _require_file(layout, card, Path(source).resolve())
        if sync.append is not False:  # what is replaced begins anew
            columns = (columns or Columns()).over(card.columns)
        kind = card.kind if kind == "auto" else kind
        encoding = encoding or card.settings.encoding
    return layout, open_source(source, columns or None, sys.stdin, kind, encoding)


def _require_way(layout: Layout, card: Card, sync: SyncOptions) -> None:
    """Refuse standard input where it is not said what becomes of what there is."""
    if card.source == STANDARD_INPUT and sync.append is None:
        raise IndexExistsError(
            f"{layout.root} holds what was read from standard input before: --append adds to that "
            "(equal keys are replaced), --replace puts what is read now in its place"
        )


def _require_file(layout: Layout, card: Card, file: Path) -> None:
    """Refuse another file than that which was indexed."""
    if Path(card.source) != file:
        with closing(IndexFolder(layout.root)) as folder:
            require_source(folder, file)


def _is_forced(encoder: str) -> bool:
    """Whether an encoder was named that needs a budget."""
    return encoder != "auto" and is_trained(encoder)


def _with_current_names(settings: Settings) -> Settings:
    """Settings of an older version, with the names of today."""
    parameters = {current_name(key): value for key, value in settings.parameters.items()}
    return replace(settings, encoder=current_name(settings.encoder), parameters=parameters)


def _refuse_new_codes(before: Settings, chosen: Settings) -> None:
    for name in NEED_TRAINING:
        old, new = getattr(before, name), getattr(chosen, name)
        if old != new:
            if name == "parameters":
                old, new = (
                    format_parameters(old) or "by default",
                    format_parameters(new) or "the default",
                )
            raise ParameterError(
                f"this index has {name} {old}; {new} needs new codes: add --retrain"
            )


@dataclass(frozen=True)
class Request:
    """One wish for an index.

    Attributes
    ----------
    source : Source
    layout : Layout
        Where the index is, or will be.
    choices : Choices
    budget : float or None
        Seconds for training; 0 trains nothing, None leaves it to the number of items.
    retrain : bool
    progress : callable
    sync : SyncOptions
        How thoroughly an index that exists is compared with the source.
    metadata : Metadata or None
        A table that was named, which says something of the files.
    """

    source: Source
    layout: Layout
    choices: Choices
    budget: float | None = None
    retrain: bool = False
    progress: Progress = silent
    sync: SyncOptions = field(default_factory=SyncOptions)
    metadata: Metadata | None = None

    @classmethod
    def of(
        cls,
        source: Given,
        path: str | Path | None = None,
        settings: Wanted = None,
        *,
        budget: float | str | None = None,
        retrain: bool = False,
        columns: Columns | None = None,
        keys: Sequence[object] | None = None,
        labels: Sequence[object] | None = None,
        progress: Progress = silent,
        sync: SyncOptions | None = None,
        metadata: str | Path | None = None,
        metadata_key: str | None = None,
    ) -> Self:
        """Read what was asked for, and refuse what can be refused so far.

        Raises
        ------
        ParameterError, SourceError, FormatError, DamagedError
        """
        seconds = parse_seconds(budget) if isinstance(budget, str) else budget
        if seconds is not None:
            require_number("budget", seconds)
        if seconds is not None and not 0 <= seconds < inf:
            raise ParameterError(f"budget must be a time of at least 0 seconds; got {budget}")
        choices = Choices.of(settings)
        sync = sync or SyncOptions()
        layout, opened = _opened(source, path, choices, columns, keys, labels, sync)
        if seconds == 0 and _is_forced(choices.encoder):
            raise ParameterError(
                "a budget of 0 trains nothing: leave it out, or choose the encoder auto, pca or lsa"
            )
        refuse_inside(layout, opened)
        table = None
        refuse_key_alone(metadata, metadata_key)
        if metadata is not None:
            refuse_metadata(opened)
            table = require_metadata(metadata, metadata_key)
        return cls(opened, layout, choices, seconds, retrain, progress, sync, table)
