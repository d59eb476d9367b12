"""A process that does one job: it reads what from standard input, and tells of it line by line.

The first line is the job. When standard input ends, be it that the job is cancelled or that the
server has died, it stops as at Ctrl-C. Each line that it writes is JSON: progress (stage, done,
total), and last a result or a problem.
"""

from __future__ import annotations

import _thread
import json
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any

from aesearch.errors import AesearchError
from aesearch.search.index import Index
from aesearch.types import Progress

EVERY = 0.2  # seconds between two lines on the same stage


def main() -> None:
    """Do one job."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints is no line of ours
    asked: dict[str, Any] = json.loads(sys.stdin.readline())
    done = threading.Event()
    threading.Thread(target=_watch, args=(done,), daemon=True).start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = DOES[asked.pop("does")](_progress(told), **asked)
        _tell(told, {"result": result})
    except KeyboardInterrupt:
        pass
    except (AesearchError, OSError, MemoryError) as error:
        from aesearch.service.problems import as_problem

        _tell(told, {"problem": as_problem(error).model_dump()})
    finally:
        done.set()


def _watch(done: threading.Event) -> None:
    """Stop when standard input ends."""
    sys.stdin.read()
    if not done.is_set():
        _thread.interrupt_main()


def _tell(told: IO[str], line: dict[str, Any]) -> None:
    told.write(json.dumps(line) + "\n")


def _progress(told: IO[str]) -> Progress:
    last = ("", 0.0)

    def progress(stage: str, done: float, total: float) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or now - last[1] >= EVERY or done >= total:
            last = (stage, now)
            _tell(told, {"stage": stage, "done": float(done), "total": float(total)})

    return progress


def _sync(progress: Progress, *, place: str, **options: bool) -> dict[str, Any]:
    with Index(place) as index:
        counts = index.sync(progress, **options)
        index.prepare_queries()
        return {"counts": counts, "items": len(index), "revision": index.revision.number}


def _index(
    progress: Progress, *, source: str, place: str, budget: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    from aesearch.indexing.build import update

    index, summary = update(source, place, settings, budget=budget, progress=progress)
    with index:
        return {
            "index": index.name,
            "counts": summary.counts,
            "items": len(index),
            "revision": index.revision.number,
        }


def _duplicates(
    progress: Progress, *, place: str, alarm: float | None, threshold: float | None
) -> dict[str, Any]:
    from aesearch.duplicates.groups import survey

    with Index(place) as index:
        found = survey(index, alarm=alarm, threshold=threshold, progress=progress)
        return {"groups": [group.as_dict() for group in found.groups], "unread": found.unread}


def _map(progress: Progress, *, place: str, by: str) -> dict[str, Any]:
    from aesearch.maps import map_of

    with Index(place) as index:
        found = map_of(index, by, progress)
    return {
        "index": found.name,
        "kind": found.kind,
        "ids": found.ids.tolist(),
        "keys": found.keys,
        "groups": found.groups,
        "panels": [
            {
                "method": panel.method,
                "title": panel.title,
                "coordinates": panel.coordinates.tolist(),
                "accuracy": panel.accuracy,
            }
            for panel in found.panels
        ],
    }


DOES: dict[str, Callable[..., dict[str, Any]]] = {
    "sync": _sync,
    "index": _index,
    "duplicates": _duplicates,
    "map": _map,
}

if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # before it began, or when it had ended
        main()
