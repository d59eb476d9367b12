"""Kill `index` at random instants, and look at what it leaves.

    python -m benchmarks.kills [--count 200] [--seed 0] [--json]

Each trial is a fork of this process, which has imported everything: a child makes, trains or
brings up to date the index of a few pictures, and is killed with SIGKILL at an instant drawn evenly
from the length of such a run. What counts: the index opens, verify finds nothing, and a picture
finds itself; then the same command is run to its end, and the same holds again. A run that was
killed before its first revision has left no index, and counts by the second look alone.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import numpy as np
from PIL import Image

from aesearch.encoders.training import session
from aesearch.indexing.build import build
from aesearch.search.index import Index
from aesearch.storage.layout import Layout
from benchmarks.reporting import say, show

PICTURES = 150  # enough to be trained
BUDGET = 1.0  # seconds of training
SIDE = 160  # large enough that reading them is a part of a run
KINDS = ("reading", "training", "adding", "changing", "removing")
EVERY = 0.1  # seconds between two checkpoints, which otherwise no training here would write
LATE = 0.05  # of a run's length: how far after its end a kill may come


def picture(number: int) -> Image.Image:
    """Return a picture unlike all others: a few rectangles, by a seed."""
    draw = np.random.default_rng(number)
    pixels = np.full((SIDE, SIDE, 3), draw.integers(0, 255, 3), np.uint8)
    for _ in range(4):
        x, y, w, h = draw.integers(0, SIDE, 4)
        pixels[y : y + h + 2, x : x + w + 2] = draw.integers(0, 255, 3)
    return Image.fromarray(pixels)


def write_pictures(folder: Path, numbers: range) -> None:
    """Write pictures of these numbers into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        picture(number).save(folder / f"{number:04}.png")


def forked(work: Callable[[], object], patience: float | None = None) -> int:
    """Run `work` in a child, and kill it after `patience` seconds; its exit code, or -signal."""
    child = os.fork()
    if not child:
        os.setpgid(0, 0)  # its own group: what it starts dies with it
        code = 1
        try:
            sys.stdout.flush()
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@dataclass
class Scenario:
    """One kind of run that is interrupted: what stands before it, and how long it takes."""

    kind: str
    root: Path
    length: float = 0.0

    @property
    def source(self) -> Path:
        """Folder of the pictures."""
        return self.root / "source"

    @property
    def place(self) -> Path:
        """Folder of the index."""
        return self.root / "index"

    def prepare(self) -> None:
        """Make what each trial begins with, and measure a run that nobody interrupts."""
        write_pictures(self.source, range(PICTURES))
        if self.kind in ("adding", "changing", "removing"):
            assert not forked(self._first)
            shutil.copytree(self.place, self.root / "before")
            self._change_source()
        self.reset()
        started = time.perf_counter()
        assert not forked(self.work)
        self.length = time.perf_counter() - started

    def _first(self) -> None:
        build(self.source, self.place, budget=0).close()

    def _change_source(self) -> None:
        if self.kind == "adding":
            write_pictures(self.source, range(PICTURES, 2 * PICTURES))
        for number in range(1, PICTURES // 2):
            path = self.source / f"{number:04}.png"
            if self.kind == "changing":
                picture(number + 5_000).save(path)
            elif self.kind == "removing":
                path.unlink()

    def reset(self) -> None:
        """Bring back what stood before."""
        shutil.rmtree(self.place, ignore_errors=True)
        if (self.root / "before").exists():
            shutil.copytree(self.root / "before", self.place)

    def work(self) -> None:
        """Do what is interrupted: the whole of it, or again what is left of it."""
        if self.kind == "training":
            build(self.source, self.place, {"encoder": "mlp"}, budget=BUDGET).close()
        else:
            build(self.source, self.place, budget=0, remove=True).close()

    def look(self) -> None:
        """Raise AssertionError where something is wrong with the index."""
        warnings.simplefilter("error")
        with Index(self.place) as index:
            problems = index.verify()
            assert not problems, problems
            for key in ("0000.png", f"{PICTURES - 1:04}.png"):  # which no run changes
                hits = index.search(self.source / key, 1)
                assert (hits[0].key, hits[0].score) == (key, 1.0), hits
            drawn = sorted(item.key for item in index.items())[::29]
            for key in drawn:
                assert index.similar(key, 1)[0].key == key

    def trial(self, instant: float) -> str:
        """Kill one run; returns what it left: none, an index, or "wrong"."""
        self.reset()
        ended = forked(self.work, instant)
        if ended not in (0, -signal.SIGKILL):
            return "wrong"
        left = "index" if Layout(self.place).exists() else "none"
        if self.kind not in ("reading", "training") and left == "none":
            return "wrong"
        if left == "index" and forked(self.look):
            return "wrong"
        if forked(self.work) or forked(self.look):
            return "wrong"
        return left


def run(root: Path, kind: str, count: int, seed: int) -> dict[str, object]:
    """Make the trials of one kind."""
    scenario = Scenario(kind, root / kind)
    scenario.prepare()
    say(f"{kind}: a run takes {scenario.length:.2f} s")
    draw = random.Random(f"{seed} {kind}")
    found: Counter[str] = Counter()
    for _ in range(count):
        instant = draw.uniform(0, scenario.length * (1 + LATE))
        left = scenario.trial(instant)
        found[left] += 1
        if left == "wrong":
            say(f"{kind}: wrong after a kill at {instant:.4f} s")
    return {
        "killed in": kind,
        "seconds of a run": scenario.length,
        "kills": count,
        "before the first revision": found["none"],
        "left an index": found["index"],
        "good": count - found["wrong"],
    }


def _warm_up(root: Path) -> None:
    """Import what a training needs, by one: forks have it then.

    One thread alone is forked: with more, what another held would stay locked in the child.
    """
    session.Session = partial(session.Session, checkpoint_every_s=EVERY)  # type: ignore[misc,assignment]
    write_pictures(root / "source", range(PICTURES))
    build(root / "source", root / "index", {"encoder": "mlp"}, budget=0.2).close()


@click.command()
@click.option("--count", default=200, show_default=True, help="Kills, over all kinds of run.")
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def main(count: int, seed: int, as_json: bool) -> None:
    """Kill `index` at random instants, and look at what it leaves."""
    if os.environ.get("OMP_NUM_THREADS") != "1":  # before any library is loaded
        words = [sys.executable, "-m", "benchmarks.kills", *sys.argv[1:]]
        os.execve(sys.executable, words, {**os.environ, "OMP_NUM_THREADS": "1"})
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="aesearch-kills-", dir=memory) as folder:
        _warm_up(Path(folder).resolve() / "warm")
        shares = [count // len(KINDS) + (n < count % len(KINDS)) for n in range(len(KINDS))]
        rows = [
            run(Path(folder).resolve(), kind, share, seed)
            for kind, share in zip(KINDS, shares, strict=True)
        ]
    good = sum(int(str(row["good"])) for row in rows)
    show("Kills", rows, {"good": f"{good} of {count}", "seed": seed}, as_json=as_json)
    if good < count:
        raise click.exceptions.Exit(1)


if __name__ == "__main__":
    main()
