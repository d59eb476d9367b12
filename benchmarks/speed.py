"""How fast, and in how much memory: whole processes, as a user starts them, page cache warm.

    python -m benchmarks.speed cold-query | ingest | encoding | up-to-date | memory

Pictures are cut once from the photos below AESEARCH_DATA (or from scikit-learn's two) and kept.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import click
import numpy as np

import aesearch
from aesearch.modalities.images.pixels import ImageFeatures
from benchmarks.folders import cache_folder, photos, pictures
from benchmarks.reporting import say, show, stage_progress
from benchmarks.timing import (
    SOME_SKIPPED,
    aesearch_command,
    alternating,
    row,
    seconds_of,
    start,
    until_searchable,
)

BARE = "import numpy, faiss, onnxruntime, PIL.Image, sqlite3, click"
# What `index` decodes to; Pillow alone, on as many threads as there are cores.
DECODING = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image

def decode(path, box=(64, 64)):
    with Image.open(path) as picture:
        picture.draft(None, box)
        picture.convert("RGB").resize(box, Image.Resampling.BILINEAR)

files = [os.path.join(top, name) for top, _, names in os.walk(sys.argv[1]) for name in names]
chunks = [files[i : i + 32] for i in range(0, len(files), 32)]
with ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(lambda chunk: [decode(path) for path in chunk], chunks))
"""


@contextmanager
def workplace(cache: Path) -> Iterator[Path]:
    """Give a working folder beside the pictures, removed at the end."""
    with tempfile.TemporaryDirectory(dir=cache, prefix="work-") as folder:
        yield Path(folder)


