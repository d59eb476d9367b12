"""Timing whole processes, in turn, as a user starts them."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.reporting import say

SOME_SKIPPED = 3  # exit code of 'done, but some files could not be read'
# What developers and containers set and users do not; without it .pyc files are written.
NOT_OF_USERS = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "AESEARCH_HOME"}


def aesearch_command(*words: str | Path) -> list[str]:
    """Return the command line of the installed console script."""
    beside = Path(sys.executable).parent / "aesearch"
    script = str(beside) if beside.is_file() else shutil.which("aesearch")
    if script is None:
        sys.exit("the command 'aesearch' is not installed beside this Python")
    return [script, *map(str, words)]


def environment() -> dict[str, str]:
    """Return the environment without switches that a user would not have set."""
    return {name: value for name, value in os.environ.items() if name not in NOT_OF_USERS}


def start(command: Sequence[str], cwd: Path) -> subprocess.Popen[bytes]:
    """Start a process that prints nowhere."""
    nowhere = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=cwd, env=environment(), stdin=nowhere, stdout=nowhere)


def seconds_of(command: Sequence[str], cwd: Path) -> float:
    """Run a command and return the wall time of the whole process."""
    started = time.perf_counter()
    code = start(command, cwd).wait()
    seconds = time.perf_counter() - started
    if code not in (0, SOME_SKIPPED):
        sys.exit(f"{' '.join(command)} failed with exit code {code}")
    return seconds


Timed = Callable[[], float]


def alternating(ours: Timed, other: Timed, runs: int) -> tuple[list[float], list[float], float]:
    """Time both in turn, after one round that does not count.

    Returns both lists of seconds, and the median of the ratios of neighbouring runs.
    """
    ours(), other()
    pairs = []
    for n in range(runs):
        pairs.append((ours(), other()))
        say(f"{n + 1} of {runs}: {pairs[-1][0]:.3f} s against {pairs[-1][1]:.3f} s")
    ratio = statistics.median(a / b for a, b in pairs)
    return [a for a, _ in pairs], [b for _, b in pairs], ratio


def row(name: str, seconds: Sequence[float]) -> dict[str, object]:
    """Return one line of the table."""
    return {
        "what": name,
        "median s": statistics.median(seconds),
        "least s": min(seconds),
        "most s": max(seconds),
        "runs": len(seconds),
    }


def until_searchable(command: Sequence[str], cwd: Path, index: Path) -> tuple[float, float]:
    """Return the seconds until an index can be searched, and until the process ends."""
    card = index / "index.json"
    started = time.perf_counter()
    process = start(command, cwd)
    while not card.exists() and process.poll() is None:
        time.sleep(0.002)
    first = time.perf_counter() - started
    if process.wait() not in (0, SOME_SKIPPED):
        sys.exit(f"{' '.join(command)} failed")
    return first, time.perf_counter() - started
