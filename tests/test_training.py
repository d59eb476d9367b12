"""The training loop, on a task small enough to know the answer."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Task
from aesearch.encoders.training.trainer import train


class LineTask(Task):
    """Fit y = 3 x + 1 from noisy draws: the loss draws from torch's generator, as views do."""

    name = "line"

    def __init__(self, epochs: int = 20, pause: float = 0.0) -> None:
        torch.manual_seed(0)
        self.module = nn.Linear(1, 1)
        self.x = torch.linspace(-1, 1, 64)[:, None]
        self.samples, self.batch_size, self.epochs = 64, 16, epochs
        self.learning_rate, self.weight_decay = 0.1, 0.0
        self.signature = f"line {epochs}"
        self.pause = pause
        self.seen: list[float] = []

    def on_progress(self, progress: float) -> bool:
        self.seen.append(progress)
        return False

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        time.sleep(self.pause)
        x = self.x[rows]
        noise = 0.01 * torch.randn_like(x)
        gap = self.module(x).float() - (3 * x + 1 + noise)
        return {"squares": gap.square().mean()}


def weights(task: Task) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in task.module.parameters()]).numpy()


def test_learns_the_line_and_tells_the_loss_of_each_epoch() -> None:
    task = LineTask(epochs=60)
    task.patience = 1000
    history = train(task, Session())
    np.testing.assert_allclose(weights(task), [3, 1], atol=0.05)
    assert [entry["epoch"] for entry in history] == list(range(1, 61))
    assert history[-1]["squares"] < history[0]["squares"] / 100


def test_same_seed_gives_the_same_weights() -> None:
    found = []
    for seed in (1, 1, 2):
        task = LineTask()
        train(task, Session(), seed=seed)
        found.append(weights(task))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_a_budget_ends_training_in_time_and_the_rate_falls_to_its_end() -> None:
    task = LineTask(epochs=100_000, pause=0.002)
    told: list[float] = []
    begun = time.perf_counter()
    train(task, Session(budget_s=0.5, progress=lambda done, _: told.append(done)))
    assert 0.4 < time.perf_counter() - begun < 60  # of 800 seconds, on a busy machine too
    assert told == sorted(told)
    assert told[-1] > 0.9


@pytest.mark.parametrize("left", [0.0, -1.0])
def test_a_budget_that_is_spent_leaves_nothing_and_not_any_time(left: float) -> None:
    task = LineTask(epochs=100_000)
    before = weights(task)
    history = train(task, Session(budget_s=left))
    assert history == [{"epoch": 0, "event": "the budget was spent in epoch 0 of 100000"}]
    np.testing.assert_array_equal(weights(task), before)


def test_preparing_takes_of_the_budget_and_leaves_a_quarter() -> None:
    assert Session(budget_s=8).after(3).budget_s == pytest.approx(5)
    assert Session(budget_s=8).after(30).budget_s == pytest.approx(2)
    assert Session().after(30).budget_s is None


def test_stopping_and_going_on_is_the_same_as_not_stopping(tmp_path: Path) -> None:
    whole = LineTask()
    train(whole, Session())
    steps = 0

    def stop() -> bool:
        nonlocal steps
        steps += 1
        return steps >= 37  # in the middle of an epoch

    part = LineTask()
    train(part, Session(checkpoint=tmp_path, stop=stop))
    assert not np.array_equal(weights(part), weights(whole))
    rest = LineTask()
    torch.manual_seed(99)  # the checkpoint, not the caller, must set the generator
    history = train(rest, Session(checkpoint=tmp_path))
    np.testing.assert_array_equal(weights(rest), weights(whole))
    epochs = [entry["epoch"] for entry in history if "event" not in entry]
    assert sorted(set(epochs)) == list(range(1, 21))


def test_a_finished_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    first = LineTask()
    train(first, Session(checkpoint=tmp_path))
    second = LineTask()
    train(second, Session(checkpoint=tmp_path))
    np.testing.assert_array_equal(weights(first), weights(second))
    assert second.seen == []