def shared(count: int, runs: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add the options that all have, with their defaults."""
    folder = click.Path(path_type=Path, file_okay=False)
    options = (
        click.option("--count", default=count, show_default=True, help="Pictures."),
        click.option("--runs", default=runs, show_default=True, help="Timed runs of each."),
        click.option("--data", type=folder, help="Data folder, instead of AESEARCH_DATA."),
        click.option("--cache", type=folder, help="Where pictures made once are kept."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    )

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in options:
            command = option(command)
        return command

    return add


@click.group()
def main() -> None:
    """Measure time and memory."""


@main.command("cold-query")
@shared(100_000, 15)
@click.option(
    "--budget",
    default="0",
    show_default=True,
    help="Training of the index: 0 publishes PCA, more forces the learned encoder.",
)
def cold_query(
    count: int, runs: int, data: Path | None, cache: Path | None, as_json: bool, budget: str
) -> None:
    """Time `aesearch query FILE` against bare Python with the imports it cannot do without."""
    kept = cache_folder(cache)
    source = pictures(count, kept, data)
    question = photos(data)[0]
    with workplace(kept) as place:
        say(f"indexing {count:,} pictures")
        encoder = [] if budget == "0" else ["--encoder", "agreement"]
        seconds_of(aesearch_command("index", source, "--budget", budget, *encoder), place)
        query = aesearch_command("query", question)
        bare = [sys.executable, "-c", BARE]
        ours, others, ratio = alternating(
            lambda: seconds_of(query, place), lambda: seconds_of(bare, place), runs
        )
    title = f"cold query: {count:,} items, {'learned encoder' if encoder else 'PCA'}"
    rows = [row("aesearch query FILE", ours), row(f"python -c '{BARE}'", others)]
    show(title, rows, {"ratio, median of pairs": ratio}, as_json=as_json)


@main.command()
@shared(20_000, 3)
@click.option(
    "--pictures",
    "kind",
    type=click.Choice(["photos", "small"]),
    default="photos",
    show_default=True,
    help="Real photos over and over, or crops of 160 x 120.",
)
def ingest(
    count: int, runs: int, data: Path | None, cache: Path | None, as_json: bool, kind: str
) -> None:
    """Time `aesearch index` up to its first publication against decoding and resizing alone."""
    kept = cache_folder(cache)
    with workplace(kept) as place:
        source = pictures(count, kept, data) if kind == "small" else place / "photos"
        if kind == "photos":
            _repeat(photos(data), count, source)
        whole: list[float] = []

        def index() -> float:
            shutil.rmtree(place / "index", ignore_errors=True)
            command = aesearch_command("index", source, "--budget", "0", "--index", place / "index")
            first, total = until_searchable(command, place, place / "index")
            whole.append(total)
            return first

        decode = [sys.executable, "-c", DECODING, str(source)]
        ours, others, ratio = alternating(index, lambda: seconds_of(decode, place), runs)
    rows = [
        row("aesearch index, until it can be searched", ours),
        row("aesearch index --budget 0, to its end", whole[1:]),
        row("only decoding and resizing with Pillow", others),
    ]
    notes = {
        "pictures per second, aesearch": count / statistics.median(ours),
        "pictures per second, decoding": count / statistics.median(others),
        "speed of aesearch / decoding, median of pairs": 1 / ratio,
    }
    show(f"ingest: {count:,} pictures ({kind})", rows, notes, as_json=as_json)


def _repeat(files: Sequence[Path], count: int, folder: Path) -> None:
    """Fill a folder with links to the files, over and over."""
    for n in range(count):
        link = folder / f"{n // 1000:03d}" / f"{n:06d}.jpg"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(files[n % len(files)])


@main.command()
@shared(960, 5)
@click.option("--budget", default="20s", show_default=True, help="Training of the learned code.")
def encoding(
    count: int, runs: int, data: Path | None, cache: Path | None, as_json: bool, budget: str
) -> None:
    """Time, on one core, codes of pictures that are decoded, against decoding them."""
    files = photos(data)[:count]
    codes = {
        "descriptions, in closed form": ("descriptions", "0"),
        "default": ("agreement", budget),
    }
    with workplace(cache_folder(cache)) as place:
        _repeat(files, count, place / "photos")
        indexes = {}
        for name, (encoder, seconds) in codes.items():
            say(f"indexing {count:,} photos: {name}")
            indexes[name] = aesearch.build(
                place / "photos",
                place / encoder,
                {"encoder": encoder},
                budget=seconds,
                progress=stage_progress(),
            )
        features = ImageFeatures(64)
        decoded = np.stack([features.transform(path) for path in files])
        took: dict[str, list[float]] = {name: [] for name in ("decoding", *indexes)}
        for _ in range(runs):
            took["decoding"].append(_cpu(lambda: [features.transform(path) for path in files]))
            for name, index in indexes.items():
                took[name].append(_cpu(partial(index.encoder.encode, decoded)))
        for index in indexes.values():
            index.close()
    rows = [
        {"what": name, "pictures per CPU-second": len(files) / statistics.median(seconds)}
        for name, seconds in took.items()
    ]
    show(f"encoding: {len(files):,} photos, {decoded.shape[1:]}", rows, {}, as_json=as_json)


def _cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


@main.command("up-to-date")
@shared(50_000, 7)
def up_to_date(count: int, runs: int, data: Path | None, cache: Path | None, as_json: bool) -> None:
    """Time `aesearch index` of an unchanged folder against `find`."""
    kept = cache_folder(cache)
    source = pictures(count, kept, data)
    find = ["find", str(source), "-printf", r"%s %T@\n"]
    with workplace(kept) as place:
        say(f"indexing {count:,} pictures")
        seconds_of(aesearch_command("index", source, "--budget", "0"), place)
        ours, others, ratio = alternating(
            lambda: seconds_of(aesearch_command("index", source), place),
            lambda: seconds_of(find, place),
            runs,
        )
    rows = [row("aesearch index, nothing changed", ours), row("find -printf '%s %T@'", others)]
    title = f"up to date: {count:,} files"
    show(title, rows, {"ratio, median of pairs": ratio}, as_json=as_json)


@main.command()
@shared(100_000, 1)
@click.option("--budget", default="2m", show_default=True, help="Time for training.")
def memory(
    count: int, runs: int, data: Path | None, cache: Path | None, as_json: bool, budget: str
) -> None:
    """Measure the peak resident memory of the whole `aesearch index`."""
    kept = cache_folder(cache)
    source = pictures(count, kept, data)
    rows = []
    for _ in range(runs):
        with workplace(kept) as place:
            started = time.perf_counter()
            process = start(aesearch_command("index", source, "--budget", budget), place)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, SOME_SKIPPED):
            sys.exit(f"aesearch index failed with exit code {process.returncode}")
        scale = 1 if sys.platform == "darwin" else 1024
        rows.append(
            {
                "what": f"aesearch index --budget {budget}",
                "peak GB": usage.ru_maxrss * scale / 1e9,
                "seconds": time.perf_counter() - started,
            }
        )
    show(f"memory: {count:,} pictures", rows, {}, as_json=as_json)


if __name__ == "__main__":
    main()
