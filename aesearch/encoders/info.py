"""What is known of an encoder before it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aesearch.encoders.base import Encoder

# Parameters that are chosen otherwise, and where.
CHOSEN_ELSEWHERE: Mapping[str, str] = {
    "code_size": "is chosen with --code-size, in Python with the setting code_size",
    "random_state": "is chosen with --seed, in Python with the setting seed",
}
ROOM = "aesearch.encoders"


@dataclass(frozen=True)
class EncoderInfo:
    """One line of the registry.

    Attributes
    ----------
    name : str
        On the command line, and in ``encoder.json``.
    path : str
        The class, as 'module:Class'; a module that begins with a dot is one of this package.
    modalities : tuple of str
        Kinds of collections that it can learn from.
    trains : bool
        Whether it learns by gradient descent, within a budget; else it is fitted in a moment.
    sized : bool
        Whether it has a `code_size`.
    uses_labels : bool
        Whether it learns from the folders of a collection.
    takes_counts : bool
        Whether it models how often a word occurs (a multinomial), and so takes the counts
        themselves.
    hidden_parameters : mapping of str to str
        Parameters that ``--set`` does not take, and where they are chosen instead.
    """

    name: str
    path: str
    modalities: tuple[str, ...] = ("images",)
    trains: bool = True
    sized: bool = True
    uses_labels: bool = False
    takes_counts: bool = False
    hidden_parameters: Mapping[str, str] = field(default_factory=lambda: CHOSEN_ELSEWHERE)

    @property
    def class_name(self) -> str:
        """Name of the class."""
        return self.path.partition(":")[2]

    def load(self) -> type[Encoder]:
        """Import the class, and with it what it trains with."""
        found: type[Encoder] = getattr(
            import_module(self.path.partition(":")[0], ROOM), self.class_name
        )
        return found
