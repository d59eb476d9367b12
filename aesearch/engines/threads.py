"""Threads, set in one place: pools of our own, and those of the libraries beneath them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from threadpoolctl import threadpool_limits


class Renewed(Protocol):
    """What is renewed in a forked child."""

    def after_fork(self) -> None:
        """Put away what does not live on."""


_lock = Lock()
_inside = 0  # pools at work in this process
_held: dict[int, WeakSet[Any]] = {}
_taken: list[Any] = []
_renewed: WeakSet[Renewed] = WeakSet()
_limits: list[threadpool_limits] = []  # what gives BLAS its threads back


def workers() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover


@contextmanager
def pool(name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool of as many threads as cores; what was not begun is dropped when it closes."""
    from concurrent.futures import ThreadPoolExecutor

    made = ThreadPoolExecutor(workers(), name, initializer=one_openmp_thread)
    with one_blas_thread(), made as threads:
        try:
            yield threads
        finally:
            threads.shutdown(wait=True, cancel_futures=True)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS take one thread, where others are at work.

    Its own threads spin for the cores that these hold: small matrices are then multiplied some
    twenty times slower. May be nested, and entered in several threads at once: the last to leave
    gives the former number back.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    from threadpoolctl import threadpool_limits

    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _limits.append(threadpool_limits(1, user_api="blas"))


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if not _inside:
            _limits.pop().restore_original_limits()


def one_openmp_thread() -> None:
    """Let OpenMP take one thread where this one calls it: each has a number of its own."""
    if "faiss" in sys.modules or "torch" in sys.modules:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1, user_api="openmp")


def hold_at_fork(lock: Any, order: int) -> None:
    """Keep a lock while the process forks, so that no thread leaves it taken in the child.

    Parameters
    ----------
    lock : RLock
    order : int
        Locks of a lower one are taken first, here as by those who take both.
    """
    _held.setdefault(order, WeakSet()).add(lock)


def renew_after_fork(owner: Renewed) -> None:
    """Let an object put away, in a forked child, what has threads or locks of its own."""
    _renewed.add(owner)


def _before_fork() -> None:
    for order in sorted(_held):
        for lock in list(_held[order]):
            lock.acquire()
            _taken.append(lock)


def _after_fork() -> None:
    while _taken:
        _taken.pop().release()


def _after_fork_in_child() -> None:
    global _lock, _inside
    _after_fork()
    _lock = Lock()
    _inside = 0
    while _limits:
        _limits.pop().restore_original_limits()
    for owner in list(_renewed):
        owner.after_fork()
    one_openmp_thread()  # whose others the child does not have


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork,
        after_in_child=_after_fork_in_child,
    )
