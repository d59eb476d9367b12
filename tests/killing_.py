"""Kill a writer at one point after another, and look at what it leaves. Run by test_crash.py.

This process has everything imported and no threads, so that each trial is a fork of it and costs
milliseconds: one child writes and is killed at its n-th step, the next one looks, and goes on.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collections_ import assert_exact, write_pictures

import aesearch.indexing.build  # imported before forking
import aesearch.indexing.train
from aesearch.engines.faiss import FaissEngine
from aesearch.search.index import Index
from aesearch.sources.base import digest_of
from aesearch.storage.commit import nothing
from aesearch.storage.layout import Layout

AUDITED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.scandir", "shutil.rmtree"}
State = dict[str, str]


class Steps:
    """Counts what a process does to the disk, and kills it at step `fatal`."""

    def __init__(self, fatal: int | None, below: Path) -> None:
        self.fatal = fatal
        self.below = str(below)
        self.seen: list[str] = []

    def step(self, name: str) -> None:
        if len(self.seen) == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        self.seen.append(name)

    def install(self) -> None:
        def audit(event: str, values: tuple[Any, ...]) -> None:
            if event in AUDITED and str(values[0]).startswith(self.below):
                self.step(f"{event} {Path(str(values[0])).suffix}")

        sys.addaudithook(audit)
        fsync, connect, save = os.fsync, sqlite3.connect, FaissEngine.save

        def counted_fsync(descriptor: int) -> None:
            self.step("fsync")
            fsync(descriptor)

        def traced_connect(*values: Any, **options: Any) -> sqlite3.Connection:
            db: sqlite3.Connection = connect(*values, **options)
            db.set_trace_callback(lambda sql: self.step(" ".join(sql.split()[:3])))
            return db

        def cut_save(engine: FaissEngine, path: Path) -> None:
            save(engine, path)
            whole = path.read_bytes()
            path.write_bytes(whole[: len(whole) // 2])
            self.step("half of the codes")
            path.write_bytes(whole)
            self.step("all of the codes")

        os.fsync, sqlite3.connect = counted_fsync, traced_connect  # type: ignore[assignment]
        FaissEngine.save = cut_save  # type: ignore[method-assign,assignment]


def forked(work: Callable[[], Any], patience: float | None = None) -> tuple[int, Any]:
    """Run `work` in a child; returns how it ended (0, or minus the signal) and what it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        code = 0
        try:
            answer = work()
        except BaseException:
            answer, code = traceback.format_exc(), 1
        with os.fdopen(writing, "w") as stream:
            json.dump(answer, stream)
        os._exit(code)
    os.close(writing)
    if patience is not None:
        time.sleep(patience)
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reading) as stream:
        text = stream.read()
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status), json.loads(text) if text else None


