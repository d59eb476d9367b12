"""What is printed on terminals of 60 and of 100 columns; what is piped stays one record a line."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import click
import pytest
from collections_ import command

from aesearch.cli import info
from aesearch.cli.console import progress_bars
from aesearch.cli.format_hits import Answer, print_answer
from aesearch.cli.wrapping import say, width_of, wrapped
from aesearch.modalities.texts.snippets import Snippet
from aesearch.search.hits import Hit

WORDS = "the quick brown fox jumps over the lazy dog and runs away " * 4
MUSEUM = """inv_no,object,material,place
A1,amphora,clay,Athens
A2,brooch,gold,Rome
A3,coin,silver,Athens
A3,coin,bronze,Corinth
A5,bowl,clay,Rome
"""


class Screen(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def museum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    (tmp_path / "museum.csv").write_text(MUSEUM, encoding="utf-8")
    return tmp_path


def shown(hit: Hit, columns: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    with contextlib.redirect_stdout(screen):
        print_answer(Answer("q", "q", [hit]), None, several=False, tabular=True)
    return click.unstyle(screen.getvalue()).splitlines()


@pytest.mark.parametrize("columns", [60, 100])
def test_a_hit_is_wrapped_below_its_beginning(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    hit = Hit(0.5, "key", None, "A title", Snippet(WORDS.strip(), ((4, 9),)))
    first, title, *lines = shown(hit, columns, monkeypatch)
    assert (first, title) == ("   1   0.500  key", " " * 14 + "A title")
    assert max(map(len, lines)) <= columns
    assert all(line.startswith(" " * 14) and line[14] != " " for line in lines)
    assert " ".join(line.strip() for line in lines) == WORDS.strip()


def test_title_and_text_of_a_short_hit_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    hit = Hit(0.5, "key", None, "My boat", Snippet("My boat It leaks.", ((3, 7), (11, 16))))
    assert shown(hit, 60, monkeypatch)[1:] == [" " * 14 + "My boat", " " * 14 + "It leaks."]
    whole = Hit(0.5, "key", None, "roses", Snippet("roses", ()))
    assert shown(whole, 60, monkeypatch)[1:] == [" " * 14 + "roses"]


def test_words_that_are_longer_than_the_line() -> None:
    path = "/a/very/long/path/" + "x" * 60
    assert wrapped(f"see {path} there", 2, 40) == f"see\n  {path}\n  there"  # whole, to be copied
    wide = wrapped("猫" * 40, 2, 40).split("\n")
    assert [width_of(line) for line in wide] == [38, 40, 6]


def test_what_is_piped_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(WORDS.strip(), "  ")
    assert capsys.readouterr().out == f"  {WORDS.strip()}\n"


def test_bars_that_are_over_say_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    screen = Screen()
    with progress_bars(screen) as progress:
        progress("reading", 7, 7)
        progress("preparing", 0, 1)
        progress("preparing", 1, 1)
        progress("training", 59.4, 60)
        progress("checking", 1, 1)
    last = click.unstyle(screen.getvalue()).split("reading")[-1]
    assert "00:00" not in last
    assert "left" not in last
    assert all(line.count("━") >= 15 for line in last.splitlines()[:4])


def test_a_key_that_repeats_is_named_with_both_rows(museum: Path) -> None:
    told = command("index", "museum.csv", "--budget", "0").out
    assert "key the number of the row (inv_no is 'A3' in line 4 and in line 5), no label" in told
    text = MUSEUM.replace("A3,coin,bronze", ",coin,bronze")
    (museum / "gap.csv").write_text(text, encoding="utf-8")
    assert "(inv_no is empty in line 5)" in command("index", "gap.csv", "--dry-run").out


@pytest.mark.usefixtures("museum")
def test_close_names_and_weak_hits_are_told() -> None:
    assert command("index", "museum.csv", "--budget", "0").code == 0
    for name in ("museum", "musem.csv", "Museum"):
        told = command("query", "--index", name, "clay")
        assert told.code == 1
        assert told.err.endswith("; did you mean museum.csv?\n")
    assert "did you mean" not in command("query", "--index", "photos", "clay").err
    assert "note: hits from 3 on show no word" in command("query", "clay").err
    assert "note" not in command("query", "clay", "-k", "2").err


def test_the_check_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    row = dict.fromkeys(info.COLUMNS, 0.5)
    check = {"candidates": {"lsa log-entropy": row, "text": row}, "winner": "text"}
    check |= {"forms": {"float": row}, "form_bits": 16, "questions": 9, "references": {}}
    for columns, header in ((100, "  encoder"), (60, "  encoder")):
        monkeypatch.setenv("COLUMNS", str(columns))
        screen = Screen()
        with contextlib.redirect_stdout(screen):
            info._print_check(check, "document", "halves")
        lines = screen.getvalue().splitlines()
        assert max(map(len, lines)) <= columns
        assert lines[2].startswith(header)
        assert screen.getvalue().count(".500") == 15
    assert lines[3:5] == [
        "  lsa log-entropy     P@10 0.500, mAP 0.500, recall@1 0.500,",
        "                      MRR 0.500, openings 0.500",
    ]
