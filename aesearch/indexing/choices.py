"""What a user chose for an index, merged with what was chosen before, and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from aesearch.encoders import ENCODERS, is_trained
from aesearch.encoders.factory import (
    chosen_parameters,
    learned_by,
    require_folders,
    require_kind,
)
from aesearch.encoders.info import current_name
from aesearch.errors import ParameterError
from aesearch.modalities import NOUNS
from aesearch.settings import Settings, plain, spelled

NEED_TRAINING = ("encoder", "code_size", "seed", "parameters", "weighting", "vocabulary")


def choose_settings(
    before: Settings, wanted: Settings | Mapping[str, Any] | None, kind: str, *, retrain: bool
) -> Settings:
    """Merge choices; those that change every code need a training.

    Parameters
    ----------
    before : Settings
        What holds so far.
    wanted : Settings or mapping, optional
        A mapping changes only what it names.
    kind : str
        Of the collection: 'images' or 'texts'.
    retrain : bool
        Whether there will be a training.

    Raises
    ------
    ParameterError
    """
    before = with_current_names(before)
    changes = as_changes(wanted)
    if changes.pop("kind", "auto") not in ("auto", kind):
        raise ParameterError(
            f"this is an index of {NOUNS[kind]}s; name another place for one of the others with "
            "--index"
        )
    given = plain(changes.pop("parameters", {}))
    if "form" in changes and changes["form"] != "bits":
        changes.setdefault("bits", 0)
    elif "bits" in changes and "form" not in changes:
        changes["form"] = "bits" if changes["bits"] else "float"
    chosen = replace(before, **changes)
    chosen = replace(chosen, encoder=current_name(chosen.encoder, note=True))
    if chosen.encoder not in ("auto", *ENCODERS):
        raise ParameterError(
            f"unknown encoder '{chosen.encoder}'; choose auto, {', '.join(ENCODERS)}"
        )
    if not isinstance(wanted, Settings):
        same = learned_by(chosen.encoder, kind) == learned_by(before.encoder, kind)
        given = {**(before.parameters if same else {}), **given}
    # An index that stays as it is need not wait for torch, nor what is learned by default.
    known = given == before.parameters and not retrain
    if not known and (given or _is_trained_by_name(chosen.encoder)):
        require_kind(chosen.encoder, kind)
        given = chosen_parameters(chosen.encoder, given, chosen.code_size, chosen.seed, kind)
    chosen = replace(chosen, parameters=given, kind=kind)
    for name in NEED_TRAINING:
        old, new = getattr(before, name), getattr(chosen, name)
        if old != new and not retrain:
            if name == "parameters":
                old, new = spelled(old) or "by default", spelled(new) or "the default"
            raise ParameterError(
                f"this index has {name} {old}; {new} needs new codes: add --retrain"
            )
    return chosen


def with_current_names(settings: Settings) -> Settings:
    """Return settings that an older version may have kept, with the names of today."""
    parameters = {current_name(key): value for key, value in settings.parameters.items()}
    return replace(settings, encoder=current_name(settings.encoder), parameters=parameters)


def require_labels(settings: Settings, labels: Sequence[str]) -> None:
    """Refuse an encoder that learns from folders where there are none, before any work."""
    if _is_trained_by_name(settings.encoder):
        require_folders(settings.encoder, labels)


def _is_trained_by_name(encoder: str) -> bool:
    return encoder != "auto" and is_trained(encoder)


def as_changes(wanted: Settings | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return settings, all or some, as a mapping."""
    return asdict(wanted) if isinstance(wanted, Settings) else dict(wanted or {})
