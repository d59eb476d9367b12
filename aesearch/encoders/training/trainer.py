"""The one training loop: budget, progress, early stop, checkpoints, and what to do about NaN.

Every trained encoder brings a :class:`Task` that says what a step costs; this module decides when
to step, how large, and when to stop.
"""

from __future__ import annotations

import contextlib
import json
import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aesearch.encoders.training.checkpoints import read, restore, snapshot, write
from aesearch.encoders.training.device import autocast, memory_kept
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Task

WARM_UP = 0.03  # share of training over which the learning rate rises
RESTORES = 3  # times a broken state is undone before training ends
SHORTEST = 1e-9  # seconds of a budget
SMALLEST_GAIN = 1e-3  # relative; less over `patience` epochs ends training
DIVERGED = 10.0  # times the best loss: an epoch that is also worse than the first is broken

History = list[dict[str, Any]]


def train(task: Task, session: Session, *, seed: int = 0) -> History:
    """Train `task.module` in place.

    The learning rate follows the share done, max(steps / all steps, seconds / budget), so it
    reaches its end in time however fast the machine is: up for 3 %, then down as a cosine.

    Parameters
    ----------
    task : Task
    session : Session
    seed : int
        Decides the order of samples. Distortions draw from torch's global generator, which the
        checkpoint keeps.

    Returns
    -------
    list of dict
        One entry per epoch: "epoch", "seconds", the mean of each term, and "validation"; "event"
        where a broken state was restored or training ended early.

    References
    ----------
    I. Loshchilov and F. Hutter, SGDR (2017) and Decoupled weight decay regularization (2019).
    """
    return Trainer(task, session, seed).run()


@dataclass
class _Position:
    """Where a training stands: all that a checkpoint keeps beside tensors."""

    epoch: int = 0
    step: int = 0
    elapsed: float = 0.0
    rate: float = 1.0  # factor on the learning rate, halved after each restored state
    restored: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    in_epoch: int = 0
    first: float = math.inf
    lowest: float = math.inf
    best: float = math.inf  # the last that was lower by more than nothing
    best_epoch: int = 0
    finished: bool = False
    missed: int = 0  # epochs that the budget left no time for
    history: History = field(default_factory=list)

    def forget(self) -> None:
        """Measure the best anew."""
        self.lowest = self.best = math.inf
        self.best_epoch = self.epoch

    def note(self, epoch: int, event: str) -> None:
        """Write into the history what happened."""
        self.history.append({"epoch": epoch, "event": event})


class _State(Enum):
    BEST = "the best so far, or no worse than a step back"
    WORSE = "within what may happen"
    BROKEN = "diverged"


