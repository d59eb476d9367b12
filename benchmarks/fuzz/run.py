"""Cases in processes of their own: one that dies, or hangs, is named, and the others go on."""

from __future__ import annotations

import multiprocessing
import shutil
import time
import traceback
from multiprocessing.sharedctypes import Synchronized
from typing import Any, NamedTuple

from benchmarks.fuzz.cases import Cases
from benchmarks.reporting import say

HANG = 2.0  # seconds of processor time
STUCK = 60.0  # seconds on the clock, after which a process is killed
EVERY = 10_000


class Failure(NamedTuple):
    """What went wrong: the number of the case, its route, what was told."""

    number: int
    route: str
    told: str


def worker(
    seed: int,
    numbers: range,
    at: Synchronized[int],
    tried: Synchronized[int],
    found: multiprocessing.Queue[Failure],
) -> None:
    """Run cases one after the other; tell of those that fail, and at which one we are."""
    cases = Cases(seed)
    cases.indexes  # noqa: B018 - made before time counts
    try:
        for number in numbers:
            at.value = number
            before = cases.mutations
            route, started = cases.route(number), time.process_time()
            try:
                cases.run(number)
            except Exception:
                found.put(Failure(number, route, traceback.format_exc(limit=-4)))
            tried.value += cases.mutations - before
            took = time.process_time() - started
            if route in ("read", "query") and took > HANG:
                found.put(Failure(number, route, f"took {took:.1f} s"))
    finally:
        shutil.rmtree(cases.place, ignore_errors=True)


def run(seed: int, first: int, count: int) -> tuple[int, list[Failure]]:
    """Run cases in a process that is replaced when it dies or hangs.

    Returns
    -------
    mutations : int
        Inputs that were tried.
    failures : list of Failure
    """
    context = multiprocessing.get_context("spawn")
    found: Any = context.Queue()
    tried = context.Value("q", 0)
    failures: list[Failure] = []
    begin, end = first, first + count
    while begin < end:
        at = context.Value("q", begin - 1)
        process = context.Process(target=worker, args=(seed, range(begin, end), at, tried, found))
        process.start()
        stuck = _watch(process, at, found, failures, first)
        if process.exitcode == 0:
            break
        if at.value < begin:
            raise RuntimeError("the cases cannot be made here; see the error above")
        how = f"killed after {STUCK:.0f} s" if stuck else f"ended with {process.exitcode}"
        failures.append(Failure(at.value, "hang" if stuck else "crash", how))
        begin = at.value + 1
    return tried.value, failures


def _watch(process: Any, at: Any, found: Any, failures: list[Failure], first: int) -> bool:
    """Follow a process until it ends; returns whether it had to be killed."""
    last, since, stuck = at.value, time.monotonic(), False
    while process.is_alive() or not found.empty():
        process.join(0.2)
        while not found.empty():
            failures.append(found.get())
            say(f"case {failures[-1].number}: {failures[-1].told.splitlines()[-1]}")
        if at.value != last:
            if (at.value - first) // EVERY > (last - first) // EVERY:
                say(f"{at.value - first:,} cases, {len(failures)} failures")
            last, since = at.value, time.monotonic()
        elif time.monotonic() - since > STUCK and not stuck:
            stuck = True
            process.kill()
    process.join()
    return stuck
