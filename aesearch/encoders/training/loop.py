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
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aesearch.encoders.training.checkpoints import read, restore, snapshot, write
from aesearch.encoders.training.device import autocast, memory_kept

WARM_UP = 0.03  # share of training over which the learning rate rises
RESTORES = 3  # times a broken state is undone before training ends
SMALLEST_GAIN = 1e-3  # relative; less over `patience` epochs ends training
DIVERGED = 10.0  # times the best loss: an epoch that is also worse than the first is broken

History = list[dict[str, Any]]


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
    """

    budget_s: float | None = None
    progress: Callable[[float, dict[str, float]], None] | None = None
    checkpoint: Path | None = None
    checkpoint_every_s: float = 60.0
    stop: Callable[[], bool] | None = None
    tally: Tally = field(default_factory=Tally)

    def part(self, begin: float, end: float) -> Session:
        """Return the session of one phase, which fills `begin` to `end`, 0..1, of this one."""
        told = self.progress

        def progress(done: float, terms: dict[str, float]) -> None:
            assert told is not None
            told(begin + (end - begin) * done, terms)

        return replace(
            self,
            budget_s=None if self.budget_s is None else self.budget_s * (end - begin),
            progress=None if told is None else progress,
        )


class Task(ABC):
    """One thing to train: a module and the loss of a batch.

    Attributes
    ----------
    name : str
        File name of the checkpoint.
    module : nn.Module
        Everything that is trained or must survive an interruption.
    samples, batch_size, epochs : int
        How many samples there are, how many go into a step, how often all are seen.
    learning_rate, weight_decay : float
        Peak rate and decoupled decay of AdamW.
    patience : int or None
        Epochs without a lower loss after which training ends; the loss is that of `validate` where
        there is one. None where the loss is no measure of success: of adversaries, for example.
    device : torch.device
        Where the module is while it is trained; it is brought back to the processor afterwards.
    signature : str
        What the checkpoint must agree with: parameters and data.
    """

    name: str = "training"
    module: nn.Module
    samples: int
    batch_size: int = 256
    epochs: int = 1
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    patience: int | None = 30
    device: torch.device = torch.device("cpu")
    signature: str = ""

    @abstractmethod
    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the terms, by name, whose sum is minimised over the samples `rows`."""

    def validate(self) -> float | None:
        """Return the loss on samples kept out of training, or None where there are none."""
        return None

    def optimizer(self) -> torch.optim.Optimizer:
        """Return what makes the steps; a group's "share" is its part of the learning rate."""
        return torch.optim.AdamW(
            self.module.parameters(),
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )

    def at(self, progress: float) -> bool:  # noqa: ARG002 - a hook
        """Do what the share of training done, 0..1, asks for; called before every step.

        Returns
        -------
        bool
            Whether the loss means something else from here on, so that its old values, which may
            be lower, are no reason to end early.
        """
        return False


@dataclass
class _Position:
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

    def forget(self) -> None:
        """Measure the best anew."""
        self.lowest = self.best = math.inf
        self.best_epoch = self.epoch

    finished: bool = False
    missed: int = 0  # epochs that the budget left no time for
    history: History = field(default_factory=list)


def train(task: Task, session: Session, *, seed: int = 0) -> History:  # noqa: C901 - for now
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
    task.module.to(task.device)
    optimizer = task.optimizer()
    position = _resume(task, session, optimizer)
    if position.finished:
        task.module.cpu().eval()
        _count(session.tally, position)
        return position.history
    started = time.perf_counter() - position.elapsed
    saved = time.perf_counter()
    batch = min(task.batch_size, task.samples)
    per_epoch = task.samples // batch
    total = max(1, task.epochs * per_epoch)
    good, state = snapshot(task.module, optimizer), _State.BEST
    task.module.train()

    def save() -> None:
        position.elapsed = time.perf_counter() - started
        _save(task, session, optimizer, position)

    with memory_kept(), _saving_on_interrupt(save):
        while not position.finished:
            position.elapsed = time.perf_counter() - started
            done = _share_done(position, total, session)
            if done >= 1:
                break
            if task.at(done):
                position.forget()
            terms = _step(task, optimizer, position, batch, done, seed)
            if not all(math.isfinite(value) for value in terms.values()):
                _undo(task, optimizer, position, good, "loss not finite")
            else:
                for name, value in terms.items():
                    position.sums[name] = position.sums.get(name, 0.0) + value
                position.in_epoch += 1
            position.step += 1
            if position.step % per_epoch == 0 and position.in_epoch:
                state = _end_of_epoch(task, position)
                if state is _State.BROKEN or not _sound(task.module):
                    _undo(task, optimizer, position, good, "training diverged")
                elif state is _State.BEST:
                    good = snapshot(task.module, optimizer)
            if session.progress is not None:
                session.progress(_share_done(position, total, session), terms)
            if session.stop is not None and session.stop():
                position.history.append({"epoch": position.epoch, "event": "stopped"})
                break
            if time.perf_counter() - saved > session.checkpoint_every_s:
                save()
                saved = time.perf_counter()
    if position.in_epoch:
        state = _end_of_epoch(task, position)
    stopped = session.stop is not None and session.stop()
    # Training loss without a validation says nothing about which of two late states is better.
    worse = state is _State.WORSE and "validation" in position.history[-1] and not stopped
    if worse or position.finished or state is _State.BROKEN or not _sound(task.module):
        restore(task.module, optimizer, good)
    if not (stopped or position.finished) and position.step < total:
        last = position.history[-1]["epoch"] if position.history else 0
        position.missed = task.epochs - last
        event = f"the budget was spent in epoch {last} of {task.epochs}"
        position.history.append({"epoch": last, "event": event})
    position.finished = not stopped
    save()
    _count(session.tally, position)
    task.module.cpu().eval()
    return position.history


