"""An encoder by its name, with the parameters that a user chose: read, checked, made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from aesearch._renamed import current_name
from aesearch.encoders import ENCODERS, encoder_class, encoder_info
from aesearch.encoders.info import CHOSEN_ELSEWHERE
from aesearch.encoders.parameters import parameters_of
from aesearch.errors import ParameterError
from aesearch.modalities import modality
from aesearch.settings import plain
from aesearch.wording import listed

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder


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
    known = parameters_of(constructor)
    given = {key: value for key, value in own.items() if key in known}
    named = {key if key in known else current_name(key): v for key, v in parameters.items()}
    return constructor(**given, **named)


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
    known, hidden = parameters_of(encoder_class(name)), ENCODERS[name].hidden_parameters
    allowed = [key for key in known if key not in hidden]
    parameters = {}
    for key, value in plain(wanted).items():
        key = key.strip().replace("-", "_")
        key = key if key in known else current_name(key, note=True)
        if key in hidden:
            raise ParameterError(f"{key} {hidden[key]}")
        if key not in known:
            choices = f"choose {', '.join(allowed)}" if allowed else "it has none"
            raise ParameterError(f"encoder {name} has no parameter '{key}'; {choices}")
        parameters[key] = known[key].read(value) if isinstance(value, str) else value
    encoder = make_encoder(name, parameters, code_size, seed)
    encoder.check_parameters()
    return changed_parameters(encoder)


def changed_parameters(encoder: Encoder) -> dict[str, Any]:
    """Return the parameters of an encoder that differ from the defaults of its constructor."""
    known = parameters_of(type(encoder))
    return {
        name: getattr(encoder, name)
        for name, parameter in known.items()
        if name not in CHOSEN_ELSEWHERE and getattr(encoder, name) != parameter.default
    }


def learned_by(name: str, kind: str = "images") -> str:
    """Name of the encoder that is trained: for 'auto', the default of its kind."""
    return modality(kind).default_encoder if name == "auto" else current_name(name)


def kind_learned_from(name: str) -> str:
    """Name the kind of collection that an encoder is made for: the first where it takes several."""
    name = current_name(name)
    return ENCODERS[name].modalities[0] if name in ENCODERS else "images"


def encoders_for(kind: str) -> list[str]:
    """List the encoders that can learn from a kind of collection."""
    return [name for name, info in ENCODERS.items() if kind in info.modalities]


def require_kind(name: str, kind: str) -> None:
    """Refuse an encoder that cannot learn from documents, or from pictures, where it is to."""
    able = encoders_for(kind)
    if name == "auto" or current_name(name) in able:
        return
    kinds = listed([f"{modality(one).noun}s" for one in encoder_info(name).modalities])
    raise ParameterError(
        f"encoder {name} learns from {kinds}; for {modality(kind).noun}s choose auto, "
        f"{', '.join(able)}"
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
    if not ENCODERS[current_name(name)].uses_labels:
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
