"""Sources that are watched: folders as the file system tells of changes, files by their stamps."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import NamedTuple

from aesearch.errors import UnsupportedError

EVERY = 2.0  # seconds between looks at what nothing is told of
# What is changed by another machine, or behind the system's back, is told to nobody here.
SILENT = re.compile(r"nfs|cifs|smb|9p|fuse|virtiofs|vboxsf|afs|ceph|gluster|lustre|drvfs")


class _Stamp(NamedTuple):
    """What tells whether a source is the one that it was; a folder has no size and time."""

    device: int
    inode: int
    size: int = 0
    mtime_ns: int = 0
    is_folder: bool = True


def changed(
    sources: Callable[[], Mapping[str, Path]], stop: Event, *, every: float = EVERY
) -> Iterator[set[str]]:
    """Names of the sources that changed, each time that some did, until `stop` is set.

    Parameters
    ----------
    sources : callable
        Gives them by name; asked again and again, as they may come and go.
    stop : Event
    every : float
        Seconds between looks at files, and for what the file system tells nothing of.

    Raises
    ------
    UnsupportedError
        If watchfiles is not installed.
    """
    try:
        import watchfiles  # noqa: F401
    except ModuleNotFoundError as error:
        raise UnsupportedError(
            "watching needs watchfiles: pip install 'aesearch[serve]'"
        ) from error
    stamps, missed = _stamps(sources()), set[str]()
    while not stop.is_set():
        folders = {name for name, one in stamps.items() if one.is_folder}
        for told in _told({name: sources()[name] for name in folders}, stop, every):
            before, stamps = stamps, _stamps(sources())
            told |= missed | {name for name, one in stamps.items() if before.get(name) != one}
            missed = set()
            if told:
                yield told
            if {one for one in stamps.values() if one.is_folder} != {
                one for one in before.values() if one.is_folder
            }:
                missed = folders  # until the others are watched again
                break


def _told(folders: Mapping[str, Path], stop: Event, every: float) -> Iterator[set[str]]:
    """What the file system tells of folders; now and then nothing, so that others are looked at."""
    from watchfiles import watch

    while not folders:
        if stop.wait(every):
            return
        yield set()

    real = {name: os.path.realpath(path) for name, path in folders.items()}
    silent = any(map(tells_nothing, real.values()))
    for changes in watch(
        *real.values(),
        watch_filter=None,
        stop_event=stop,
        rust_timeout=int(every * 1000),
        yield_on_timeout=True,
        force_polling=True if silent else None,
        poll_delay_ms=int(every * 1000),
        raise_interrupt=True,
    ):
        paths = [path for _, path in changes]
        yield {
            name
            for name, root in real.items()
            if any(path == root or path.startswith(root + os.sep) for path in paths)
        }


def _stamps(sources: Mapping[str, Path]) -> dict[str, _Stamp]:
    """Those of the sources that are there."""
    found = {}
    for name, path in sources.items():
        try:
            status = path.stat()
        except OSError:
            continue
        found[name] = _Stamp(status.st_dev, status.st_ino)
        if not path.is_dir():
            of_file = (status.st_size, status.st_mtime_ns, False)
            found[name] = _Stamp(status.st_dev, status.st_ino, *of_file)
    return found


def tells_nothing(path: str) -> bool:
    """Whether a path lies in a file system that tells of no change, as those of networks."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as lines:
            mounts = [line.split(" ")[1:3] for line in lines]
    except OSError:  # not Linux: there such are watched as well as can be
        return False
    holding = [
        (len(place), kind)
        for place, kind in mounts
        if path == place or path.startswith(place.rstrip("/") + "/")
    ]
    return bool(holding) and SILENT.match(max(holding)[1]) is not None