def _count(tally: Tally, position: _Position) -> None:
    """Add what one phase came to."""
    epochs = sum("event" not in entry for entry in position.history)
    tally.epochs += epochs
    tally.planned += epochs + position.missed


def _undo(
    task: Task,
    optimizer: torch.optim.Optimizer,
    position: _Position,
    good: dict[str, Tensor],
    why: str,
) -> None:
    """Go back to the last good state, and on at half the rate; give up after a few times."""
    restore(task.module, optimizer, good)
    position.restored += 1
    position.rate /= 2
    position.finished = position.restored > RESTORES
    event = f"{why}: last good state restored"
    position.history.append({"epoch": position.epoch + 1, "event": event})
    if position.finished:
        warnings.warn(
            f"training of {task.name} ended in epoch {position.epoch + 1}: {why} "
            f"{position.restored} times; the last good state is kept. A lower learning_rate helps",
            stacklevel=3,
        )


@contextlib.contextmanager
def _saving_on_interrupt(save: Callable[[], None]) -> Iterator[None]:
    """Leave a checkpoint at Ctrl-C, which comes between two updates of the weights."""
    try:
        yield
    except KeyboardInterrupt:
        save()
        raise


def _share_done(position: _Position, total: int, session: Session) -> float:
    by_time = position.elapsed / session.budget_s if session.budget_s else 0.0
    return min(1.0, max(position.step / total, by_time))


def _step(
    task: Task,
    optimizer: torch.optim.Optimizer,
    position: _Position,
    batch: int,
    done: float,
    seed: int,
) -> dict[str, float]:
    """Take one step and return the terms of its loss."""
    per_epoch = task.samples // batch
    position.epoch, within = divmod(position.step, per_epoch)
    order = _order(task.samples, seed, position.epoch)
    rows = torch.from_numpy(order[within * batch : (within + 1) * batch])
    rate = min(1.0, done / WARM_UP + 0.02) * 0.5 * (1 + math.cos(math.pi * done))
    for group in optimizer.param_groups:
        group["lr"] = task.learning_rate * rate * position.rate * group.get("share", 1.0)
    with autocast(task.device):
        terms = task.losses(rows)
    values = {name: float(term.detach()) for name, term in terms.items()}
    if all(math.isfinite(value) for value in values.values()):
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
    return values


@lru_cache(maxsize=2)
def _order(samples: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order of an epoch.

    Seeded by the epoch, so that a resumed run needs no more than the number of the step.
    """
    return np.random.default_rng([seed, epoch]).permutation(samples)


class _State(Enum):
    BEST = "the best so far, or no worse than a step back"
    WORSE = "within what may happen"
    BROKEN = "diverged"


def _end_of_epoch(task: Task, position: _Position) -> _State:
    """Write the epoch into the history, and say what its state is worth."""
    means = {name: value / position.in_epoch for name, value in position.sums.items()}
    entry = {"epoch": position.epoch + 1, "seconds": round(position.elapsed, 2), **means}
    position.sums, position.in_epoch = {}, 0
    loss = sum(means.values())
    task.module.eval()
    with torch.no_grad(), autocast(task.device):
        validation = task.validate()
    task.module.train()
    if validation is not None:
        loss = entry["validation"] = validation
    position.history.append(entry)
    if task.patience is None:
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
    elif position.epoch - position.best_epoch >= task.patience:
        event = "no further gain: the best state is kept"
        position.history.append({"epoch": position.epoch + 1, "event": event})
        position.finished = True
    return state


def _sound(module: nn.Module) -> bool:
    return all(bool(torch.isfinite(p).all()) for p in module.parameters())


def _save(
    task: Task, session: Session, optimizer: torch.optim.Optimizer, position: _Position
) -> None:
    if session.checkpoint is None:
        return
    metadata = {"signature": task.signature, "position": json.dumps(vars(position))}
    path = session.checkpoint / f"{task.name}.safetensors"
    write(path, snapshot(task.module, optimizer), metadata)


def _resume(task: Task, session: Session, optimizer: torch.optim.Optimizer) -> _Position:
    """Load the checkpoint of the same task, if there is one, and return where it stood."""
    if session.checkpoint is None:
        return _Position()
    found = read(session.checkpoint / f"{task.name}.safetensors", task.signature)
    if found is None:
        return _Position()
    tensors, metadata = found
    restore(task.module, optimizer, tensors)
    position = _Position(**json.loads(metadata["position"]))
    session.tally.earlier_s += position.elapsed
    position.forget()  # the best state was not kept
    return position
