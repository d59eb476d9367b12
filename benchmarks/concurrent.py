"""Search from threads, forked and spawned processes while another process writes.

    python -m benchmarks.concurrent [--workers 8] [--searches 1000] [--json]

One index of pictures and one of documents. Each is searched by a pool of threads in one process, by
forked children that use the index which their parent had opened and searched, and by spawned ones
that open it. Meanwhile a process of its own adds and removes items without pause. What counts:
every search ends, none raises, and what was asked for comes first. A worker that is not done after
``--patience`` seconds hangs; it is killed.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.context import BaseContext
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import click

from aesearch.indexing.build import build
from aesearch.search.index import Index
from benchmarks.kills import picture, write_pictures
from benchmarks.reporting import say, show

ITEMS = 60
ADDED = 10
WAYS = ("threads", "fork", "spawn")
KINDS = ("pictures", "documents")
TOPICS = (
    "boat harbour anchor mast rudder",
    "soup onion garlic butter flour",
    "violin choir melody",
)
Found = tuple[int, list[str]]  # searches that ended, and what went wrong in some


def text(number: int) -> str:
    """Return a document of one of three topics, with a word of its own."""
    words = TOPICS[number % len(TOPICS)].split()
    turned = words[number % len(words) :] + words[: number % len(words)]
    return f"{' '.join(turned * 3)}. This is number x{number:04}, of {words[0]}."


def make(kind: str, root: Path) -> Path:
    """Make an index, and return its folder."""
    source = root / kind
    if kind == "pictures":
        write_pictures(source, range(ITEMS))
    else:
        source.mkdir()
        for number in range(ITEMS):
            (source / f"{number:04}.txt").write_text(text(number), encoding="utf-8")
    build(source, root / f"{kind}.index", budget=0).close()
    return root / f"{kind}.index"


def write(place: Path, kind: str, stop: Event) -> None:
    """Add and remove items until told to stop."""
    numbers = range(ITEMS, ITEMS + ADDED)
    with Index(place) as index:
        while not stop.is_set():
            for number in numbers:
                content = picture(number) if kind == "pictures" else text(number)
                index.add({f"added/{number}": content})
            index.remove([f"added/{number}" for number in numbers])


def search(index: Index, kind: str, count: int, worker: int) -> Found:
    """Search so often: with content that the index holds, which must come first, and by key."""
    done, wrong = 0, []
    names = sorted(item.key for item in index.items() if not item.added)
    for turn in range(count):
        key = names[(worker * 7 + turn) % len(names)]
        try:
            content = index.source / key
            hits = index.similar(key, 3) if turn % 3 == 0 else index.search(content, 3)
            if kind == "documents" and turn % 3 == 1:
                index.search(TOPICS[turn % len(TOPICS)], 3, hybrid=True)
            if hits[0].key != key:
                wrong.append(f"{key} finds {hits[0].key}")
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
        done += 1
    return done, wrong


def child(given: Index | Path, kind: str, count: int, worker: int, answers: Any) -> None:
    """Search in a process of its own, with the parent's index or one that it opens."""
    index = Index(given) if isinstance(given, Path) else given
    answers.put(search(index, kind, count, worker))


def in_threads(place: Path, kind: str, workers: int, count: int, patience: float) -> list[Found]:
    """Search from threads of one child, which can be killed where they hang."""
    context = multiprocessing.get_context("spawn")
    return in_processes(context, [(_threads, (place, kind, workers, count))], patience)


def _threads(place: Path, kind: str, workers: int, count: int, answers: Any) -> None:
    with Index(place) as index, ThreadPoolExecutor(workers) as pool:
        found = list(pool.map(lambda worker: search(index, kind, count, worker), range(workers)))
    answers.put((sum(done for done, _ in found), [one for _, wrong in found for one in wrong]))


def in_processes(
    context: BaseContext, works: list[tuple[Callable[..., None], tuple[Any, ...]]], patience: float
) -> list[Found]:
    """Run each in a process; what those found that ended in time."""
    answers: Any = context.Queue()
    children: list[Any] = [
        context.Process(target=work, args=(*values, answers), daemon=True)  # type: ignore[attr-defined]
        for work, values in works
    ]
    for one in children:
        one.start()
    found: list[Found] = []
    end = time.monotonic() + patience
    while len(found) < len(works) and time.monotonic() < end:
        if not answers.empty():
            found.append(answers.get())
        elif not any(one.is_alive() for one in children) and answers.empty():
            break
        else:
            time.sleep(0.05)
    for one in children:
        one.join(1)
        if one.is_alive():
            one.kill()
            one.join()
    return found


def trial(
    place: Path, kind: str, way: str, workers: int, searches: int, patience: float
) -> dict[str, Any]:
    """Search in one way while another process writes."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=write, args=(place, kind, stop), daemon=True)
    with Index(place) as index:
        before = index.revision.number
        writer.start()
        while index.revision.number == before and writer.is_alive():
            time.sleep(0.05)
        started = time.perf_counter()
        if way == "threads":
            found = in_threads(place, kind, workers, searches, patience)
        else:
            search(index, kind, 3, 0)  # what a search starts is there when the process forks
            given = index if way == "fork" else place
            works = [(child, (given, kind, searches, worker)) for worker in range(workers)]
            found = in_processes(multiprocessing.get_context(way), works, patience)
        took = time.perf_counter() - started
        revisions = index.revision.number - before
    stop.set()
    writer.join(30)
    writer_failed = writer.exitcode != 0
    with Index(place) as index:
        problems = index.verify()
    wrong = [line for _, lines in found for line in lines]
    for line in sorted({*wrong, *problems})[:10]:
        say(f"{kind}, {way}: {line}")
    return {
        "index": kind,
        "searched by": f"{workers} by {way}",
        "searches": sum(done for done, _ in found),
        "hung": workers * searches - sum(done for done, _ in found),
        "errors": len(wrong) + len(problems) + writer_failed,
        "revisions meanwhile": revisions,
        "seconds": took,
    }


@click.command()
@click.option("--workers", default=8, show_default=True)
@click.option("--searches", default=1_000, show_default=True, help="Of each worker.")
@click.option("--patience", default=600.0, show_default=True, help="Seconds for one way.")
@click.option("--only", type=click.Choice(WAYS), help="One of the ways.")
@click.option("--json", "as_json", is_flag=True)
def main(workers: int, searches: int, patience: float, only: str | None, as_json: bool) -> None:
    """Search from threads, forked and spawned processes while another process writes."""
    root = Path(tempfile.mkdtemp(prefix="aesearch-concurrent-")).resolve()
    try:
        rows = []
        for kind in KINDS:
            place = make(kind, root)
            for way in [only] if only else WAYS:
                say(f"{kind}, {way}")
                rows.append(trial(place, kind, way, workers, searches, patience))
    finally:
        shutil.rmtree(root, ignore_errors=True)
    hung, errors = (sum(row[name] for row in rows) for name in ("hung", "errors"))
    show("Searches beside a writer", rows, {"hung": hung, "errors": errors}, as_json=as_json)
    if hung or errors:
        sys.exit(1)


if __name__ == "__main__":
    main()
