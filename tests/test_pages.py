"""The pages as one: what they escape, what they load, and how they are made."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, write_pictures
from PIL import Image
from test_cli_compare import Balance
from test_sheet import Page

from aesearch.maps.layouts import Panel
from aesearch.maps.map import Map
from aesearch.reports import base
from aesearch.reports.contact_sheet import Cell, Row, write_sheet
from aesearch.reports.grid import Group, Tile, write_tiles
from aesearch.reports.map.figure import write_map
from aesearch.reports.training import write_history

PACKAGE = Path(base.__file__).parents[1]
REPORTS = PACKAGE / "reports"
EVIL = [
    "</script><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "Tom & Jerry &amp; <i>friends</i>",
    "{{ 7 * 7 }} {% raw %} ${7 * 7} $x$ \\alpha",
    "😀 emoji 👩‍🔬",
    "שלום עולם",
    "\u202eabc",
    "<!-- -->]]>",
]
ALL = " ".join(EVIL)
SHORT = "<b>&\"' {{ 7 * 7 }} $x$ 😀"


def read(path: Path) -> tuple[str, Page]:
    """Return a page whose elements are closed in their places, which loads and runs nothing."""
    raw = path.read_text(encoding="utf-8")
    balance = Balance()
    balance.feed(raw)
    assert not balance.open
    page = Page(raw)
    assert not page.all("link")
    assert not page.all("i") or path.stem == "comparison"
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert not [name for _, given in page.tags for name in given if name.startswith("on")]
    allowed = 1 if "script-src" in raw else 0
    scripts = [given for given in page.all("script") if given.get("type") != "application/json"]
    assert len(scripts) == allowed
    return raw, page


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "one.png")
    return tmp_path / "one.png"


def test_the_contact_sheet_escapes_titles_keys_and_reasons(picture: Path, tmp_path: Path) -> None:
    hits = [Cell(0.5, text, picture) for text in EVIL] + [Cell(0.5, ALL, b"none")]
    write_sheet([Row(ALL, Image.new("RGB", (9, 9)), hits)], tmp_path / "sheet.html")
    _, page = read(tmp_path / "sheet.html")
    assert ALL in page.text
    assert [one["title"] for one in page.all("figure")[1:]] == [*EVIL, ALL]
    assert [one["alt"] for one in page.all("img")] == ["query", *EVIL]
    assert all(text in page.text for text in EVIL)


def test_the_grid_escapes_headings_notes_captions_and_reasons(tmp_path: Path) -> None:
    tiles = [Tile(Image.new("RGB", (9, 9)), text, text) for text in EVIL] + [Tile(ALL, ALL)]
    write_tiles(ALL, [Group(tiles, 3, ALL, ALL)], tmp_path / "grid.html", note=ALL)
    raw, page = read(tmp_path / "grid.html")
    assert page.text.count(ALL) == 1 + 1 + 1 + 1 + 1 + 1  # title, heading, notes, reason
    assert [one["alt"] for one in page.all("img")] == EVIL
    assert raw.count("<h1") == 1


def test_the_training_escapes_its_title_terms_phases_and_events(tmp_path: Path) -> None:
    history = [
        {"phase": SHORT, "epoch": n, "seconds": 1.0, SHORT: 1.0 / n, "other": 2.0, "event": SHORT}
        for n in range(1, 4)
    ]
    write_history(history, tmp_path / "training.html", title=ALL)
    _, page = read(tmp_path / "training.html")
    assert page.text.count(f"1: {SHORT}") == 1
    assert SHORT in str(page.all("svg")[0]["aria-label"])
    assert f"{SHORT} 0.333" in page.text


def test_the_map_escapes_its_title_keys_words_and_groups(tmp_path: Path) -> None:
    groups = [text for text in EVIL for _ in range(2)]
    places = np.random.default_rng(0).normal(size=(len(groups), 2)).astype(np.float32)
    panels = (Panel("pca", SHORT, places, 0.5),)
    found = Map(ALL, "texts", np.arange(len(groups)), groups, groups, panels)
    write_map(found, tmp_path / "map.html", words=groups)
    raw, page = read(tmp_path / "map.html")
    assert f"Map of {ALL}: 18 documents" in page.text
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', raw, re.S)
    told = json.loads(data)
    assert told["keys"] == told["words"] == groups
    assert {style["name"] for style in told["styles"]} == set(EVIL)
    assert told["panels"][0]["title"] == SHORT
    for suffix in (".png", ".svg"):
        write_map(found, tmp_path / f"map{suffix}")


def test_the_comparison_of_pictures_escapes_names_of_files_and_folders(tmp_path: Path) -> None:
    root = tmp_path / "<b>&'\"{{ 7 * 7 }}"
    write_pictures(root, 60, side=16)
    names = ["<", '"><img src=x onerror=alert(1)>', "a & <i>b< 😀 שלום"]
    for folder, name in zip(sorted(root.iterdir()), names, strict=True):
        folder.rename(root / name)
    for number, path in enumerate(sorted((root / "<").iterdir())):
        path.rename(root / "<" / f"script><script>alert({number})<'.png")
    out = tmp_path / "comparison.html"
    answer = command("compare", root, "--encoders", "raw,phash,pca", "--report", out)
    assert answer.code == 0, answer.err
    raw, page = read(out)
    assert root.name in page.text
    (said,) = re.findall(r'<script type="application/json">(.*?)</script>', raw, re.S)
    keys = {str(path.relative_to(root)) for path in root.rglob("*.png")}
    assert {text for text in json.loads(said) if text in keys} == keys
    titles = {one["title"] for one in page.all("div") if "title" in one}
    assert titles <= keys
    assert any(title and title.startswith("</script><script>") for title in titles)
    for name in names:
        assert name in page.text, "a group of the legend"


def test_the_comparison_of_documents_escapes_texts_keys_and_labels(tmp_path: Path) -> None:
    words = ("planet orbit moon rocket comet telescope", "flour butter oven dough sugar recipe")
    lines = []
    rng = np.random.default_rng(0)
    for n in range(60):
        evil = EVIL[n % len(EVIL)]
        text = f"{evil} {' '.join(rng.choice(words[n % 2].split(), 30))}"
        row = {"id": f"{n} {evil}", "label": (ALL, "<i>")[n % 2], "text": text}
        lines.append(json.dumps(row))
    (tmp_path / "notes.jsonl").write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "comparison.html"
    answer = command(
        "compare", tmp_path / "notes.jsonl", "--encoders", "bm25,lsa", "--code-sizes", "8",
        "--text", "text", "--key", "id", "--label", "label", "--report", out,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    raw, page = read(out)
    (said,) = re.findall(r'<script type="application/json">(.*?)</script>', raw, re.S)
    assert sum(any(evil in one for evil in EVIL) for one in json.loads(said)) == 60
    titles = [str(one["title"]) for one in page.all("li")]
    assert titles
    assert all(any(title.endswith(evil) for evil in EVIL) for title in titles)
    assert "<i>" in page.text
    cells = re.findall(r"<i>[^<]*</i>", raw)
    assert cells
    assert all(re.fullmatch(r"<i>\([-.\d–]+\)</i>", cell) for cell in cells)


# Not the named groups of patterns.
TAG = re.compile(r"(?<!\?P)</?(?!(?:tag|key)\b)[a-z][a-z0-9]*(?:\s[^<]*=[^<]*)?/?>", re.I)


def literals(tree: ast.Module) -> list[tuple[int, str]]:
    """Return the texts of a module that are no docstrings, with their lines."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, holders) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        and id(node) not in docstrings
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_no_module_writes_or_escapes_html_by_hand(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"html\.escape|^import html$|from html import|saxutils", text, re.M)
    found = [(line, TAG.findall(said)) for line, said in literals(ast.parse(text))]
    assert not [one for one in found if one[1]]


def test_what_is_not_escaped_is_made_in_two_places() -> None:
    makers = {path.name for path in PACKAGE.rglob("*.py") if "Markup(" in path.read_text("utf-8")}
    assert makers == {"page.py", "svg.py"}
    for template in REPORTS.rglob("*.html"):
        assert not re.search(r"\|\s*safe|autoescape", template.read_text("utf-8")), template.name


def test_pages_and_pictures_have_the_same_colours() -> None:
    style = (REPORTS / "page.css").read_text(encoding="utf-8")
    light = dict(re.findall(r"--(\w+): (#\w+)", style.partition("@media")[0]))
    light["paper"] = "#ffffff" if light["paper"] == "#fff" else light["paper"]
    for name in ("paper", "ink", "faint", "mat", "edge", "missing", "accent"):
        assert light[name] == getattr(base, name.upper())


def test_a_template_that_names_what_is_not_there_fails() -> None:
    from jinja2 import UndefinedError

    from aesearch.reports.page import render_page

    with pytest.raises(UndefinedError):
        render_page("grid.html", "title")