class Trainer:
    """The training of one task, from its checkpoint, or from the start, to its end.

    Parameters
    ----------
    task : Task
    session : Session
    seed : int
        Decides the order of samples.
    """

    def __init__(self, task: Task, session: Session, seed: int = 0) -> None:
        self.task, self.session, self.seed = task, session, seed
        task.module.to(task.device)
        self.optimizer = task.optimizer()
        self.batch = min(task.batch_size, task.samples)
        self.steps_per_epoch = task.samples // self.batch
        self.steps = max(1, task.epochs * self.steps_per_epoch)
        self.position = self._resume()
        self.state = _State.BEST
        self.started = time.perf_counter() - self.position.elapsed
        self.saved = time.perf_counter()

    def run(self) -> History:
        """Train to the end of the epochs, of the budget, or until it is asked to stop."""
        position = self.position
        if not position.finished:
            self.good = snapshot(self.task.module, self.optimizer)
            self.task.module.train()
            with memory_kept(), self._saving_on_interrupt():
                while not position.finished and self._advance():
                    pass
            self._conclude()
        self._count()
        self.task.module.cpu().eval()
        return position.history

    def _advance(self) -> bool:
        """Take one step and what is due after it; whether there is more to do."""
        position, session = self.position, self.session
        position.elapsed = time.perf_counter() - self.started
        done = self._share_done()
        if done >= 1:
            return False
        if self.task.on_progress(done):
            position.forget()
        terms = self._step(done)
        self._add(terms)
        position.step += 1
        if position.step % self.steps_per_epoch == 0 and position.in_epoch:
            self._end_epoch()
        if session.progress is not None:
            session.progress(self._share_done(), terms)
        if session.is_stopped():
            position.note(position.epoch, "stopped")
            return False
        if time.perf_counter() - self.saved > session.checkpoint_every_s:
            self._save()
            self.saved = time.perf_counter()
        return True

    def _share_done(self) -> float:
        budget = self.session.budget_s
        # What went before may have taken all of it: then nothing is left, and not any time.
        by_time = 0.0 if budget is None else self.position.elapsed / max(budget, SHORTEST)
        return min(1.0, max(self.position.step / self.steps, by_time))

    def _step(self, done: float) -> dict[str, float]:
        """Take one step; the terms of its loss. Where they are not finite, nothing is changed."""
        task, position = self.task, self.position
        position.epoch, within = divmod(position.step, self.steps_per_epoch)
        order = _order(task.samples, self.seed, position.epoch)
        rows = torch.from_numpy(order[within * self.batch : (within + 1) * self.batch])
        self._set_rate(done)
        with autocast(task.device):
            terms = task.losses(rows)
        values = {name: float(term.detach()) for name, term in terms.items()}
        if _are_finite(values):
            self.optimizer.zero_grad()
            torch.stack(list(terms.values())).sum().backward()
            self.optimizer.step()
        return values

    def _set_rate(self, done: float) -> None:
        """Set the learning rate: up, then down as a cosine."""
        rate = min(1.0, done / WARM_UP + 0.02) * 0.5 * (1 + math.cos(math.pi * done))
        peak = self.task.learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = peak * rate * self.position.rate * group.get("share", 1.0)

    def _add(self, terms: dict[str, float]) -> None:
        """Add the terms of a step to those of its epoch, or undo what led to them."""
        if not _are_finite(terms):
            self._undo("loss not finite")
            return
        sums = self.position.sums
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value
        self.position.in_epoch += 1

    def _end_epoch(self) -> None:
        """Keep the state that an epoch led to, or undo it."""
        self.state = self._judge(self._record())
        if self._is_broken():
            self._undo("training diverged")
        elif self.state is _State.BEST:
            self.good = snapshot(self.task.module, self.optimizer)

    def _record(self) -> float:
        """Write an epoch into the history; the loss by which it is judged."""
        position = self.position
        means = {name: value / position.in_epoch for name, value in position.sums.items()}
        entry = {"epoch": position.epoch + 1, "seconds": round(position.elapsed, 2), **means}
        position.sums, position.in_epoch = {}, 0
        validation = self._validate()
        if validation is not None:
            entry["validation"] = validation
        position.history.append(entry)
        return sum(means.values()) if validation is None else validation

    def _validate(self) -> float | None:
        module = self.task.module
        module.eval()
        with torch.no_grad(), autocast(self.task.device):
            validation = self.task.validate()
        module.train()
        return validation

    def _judge(self, loss: float) -> _State:
        """Say what the state after an epoch is worth; end training where nothing is gained."""
        position, patience = self.position, self.task.patience
        if patience is None:
            return _State.BEST
        if not math.isfinite(loss) or loss > max(DIVERGED * position.lowest, position.first) > 0:
            return _State.BROKEN
        if position.first == math.inf:
            position.first = loss
        state = _State.BEST if loss < position.lowest else _State.WORSE
        position.lowest = min(loss, position.lowest)
        # A loss may be negative: a likelihood is a density.
        if position.best == math.inf or loss < position.best - SMALLEST_GAIN * abs(position.best):
            position.best, position.best_epoch = loss, position.epoch
        elif position.epoch - position.best_epoch >= patience:
            position.note(position.epoch + 1, "no further gain: the best state is kept")
            position.finished = True
        return state

    def _is_broken(self) -> bool:
        parameters = self.task.module.parameters()
        return self.state is _State.BROKEN or not all(
            bool(torch.isfinite(p).all()) for p in parameters
        )

    def _undo(self, why: str) -> None:
        """Go back to the last good state, and on at half the rate; give up after a few times."""
        position = self.position
        restore(self.task.module, self.optimizer, self.good)
        position.restored += 1
        position.rate /= 2
        position.finished = position.restored > RESTORES
        position.note(position.epoch + 1, f"{why}: last good state restored")
        if position.finished:
            warnings.warn(
                f"training of {self.task.name} ended in epoch {position.epoch + 1}: {why} "
                f"{position.restored} times; the last good state is kept. A lower learning_rate "
                "helps",
                stacklevel=3,
            )

    def _conclude(self) -> None:
        """Judge what is left of an epoch, go back to the best state, and keep it."""
        position = self.position
        if position.in_epoch:
            self.state = self._judge(self._record())
        stopped = self.session.is_stopped()
        if self._is_worse(stopped) or position.finished or self._is_broken():
            restore(self.task.module, self.optimizer, self.good)
        if not (stopped or position.finished) and position.step < self.steps:
            last = position.history[-1]["epoch"] if position.history else 0
            position.missed = self.task.epochs - last
            position.note(last, f"the budget was spent in epoch {last} of {self.task.epochs}")
        position.finished = not stopped
        self._save()

    def _is_worse(self, stopped: bool) -> bool:
        """Whether the last state is worse than the best, as far as can be known.

        Training loss without a validation says nothing about which of two late states is better.
        """
        if stopped or self.state is not _State.WORSE:
            return False
        return "validation" in self.position.history[-1]

    def _count(self) -> None:
        """Add what this came to, to the tally of the session."""
        epochs = sum("event" not in entry for entry in self.position.history)
        self.session.tally.epochs += epochs
        self.session.tally.planned += epochs + self.position.missed

    @contextlib.contextmanager
    def _saving_on_interrupt(self) -> Iterator[None]:
        """Leave a checkpoint at Ctrl-C, which comes between two updates of the weights."""
        try:
            yield
        except KeyboardInterrupt:
            self._save()
            raise

    def _save(self) -> None:
        self.position.elapsed = time.perf_counter() - self.started
        if self.session.checkpoint is None:
            return
        task, position = self.task, json.dumps(vars(self.position))
        path = self.session.checkpoint / f"{task.name}.safetensors"
        metadata = {"signature": task.signature, "position": position}
        write(path, snapshot(task.module, self.optimizer), metadata)

    def _resume(self) -> _Position:
        """Load the checkpoint of the same task, if there is one; where it stood."""
        task, folder = self.task, self.session.checkpoint
        found = folder and read(folder / f"{task.name}.safetensors", task.signature)
        if not found:
            return _Position()
        tensors, metadata = found
        restore(task.module, self.optimizer, tensors)
        position = _Position(**json.loads(metadata["position"]))
        self.session.tally.earlier_s += position.elapsed
        position.forget()  # the best state was not kept
        return position


def _are_finite(terms: dict[str, float]) -> bool:
    return all(math.isfinite(value) for value in terms.values())


@lru_cache(maxsize=2)
def _order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Shuffle the samples of an epoch.

    Seeded by the epoch, so that a resumed run needs no more than the number of the step.
    """
    return np.random.default_rng([seed, epoch]).permutation(samples)
