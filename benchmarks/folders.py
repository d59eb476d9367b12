"""Where the benchmarks find data, and where they keep the pictures that they make once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reporting import say

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
