"""An encoder by its name, with the parameters that a user chose: read, checked, made."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aesearch.encoders import ENCODERS, encoder_class
from aesearch.errors import ParameterError
from aesearch.modalities import IMAGES, TEXTS, modality
from aesearch.settings import plain

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder

# Parameters that are chosen otherwise, and where.
ELSEWHERE = {
    "code_size": "is chosen with --code-size, in Python with the setting code_size",
    "random_state": "is chosen with --seed, in Python with the setting seed",
}
CHECKED = {("pca", "whiten"): "is chosen by the check, which tries three; leave it out"}


def make_encoder(name: str, parameters: Mapping[str, Any], code_size: int, seed: int) -> Encoder:
    """Return an encoder that is not fitted yet.

    Parameters
    ----------
    name : str
        In the registry.
    parameters : mapping
        What differs from the defaults of its constructor.
    code_size, seed : int
        Given to those that have a `code_size`, or a `random_state`.
    """
    constructor = encoder_class(name)
    own = {"code_size": code_size, "random_state": seed}
    known = inspect.signature(constructor).parameters
    given = {key: value for key, value in own.items() if key in known}
    return constructor(**given, **parameters)


def chosen_parameters(
    name: str, wanted: Mapping[str, Any], code_size: int, seed: int, kind: str = "images"
) -> dict[str, Any]:
    """Read and check parameters before any data are seen; return those that are no defaults.

    Parameters
    ----------
    name : str
        An encoder of the registry, or 'auto' for the one that is learned by default.
    wanted : mapping of str to value
        Text, such as '0.5' or '500,250', is read as what the constructor expects there.
    code_size, seed : int
        What the encoder would get besides.
    kind : str
        Of the collection: 'images' or 'texts'.

    Raises
    ------
    ParameterError
        If it has no parameter of such a name, or refuses a value.
    """
    name = learned_by(name, kind)
    known = inspect.signature(encoder_class(name)).parameters
    allowed = [key for key in known if key not in ELSEWHERE and (name, key) not in CHECKED]
    parameters = {}
    for key, value in plain(wanted).items():
        key = key.strip().replace("-", "_")
        reason = ELSEWHERE.get(key) or CHECKED.get((name, key))
        if reason:
            raise ParameterError(f"{key} {reason}")
        if key not in known:
            choices = f"choose {', '.join(allowed)}" if allowed else "it has none"
            raise ParameterError(f"encoder {name} has no parameter '{key}'; {choices}")
        is_text = isinstance(value, str)
        parameters[key] = _read(value, str(known[key].annotation)) if is_text else value
    encoder = make_encoder(name, parameters, code_size, seed)
    encoder.check_parameters()
    return changed_parameters(encoder)


def changed_parameters(encoder: Encoder) -> dict[str, Any]:
    """Return the parameters of an encoder that differ from the defaults of its constructor."""
    known = inspect.signature(type(encoder)).parameters
    return {
        name: getattr(encoder, name)
        for name, parameter in known.items()
        if name not in ELSEWHERE and getattr(encoder, name) != parameter.default
    }


def learned_by(name: str, kind: str = "images") -> str:
    """Return the encoder that is trained under a name: 'auto' trains the default of its kind."""
    return modality(kind).default_encoder if name == "auto" else name


def kind_learned_from(name: str) -> str:
    """Return 'texts' for an encoder that takes nothing but documents, else 'images'."""
    takes_pictures = name not in ENCODERS or encoder_class(name).accepts_pictures
    return IMAGES if takes_pictures else TEXTS


def encoders_for(kind: str) -> list[str]:
    """Return the encoders that can learn from pictures, or from documents."""
    return [name for name in ENCODERS if _learns_from(name, kind)]


def _learns_from(name: str, kind: str) -> bool:
    encoder = encoder_class(name)
    return encoder.accepts_sparse if kind == TEXTS else encoder.accepts_pictures


def require_kind(name: str, kind: str) -> None:
    """Refuse an encoder that cannot learn from documents, or from pictures, where it is to."""
    if name == "auto" or _learns_from(name, kind):
        return
    able = encoders_for(kind)
    others, wanted = modality(kind_learned_from(name)).noun, modality(kind).noun
    raise ParameterError(
        f"encoder {name} learns from {others}s; for {wanted}s choose auto, {', '.join(able)}"
    )


def require_folders(name: str, folders: Iterable[str]) -> None:
    """Refuse an encoder that learns from labels where there are fewer than two folders.

    Parameters
    ----------
    name : str
        An encoder of the registry.
    folders : iterable of str
        The folder of each item, or another label of it; "" where it has none.
    """
    if not encoder_class(name).uses_labels:
        return
    found = set(folders) - {""}
    if len(found) < 2:
        raise ParameterError(
            f"encoder {name} learns from folders as labels, and the files lie in {len(found)}; "
            "sort them into at least 2 folders (of a table, name a column with --label), or choose "
            "another encoder with --encoder"
        )


def parse_choices(texts: Iterable[str]) -> dict[str, str]:
    """Return 'key=value' texts as a mapping; of two for one key the last holds."""
    parameters = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise ParameterError(f"--set takes KEY=VALUE, such as beta=2; got '{text}'")
        parameters[key.strip()] = value.strip()
    return parameters


def _read(text: str, annotation: str) -> Any:
    """Return what a text stands for where a constructor expects `annotation`.

    What fits nothing stays text, which the encoder's own check then refuses by name.
    """
    kinds = {part.strip().partition("[")[0] for part in annotation.split("|")}
    word = text.lower()
    if "str" in kinds and not kinds & {"int", "float", "bool", "tuple"}:
        return None if word == "none" and "None" in kinds else text
    if word == "none":
        return None
    if word in ("true", "false"):
        return word == "true"
    if "," in text or "tuple" in kinds:
        parts = [part.strip() for part in text.split(",")]
        if all(part.lstrip("+-").isdecimal() for part in parts if part):
            return tuple(int(part) for part in parts if part)
        return text
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
