"""Settings: what a user chooses when an index is made, and what holds from then on."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from math import isnan
from numbers import Integral, Real
from typing import Any, Self

from aesearch.engines.plan import DTYPES, ENGINES
from aesearch.errors import ParameterError
from aesearch.wording import counted

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
SECONDS = {"s": 1, "m": 60, "h": 3600}
KINDS = ("auto", "images", "texts", "vectors")
FEWEST_TO_TRAIN = 128  # items; with fewer, PCA or LSA: a network would have too little data
FEWEST_TO_FIT = 32  # items; with fewer, thumbnails of pictures, and no check of documents
LARGEST_SEED = 2**32 - 1
MAX_PIXELS = 178_000_000  # Pillow's own limit for "could be a decompression bomb"
LABELS = ("auto", "none")
WEIGHTINGS = ("auto", "log-entropy", "tf-idf", "counts")


@dataclass(frozen=True)
class Settings:
    """Settings that are saved in ``index.json`` and hold for every later update.

    Parameters
    ----------
    encoder : str, default='auto'
        'auto' trains `agreement` on pictures, or `text` on documents, and publishes it where the
        check finds it better than PCA, or LSA; the name of an encoder forces that one.
    code_size : int, default=64
        Dimensions of a code.
    form : {'float', 'int8', 'bits'}, default='float'
        Data type of a code in the engine.
    bits : int, default=0
        Bits of a binary code; more than 0 means the form 'bits'.
    engine : {'auto', 'flat', 'ivf', 'hnsw'}, default='auto'
        Kind of FAISS index.
    max_pixels : int, default=178,000,000
        Most pixels of a picture, as it is decoded: a JPEG at an eighth of each side.
    max_memory : int, default=2 GiB
        Bytes of memory that the engine may take.
    recall : float, default=0.95
        Recall at 10 that an approximate index must reach.
    seed : int, default=0
        Of all random numbers: from 0 to 2**32 - 1.
    kind : {'auto', 'images', 'texts', 'vectors'}, default='auto'
        What the source holds; 'auto' looks at the names of its files.
    weighting : {'auto', 'log-entropy', 'tf-idf', 'counts'}, default='auto'
        Term weighting of documents; 'auto' lets the check choose.
    vocabulary : int, default=30000
        Most terms, those in the most documents first.
    encoding : str, default=''
        Of files that are not UTF-8, and do not say in which they are: one of Python's codecs;
        '' finds out.
    labels : {'auto', 'none'}, default='auto'
        'auto' takes folders, or what a table names, for what belongs together: the check asks for
        it, and the weights of descriptions follow it. 'none' makes no use of them.
    parameters : mapping of str to value, default={}
        Of the encoder, where they differ from its defaults: numbers, true or false, text, None,
        tuples of whole numbers, or numbers by name. With 'auto' they are those of the encoder that
        is trained.
    """

    encoder: str = "auto"
    code_size: int = 64
    form: str = "float"
    bits: int = 0
    engine: str = "auto"
    max_memory: int = 2 << 30
    max_pixels: int = MAX_PIXELS
    recall: float = 0.95
    seed: int = 0
    kind: str = "auto"
    weighting: str = "auto"
    vocabulary: int = 30_000
    encoding: str = ""
    labels: str = "auto"
    parameters: dict[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", plain(self.parameters))
        if self.bits and self.form == "float":
            object.__setattr__(self, "form", "bits")
        if self.bits and self.form == "int8":
            raise ParameterError(f"form int8 and bits {self.bits} contradict; choose one of them")
        if self.form == "bits" and not self.bits and isinstance(self.code_size, int):
            object.__setattr__(self, "bits", self.code_size - self.code_size % 8)
        _require_one_of("code form", self.form, DTYPES)
        _require_one_of("engine", self.engine, ENGINES)
        _require_one_of("kind", self.kind, KINDS)
        _require_one_of("weighting", self.weighting, WEIGHTINGS)
        _require_one_of("use of labels", self.labels, LABELS)
        object.__setattr__(self, "encoding", require_encoding(self.encoding))
        self._require_numbers()

    def _require_numbers(self) -> None:
        for name in ("code_size", "bits", "max_memory", "max_pixels", "vocabulary"):
            object.__setattr__(self, name, _whole(name, getattr(self, name)))
        object.__setattr__(self, "seed", require_seed(self.seed))
        require_number("recall", self.recall)
        object.__setattr__(self, "recall", float(self.recall))
        if self.vocabulary < 2:
            raise ParameterError(f"vocabulary must be at least 2; got {self.vocabulary}")
        if self.code_size < 1:
            raise ParameterError(f"code_size must be at least 1; got {self.code_size}")
        if self.form == "bits" and not (8 <= self.bits <= self.code_size and self.bits % 8 == 0):
            raise ParameterError(
                f"bits must be a multiple of 8 from 8 to the code size, {self.code_size}; "
                f"got {self.bits}"
            )
        if not 0 < self.recall <= 1:
            raise ParameterError(f"recall must be above 0 and at most 1; got {self.recall}")
        if self.max_pixels < 1:
            raise ParameterError(f"max_pixels must be positive; got {self.max_pixels}")
        if self.max_memory < 1:
            raise ParameterError(f"max_memory must be positive; got {self.max_memory}")

    def as_dict(self) -> dict[str, Any]:
        """The settings as JSON; what is new and not chosen is left out, for older versions."""
        settings = asdict(self)
        if self.max_pixels == MAX_PIXELS:
            del settings["max_pixels"]
        if not self.encoding:
            del settings["encoding"]
        if self.labels == "auto":
            del settings["labels"]
        return settings


def is_number(value: object) -> bool:
    """Whether it is a number that can be compared: True is none, NaN neither, nor 10**400."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and not isnan(value)
    except OverflowError:
        return False


