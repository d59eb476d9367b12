"""What the benchmarks share: data, pictures made once and kept, the machine, and tables."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PACKAGES = ("numpy", "faiss-cpu", "onnxruntime", "pillow", "scikit-learn", "torch", "click")
PER_FOLDER = 1_000
PER_PHOTO = 10  # small pictures cut from one photo at a time, so that it is decoded once
SIZE = (160, 120)


def data_folder(given: Path | None, name: str) -> Path:
    """Return the folder `name` of the data sets: of `given`, or of AESEARCH_DATA."""
    root = given or Path(os.environ.get("AESEARCH_DATA", ""))
    if (given or os.environ.get("AESEARCH_DATA")) and (root / name).is_dir():
        return (root / name).resolve()
    sys.exit(f"no folder '{name}' in '{root}': set AESEARCH_DATA, or give --data")


def cache_folder(given: Path | None) -> Path:
    """Return the folder for what is made once: `given`, or one in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = given or base / "aesearch-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def machine() -> str:
    """Describe processor, load and library versions in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    load = f"load {os.getloadavg()[0]:.1f}, " if hasattr(os, "getloadavg") else ""
    threads = os.environ.get("OMP_NUM_THREADS")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    limit = f"OMP_NUM_THREADS={threads}, " if threads else ""
    return (
        f"{os.cpu_count()} cores ({model}), {load}{limit}"
        f"{platform.system()}, Python {platform.python_version()}, {versions}"
    )


def say(text: str) -> None:
    """Tell on stderr what goes on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def told(every: float = 15.0) -> Callable[[str, float, float], None]:
    """Return a progress callback that writes a line at each new stage and now and then."""
    last: dict[str, float] = {}

    def progress(stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        if stage not in last or now - last[stage] >= every:
            last[stage] = now
            say(f"{stage}: {done:,.0f} of {total:,.0f}")

    return progress


def telling(name: str, every: float = 20.0) -> Callable[[float, dict[str, float]], None]:
    """Return a callback that writes a line now and then."""
    last = time.monotonic()

    def progress(done: float, terms: dict[str, float]) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            losses = ", ".join(f"{term} {value:.2f}" for term, value in terms.items())
            say(f"{name}: {done:.0%}, {losses}")

    return progress


def show(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    notes: Mapping[str, Any],
    *,
    as_json: bool,
    command: Sequence[str] | None = None,
) -> None:
    """Print results as a markdown table with lines below it, or all of it as JSON."""
    words = command or [Path(sys.argv[0]).name, *sys.argv[1:]]
    document = {"title": title, "command": " ".join(words), "machine": machine(), **notes}
    if as_json:
        print(json.dumps({**document, "rows": list(rows)}, indent=1))
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print(f"\n{title}\n\n| {' | '.join(columns)} |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print(f"| {' | '.join(_written(row.get(name, '')) for name in columns)} |")
    print()
    for name, value in {**notes, "command": document["command"]}.items():
        print(f"* {name}: {_written(value)}")
    print(f"* machine: {document['machine']}")


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def photos(data: Path | None) -> list[Path]:
    """Return real photos to cut pictures from: `photos` of the data sets, else scikit-learn's."""
    given = data or os.environ.get("AESEARCH_DATA")
    found = sorted(Path(given, "photos").resolve().rglob("*.jpg")) if given else []
    if found:
        return found
    import sklearn.datasets

    return sorted((Path(sklearn.datasets.__file__).parent / "images").glob("*.jpg"))


def pictures(count: int, cache: Path, data: Path | None) -> Path:
    """Return a folder of `count` small JPEG files, made once from crops of photos.

    1,000 files to a folder. The same pictures serve every count, through hard links.
    """
    wanted = cache / f"pictures-{count}"
    if wanted.is_dir():
        return wanted
    master = cache / "pictures"
    master.mkdir(exist_ok=True)
    folders = [master / f"{n:03d}" for n in range(-(-count // PER_FOLDER))]
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        say(f"writing {len(missing) * PER_FOLDER:,} pictures into {master}")
        sources = photos(data)
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_write_folder, missing, [sources] * len(missing)))
    partial = wanted.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    files = (path for folder in folders for path in sorted(folder.iterdir()))
    for _, path in zip(range(count), files, strict=False):
        target = partial / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, target)
    partial.rename(wanted)
    return wanted


def _write_folder(folder: Path, sources: Sequence[Path]) -> None:
    """Write 1,000 crops of photos; the number of the folder is the seed."""
    rng = np.random.default_rng(int(folder.name))
    partial = folder.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for first in range(0, PER_FOLDER, PER_PHOTO):
        with Image.open(sources[int(rng.integers(len(sources)))]) as photo:
            whole = photo.convert("RGB")
        for n in range(first, first + PER_PHOTO):
            width, height = (side * rng.uniform(0.5, 1.0) for side in whole.size)
            x, y = rng.uniform(0, whole.width - width), rng.uniform(0, whole.height - height)
            cut = whole.resize(SIZE, Image.Resampling.BILINEAR, (x, y, x + width, y + height))
            if rng.random() < 0.5:
                cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            cut.save(partial / f"{folder.name}{n:04d}.jpg", quality=85)
    partial.rename(folder)
