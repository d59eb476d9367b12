"""How often an altered copy of a photo finds the photo first, and what that costs a query.

    python -m benchmarks.originals FOLDER

FOLDER holds photos, in it or in folders of it, as `photos` of AESEARCH_DATA does. Some are left out
of the index and asked with as they are: of these none may be called the same, unless it is.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import aesearch
from aesearch.modalities import modality
from aesearch.types import Ids
from benchmarks.alterations import ALTERATIONS, Alteration
from benchmarks.folders import cache_folder
from benchmarks.reporting import say, show, stage_progress

QUALITY = 85


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--photos", default=1_500, help="Photos in the index.")
@click.option("--queries", default=60, help="Of each alteration, and of photos left out.")
@click.option("--budget", default="0", help="Time for training.")
@click.option("--seed", default=0, help="Of what is chosen, and of the alterations.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="For scratch.")
@click.option("--false", "false", type=click.Path(path_type=Path), help="Draw the false ones.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    folder: Path,
    photos: int,
    queries: int,
    budget: str,
    seed: int,
    cache: Path | None,
    false: Path | None,
    *,
    as_json: bool,
) -> None:
    """Index photos, ask with altered copies, and with photos that are not in the index."""
    files = sorted(
        file for file in folder.resolve().rglob("*") if modality("images").claims(file.name)
    )
    rng = np.random.default_rng(seed)
    chosen = [files[n] for n in rng.permutation(len(files))[: photos + queries]]
    shown, out = chosen[queries:], chosen[:queries]
    with tempfile.TemporaryDirectory(dir=cache_folder(cache)) as scratch:
        source = Path(scratch, "photos")
        for number, path in enumerate(shown):
            link = source / f"{number:05d}{path.suffix}"
            link.parent.mkdir(exist_ok=True)
            link.symlink_to(path)
        started = time.perf_counter()
        with aesearch.build(
            source, Path(scratch, "index"), budget=budget, progress=stage_progress()
        ) as index:
            building = time.perf_counter() - started
            asked = rng.permutation(len(shown))[:queries]
            rows = []
            for name, alteration in ALTERATIONS.items():
                say(name)
                rows.append({"alteration": name, **_ask(index, shown, asked, alteration, rng)})
            marked = _marked(index, out)
            if false is not None:
                _draw(marked, shown, false)
            times = _times(index, out)
            threshold = index.folder.store.same_from()[0]
    title = f"{len(shown):,} photos, {queries} queries of each alteration, seed {seed}"
    notes: dict[str, Any] = {
        f"called the same, of {len(out)} photos that are not in the index": len(marked),
        "agreement from which it is the same": threshold,
        **times,
        "whole build, seconds": building,
    }
    show(title, rows, notes, as_json=as_json)


def _ask(
    index: aesearch.Index,
    files: list[Path],
    asked: Ids,
    alteration: Alteration,
    rng: np.random.Generator,
) -> dict[str, float]:
    """R@1 with and without looking for copies, and how often a hit was marked, rightly or not."""
    found: dict[str, list[bool]] = {"R@1": [], "R@1, --no-copies": []}
    marks: list[bool] = []
    for number in asked:
        with Image.open(files[number]) as picture:
            content = _jpeg(alteration(picture.convert("RGB"), rng))
        key = f"{number:05d}{files[number].suffix}"
        hits = index.search(content, 10)
        found["R@1"].append(hits[0].key == key)
        found["R@1, --no-copies"].append(index.search(content, 1, copies=False)[0].key == key)
        marks += [hit.key == key for hit in hits if hit.same is not None]
    return {
        **{name: float(np.mean(of)) for name, of in found.items()},
        "marked, the original": sum(marks),
        "marked, another": len(marks) - sum(marks),
    }


def _jpeg(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=QUALITY)
    return stream.getvalue()


def _marked(index: aesearch.Index, out: list[Path]) -> list[tuple[Path, int]]:
    """Photos that are not in the index, each with one of it that was called the same."""
    hits = [(path, index.search(path, 1)[0]) for path in out]
    for path, hit in hits:
        if hit.same is not None:
            say(f"{path.parent.name}/{path.name} was called the same as {hit.key}, {hit.same}")
    return [(path, int(Path(hit.key).stem)) for path, hit in hits if hit.same is not None]


def _draw(marked: list[tuple[Path, int]], shown: list[Path], out: Path) -> None:
    """Draw photos left out beside those that they were called the same as."""
    sheet = Image.new("RGB", (400, 200 * max(1, len(marked))), "white")
    for row, (path, number) in enumerate(marked):
        for column, file in enumerate((path, shown[number])):
            with Image.open(file) as picture:
                small = picture.convert("RGB")
            small.thumbnail((196, 196))
            sheet.paste(small, (200 * column, 200 * row))
    sheet.save(out)


def _times(index: aesearch.Index, files: list[Path]) -> dict[str, float]:
    """Medians of warm queries with photos that have no original, which look longest."""
    contents = [path.read_bytes() for path in files]
    milliseconds = {}
    for name, copies in (("with copies", True), ("--no-copies", False)):
        taken = []
        for content in contents:
            started = time.perf_counter()
            index.search(content, 10, copies=copies)
            taken.append((time.perf_counter() - started) * 1e3)
        milliseconds[f"warm query, {name}, ms (median)"] = float(np.median(taken))
        milliseconds[f"warm query, {name}, ms (9 of 10)"] = float(np.quantile(taken, 0.9))
    return milliseconds


if __name__ == "__main__":
    main()
