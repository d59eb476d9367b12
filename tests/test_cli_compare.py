"""`aesearch compare`, and the page that it writes."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, write_pictures
from notes_ import write_notes

from aesearch.reports.comparison.charts import Bar, Dot, Line, cloud, curves, intervals

VOID = {"meta", "img", "br", "wbr", "input"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "pictures", 60, side=16)
    return tmp_path / "pictures"


class Balance(HTMLParser):
    """Every element that is opened is closed, in its place."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.count: dict[str, int] = {}

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _attrs: object) -> None:
        self.count[tag] = self.count.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def checked(page: Path) -> tuple[str, dict[str, int]]:
    """Return the text of a page, and how many elements of each kind it has."""
    text = page.read_text(encoding="utf-8")
    parser = Balance()
    parser.feed(text)
    assert not parser.open
    for chart in re.findall(r"<svg.*?</svg>", text, re.S):
        ElementTree.fromstring(chart)
    assert not re.search(r'(src|href)="(?!data:|#)', text), "something is loaded from elsewhere"
    return text, parser.count


def test_the_table_is_printed_with_the_verdict_above(source: Path) -> None:
    answer = command("compare", source, "--encoders", "raw,phash,pca", "--code-sizes", "8,16")
    assert answer.code == 0, answer.err
    lines = answer.out.splitlines()
    assert lines[0].startswith("pictures: 60 pictures, ")
    assert "geometric mean of P@10 and mAP ." in lines[1]
    heads = "method code bytes P@10 MAP nDCG@10 5-NN MRR copies R@1 copies error ANN fit s ms/query"
    assert lines[3].split() == heads.split()
    assert len(lines) == 4 + 2 + 1 + 18
    assert "results in " in answer.err


def test_chosen_parameters_stand_in_the_table(tmp_path: Path) -> None:
    write_pictures(tmp_path / "many", 140, side=16)
    words = ("compare", tmp_path / "many", "--encoders", "phash,mlp", "--budget", "0.3s",
             "--code-sizes", "8", "--forms", "float")  # fmt: skip
    plain = command(*words)
    other = command(*words, "--set", "hidden=16,8", "--set", "mlp.noise-level=0.1")
    assert (plain.code, other.code) == (0, 0), plain.err + other.err
    title = "mlp (hidden=16,8 noise_level=0.1)"
    assert any(line.startswith("mlp ") and "8 float" in line for line in plain.out.splitlines())
    assert title not in plain.out
    assert title in other.out
    (work,) = (tmp_path / "home" / ".comparisons").iterdir()
    assert len(list(work.glob("mlp-8*.json"))) == 2
    answer = command(*words, "--set", "hidden=16,8", "--set", "noise_level=0.1", "--json")
    rows = {row["title"]: row["parameters"] for row in json.loads(answer.out)["rows"]}
    assert rows == {"perceptual hash": {}, title: {"noise_level": 0.1, "hidden": [16, 8]}}


def test_a_folder_called_comparisons_can_be_indexed_afterwards(
    source: Path, tmp_path: Path, home: Path
) -> None:
    folder = source.rename(tmp_path / "comparisons")
    assert command("compare", folder, "--encoders", "phash").code == 0
    assert command("index", folder, "--budget", "0").code == 0
    assert (home / "comparisons" / "index.json").is_file()
    assert "comparisons" in command("list").out


