"""The pages of docs/: what they say is done, named, linked and generated as they say."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import CLASSES, make_picture
from PIL import Image
from test_imports import ORDER

import aesearch
from aesearch.cli import ALIASES, COMMANDS, cli
from aesearch.cli.document import rewritten

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted(DOCS.rglob("*.md"))]
ELSEWHERE = {"export.md", "integrations.md"}  # run by the tests of their subjects


def blocks() -> Iterator[object]:
    """Each block of Python, with the page and line where it stands."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
            if page.name not in ELSEWHERE:
                line = text.count("\n", 0, found.start(1)) + 1
                yield pytest.param(found[1], id=f"{page.name}:{line}")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with pictures, documents, and an index of the pictures."""
    root = tmp_path_factory.mktemp("pages")
    for kind in CLASSES:
        (root / "images" / kind).mkdir(parents=True)
        for seed in range(8):
            Image.fromarray(make_picture(kind, seed)).save(root / "images" / kind / f"{seed}.png")
    for seed, name in enumerate(("photo.png", "a.png", "b.png"), start=8):
        Image.fromarray(make_picture(CLASSES[0], seed)).save(root / name)
    (root / "papers").mkdir()
    for number in range(40):
        thing = ("wing", "plate", "cone")[number % 3]
        text = f"Paper {number}. Laminar flow over a {thing}, and heat transfer in it."
        (root / f"papers/{number}.txt").write_text(text, encoding="utf-8")
    aesearch.build(root / "images", root / "indexes/images", budget=0).close()
    return root


@pytest.mark.parametrize("code", list(blocks()))
def test_python_of_the_pages_runs(code, place, tmp_path, monkeypatch):
    work = tmp_path / "work"
    made = "aesearch.build(" in code
    shutil.copytree(place, work, ignore=shutil.ignore_patterns("indexes") if made else None)
    monkeypatch.chdir(work)
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    exec(compile(code, "page", "exec"), {})
    assert not made or list(Path("indexes").glob("*/index.json"))


def test_the_page_of_python_runs_from_top_to_bottom(place, tmp_path, monkeypatch):
    work = tmp_path / "work"
    shutil.copytree(place, work, ignore=shutil.ignore_patterns("indexes"))
    monkeypatch.chdir(work)
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    script = "\n".join(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
    exec(compile(script, "python.md", "exec"), {})


def test_the_page_of_the_command_line_is_what_the_commands_say():
    page = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert rewritten(page) == page, "run python -m aesearch.cli.document docs/cli.md"
    for command in set(COMMANDS) - ALIASES:
        assert f"## aesearch {command}\n" in page
        assert f"](#aesearch-{command})" in page


def spoken() -> Iterator[object]:
    """Each command line of the pages, less its comment, with the options that it gives."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        code = [*re.findall(r"^ {4}(.*)$", text, re.M), *re.findall(r"`([^`\n]+)`", text)]
        for line in code:
            for command, rest in re.findall(r"\baesearch (\w+)((?: [^#|;]*)?)", line):
                if command in COMMANDS:
                    given = re.findall(r"(?<=\s)(-{1,2}[a-z0][\w-]*)", rest)
                    yield pytest.param(command, given, id=f"{page.name}: {line[:60]}")


@pytest.mark.parametrize(("command", "options"), list(spoken()))
def test_options_named_in_the_pages_exist(command, options):
    known = CliRunner().invoke(cli, [command, "--help"]).output
    for option in options:
        assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known), option


def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-")) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name) if name else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target


def test_every_page_is_in_the_list_of_pages():
    listed = (DOCS / "README.md").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        if page.name != "README.md":
            assert f"({page.relative_to(DOCS)})" in listed


def test_the_architecture_has_the_rooms_in_the_order_of_imports():
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = [room for room in ORDER if (ROOT / "aesearch" / room / "__init__.py").exists()]
    assert re.findall(r"^\* \*\*`(\w+)/`\*\*", text, re.M) == rooms
