"""The programs that measure: each starts, and the commands that the pages name are there."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in (ROOT / "benchmarks").rglob("*.py")
    if "\ndef main(" in path.read_text(encoding="utf-8")
)
NAMED = sorted(
    {
        found
        for page in PAGES
        for found in re.findall(
            r"(?:`|python -m )(benchmarks\.[\w.]+)((?: +[\w-]+)*)", page.read_text(encoding="utf-8")
        )
    }
)


def program(name: str) -> click.Command:
    module = import_module(name)
    found = getattr(module, "main", None) or import_module(f"{name}.__main__").main
    assert isinstance(found, click.Command)
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_says_what_it_does(name: str) -> None:
    result = CliRunner().invoke(program(name), ["--help"])
    assert result.exit_code == 0
    assert len(result.output) > 100


def test_the_pages_name_programs() -> None:
    assert NAMED


@pytest.mark.parametrize(("name", "words"), NAMED)
def test_commands_of_the_pages_are_there(name: str, words: str) -> None:
    """An option, or a choice that the program's help does not name, is a command of the past."""
    command = program(name)
    known = CliRunner().invoke(command, ["--help"]).output
    first, *rest = words.split() or [""]
    if isinstance(command, click.Group) and first:
        known += CliRunner().invoke(command, [first, "--help"]).output
    for word in (first, *rest):
        if not word.replace("-", "").isdigit() and not re.fullmatch(r"\d+s", word):
            assert word in known, f"{name} has no {word}"
