"""How long a training may take, who hears of it, and what it came to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aesearch.encoders.closed.described import Described

LEAST = 0.25  # of a budget is trained for, however long it took to prepare


@dataclass
class Tally:
    """What a training came to, all its phases together.

    Attributes
    ----------
    earlier_s : float
        Seconds that were spent before an interruption, as far as a checkpoint tells.
    epochs, planned : int
        Epochs that were begun, and those there would have been without a budget.
    """

    earlier_s: float = 0.0
    epochs: int = 0
    planned: int = 0


@dataclass
class Session:
    """How long one training may take, and who is told.

    Parameters
    ----------
    budget_s : float, optional
        Wall seconds; None lets the number of epochs decide, which makes the result repeatable.
    progress : callable, optional
        Called after every step with the share done, 0..1, and the terms of the loss.
    checkpoint : Path, optional
        Folder to go on from after an interruption.
    checkpoint_every_s : float, default=60
        Seconds between two checkpoints.
    stop : callable, optional
        Asked after every step; True ends training there, with what has been learned.
    tally : Tally
        Filled in while training.
    described : Described, optional
        What is known of the same samples from another encoder that was fitted to them, and takes
        what this one finds.
    """

    budget_s: float | None = None
    progress: Callable[[float, dict[str, float]], None] | None = None
    checkpoint: Path | None = None
    checkpoint_every_s: float = 60.0
    stop: Callable[[], bool] | None = None
    tally: Tally = field(default_factory=Tally)
    described: Described | None = None

    def after(self, seconds: float) -> Session:
        """Return what is left of this one after `seconds` of preparation: a quarter at least."""
        budget = self.budget_s
        left = None if budget is None else max(LEAST * budget, budget - seconds)
        return replace(self, budget_s=left)

    def phase(self, begin: float, end: float) -> Session:
        """Make the session of one phase, which fills `begin` to `end`, 0..1, of this one."""
        whole = self.progress

        def progress(done: float, terms: dict[str, float]) -> None:
            assert whole is not None
            whole(begin + (end - begin) * done, terms)

        return replace(
            self,
            budget_s=None if self.budget_s is None else self.budget_s * (end - begin),
            progress=None if whole is None else progress,
        )

    def is_stopped(self) -> bool:
        """Whether training is asked to end here."""
        return self.stop is not None and self.stop()
