"""Threads that read files, watched: what takes too long is given up, and the rest goes on.

A thread that runs Python is stopped by an exception raised inside it. One that is inside a C
library notices nothing: it is left behind, another takes its place, and as a daemon it ends with
the process. What it may still return is thrown away.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread, get_ident
from typing import Generic, NoReturn, Protocol, Self, TypeVar

from aesearch.engines.threads import one_openmp_thread, workers
from aesearch.engines.turns import left_behind
from aesearch.errors import ContentError

# Processor time, so that a busy machine refuses nothing that an idle one reads. Of what the limits
# of size let pass PDFs take longest: pypdf reads 400 plain pages a second here, and of crowded ones
# on a slow machine so few that a book of 1,000 pages takes minutes.
MOST_SECONDS = 300.0
GRACE = 30.0  # seconds more, for a library in C to return and the exception to be met
LOOK = 1.0  # seconds between looks at the threads, while their results are waited for
PATIENCE = 2.0  # seconds that are waited for threads when no more results are wanted

CLOCKS = hasattr(time, "pthread_getcpuclockid")  # of single threads: not on macOS and Windows

Task = TypeVar("Task")
Result = TypeVar("Result")
Made = TypeVar("Made")


class Within(Protocol):
    """What does work under the limit."""

    def __call__(self, work: Callable[[], Made], /) -> Made:
        """Return the result of the work, or raise ContentError."""


class OutOfTime(BaseException):
    """Raised inside a thread whose work takes too long."""


class _LeftBehind(BaseException):
    """Ends a thread of which nobody waits for anything any more."""


def too_long() -> ContentError:
    """The error of what takes longer than the limit."""
    of_what = "s of processor time" if CLOCKS else "s"
    return ContentError(f"takes more than {MOST_SECONDS:g} {of_what} to read")


@dataclass
class Job(Generic[Task, Result]):
    """Several tasks for one thread, and what was made of those that are done."""

    left: deque[Task]
    made: list[Result] = field(default_factory=list)
    future: Future[list[Result]] = field(default_factory=Future)


class Watched(Generic[Task, Result]):
    """As many threads as cores, each watched by whoever waits for a result.

    Parameters
    ----------
    name : str
    work : callable
        Makes the results of a task. What may take long it does by its second argument.
    refused : callable
        Makes the results of a task of which a thread was left behind, from the error.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Task, Within], Sequence[Result]],
        refused: Callable[[Task, ContentError], Sequence[Result]],
    ) -> None:
        self.name, self.work, self.refused = name, work, refused
        self.jobs: SimpleQueue[Job[Task, Result] | None] = SimpleQueue()
        self.closed = False
        self._threads: list[_Worker[Task, Result]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Let the threads end; what they have not begun is dropped."""
        self.closed = True
        for _worker in self._threads:
            self.jobs.put(None)
        until = time.monotonic() + PATIENCE
        for worker in self._threads:
            worker.thread.join(max(0.0, until - time.monotonic()))
            if worker.thread.is_alive():
                worker.leave()

    def submit(self, tasks: Sequence[Task]) -> Job[Task, Result]:
        """Let a thread do tasks, one after the other."""
        job: Job[Task, Result] = Job(deque(tasks))
        self.jobs.put(job)
        if len(self._threads) < workers():
            self._threads.append(_Worker(self))
        return job

    def result(self, job: Job[Task, Result]) -> list[Result]:
        """Wait for the results of a job, in the order of its tasks; raises what a task raised."""
        while True:
            try:
                return job.future.result(LOOK)
            except TimeoutError:
                if job.future.done():  # since, or a task raised it
                    return job.future.result()
                self._look()

    def _look(self) -> None:
        """Stop what takes too long; a thread that does not react is replaced."""
        for place, worker in enumerate(self._threads):
            if worker.is_lost() and (job := worker.job) is not None:
                job.made += self.refused(job.left.popleft(), too_long())
                self._threads[place] = _Worker(self, job)


class _Worker(Generic[Task, Result]):
    """A thread, and what it is at; the first job is one that another did not finish."""

    def __init__(self, pool: Watched[Task, Result], first: Job[Task, Result] | None = None) -> None:
        self.job = first
        self._pool = pool
        self._clock: int | None = None
        self._ident = 0
        # Written by the thread: how often work began, and whether it goes on. By who watches:
        # whether it acts on the thread just now, raised something in it, does not wait for it.
        self._turn, self._at_work = 0, False
        self._acting, self._struck, self._left = False, False, False
        self._seen, self._since = -1, 0.0
        self.thread = Thread(target=self._run, name=pool.name, daemon=True)
        self.thread.start()

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        one_openmp_thread()
        self._ident = get_ident()
        if CLOCKS:
            self._clock = time.pthread_getcpuclockid(self._ident)
        with suppress(_LeftBehind):
            if self.job is not None:
                self._do(self.job)
            while (job := self._pool.jobs.get()) is not None:
                self.job = job
                self._do(job)

    def _do(self, job: Job[Task, Result]) -> None:
        try:
            while job.left and not self._pool.closed:
                job.made += self._pool.work(job.left[0], self.within)
                job.left.popleft()
            job.future.set_result(job.made)
        except _LeftBehind:
            raise
        except BaseException as error:  # for who waits
            job.future.set_exception(error)

    def within(self, work: Callable[[], Made], /) -> Made:
        """Do work under the limit. Once it returns, nothing can be raised in this thread any more.

        Where an exception from outside may be met is where Python calls or loops; after one was met
        the first step of each handler is therefore to say that this work is at its end.
        """
        self._turn += 1
        try:
            try:
                self._at_work = True
                return work()
            finally:
                self._at_work = False
                self._end()
        except OutOfTime:
            self._at_work = False
            self._end()
            raise too_long() from None

    def _end(self) -> None:
        """Wait until nobody acts on this thread, and take back what was not met yet."""
        while self._acting:
            time.sleep(0)
        if self._struck:
            _raise_in(self._ident, None)
            self._struck = False
        if self._left:
            raise _LeftBehind

    # -- by who watches ----------------------------------------------------------------------------

    def is_lost(self) -> bool:
        """Stop the thread if its work takes too long; whether it is left behind, for want of it."""
        turn, now = self._turn, self._now()
        if turn != self._seen:  # its work is as old as this look
            self._seen, self._since = turn, now
        elif self._at_work and now - self._since > MOST_SECONDS:
            self._act(turn, leave=now - self._since > MOST_SECONDS + GRACE)
        return self._left

    def leave(self) -> None:
        """Wait for nothing of this thread any more, and stop it where it can be stopped."""
        self._act(self._turn, leave=True)

    def _act(self, turn: int, *, leave: bool) -> None:
        """Raise the exception in the thread, if it is still at the same work."""
        self._acting = True
        try:
            if self._at_work and self._turn == turn:
                self._struck = True
                self._left = leave
                if leave:
                    left_behind.add(self.thread)
                _raise_in(self._ident, OutOfTime)
        finally:
            self._acting = False

    def _now(self) -> float:
        """The processor time of the thread, in seconds; without such clocks, the time."""
        return time.monotonic() if self._clock is None else time.clock_gettime(self._clock)


def _raise_in(ident: int, error: type[BaseException] | None) -> None:
    """Raise an exception in a thread, or take back one that it has not met; it replaces another."""
    raised = ctypes.py_object() if error is None else ctypes.py_object(error)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), raised)


def within_limit(work: Callable[[], Made]) -> Made:
    """Do work in a watched thread, and return its result.

    Raises
    ------
    ContentError
        If it takes too long.
    """
    context = copy_context()  # notes are collected there

    def do(task: Callable[[], Made], within: Within) -> list[Made]:
        return [within(lambda: context.run(task))]

    with Watched("read", do, _refuse) as threads:
        return threads.result(threads.submit([work]))[0]


def _refuse(_: object, error: ContentError) -> NoReturn:
    raise error
