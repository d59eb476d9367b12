"""A small collection of texts, and the snippets of the pages in docs/."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[1] / "docs"
SUBJECTS = {
    "space": "planet orbit moon rocket astronaut crater",
    "cars": "engine wheel brake clutch piston gearbox",
    "music": "choir organ hymn violin concert tenor",
}
FILLING = ["the", "of", "about", "which", "these", "cafés", "running"]


def write_notes(root: Path, per_subject: int = 12) -> None:
    """Texts of three subjects, in a folder each; the first of each is long enough for passages."""
    draw = np.random.default_rng(0)
    for subject, words in SUBJECTS.items():
        (root / subject).mkdir(parents=True)
        for number in range(per_subject):
            drawn = draw.choice(words.split() * 2 + FILLING, 25 if number else 600)
            sentences = [" ".join(drawn[i : i + 12]).capitalize() for i in range(0, len(drawn), 12)]
            text = ". ".join(sentences) + "."
            (root / subject / f"{number:02}.txt").write_text(text, encoding="utf-8")


def snippet(page: str, title: str) -> str:
    """Return the one Python snippet under a heading of a page."""
    parts = re.split(r"^## (.*)\n", (DOCS / page).read_text(encoding="utf-8"), flags=re.M)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    (found,) = re.findall(r"```python\n(.*?)```", sections[title], re.S)
    return str(found)
