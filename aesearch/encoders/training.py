"""The one training loop: budget, progress, early stop, checkpoints, and what to do about NaN.

Every trained encoder brings a :class:`Task` that says what a step costs; this module decides when
to step, how large, and when to stop.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from aesearch.encoders.machine import bfloat16_pays, memory_kept

WARM_UP = 0.03  # share of training over which the learning rate rises
RESTORES = 3  # times a broken state is undone before training ends
SMALLEST_GAIN = 1e-3  # relative; less over `patience` epochs ends training

History = list[dict[str, Any]]


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
    """

    budget_s: float | None = None
    progress: Callable[[float, dict[str, float]], None] | None = None
    checkpoint: Path | None = None
    checkpoint_every_s: float = 60.0
    stop: Callable[[], bool] | None = None


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
    patience : int
        Epochs without a lower loss after which training ends.
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
    patience: int = 30
    signature: str = ""

    @abstractmethod
    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the terms, by name, whose sum is minimised over the samples `rows`."""

    def at(self, progress: float) -> bool:
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
    best: float = math.inf
    best_epoch: int = 0
    finished: bool = False
    history: History = field(default_factory=list)


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
        One entry per epoch: "epoch", "seconds", "rate" and the mean of each term; "event" where
        a broken state was restored or training ended early.

    References
    ----------
    I. Loshchilov and F. Hutter, SGDR (2017) and Decoupled weight decay regularization (2019).
    """
    optimizer = torch.optim.AdamW(
        task.module.parameters(),
        lr=task.learning_rate,
        weight_decay=task.weight_decay,
        betas=(0.9, 0.99),
        fused=True,
    )
    position = _resume(task, session, optimizer)
    if position.finished:
        return position.history
    started = time.perf_counter() - position.elapsed
    saved = time.perf_counter()
    batch = min(task.batch_size, task.samples)
    per_epoch = task.samples // batch
    total = max(1, task.epochs * per_epoch)
    good = _snapshot(task.module, optimizer)
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
                position.best, position.best_epoch = math.inf, position.epoch
            terms = _step(task, optimizer, position, batch, done, seed)
            if not all(math.isfinite(value) for value in terms.values()):
                _restore(task.module, optimizer, good)
                position.restored += 1
                position.rate /= 2
                position.history.append(
                    {"epoch": position.epoch, "event": "loss not finite: last good state restored"}
                )
                position.finished = position.restored > RESTORES
            else:
                for name, value in terms.items():
                    position.sums[name] = position.sums.get(name, 0.0) + value
                position.in_epoch += 1
            position.step += 1
            epoch_over = position.step % per_epoch == 0 and _end_of_epoch(task, position)
            if epoch_over and _sound(task.module):
                good = _snapshot(task.module, optimizer)
            if session.progress is not None:
                session.progress(_share_done(position, total, session), terms)
            if session.stop is not None and session.stop():
                position.history.append({"epoch": position.epoch, "event": "stopped"})
                break
            if time.perf_counter() - saved > session.checkpoint_every_s:
                save()
                saved = time.perf_counter()
    if position.in_epoch:
        _end_of_epoch(task, position)
    if not _sound(task.module):
        _restore(task.module, optimizer, good)
    position.finished = session.stop is None or not session.stop()
    save()
    task.module.eval()
    return position.history


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
    # Seeded by the epoch, so that a resumed run needs no more than the number of the step.
    order = np.random.default_rng([seed, position.epoch]).permutation(task.samples)
    rows = torch.from_numpy(order[within * batch : (within + 1) * batch])
    rate = min(1.0, done / WARM_UP + 0.02) * 0.5 * (1 + math.cos(math.pi * done))
    for group in optimizer.param_groups:
        group["lr"] = task.learning_rate * rate * position.rate
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16_pays()):
        terms = task.losses(rows)
    values = {name: float(term.detach()) for name, term in terms.items()}
    if all(math.isfinite(value) for value in values.values()):
        optimizer.zero_grad()
        torch.stack(list(terms.values())).sum().backward()
        optimizer.step()
    return values


def _end_of_epoch(task: Task, position: _Position) -> bool:
    """Write the epoch into the history; return whether it had any sound step."""
    if not position.in_epoch:
        return False
    means = {name: value / position.in_epoch for name, value in position.sums.items()}
    position.history.append(
        {"epoch": position.epoch + 1, "seconds": round(position.elapsed, 2), **means}
    )
    loss = sum(means.values())
    if loss < position.best * (1 - SMALLEST_GAIN):
        position.best, position.best_epoch = loss, position.epoch
    elif position.epoch - position.best_epoch >= task.patience:
        position.history.append({"epoch": position.epoch + 1, "event": "no further gain"})
        position.finished = True
    position.sums, position.in_epoch = {}, 0
    return True


def _sound(module: nn.Module) -> bool:
    return all(bool(torch.isfinite(p).all()) for p in module.parameters())


def _tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return weights, buffers and the optimiser's moments under flat names."""
    found = {f"module.{name}": tensor for name, tensor in module.state_dict().items()}
    for index, moments in optimizer.state_dict()["state"].items():
        for name, value in moments.items():
            found[f"optimizer.{index}.{name}"] = torch.as_tensor(value)
    return found


def _snapshot(module: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in _tensors(module, optimizer).items()}


def _restore(module: nn.Module, optimizer: torch.optim.Optimizer, kept: dict[str, Tensor]) -> None:
    prefix = "module."
    module.load_state_dict(
        {name.removeprefix(prefix): v for name, v in kept.items() if name.startswith(prefix)}
    )
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in kept.items():
        if not name.startswith(prefix):
            _, index, key = name.split(".")
            moments.setdefault(int(index), {})[key] = value.clone()
    for number, parameter in enumerate(module.parameters()):
        # Laid out as the parameter is: the fused update walks both in memory order.
        for key, value in moments.get(number, {}).items():
            if value.shape == parameter.shape:
                moments[number][key] = torch.empty_like(parameter).detach().copy_(value)
    state = optimizer.state_dict()
    state["state"] = moments
    optimizer.load_state_dict(state)


def _save(
    task: Task, session: Session, optimizer: torch.optim.Optimizer, position: _Position
) -> None:
    """Write the checkpoint: one file, put in place by a rename, so it is whole or the old one."""
    if session.checkpoint is None:
        return
    session.checkpoint.mkdir(parents=True, exist_ok=True)
    tensors = {k: v.contiguous() for k, v in _snapshot(task.module, optimizer).items()}
    tensors["generator"] = torch.get_rng_state()
    metadata = {"signature": task.signature, "position": json.dumps(vars(position))}
    path = session.checkpoint / f"{task.name}.safetensors"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    save_file(tensors, temporary, metadata=metadata)
    with temporary.open("rb") as stream:
        os.fsync(stream.fileno())
    os.replace(temporary, path)


def _resume(task: Task, session: Session, optimizer: torch.optim.Optimizer) -> _Position:
    """Load the checkpoint of the same task, if there is one, and return where it stood."""
    if session.checkpoint is None:
        return _Position()
    path = session.checkpoint / f"{task.name}.safetensors"
    try:
        with safe_open(path, framework="pt") as stream:
            metadata = stream.metadata() or {}
            if metadata.get("signature") != task.signature:
                return _Position()
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (FileNotFoundError, SafetensorError):
        return _Position()
    torch.set_rng_state(tensors.pop("generator"))
    _restore(task.module, optimizer, tensors)
    return _Position(**json.loads(metadata["position"]))