class Scenario:
    """One kind of change, tried on a copy of one index of `root`/source."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self.source, self.place, self.template = root / "source", root / "ix", root / "template"
        self.other = root / "elsewhere.png"
        self.keys = write_pictures(self.source, 42)
        (self.source / "notes.txt").write_text("not a picture")
        self.old: State | None = None
        if name != "first":
            code, answer = forked(self._first)
            assert not code, answer
            self.old = answer
            shutil.copytree(self.place, self.template)
        if name == "update":
            self._change_source()
        if name == "add":
            write_pictures(root, 1, 70)
            next(root.glob("*/070.png")).rename(self.other)

    def _first(self) -> State:
        aesearch.build(self.source, self.place, budget=0).close()
        with Index(self.place) as index:
            return state_of(index)

    def _change_source(self) -> None:
        keys = self.keys
        (self.source / keys[0]).unlink()
        (self.source / keys[1]).rename(self.source / "renamed.png")
        (self.source / keys[2]).write_bytes((self.source / keys[3]).read_bytes())
        (self.source / keys[4]).write_bytes(b"\x89PNG, and then nothing")
        write_pictures(self.source, 5, 50)

    def work(self) -> None:
        """Do what is to be interrupted; doing it again must be possible."""
        if self.name in ("first", "update"):
            aesearch.build(self.source, self.place, budget=0).close()
            return
        with Index(self.place) as index:
            if self.name == "add":
                contents: dict[str, bytes | Path] = {
                    "by/hand.png": self.other.read_bytes(),
                    str(self.other): self.other,
                    self.keys[0]: self.source / self.keys[1],
                }
                index.add(contents)
            elif self.keys[7] in index:
                index.remove([self.keys[7], self.keys[8], self.keys[41]])

    def reset(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
        if self.old is not None:
            shutil.copytree(self.template, self.place)

    def steps(self, fatal: int | None) -> list[str]:
        steps = Steps(fatal, self.place)
        steps.install()
        self.work()
        return steps.seen

    def look(self, new: State) -> str:
        """Look at what is left, then do it again; returns at which revision the index opened."""
        warnings.simplefilter("error")
        found = "none"
        if Layout(self.place).exists():
            found = self._check(new)
        elif self.old is not None:
            raise AssertionError("the index is gone")
        self.work()
        assert self._check(new) == "new"
        with Index(self.place) as index:  # whoever writes next sweeps up
            index.folder.publish(nothing, fingerprint=index.revision.fingerprint)
        left = sorted(path.name for path in self.place.iterdir())
        with Index(self.place) as index:
            revision = index.revision
        allowed = {"index.json", ".index.json", "items.db", "items.db-shm", "items.db-wal"}
        allowed |= {"write.lock"}
        allowed |= {revision.codes_file, f"encoder-{revision.fingerprint}"}
        left = [name for name in left if name not in allowed]
        assert not left, f"left behind: {left}"
        return found

    def _check(self, new: State) -> str:
        with Index(self.place) as index:
            problems = index.verify()
            assert not problems, problems
            state = state_of(index)
            assert state in (self.old, new), sorted(set(state.items()) ^ set(new.items()))
            assert_exact(index, sorted(state)[::9])
            assert len(index.encoder.damage()) == 0
            for key in sorted(state):
                path = self.source / key
                if path.exists() and digest_of(path.read_bytes()).hex() == state[key]:
                    hits = index.search(path, 1)
                    assert (hits[0].key, hits[0].score) == (key, 1)
                    break
        return "new" if state == new else "old"


def state_of(index: Index) -> State:
    return {item.key: item.digest.hex() for item in index.items()}


def spread(kinds: list[str], most: int) -> list[int]:
    """Choose steps: of each kind the first two and the last, thinned out to `most`; and the end."""
    places: dict[str, list[int]] = {}
    for n, kind in enumerate(kinds):
        places.setdefault(kind, []).append(n)
    chosen = sorted({n for found in places.values() for n in (*found[:2], found[-1])})
    end = list(range(len(kinds) - 5, len(kinds)))
    chosen = [n for n in chosen if n not in end]
    most = min(most - len(end), len(chosen))
    return [chosen[i * len(chosen) // most] for i in range(most)] + end


def main(name: str, root: Path, most: int, timed: int) -> None:
    scenario = Scenario(name, root)
    scenario.reset()
    started = time.perf_counter()
    code, kinds = forked(lambda: scenario.steps(None))
    took = time.perf_counter() - started
    assert not code, kinds
    with Index(scenario.place) as index:
        new = state_of(index)
    assert new != scenario.old
    found: list[str] = []
    draw = random.Random(0)
    points: list[tuple[str, int | None, float | None]] = [
        (f"step {n}: {kinds[n]}", n, None) for n in spread(kinds, most)
    ]
    points += [(f"time {n}", None, draw.uniform(0, took)) for n in range(timed)]
    for label, fatal, patience in points:
        scenario.reset()
        code, answer = forked(lambda fatal=fatal: scenario.steps(fatal), patience)  # type: ignore[misc]
        assert code == -signal.SIGKILL or patience is not None, (label, code, answer)
        code, answer = forked(lambda: scenario.look(new))
        assert not code, f"killed at {label}\n{answer}"
        found.append(answer)
    at_steps = found[: len(found) - timed]
    runs = [(key, len(list(group))) for key, group in itertools.groupby(at_steps)]
    print(json.dumps({"steps": len(kinds), "trials": len(found), "runs": runs}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