def test_the_checkpoint_of_another_task_is_ignored(tmp_path: Path) -> None:
    train(LineTask(epochs=3), Session(checkpoint=tmp_path))
    with_folder = LineTask(epochs=5)
    train(with_folder, Session(checkpoint=tmp_path))
    without = LineTask(epochs=5)
    train(without, Session())
    np.testing.assert_array_equal(weights(with_folder), weights(without))


@pytest.mark.parametrize("content", [b"", b"\x10\0\0\0\0\0\0\0{not json", b"x" * 100])
def test_a_damaged_checkpoint_means_starting_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "line.safetensors").write_bytes(content)
    task = LineTask(epochs=3)
    train(task, Session(checkpoint=tmp_path))
    expected = LineTask(epochs=3)
    train(expected, Session())
    np.testing.assert_array_equal(weights(task), weights(expected))


def test_survives_sigkill(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        sys.path.insert(0, sys.argv[2])
        from aesearch.encoders.training.session import Session
        from aesearch.encoders.training.trainer import train
        from test_training import LineTask
        task = LineTask(pause=0.02)
        train(task, Session(checkpoint=Path(sys.argv[1]), checkpoint_every_s=0.05,
                            progress=lambda done, terms: print(done, flush=True)))
    """)
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": str(Path(here).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), here],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if float(line) > 0.4:
                break
        process.send_signal(signal.SIGKILL)
    task = LineTask()
    train(task, Session(checkpoint=tmp_path))
    whole = LineTask()
    train(whole, Session())
    assert 0.05 < task.seen[0] < 0.98
    np.testing.assert_array_equal(weights(task), weights(whole))


class BreakingTask(LineTask):
    """Gives NaN at the steps named, or at every one from the first named on."""

    def __init__(self, broken: set[int]) -> None:
        super().__init__(epochs=40)
        self.broken, self.calls = broken, 0

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        self.calls += 1
        factor = math.nan if self.calls in self.broken else 1.0
        return {name: term * factor for name, term in super().losses(rows).items()}


def test_a_loss_that_is_not_finite_restores_the_last_good_state_and_is_reported() -> None:
    task = BreakingTask({50})
    history = train(task, Session())
    events = [entry["event"] for entry in history if "event" in entry]
    assert events[0] == "loss not finite: last good state restored"
    np.testing.assert_allclose(weights(task), [3, 1], atol=0.2)


def test_training_that_keeps_breaking_ends_with_the_last_good_state() -> None:
    task = BreakingTask(set(range(50, 1000)))
    with pytest.warns(UserWarning, match="loss not finite 4 times; the last good state is kept"):
        train(task, Session())
    assert task.calls < 60
    assert np.isfinite(weights(task)).all()


def test_no_further_gain_ends_training_early() -> None:
    task = LineTask(epochs=1000)
    task.learning_rate, task.patience = 0.0, 5
    history = train(task, Session())
    assert history[-1]["event"] == "no further gain: the best state is kept"
    assert history[-1]["epoch"] < 100


class RaisedTask(LineTask):
    """A loss that falls all the time, but for one jump at half of the training."""

    raised = False

    def on_progress(self, progress: float) -> bool:
        super().on_progress(progress)
        changed = progress >= 0.5 and not self.raised
        self.raised = progress >= 0.5
        return changed

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        level = torch.tensor(2.0 + 10 * self.raised - self.seen[-1])
        return {"squares": 0 * super().losses(rows)["squares"], "level": level}


def test_a_loss_that_changes_its_meaning_is_compared_only_with_later_ones() -> None:
    task = RaisedTask(epochs=40)
    task.patience = 12
    history = train(task, Session())
    assert [entry for entry in history if "event" in entry] == []
    assert history[-1]["epoch"] == 40


class ValidatedTask(LineTask):
    """A validation loss given beforehand, epoch by epoch."""

    def __init__(self, validations: list[float], patience: int = 3) -> None:
        super().__init__(epochs=len(validations))
        self.validations, self.patience = validations, patience
        self.states: list[np.ndarray] = []

    def validate(self) -> float:
        assert not self.module.training
        self.states.append(weights(self))
        return self.validations[len(self.states) - 1]


def test_the_state_of_the_best_validation_is_kept_when_training_ends_early() -> None:
    task = ValidatedTask([5, 4, 3, 3.5, 3.5, 3.5, 3.5, 1])
    history = train(task, Session())
    assert history[-1]["event"] == "no further gain: the best state is kept"
    assert len(task.states) == 6
    np.testing.assert_array_equal(weights(task), task.states[2])
    assert [e["validation"] for e in history[:-1]] == [5, 4, 3, 3.5, 3.5, 3.5]


def test_the_best_state_is_kept_when_the_last_is_worse() -> None:
    task = ValidatedTask([5, 2, 3], patience=50)
    train(task, Session())
    np.testing.assert_array_equal(weights(task), task.states[1])
    task = ValidatedTask([5, 3, 2], patience=50)
    train(task, Session())
    np.testing.assert_array_equal(weights(task), task.states[2])


def test_a_loss_below_zero_can_get_better() -> None:
    task = ValidatedTask([-1, -2, -3, -4, -5, -6, -7, -8], patience=2)
    assert "event" not in train(task, Session())[-1]
    task = ValidatedTask([-100, -100.01, -100.02, -100.03, -100.04, -100.05], patience=2)
    assert "event" in train(task, Session())[-1]


def test_divergence_is_undone_and_told() -> None:
    task = ValidatedTask([5, 1, 900, 0.9, 0.8, 0.7], patience=50)
    history = train(task, Session())
    event = {"epoch": 3, "event": "training diverged: last good state restored"}
    assert history[3] == event
    assert len(task.states) == 6
    with pytest.warns(UserWarning, match="training of line ended in epoch 6: training diverged"):
        train(ValidatedTask([5, 1, 900, 900, 900, 900, 900], patience=50), Session())


def test_without_patience_no_loss_ends_training() -> None:
    task = ValidatedTask([1, 2, 300, 4, 5, 6, 7, 8])
    task.patience = None
    history = train(task, Session())
    assert len(history) == 8
    np.testing.assert_array_equal(weights(task), task.states[7])


def test_a_part_of_a_session_fills_its_share() -> None:
    told: list[float] = []
    whole = Session(budget_s=100, progress=lambda done, _: told.append(done))
    part = whole.phase(0.2, 0.6)
    assert part.budget_s == pytest.approx(40)
    assert part.progress is not None
    part.progress(0.5, {})
    assert told == [pytest.approx(0.4)]
    assert Session().phase(0.2, 0.6).progress is None


def test_a_budget_that_ends_training_says_in_which_epoch() -> None:
    session = Session(budget_s=0.2)
    task = LineTask(epochs=5000, pause=0.002)
    history = train(task, session)
    last = history[-2]["epoch"]
    assert history[-1] == {"epoch": last, "event": f"the budget was spent in epoch {last} of 5000"}
    assert session.tally.epochs == last
    assert session.tally.planned == 5000
    unhurried = Session()
    assert "event" not in train(LineTask(epochs=3), unhurried)[-1]
    assert (unhurried.tally.epochs, unhurried.tally.planned) == (3, 3)


def test_the_tally_counts_all_phases_and_the_time_before_an_interruption(tmp_path: Path) -> None:
    steps = iter(range(100))
    stopped = Session(checkpoint=tmp_path, stop=lambda: next(steps) >= 9)
    before = train(LineTask(epochs=8, pause=0.005), stopped)
    assert stopped.tally.earlier_s == 0
    again = Session(checkpoint=tmp_path)
    history = train(LineTask(epochs=8), again.phase(0, 0.5))
    assert 0.03 < again.tally.earlier_s < 60
    told = [entry["epoch"] for entry in history if "event" not in entry]
    assert told[0] == before[0]["epoch"] == 1
    assert told[-1] == 8
    other = LineTask(epochs=4)
    other.name = "other"
    train(other, again.phase(0.5, 1))
    assert again.tally.epochs == len(told) + 4
    assert again.tally.planned >= again.tally.epochs
