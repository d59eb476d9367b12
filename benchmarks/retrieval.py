"""How well the published code retrieves, against the best form of PCA: on photos, and on MNIST.

    python -m benchmarks.retrieval photos [--set satellite] | mnist

AESEARCH_DATA names the data folder. Settings and budget are the product's own unless told.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import aesearch
from aesearch.encoders.closed.fusion import DESCRIPTIONS
from aesearch.modalities.images import Images
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.settings import LABELS
from benchmarks.baselines import Array, Question, baselines
from benchmarks.data_sets import digits
from benchmarks.folders import cache_folder, data_folder
from benchmarks.reporting import say, show, stage_progress

KEPT_OUT = 0.2
DIGIT_QUERIES = 1_000
DIGIT_CODE = 10


@dataclass
class Run:
    """One index that was built, and what it answers."""

    published: str
    figures: dict[str, float]
    learned: dict[str, float]
    training_s: float
    building_s: float
    check: dict[str, Any] | None
    by_labels: bool
    parts: dict[str, dict[str, float]] = field(default_factory=dict)


def run_index(
    source: Path,
    place: Path,
    settings: aesearch.Settings,
    budget: str | None,
    contents: list[Any],
    question_of: Callable[[list[str]], Question],
    *,
    once: bool = False,
) -> Run:
    """Build the index, ask; where the default did not win, train once more with it forced."""
    started = time.perf_counter()
    with aesearch.build(source, place, settings, budget=budget, progress=stage_progress()) as index:
        seconds = time.perf_counter() - started
        info = index.info()
        figures = ask(index, contents, question_of)
    learned = figures if info["encoder"] == "agreement" else {}
    if not learned and not once and info["trained"].get("seconds"):
        say(f"{info['encoder']} was published: training again with encoder 'agreement' forced")
        forced = {"encoder": "agreement"}
        with aesearch.build(
            source, place, forced, budget=budget, retrain=True, progress=stage_progress()
        ) as index:
            learned = ask(index, contents, question_of)
    return Run(
        info["encoder"],
        figures,
        learned,
        info["trained"].get("seconds", 0.0),
        seconds,
        info["check"],
        info["weights_from"] == "labels",
    )


def run_parts(
    source: Path, place: Path, contents: list[Any], question_of: Callable[[list[str]], Question]
) -> dict[str, dict[str, float]]:
    """Make codes of each description alone, and ask."""
    found = {}
    for part in DESCRIPTIONS:
        settings = {"encoder": "descriptions", "parameters": {"weights": f"{part}:1"}}
        with aesearch.build(source, place, settings, budget=0, retrain=True) as index:
            found[part] = ask(index, contents, question_of)
    return found


def ask(
    index: aesearch.Index, contents: list[Any], question_of: Callable[[list[str]], Question]
) -> dict[str, float]:
    """Encode the queries and rank all codes of the index."""
    say(f"encoding {len(contents):,} queries")
    keys = {item.id: item.key for item in index.items()}
    ids, codes = index.folder.store.codes()
    return question_of([keys[int(id)] for id in ids]).measure(index.encode(contents), codes)


def report(
    title: str, run: Run, pca: dict[str, dict[str, float]], chance: float, *, as_json: bool
) -> None:
    """Print the table, the ratios to the best PCA of each metric, and what it took."""
    best = {metric: max(row[metric] for row in pca.values()) for metric in ("P@10", "mAP")}
    rows = [{"code": name, **figures} for name, figures in pca.items()]
    rows.append({"code": "best PCA, for each metric", **best})
    rows.append({"code": f"aesearch, published ({run.published})", **run.figures})
    rows += [{"code": f"{name} alone", **figures} for name, figures in run.parts.items()]
    if run.learned:
        rows.append({"code": "aesearch, learned (agreement)", **run.learned})
    notes: dict[str, Any] = {
        f"published / best PCA, {metric}": run.figures[metric] / best[metric] for metric in best
    }
    if run.learned:
        notes |= {f"learned / best PCA, {m}": run.learned[m] / best[m] for m in best}
    notes["published encoder"] = run.published
    for metric in best if run.parts else ():
        reached = max(best[metric], *(figures[metric] for figures in run.parts.values()))
        notes[f"published / best of its parts and PCA, {metric}"] = run.figures[metric] / reached
    if run.by_labels:
        notes["weights"] = "by labels"
    if run.check:
        notes["chosen by its own check"] = f"{run.check['winner']}, by {run.check['measure']}"
    notes["training, seconds"] = run.training_s
    notes["whole build, seconds"] = run.building_s
    notes["precision of chance"] = chance
    show(title, rows, notes, as_json=as_json)


@click.group()
def main() -> None:
    """Measure retrieval."""


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of both benchmarks."""
    folder = click.Path(path_type=Path, file_okay=False)
    for option in (
        click.option("--seed", default=0, help="Of what is kept out, and of training."),
        click.option("--budget", help="Time for training; by default the product's own."),
        click.option("--limit", type=int, help="Only so many pictures: to try the script."),
        click.option("--data", type=folder, help="Data folder, instead of AESEARCH_DATA."),
        click.option("--cache", type=folder, help="Where pictures made once are kept."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    ):
        command = option(command)
    return command


@main.command("photos")
@click.option("--set", "name", default="photos", help="Folder of the data, a class a folder.")
@click.option("--once", is_flag=True, help="Train no second time where PCA or no training won.")
@click.option("--parts", is_flag=True, help="Codes of each description alone, too.")
@click.option("--labels", type=click.Choice(LABELS), default="auto", help="As of aesearch index.")
@shared
def photos_(
    name: str,
    labels: str,
    *,
    once: bool,
    parts: bool,
    seed: int,
    budget: str | None,
    limit: int | None,
    data: Path | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Keep out a fifth of the photos, index the others, find the folder of those kept out."""
    root = data_folder(data, name)
    files = sorted(path for path in root.glob("*/*") if Images().claims(path.name))
    rng = np.random.default_rng(seed)
    order = [files[n] for n in rng.permutation(len(files))][:limit]
    kept, shown = order[: round(KEPT_OUT * len(order))], order[round(KEPT_OUT * len(order)) :]
    names = sorted({path.parent.name for path in files})

    def numbers(folders: list[str]) -> Array:
        return np.array([names.index(folder) for folder in folders], dtype=np.int64)

    asked = numbers([path.parent.name for path in kept])

    def question_of(keys: list[str]) -> Question:
        return Question(asked, numbers([key.partition("/")[0] for key in keys]))

    with tempfile.TemporaryDirectory(dir=cache_folder(cache)) as scratch:
        source = Path(scratch, "photos")
        for path in shown:
            link = source / path.parent.name / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
        run = run_index(
            source,
            Path(scratch, "index"),
            aesearch.Settings(seed=seed, labels=labels),
            budget,
            list(kept),
            question_of,
            once=once,
        )
        if parts:
            run.parts = run_parts(source, Path(scratch, "index"), list(kept), question_of)
    inputs = {
        f"{side}x{side}": (
            np.stack([ImageFeatures(side).transform(path) for path in shown]),
            np.stack([ImageFeatures(side).transform(path) for path in kept]),
        )
        for side in (32, 64)
    }
    question = question_of([f"{path.parent.name}/" for path in shown])
    pca = baselines(question, inputs, aesearch.Settings().code_size, seed)
    title = f"{name}: {len(shown):,} indexed, {len(kept):,} kept out as queries, seed {seed}"
    report(title, run, pca, question.chance(), as_json=as_json)


@main.command()
@shared
def mnist(
    seed: int,
    budget: str | None,
    limit: int | None,
    data: Path | None,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Index the 60,000 training digits without their labels; ask with 1,000 test digits."""
    split = digits(data, limit)
    shown, labels = split.train[..., 0], split.labels
    asked, wanted = (a[:DIGIT_QUERIES] for a in (split.test[..., 0], split.test_labels))
    source = _digit_files(cache_folder(cache) / f"mnist-{len(shown)}", shown)

    def question_of(keys: list[str]) -> Question:
        return Question(wanted, labels[[int(Path(key).stem) for key in keys]])

    settings = aesearch.Settings(code_size=DIGIT_CODE, seed=seed)
    with tempfile.TemporaryDirectory(dir=cache_folder(cache)) as scratch:
        run = run_index(source, Path(scratch, "index"), settings, budget, list(asked), question_of)
    question = Question(wanted, labels)
    pca = baselines(question, {"28x28": (shown, asked)}, DIGIT_CODE, seed)
    title = f"MNIST: {len(shown):,} indexed, {len(asked):,} test digits, seed {seed}"
    report(title, run, pca, question.chance(), as_json=as_json)


def _digit_files(folder: Path, pictures: Array) -> Path:
    """Write the digits as PNG files, once: one flat folder, which says nothing of labels."""
    if not folder.is_dir():
        say(f"writing {len(pictures):,} pictures into {folder}")
        partial = folder.with_suffix(".part")
        partial.mkdir(exist_ok=True)
        for number, digit in enumerate(pictures):
            Image.fromarray(digit).save(partial / f"{number:05d}.png", compress_level=1)
        partial.rename(folder)
    return folder


if __name__ == "__main__":
    main()
