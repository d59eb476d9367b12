"""One writer at a time, and a name for who it is."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aesearch.errors import LockedError, StorageError
from aesearch.storage.layout import Layout, write_atomically

# Threads of one process wait for each other; a process that was forked has only its own.
_TURNS: dict[str, threading.RLock] = {}
if hasattr(os, "register_at_fork"):  # which Windows lacks
    os.register_at_fork(after_in_child=_TURNS.clear)


@contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Hold the lock of an index; the system lets go of it when the process dies.

    Another thread of this process waits until the lock is free.

    Raises
    ------
    LockedError
        If another process holds it; the message names that process.
    StorageError
        If the folder cannot be written.
    """
    with _TURNS.setdefault(os.path.realpath(layout.root), threading.RLock()), _held(layout):
        yield


@contextmanager
def _held(layout: Layout) -> Iterator[None]:
    from filelock import FileLock, Timeout  # a tenth of a cold query, which never locks

    try:
        layout.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(layout.lock, is_singleton=True)  # so that a writer may hold it twice
        outermost = not lock.is_locked
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LockedError(
            f"{layout.root} is being written by {_holder(layout)}; wait for it, or stop it "
            "(nothing is lost)"
        ) from error
    except OSError as error:
        raise StorageError(f"{layout.root} cannot be written: {error.strerror}") from error
    try:
        if outermost:
            _sweep(layout)
            command = " ".join(os.path.basename(word) for word in sys.argv[:3])
            since = time.strftime("%H:%M:%S")
            holder = {"process": os.getpid(), "command": command, "since": since}
            write_atomically(layout.holder, json.dumps(holder).encode())
        yield
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{layout.root} cannot be written: {error.strerror or error}; nothing is lost"
        ) from error
    finally:
        if outermost:
            layout.holder.unlink(missing_ok=True)
        lock.release()


def _sweep(layout: Layout) -> None:
    """Remove what a writer that was killed left half done."""
    for path in layout.root.glob(".*.json.*"):
        path.unlink(missing_ok=True)
    if layout.exists():
        layout.reading.unlink(missing_ok=True)
    if layout.training.exists() and not layout.plan.exists():
        import shutil

        shutil.rmtree(layout.training, ignore_errors=True)


def _holder(layout: Layout) -> str:
    try:
        holder = json.loads(layout.holder.read_text(encoding="utf-8"))
        return f"process {holder['process']} ({holder['command']}) since {holder['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"
