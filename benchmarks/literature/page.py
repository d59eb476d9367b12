"""The page: what the literature claims, beside what the steps found. Every figure is a step's."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.literature.work import Step, Work

RESULTS = "results.json"
WIDTH = 100  # letters in a line

HEAD = """# The literature, drawn again

The figures and tables that made autoencoders known, drawn again with the encoders of aesearch on
real data: what is claimed, what came out here, and whether the claim held. One seed each, and
modest training: these are checks, not records.

    python -m benchmarks.literature                 # all of it; what is finished is kept
    python -m benchmarks.literature faces --redo    # one step, again
    python -m benchmarks.literature --share 0.4     # with two fifths of the epochs
    python -m benchmarks.literature page            # this page, from what the steps wrote

`AESEARCH_DATA` names a folder with `mnist/`, `faces/` (ORL) and `20news_bydate.tar.*`; the work
folder is `build/literature`, or `AESEARCH_WORK`. This page is written by `benchmarks/literature/`
from [results.json](literature/results.json), which the steps wrote; nothing in it is typed by hand.
"""

LOADED = "Other programs ran beside it, so seconds are no measure: compare epochs."

TAIL = """## Data

MNIST: Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0; so are the pictures here that show its
digits, or what was made of them. Faces: the ORL database, credit to AT&T Laboratories Cambridge.
20 Newsgroups: K. Lang, by way of UCI, CC BY 4.0.
"""


def write_page(steps: Mapping[str, Step], work: Work, docs: Path) -> list[str]:
    """Write the page, and bring pictures and figures of finished steps beside it.

    Parameters
    ----------
    steps : mapping of str to Step
    work : Work
        Steps that it has no figures of stay as they are in `docs`.
    docs : Path
        Folder for ``literature.md`` and ``literature/``.

    Returns
    -------
    list of str
        Names of the steps on the page.
    """
    folder = docs / "literature"
    folder.mkdir(parents=True, exist_ok=True)
    results = read_results(docs)
    for name, step in steps.items():
        found = work.read(name)
        if found is not None:
            results[name] = found
            for picture in step.pictures:
                shutil.copyfile(work.folder / picture.name, folder / picture.name)
    results = {name: results[name] for name in steps if name in results}
    (folder / RESULTS).write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (docs / "literature.md").write_text(page_of(steps, results), encoding="utf-8")
    return list(results)


def read_results(docs: Path) -> dict[str, Any]:
    """Return the figures of the steps that are on the page."""
    path = docs / "literature" / RESULTS
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def page_of(steps: Mapping[str, Step], results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the page as markdown."""
    finished = [steps[name] for name in steps if name in results]
    lines = [
        f"| [{step.title}](#{anchor(step.title)}) | **{step.verdict(results[step.name])[0]}** |"
        for step in finished
    ]
    summary = "\n".join(["| figure | the claim |", "|---|---|", *lines])
    sections = [section(step, results[step.name]) for step in finished]
    return "\n".join([HEAD, summary + "\n", *sections, machines(results), TAIL])


def anchor(title: str) -> str:
    """Return the name that GitHub gives a heading."""
    kept = (c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")
    return "".join(kept)


def section(step: Step, found: Mapping[str, Any]) -> str:
    """Return what the page says of a step."""
    held, sentence = step.verdict(found)
    parts = [f"## {step.title}", wrapped(f"**Claimed.** {step.claim}")]
    for picture in step.pictures:
        parts.append(f"![{picture.alt}](literature/{picture.name})")
        parts.append(wrapped(f"*{picture.caption}*"))
    parts.append(table(step.columns, found["rows"]))
    parts.append(wrapped(f"**Here it {held}**: {sentence}"))
    parts.append(took(found))
    return "\n\n".join(parts) + "\n"


def took(found: Mapping[str, Any]) -> str:
    """Say how much was trained, and on what."""
    told = []
    if "count" in found and isinstance(found["count"], list):
        each = f" in each of {found['splits']} splits" if "splits" in found else ""
        told.append("{:,} learned from, {:,} judged on".format(*found["count"]) + each)
    epochs = found.get("epochs")
    if isinstance(epochs, list):
        told.append("{} epochs a layer, then {} of the whole network".format(*epochs))
    elif epochs:
        told.append(f"{epochs} epochs")
    seconds = sum(float(row.get("seconds") or 0) for row in found["rows"])
    told.append(f"{seconds:,.0f} s of training in all")
    if found["share"] != 1:
        told.append(f"`--share {found['share']:g}`")
    return f"<sub>{'; '.join(told)}; seed {found['seed']}.</sub>"


def machines(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what the steps ran on, each once: the load, which changes, is left out."""
    named = [re.sub(r"load [\d.]+, ", "", found["machine"]) for found in results.values()]
    return "\n\n".join(["## Machine", *map(wrapped, dict.fromkeys(named)), LOADED]) + "\n"


def wrapped(text: str) -> str:
    """Return a paragraph in lines of the width of the other pages; links stay whole."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def table(columns: Mapping[str, str], rows: list[Mapping[str, Any]]) -> str:
    """Return rows as a markdown table, numbers at the right."""
    numbers = [any(isinstance(row.get(key), int | float) for row in rows) for key in columns]
    rule = "|".join("---:" if number else "---" for number in numbers)
    lines = [f"| {' | '.join(columns.values())} |", f"|{rule}|"]
    for row in rows:
        lines.append(f"| {' | '.join(written(key, row.get(key)) for key in columns)} |")
    return "\n".join(lines)


def written(key: str, value: Any) -> str:
    """Return a value of a table as it is read."""
    if value is None:
        return ""
    if key == "seconds":
        return f"{value:.0f}"
    if key.endswith(("gain", "gain spread")):
        return f"{value:+.1%}" if key.endswith("gain") else f"{value:.1%}"
    if isinstance(value, float):
        return (
            f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if value < 100 else f"{value:.1f}"
        )
    return str(value)
