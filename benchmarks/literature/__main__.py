"""Draws the figures and tables of the literature again."""

from __future__ import annotations

import os
from pathlib import Path

import click

from benchmarks.literature.catalogue import STEPS
from benchmarks.literature.page import write_page
from benchmarks.literature.work import Work
from benchmarks.reporting import say

ROOT = Path(__file__).parents[2]
PAGE = "page"
QUICK_SHARE = 0.05


@click.command(
    epilog=f"Steps: {', '.join(STEPS)}; {PAGE} writes the page from those that are finished."
)
@click.argument("steps", nargs=-1, type=click.Choice([*STEPS, PAGE]), metavar="[STEP]...")
@click.option("--quick", is_flag=True, help="Small data and networks, in a folder of their own.")
@click.option("--share", type=click.FloatRange(0.01, 1), help="Of the epochs of each recipe.")
@click.option("--redo", is_flag=True, help="Also steps that are finished, from what is trained.")
@click.option("--seed", default=0, show_default=True)
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--docs", type=click.Path(path_type=Path), help="Where the page goes: docs/.")
def main(
    steps: tuple[str, ...],
    share: float | None,
    seed: int,
    data: Path | None,
    docs: Path | None,
    *,
    quick: bool,
    redo: bool,
) -> None:
    """Draw the figures and tables of the literature again, all of them or single STEPs.

    Results, pictures and trained networks are kept in build/literature, or AESEARCH_WORK; what
    is finished there is not run again.
    """
    base = Path(os.environ.get("AESEARCH_WORK") or ROOT / "build" / "literature")
    base.mkdir(parents=True, exist_ok=True)
    if not (base / ".gitignore").exists():
        (base / ".gitignore").write_text("*\n", encoding="utf-8")
    folder = base / "quick" if quick else base
    folder.mkdir(exist_ok=True)
    work = Work(folder.resolve(), share or (QUICK_SHARE if quick else 1.0), seed, data, quick)
    missing = []
    for name in steps or STEPS:
        if name == PAGE:
            continue
        if work.finished(name) and not redo:
            say(f"{name}: finished before")
            continue
        say(f"{name} ...")
        try:
            work.finish(name, STEPS[name].run(work))
        except SystemExit as stopped:  # a data set is not there; others may be
            if steps:
                raise
            missing.append(name)
            say(f"{name}: {stopped}")
            continue
        held, sentence = STEPS[name].verdict(work.read(name) or {})
        say(f"{name} {held}: {sentence}")
    if not steps or PAGE in steps:
        # A quick try must not become the page.
        place = docs or (folder / "docs" if quick else ROOT / "docs")
        say(f"{place / 'literature.md'}: {', '.join(write_page(STEPS, work, place)) or 'empty'}")
    if missing:
        raise SystemExit(f"not run: {', '.join(missing)}")


if __name__ == "__main__":
    main()