def test_queries_without_texts_are_told(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes")
    right = tmp_path / "right.csv"
    right.write_text("planet,space/01.txt,1\nmusic/01.txt,music/02.txt,1\n", encoding="utf-8")
    words = ("compare", tmp_path / "notes", "--encoders", "bm25", "--judgements", right)
    answer = command(*words)
    assert answer.code == 0, answer.err
    assert "items of the same key ask 1 of 2 queries; the others are asked by name" in answer.err
    assert "no such file" in command(*words, "--queries", tmp_path / "gone.csv").err


def test_json_holds_everything(source: Path) -> None:
    answer = command("compare", source, "--encoders", "phash,pca", "--forms", "float", "--json")
    assert answer.code == 0, answer.err
    found = json.loads(answer.out)
    assert found["items"] == 60
    assert found["decided_by"]["metric"] in ("by_folder", "reciprocal_rank")
    assert [row["form"] for row in found["rows"] if row["method"] == "pca"] == ["float"] * 3
    mean, low, high = found["rows"][0]["measures"]["labels"]["precision_at_10"]
    assert low <= mean <= high
    assert found["verdict"]["outcome"] == "none"


def test_the_page_of_pictures_is_whole_and_self_contained(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    answer = command("compare", source, "--encoders", "raw,phash,pca", "--report", out)
    assert answer.code == 0, answer.err
    text, count = checked(out)
    groups = len({path.parent for path in source.rglob("*.png")})
    assert count["svg"] == 4 + 1 + groups  # charts, a map by PCA, its legend
    assert re.search(r'class="map">\s*<figure><h3>PCA[^<]*</h3><svg', text)
    dots = re.findall(r'<g data-g="\d".*?</g>', text, re.S)
    assert sum(one.count("<use ") for one in dots) == 60
    assert count["tr"] == 1 + 2 + 1 + 9
    queries = text.count('<article class="query">')
    assert 4 <= queries <= 8
    assert text.count("image/jpeg") >= queries * (1 + 3 * 8)
    assert '<div class="no"' in text
    assert '<div class="yes"' in text
    assert "Reconstructions" in text
    before = out.read_bytes()
    assert command("compare", source, "--encoders", "raw,phash,pca", "--report", out).code == 0
    assert out.read_bytes() == before


def test_the_page_of_documents_shows_their_words(tmp_path: Path) -> None:
    write_notes(tmp_path / "notes")
    (tmp_path / "notes" / "space" / "<b>.txt").write_text("<script>Planet</script> & moon orbit.")
    out = tmp_path / "report.html"
    answer = command(
        "compare", tmp_path / "notes", "--encoders", "bm25,lsa", "--code-sizes", "8",
        "--report", out,
    )  # fmt: skip
    assert answer.code == 0, answer.err
    text, count = checked(out)
    assert count["script"] == 2  # what sorts the table, and what the dots of the map are
    (said,) = re.findall(r'<script type="application/json">(.*?)</script>', text)
    assert len(json.loads(said)) == 37
    assert any("<b>.txt: <script>Planet" in one for one in json.loads(said))
    assert "<b>" not in said
    assert '<main class="texts">' in text
    assert '<li class="yes" title="' in text
    assert "image/jpeg" not in text


def test_what_is_wrong_is_said_in_one_line(source: Path, tmp_path: Path) -> None:
    for words, said in (
        (["--report", tmp_path / "report.pdf"], "name it .html"),
        (["--code-sizes", "8,many"], "whole numbers of at least 1"),
        (["--encoders", "sift"], "'sift' is nothing"),
        (["--report", tmp_path / "none" / "report.html"], "there is no folder"),
        (["--encoders", "pca", "--set", "colour=red"], "encoder pca has no parameter 'colour'"),
        (["--set", "colour"], "--set takes KEY=VALUE"),
        (["--forms", "hybrid"], "pictures have none"),
        (["--judgements", tmp_path / "none"], "cannot be read"),
        (["--encoders", "auto"], "too few to train agreement"),
    ):
        answer = command("compare", source, *words)
        assert answer.code in (1, 2)
        assert said in answer.err
        assert answer.err.count("\n") == 1
    assert command("compare", tmp_path / "nowhere").code == 1


def test_what_cannot_be_trained_is_left_out_where_nothing_was_named(source: Path) -> None:
    answer = command("compare", source)
    assert answer.code == 0
    assert "note: 60 pictures are too few to train agreement, which needs 128: only" in answer.err
    assert "PCA whitened" in answer.out
    assert "agreement" not in answer.out


def test_a_file_that_cannot_be_read_is_told_by_the_exit_code(source: Path) -> None:
    (source / "disks" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    answer = command("compare", source, "--encoders", "phash")
    assert answer.code == 3
    assert "60 pictures" in answer.out


def test_a_file_that_is_gone_leaves_a_gap_in_the_page(source: Path, tmp_path: Path) -> None:
    from aesearch.compare.run import compare
    from aesearch.reports.comparison.page import write_comparison

    found = compare(source, encoders=["phash", "pca"])
    for key in found.keys[:40]:
        (source / key).unlink()
    write_comparison(found, tmp_path / "report.html")
    found.close()
    text, _ = checked(tmp_path / "report.html")
    assert 'class="gone"' in text


def test_dots_of_the_map_stand_in_the_order_of_what_is_said_of_them() -> None:
    from types import SimpleNamespace

    from aesearch.maps.layouts import Panel
    from aesearch.reports.comparison.map import map_of

    labels = ["b", "a", "c", "a", "b", "a"]
    places = np.array([[n, n % 2] for n in range(6)], dtype=np.float32)
    found = SimpleNamespace(
        panels=[Panel("pca", "PCA", places, 0.5)], kind="images", keys=labels, labels=labels,
        mapped=range(6), said=[f"{n}" for n in range(6)],
    )  # fmt: skip
    section = map_of(found)
    assert [style.name for style in section.groups] == ["a", "b", "c"]
    root = ElementTree.fromstring(section.panels[0].drawn)
    groups = {g.attrib["data-g"]: g for g in root.iter("g") if "data-g" in g.attrib}
    dots = [float(use.attrib["x"]) for one in groups.values() for use in one.iter("use")]
    assert [section.said[n] for n in np.argsort(dots)] == ["0", "1", "2", "3", "4", "5"]
    assert [len(list(one.iter("use"))) for one in groups.values()] == [3, 2, 1]


# -- charts ----------------------------------------------------------------------------------------


def texts_of(chart: str) -> list[tuple[float, float, str]]:
    """Return where each text of a chart stands, and what it says."""
    elements = ElementTree.fromstring(chart).iter("text")
    return [(float(e.attrib["x"]), float(e.attrib["y"]), e.text or "") for e in elements]


def test_labels_of_curves_do_not_cover_each_other() -> None:
    band = [(0.5 - 0.01 * k,) * 3 for k in range(20)]
    lines = [Line(f"method {n}", band, n) for n in range(7)]
    places = [y for _, y, said in texts_of(curves(lines, "k", "precision")) if "method" in said]
    assert len(places) == 7
    ordered = sorted(places)
    assert min(b - a for a, b in pairwise(ordered)) >= 12
    assert 0 < ordered[0] < ordered[-1] < 320


def test_each_group_of_points_is_named_once() -> None:
    dots = [Dot(f"code {n}", 2.0**k, 0.5 + 0.001 * n, n) for n in range(5) for k in (3, 6, 8)]
    named = [(x, y) for x, y, said in texts_of(cloud(dots, "bytes", "P@10")) if "code" in said]
    assert len(named) == 5
    assert len({(round(x / 20), round(y / 8)) for x, y in named}) == 5


def boxes_of(chart: str) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return each name in a chart, and at least what it takes of it: 7.2 units for a letter."""
    return [
        (said, (x, base - 9, x + 7.2 * len(said), base + 2))
        for x, base, said in texts_of(chart)
        if "method" in said
    ]


@pytest.mark.parametrize("count", [2, 8, 14, 20, 40])
@pytest.mark.parametrize("sizes", [(64,), (8, 64, 256)])
def test_names_in_charts_keep_apart_however_many_there_are(
    count: int, sizes: tuple[int, ...]
) -> None:
    draw = np.random.default_rng(count).normal(0.6, 0.004, (count, 3)).tolist()
    dots = [
        Dot(f"method {n:02}", float(size), draw[n][k], min(n, 6), line="all")
        for n in range(count)
        for k, size in enumerate(sizes)
    ]
    lines = [Line(f"method {n:02}", [(row[0],) * 3] * 20, min(n, 6)) for n, row in enumerate(draw)]
    for chart in (cloud(dots, "bytes", "P@10"), curves(lines, "k", "precision")):
        height = float(ElementTree.fromstring(chart).attrib["viewBox"].split()[3])
        boxes = boxes_of(chart)
        assert sorted(name for name, _ in boxes) == [f"method {n:02}" for n in range(count)]
        for (one, (a, b, c, d)), (other, (e, f, g, h)) in combinations(boxes, 2):
            assert c <= e or g <= a or d <= f or h <= b, f"{one} covers {other}"
        assert all(top >= -1 and bottom <= height for _, (_, top, _, bottom) in boxes)


def test_labels_beside_a_crowded_chart_stand_in_the_order_of_its_points() -> None:
    dots = [Dot(f"method {n:02}", 64.0, 0.6 + 0.001 * n, 0) for n in range(30)]
    boxes = boxes_of(cloud(dots, "bytes", "P@10"))
    assert len({left for _, (left, _, _, _) in boxes}) == 1
    by_place = sorted(boxes, key=lambda one: -one[1][1])
    assert [name for name, _ in by_place] == [f"method {n:02}" for n in range(30)]


def test_charts_take_a_single_value() -> None:
    assert texts_of(intervals([Bar("one", (0.0, 0.0, 0.0), 0)], "P@10"))
    assert texts_of(curves([Line("one", [(1.0, 1.0, 1.0)], 0, True)], "k", "precision"))
    assert texts_of(cloud([Dot("one", 8.0, 1.0, 0)], "bytes", "P@10"))


def test_charts_say_what_is_pointed_at_and_escape_it() -> None:
    name = '<a> & "b" $x$ 😀'
    bar = intervals([Bar(name, (0.5, 0.4, 0.6), 0)], "P@10", 0.1)
    line = curves([Line(name, [(0.5, 0.4, 0.6)] * 12, 1, True)], "k", "precision")
    dot = cloud([Dot(name, 8.0, 0.5, 2, title=f"{name} said")], "bytes", "P@10")
    for chart, title in ((bar, f"{name}: .500 (.400–.600)"), (line, name), (dot, f"{name} said")):
        titles = {element.text for element in ElementTree.fromstring(chart).iter("title")}
        assert titles == {title}
        assert name in [said for _, _, said in texts_of(chart)]
    assert {".500", "chance"} <= {said for _, _, said in texts_of(bar)}


def test_charts_have_the_colours_and_the_letters_of_the_page() -> None:
    bars = [Bar(f"method {n}", (0.5, 0.4, 0.6), n, n < 2) for n in range(7)]
    lines = [Line(f"method {n}", [(0.5, 0.4, 0.6)] * 12, n, n < 2) for n in range(7)]
    dots = [Dot(f"method {n}", 8.0 * n, 0.5, n, "bits") for n in range(1, 7)]
    for chart in (intervals(bars, "P@10"), curves(lines, "k", "P"), cloud(dots, "bytes", "P")):
        assert "var(--c5)" in chart
        assert "var(--faint)" in chart
        assert not re.search(r"#[0-9a-f]{6}\b", chart)
        assert "system-ui" in chart
        assert "DejaVu" not in chart
        assert "<style" not in chart
        ids = re.findall(r'\bid="([^"]*)"', chart)
        assert len(ids) == len(set(ids))
        assert all(f"#{one}" in chart for one in ids)


def test_the_same_figures_give_the_same_chart() -> None:
    bars = [Bar("one", (0.5, 0.4, 0.6), 0)]
    assert intervals(bars, "P@10") == intervals(bars, "P@10")