def require_number(name: str, value: object) -> None:
    """Raise ParameterError if a parameter is no number."""
    if not is_number(value):
        raise ParameterError(f"{name} must be a number; got {value!r}")


def require_seed(seed: object) -> int:
    """Return a seed as a plain number.

    Raises
    ------
    ParameterError
        Unless it is a whole number from 0 to `LARGEST_SEED`, as NumPy and scikit-learn take it.
    """
    number = _whole("seed", seed)
    if not 0 <= number <= LARGEST_SEED:
        raise ParameterError(f"seed must be from 0 to {LARGEST_SEED}; got {number}")
    return number


def require_within(name: str, value: object, least: int, most: int) -> int:
    """Return a whole number as a plain one.

    Raises
    ------
    ParameterError
        Unless it is one from `least` to `most`.
    """
    number = _whole(name, value)
    if not least <= number <= most:
        raise ParameterError(f"{name} must be {least} to {most:,}; got {number}")
    return number


def _whole(name: str, value: object) -> int:
    """Return a whole number as Python's own, which JSON can hold; raises ParameterError."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ParameterError(f"{name} must be a whole number; got {value!r}")
    return int(value)


def require_encoding(name: str) -> str:
    """Return Python's name of an encoding; "" stays so, and means that it is found out.

    Raises
    ------
    ParameterError
        If Python has no such encoding of texts.
    """
    if name == "":
        return ""
    try:
        found = codecs.lookup(name)
        with suppress(UnicodeError):
            b"-".decode(found.name)  # LookupError for a codec of something else, as base64 is
    except (LookupError, ValueError, TypeError):
        raise ParameterError(
            f"unknown encoding '{name}'; name one of Python's, such as utf-8, cp1251, latin-1, "
            "cp850, koi8-r, shift_jis, gb18030 or utf-16"
        ) from None
    return found.name


def _require_one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ParameterError(f"unknown {what} '{value}'; choose {', '.join(known)}")


def plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """An encoder's parameters as plain values, which JSON can hold; lists become tuples.

    Raises
    ------
    ParameterError
        If a value is of another kind.
    """
    if not isinstance(parameters, Mapping):
        raise ParameterError(f"parameters must be names with values; got {parameters!r}")
    return {str(name): _plain(name, value) for name, value in parameters.items()}


def _plain(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(name, part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(name, part) for part in value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise ParameterError(
        f"{name} must be a number, true or false, text, None, a tuple of whole numbers or numbers "
        f"by name; got {value!r}"
    )


def too_few_to_train(count: int, noun: str, encoder: str) -> str:
    """The message where there are fewer than `FEWEST_TO_TRAIN` items."""
    return f"{counted(count, noun)} are too few to train {encoder}, which needs {FEWEST_TO_TRAIN}"


def format_parameters(parameters: Mapping[str, Any]) -> str:
    """Parameters as they are written after ``--set``: 'beta=2 hidden=500,250'."""
    return " ".join(f"{name}={_format_value(value)}" for name, value in parameters.items())


def _format_value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}:{part:g}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) + "," * (len(value) < 2)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def parse_memory(text: str) -> int:
    """The bytes of a size such as '4G', '500M' or '2000000'."""
    match = re.fullmatch(r"\s*(\d{1,20}(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", text.lower())
    if not match:
        raise ParameterError(f"'{text}' is no size; write 500M or 4G")
    return int(float(match[1]) * UNITS[match[2]])


def parse_seconds(text: str) -> float:
    """The seconds of a time such as '90s', '5m', '1h30m' or '300'."""
    text = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh])", text)
    if not parts or not re.fullmatch(r"(\d+(\.\d+)?\s*[smh]\s*)+", text):
        raise ParameterError(f"'{text}' is no time; write 90s, 5m or 1h30m")
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


@dataclass(frozen=True)
class Metadata:
    """A table that says something of files.

    Attributes
    ----------
    path : str
        Where it is.
    key : str
        The column that names the files; "" for the one that fits most of them.
    """

    path: str
    key: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any] | None) -> Self | None:
        """What ``index.json`` holds."""
        return cls(str(config["path"]), str(config.get("key", ""))) if config else None

    def as_dict(self) -> dict[str, str]:
        """The same as ``index.json`` holds it."""
        return {"path": self.path, "key": self.key}


NO_METADATA = Metadata("")  # what was said so far is forgotten
