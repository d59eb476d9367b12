"""What is compared, step by step: methods, sizes of code, and the parameters that a user chose."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

from aesearch._renamed import current_name
from aesearch.encoders import ENCODERS, encoder_class, is_trained
from aesearch.encoders.factory import (
    chosen_parameters,
    encoders_for,
    learned_by,
    require_kind,
)
from aesearch.encoders.parameters import parameters_of
from aesearch.errors import ParameterError
from aesearch.modalities import modality
from aesearch.settings import FEWEST_TO_TRAIN, format_parameters, too_few_to_train

OWN = "index"  # the encoder of the index that is compared
HYBRID = "hybrid"  # codes as floats, fused with BM25
BORROWED = "borrowed"  # BM25 alone, of documents with words of their neighbors by these codes


@dataclass(frozen=True)
class Step:
    """One method at one size of code: what is fitted once, and compared in several forms.

    Attributes
    ----------
    method : str
        'raw', 'phash', 'tf-idf', 'bm25', 'index', or an encoder's name.
    size : int
        Numbers in a code; 0 where that is no choice.
    parameters : tuple of (str, value)
        Of the encoder, where they differ from its defaults.
    """

    method: str
    size: int = 0
    parameters: tuple[tuple[str, Any], ...] = ()

    @property
    def learned(self) -> bool:
        """Whether a network is trained within a budget."""
        return self.method in ENCODERS and is_trained(self.method)

    @property
    def name(self) -> str:
        """Name of its files: what was found with other parameters has others."""
        parts = [self.method] + [str(self.size)] * bool(self.size)
        if self.parameters:
            parts.append(xxhash.xxh3_64_hexdigest(repr(self.parameters).encode())[:8])
        return "-".join(parts)

    def titled(self, title: str) -> str:
        """Return the title of a row, with the parameters that a user chose."""
        return f"{title} ({format_parameters(dict(self.parameters))})" if self.parameters else title


def choose_steps(
    wanted: Sequence[str],
    sizes: Sequence[int],
    kind: str,
    parameters: Mapping[str, Any] | None = None,
    *,
    has_own: bool = False,
    seed: int = 0,
) -> list[Step]:
    """Return what is to be compared, baselines first.

    Parameters
    ----------
    wanted : sequence of str
        Methods by name; 'auto' is what is learned by default, or the index's own encoder where
        there is one. Empty for the usual ones.
    sizes : sequence of int
        Numbers in a code.
    kind : str
        'images' or 'texts'.
    parameters : mapping of str to value, optional
        For every encoder among them that has one of such a name; after a name and a dot, as in
        'vae.beta', for that encoder alone. Text is read as `encoders.making` reads it.
    has_own : bool
        Whether an index is compared.
    seed : int
        That encoders get.

    Raises
    ------
    ParameterError
        If a name is unknown, or cannot learn from such a collection; if a parameter is one of no
        encoder, or has a value that is refused.
    """
    methods: dict[str, tuple[int, ...]] = {}
    sizeless = modality(kind).sizeless
    for name in wanted or modality(kind).compared:
        method = OWN if name == "auto" and has_own else name
        method = method if method in (OWN, *sizeless) else learned_by(method, kind)
        if method in sizeless or (method == OWN and has_own):
            methods[method] = (0,)
            continue
        if method not in ENCODERS:
            able = ["auto", *sizeless, *encoders_for(kind)]
            raise ParameterError(
                f"'{name}' is nothing that {modality(kind).noun}s can be compared by; choose of "
                f"{', '.join(dict.fromkeys(able))}" + (f", {OWN}" if has_own else "")
            )
        require_kind(method, kind)
        methods[method] = tuple(dict.fromkeys(sizes)) if ENCODERS[method].sized else (0,)
    ordered = sorted(methods, key=lambda method: Step(method).learned)
    able = [method for method in ordered if method not in (*sizeless, OWN)]
    shares = _shares(parameters or {}, able, kind)
    steps = []
    for method in ordered:
        for size in methods[method]:
            share = shares.get(method)
            chosen = chosen_parameters(method, share, size or 1, seed, kind) if share else {}
            steps.append(Step(method, size, tuple(chosen.items())))
    return steps


def _shares(
    parameters: Mapping[str, Any], encoders: Sequence[str], kind: str
) -> dict[str, dict[str, Any]]:
    """Return which of the parameters each encoder gets; see `choose_steps`."""
    shares: dict[str, dict[str, Any]] = {}
    for key, value in parameters.items():
        only, _, name = key.replace("-", "_").rpartition(".")
        asked = [one for one in encoders if not only or one == learned_by(only, kind)]
        if not asked:
            if not encoders:
                raise ParameterError(f"--set {key}={value}: nothing compared here has parameters")
            raise ParameterError(
                f"--set {key}={value}: '{only}' is none of the encoders that are compared "
                f"({', '.join(encoders)})"
            )
        able = [
            one
            for one in asked
            if current_name(name) in parameters_of(encoder_class(one))
            and name not in ENCODERS[one].hidden_parameters
        ]
        for one in able or asked[-1:]:  # which then says what it has instead
            shares.setdefault(one, {})[name] = value
    return shares


def without_untrainable(
    steps: list[Step], count: int, kind: str, *, named: bool = False
) -> list[Step]:
    """Leave out, with a warning, what cannot be trained where there are too few items.

    Raises
    ------
    ParameterError
        If it was asked for by its name.
    """
    learned = [step.method for step in steps if step.learned]
    if not learned or count >= FEWEST_TO_TRAIN:
        return steps
    told = too_few_to_train(count, modality(kind).noun, learned[0])
    if named:
        raise ParameterError(f"{told}; name baselines with --encoders")
    warnings.warn(f"{told}: only baselines are compared", stacklevel=2)
    return [step for step in steps if not step.learned]


def check_forms(forms: Sequence[str], kind: str) -> None:
    """Refuse a form of codes that does not exist, or not of such a collection."""
    able, noun = modality(kind).code_forms, modality(kind).noun
    for form in forms:
        if form in (HYBRID, BORROWED) and form not in able:
            raise ParameterError(f"the form {form} is of codes and words, and {noun}s have none")
        if form not in able:
            raise ParameterError(f"unknown code form '{form}'; choose {', '.join(able)}")
