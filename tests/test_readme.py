"""The README: one screen; its Python, options and links are tested with those of docs/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from aesearch.cli import COMMANDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_WORDS = 600


def test_it_fits_on_a_screen():
    assert len(README.split()) <= MOST_WORDS


def test_it_shows_commands_and_python():
    shown = re.findall(r"^    \$ aesearch (\w+)", README, re.M)
    assert len(shown) == 4
    assert set(shown) <= set(COMMANDS)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(code.splitlines()) <= 5


@pytest.mark.parametrize("script", ["demo", "check", "test"])
def test_it_names_the_scripts(script):
    assert f"./scripts/{script}" in README
    assert (ROOT / "scripts" / script).exists()


def test_its_claims_name_the_commands_that_make_them():
    named = set(re.findall(r"\[`python -m (benchmarks\.[\w.]+)[^`]*`\]\(docs/benchmarks", README))
    assert len(named) == 3
    figures = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert all(f"`{name}" in figures for name in named)
