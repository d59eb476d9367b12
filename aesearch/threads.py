"""Threads, set in one place: pools of our own, and those of the libraries beneath them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import threadpool_limits

_lock = Lock()
_inside = 0  # pools at work in this process
_limits: list[threadpool_limits] = []  # what gives BLAS its threads back


def workers() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover


@contextmanager
def pool(name: str) -> Iterator[ThreadPoolExecutor]:
    """A pool of as many threads as cores; what was not begun is dropped when it closes."""
    with one_blas_thread(), ThreadPoolExecutor(workers(), thread_name_prefix=name) as threads:
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


def _after_fork() -> None:
    """Pools do not live on in a forked child, nor does a lock that another thread held."""
    global _lock, _inside
    _lock = Lock()
    _inside = 0
    while _limits:
        _limits.pop().restore_original_limits()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
