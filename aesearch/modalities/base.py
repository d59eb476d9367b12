"""What a kind of data is: everything that differs between pictures, documents and vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self

from aesearch.errors import ParameterError, UnsupportedError

if TYPE_CHECKING:
    from aesearch.settings import Settings
    from aesearch.types import Array, Bools, Floats

# From the bytes of a file, and its name, to what is kept of it: pixels, a Document, a vector.
# Where there is more to say than that, it is in a `Sampled`.
Read = Callable[[bytes, str], Any]


class Sampled(NamedTuple):
    """What is kept of a file, and more.

    Attributes
    ----------
    sample : object
        Pixels, a Document, a vector.
    note : str
        What a person should know of it: the same words for all files of which the same is true.
    more : tuple of (str, object)
        Further items in the file: what is put behind its key, and the sample, or a ContentError.
    look : bytes
        What is kept beside the code so that altered copies find it, where that was made already.
    """

    sample: Any
    note: str = ""
    more: tuple[tuple[str, Any], ...] = ()
    look: bytes = b""


class Features(Protocol):
    """How the items of one index become what its encoder takes."""

    @property
    def kind(self) -> str:
        """Name of the modality."""

    def config(self) -> dict[str, Any]:
        """Return the parameters as JSON."""

    def save(self, folder: Path) -> list[str]:
        """Write what does not fit into JSON, and return the names of the files."""

    @classmethod
    def load(cls, folder: Path, config: Mapping[str, Any]) -> Self:
        """Make features from what `config` returned and `save` wrote."""

    def read(self, content: bytes, name: str) -> Any:
        """Return what is kept of one file; raises ContentError with the reason."""

    def stack(self, samples: Sequence[Any]) -> Any:
        """Return samples as an encoder takes them, one row each."""


class Modality(ABC):
    """One kind of data; all else in the package is written once, for every kind.

    Attributes
    ----------
    name : str
        As ``--kind`` and ``index.json`` have it.
    noun : str
        What one item is called, in the singular.
    format : int
        The first format of an index's folder that can hold this kind.
    features : str
        Dotted name of the class of its `Features`.
    default_encoder, baseline : str
        What ``auto`` trains, and the encoder in closed form that it has to beat.
    closed_form : str
        The encoder, fitted without training, that ``auto`` tries beside the baseline, and that is
        published before training begins where it is better; "" where there is none.
    fallback : str
        The encoder of a handful of items, too few for that.
    sizeless : tuple of str
        Methods of a comparison that have no code size.
    compared : tuple of str
        What is compared where nothing was asked for.
    code_forms : tuple of str
        How codes can be kept, in a comparison.
    false_positive_rate : float
        Of duplicates, for each item.
    perturbed : str
        What the perturbed queries of the check are made of.
    keeps_texts : bool
        Whether the database holds a text, or fields, for every item.
    has_words : bool
        Whether typed words find items: a lexical index beside the codes.
    visual : bool
        Whether items, and what a decoder returns, can be drawn.
    simple_on_tie : bool
        Whether a baseline is published where the check cannot tell what was learned from it.
    arrays : str
        What arrays are of this kind, in words; "" where none is.
    parts : mapping of str to str
        Dotted names in the rooms above, loaded when they are needed, so that imports go down:
        ``ranker``, ``arrival``, ``dataset``, ``duplicates``, ``map``, ``export``; and ``source``,
        where one file can hold many items.
    """

    name: ClassVar[str]
    noun: ClassVar[str]
    format: ClassVar[int] = 2
    features: ClassVar[str]
    default_encoder: ClassVar[str]
    baseline: ClassVar[str]
    closed_form: ClassVar[str] = ""
    fallback: ClassVar[str]
    sizeless: ClassVar[tuple[str, ...]]
    compared: ClassVar[tuple[str, ...]]
    code_forms: ClassVar[tuple[str, ...]] = ("float", "int8", "bits")
    false_positive_rate: ClassVar[float] = 0.005
    perturbed: ClassVar[str]
    keeps_texts: ClassVar[bool] = False
    has_words: ClassVar[bool] = False
    visual: ClassVar[bool] = False
    simple_on_tie: ClassVar[bool] = False
    arrays: ClassVar[str] = ""
    parts: ClassVar[Mapping[str, str]]

    @abstractmethod
    def claims(self, name: str) -> bool:
        """Whether a file of this name is an item of this kind, whatever it holds."""

    def looks_like(self, content: bytes, name: str) -> bool:
        """Whether a file of which the name says nothing is an item of this kind, by its content."""
        return False

    @abstractmethod
    def path_of(self, content: Any) -> Path | None:
        """The file that the content of a query names, or None where it is the content itself."""

    @abstractmethod
    def sample(self, features: Any, content: Any, name: str = "") -> tuple[Any, bytes]:
        """What is kept of one item, and the bytes that tell whether two are the same.

        Raises
        ------
        ContentError
            If it cannot be read.
        """

    def cropped(
        self, features: Any, content: Any, crop: Sequence[float], name: str = ""
    ) -> Any | None:
        """A part of what is searched with; None where that is all of it.

        Raises
        ------
        UnsupportedError
            If the kind has no parts.
        ParameterError
            If there is no such part.
        ContentError
            If it cannot be read.
        """
        raise UnsupportedError(f"only pictures are cropped, no {self.noun}s: leave out crop")

    def takes(self, content: Any) -> bool:
        """Whether an object in memory is one item of this kind, and not several."""
        return False

    def as_content(self, content: Any, name: str) -> bytes:
        """What a source in memory holds of one item: the bytes of a file, or plain text.

        Raises
        ------
        ContentError
            If it holds nothing that can be indexed.
        ParameterError
            If it is nothing of this kind.
        """
        if isinstance(content, bytes):
            return content
        raise ParameterError(f"'{name}' is no {self.noun}, but of type {type(content).__name__}")

    def questions(self, content: Any) -> Iterator[tuple[str, Any]]:
        """The queries that the content of one holds, each with what tells it from the others."""
        yield "", content

    def holds(self, array: Array) -> bool:
        """Whether the rows of an array are items of this kind."""
        return False

    @abstractmethod
    def describe_input(self, config: Mapping[str, Any]) -> str:
        """What an encoder takes, in a few words, from the configuration of the features."""

    def most_dimensions(self, features: Any) -> int | None:
        """How many dimensions a code has at most; None of a kind that needs no limit."""
        return None

    def limited(self, features: Any, settings: Settings) -> Any:
        """The features, with what the settings say of how large a file may be."""
        return features

    def reader(self, features: Any, *, plain: bool, encoding: str = "") -> Read:
        """What makes a sample of a file.

        Parameters
        ----------
        features : Features
        plain : bool
            Whether the content is text already.
        encoding : str
            That a user named; "" where it is found out.
        """
        read: Read = features.read
        return read

    def reconstruction_errors(self, decoded: Floats, rows: Array) -> Floats:
        """How far what a decoder made is from what went in, of each row.

        Parameters
        ----------
        decoded : ndarray of float32, shape (n, ...)
        rows : ndarray, of the same shape
            In the units of the input.

        Returns
        -------
        ndarray of float32, shape (n,)
            By default the mean squared error.
        """
        import numpy as np

        gap = np.square(decoded - rows.astype(np.float32))
        errors: Floats = gap.mean(axis=tuple(range(1, gap.ndim)), dtype=np.float32)
        return errors

    def is_empty(self, rows: Any) -> Bools:
        """Which rows say nothing, so that their code means nothing; none by default."""
        import numpy as np

        return np.zeros(len(rows), dtype=bool)

    def reads_alike(self, old: str, new: str) -> bool:
        """Whether one content under two names is the same item: its name decides nothing."""
        return True

    def as_kept(self, sample: Any) -> bytes:
        """What the database keeps of an item that was added by hand; nothing by default."""
        return b""

    def forgetful(self, features: Any, texts: Iterable[str]) -> Any | None:
        """Features without the words that none of the texts left holds; None where all stay."""
        return None

    @abstractmethod
    def packed(self, sample: Any) -> bytes:
        """A sample as bytes, of which `unpacked` makes the same; not for other versions."""

    @abstractmethod
    def unpacked(self, features: Any, packed: bytes) -> Any:
        """The sample that `packed` was made of; raises ValueError or TypeError if it cannot."""

    def blank(self, content: Any) -> Any:
        """What stands for content that says nothing, an empty text say; None where that fails."""
        return None

    def warm_up(self) -> None:  # noqa: B027  # most kinds have nothing to load
        """Load what reading many files needs, before threads do."""

    def part(self, role: str) -> Any:
        """What another room has for this kind, by its role in `parts`.

        Raises
        ------
        KeyError
            If there is none.
        """
        return loaded(self.parts[role])


def loaded(dotted: str) -> Any:
    """The object that ``module:name`` names."""
    module, _, attribute = dotted.partition(":")
    return getattr(import_module(module), attribute)
