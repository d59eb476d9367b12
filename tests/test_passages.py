"""Sentences, passages of long documents, halves, and the snippet that is shown."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from texts_ import long_text

from aesearch.modalities.texts.passages import (
    LENGTH,
    LONG,
    MOST,
    OVERLAP,
    half_of,
    passages_of,
    sentences,
    unit_pattern,
)
from aesearch.modalities.texts.snippets import ELLIPSIS, WINDOW, Snippet, snippet

CHINESE = "人工智能正在改变我们的生活。专家参加了讨论！他们很高兴？"


def parts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


# -- sentences -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One boat. Two oars! Three? Four.", ["One boat.", "Two oars!", "Three?", "Four."]),
        ("Dr. Smith met J. R. Jones, cf. Fig. 3.", ["Dr. Smith met J. R. Jones, cf. Fig. 3."]),
        ("It is 3.5 m long, e.g. here. next", ["It is 3.5 m long, e.g. here. next"]),
        ('He said: "Go." They went.', ['He said: "Go."', "They went."]),
        (CHINESE, ["人工智能正在改变我们的生活。", "专家参加了讨论！", "他们很高兴？"]),
        ("a heading\n\nand a text\n  \nend", ["a heading", "and a text", "end"]),
        ("list:\n- one\n- two\n3. three", ["list:", "- one", "- two", "3. three"]),
        ("  \n\t ", []),
        ("", []),
        ("...", ["..."]),
        ("no end", ["no end"]),
    ],
)  # fmt: skip
def test_sentences(text: str, expected: list[str]) -> None:
    assert parts(text) == expected


def test_sentences_leave_out_nothing_but_blanks() -> None:
    text = f"{long_text()}\n\n{CHINESE}  - and Dr. Who. e.g. this\n* that"
    found = sentences(text)
    assert "".join("".join(parts(text)).split()) == "".join(text.split())
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert all(text[a:b] == text[a:b].strip() != "" for a, b in found)


# -- passages --------------------------------------------------------------------------------------


def words(text: str) -> int:
    return len(unit_pattern().findall(text))


def test_short_documents_have_none() -> None:
    text = "word " * (LONG - 1)
    assert passages_of(text) == []
    assert passages_of("") == []
    assert len(passages_of(text + "word")) >= 2


def test_passages_cover_the_text_and_overlap() -> None:
    text = long_text(4, 400)
    found = passages_of(text)
    assert found[0].start == 0
    assert found[-1].end == len(text.rstrip())
    for before, after in pairwise(found):
        assert before.start < after.start < before.end < after.end
        shared = words(text[after.start : before.end])
        assert 0.05 * LENGTH < shared < 2 * OVERLAP * LENGTH
    for passage in found[:-1]:
        part = text[passage.start : passage.end]
        assert 0.75 * LENGTH <= words(part) <= 1.25 * LENGTH
        assert part == part.strip()
        assert part.endswith(".")  # a sentence ends near
    assert words(text[found[-1].start :]) <= 1.5 * LENGTH


def test_passages_without_any_sentence_to_end_with() -> None:
    text = " ".join(f"w{number}" for number in range(1000))
    found = passages_of(text)
    assert [words(text[p.start : p.end]) for p in found[:-1]] == [LENGTH] * (len(found) - 1)
    covered = {word for p in found for word in text[p.start : p.end].split()}
    assert len(covered) == 1000


def test_of_scripts_without_spaces_two_letters_are_a_word() -> None:
    text = CHINESE * 60
    found = passages_of(text)
    assert len(found) > 1
    for passage in found[:-1]:
        assert 0.7 * 2 * LENGTH < passage.end - passage.start < 1.5 * 2 * LENGTH
        assert text[passage.end - 1] in "。！？"


@pytest.mark.parametrize("sentence", ["w ", "a b c. "])
def test_a_book_has_not_too_many(sentence: str) -> None:
    text = sentence * (MOST * LENGTH)
    found = passages_of(text)
    assert MOST // 2 < len(found) <= 1.2 * MOST
    assert found[-1].end == len(text.rstrip())


def test_passages_of_any_text_make_progress() -> None:
    draw = random.Random(0)
    for _ in range(30):
        pieces = draw.choices(["word", ". Then", "\n\n", "。", "语言", "- ", "U.S.", "\t"], k=900)
        text = " ".join(pieces)
        found = passages_of(text)
        starts = [passage.start for passage in found]
        assert starts == sorted(set(starts))
        assert all(0 <= p.start < p.end <= len(text) for p in found)
        assert not found or found[-1].end == len(text.rstrip())


# -- halves ----------------------------------------------------------------------------------------


def test_half_of_the_sentences_in_their_order() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(20))
    half = half_of(text, 1)
    lines = half.split("\n")
    assert len(lines) == 10
    assert lines == [line for line in parts(text) if line in lines]
    assert half_of(text, 1) == half
    assert half_of(text, 2) != half


def test_half_of_a_single_sentence_is_half_of_its_words() -> None:
    text = " ".join(f"w{number}" for number in range(20))
    half = half_of(text, 0)
    assert half in text
    assert len(half.split()) == 10
    assert half_of("word", 0) == "word"
    assert half_of("", 0) == ""
    assert half_of("one two", 3) in ("one", "two")
    assert len(half_of("人工智能正在改变", 0)) == 4


# -- snippets --------------------------------------------------------------------------------------


def found_in(text: str, *asked: str, weight: float = 1.0) -> Snippet:
    """The snippet for some words, each of the same weight."""
    matches = [
        (number, weight, match.start(), match.end())
        for number, word in enumerate(asked)
        for match in re.finditer(re.escape(word), text)
    ]
    return snippet(text, sorted(matches, key=lambda match: match[2:]))


def marked(found: Snippet) -> list[str]:
    return [found.text[start:end] for start, end in found.marks]


def test_a_short_text_is_shown_whole() -> None:
    found = found_in("The boat  is\nin the harbour.", "boat", "harbour")
    assert found.text == "The boat is in the harbour."
    assert marked(found) == ["boat", "harbour"]
    assert snippet("", []) == Snippet("", ())
    assert snippet("  \n ", []) == Snippet("", ())


def test_without_a_match_it_is_the_beginning() -> None:
    text = "word " * 100
    found = snippet(text, [])
    assert found.marks == ()
    assert found.text.startswith("word word")
    assert found.text.endswith(f"word{ELLIPSIS}")
    assert WINDOW - 10 < len(found.text) <= WINDOW + 1


@pytest.mark.parametrize("place", [0, 1, 5, 20, 31, 40, 200, 999])
def test_the_match_is_in_it_wherever_it_stands(place: int) -> None:
    for filling in ("x ", "xxxxxxxxx ", "x", "“"):
        before = (filling * 1000)[:place]
        found = found_in(f"{before}boat {filling * 200}", "boat")
        assert marked(found) == ["boat"]
        assert len(found.text) <= WINDOW + 2


def test_a_first_word_in_quotation_marks_is_not_lost() -> None:
    assert found_in('"Heat flows from hot to cold.', "Heat") == Snippet(
        '"Heat flows from hot to cold.', ((1, 5),)
    )


@pytest.mark.parametrize("between", [20, 100, 130, 145, WINDOW - len("alpha" + "omega")])
def test_two_words_as_far_apart_as_the_window_are_both_shown(between: int) -> None:
    gap = ("y " * WINDOW)[: between - 1] + " "
    for tail in ("", " and" * 30, "z" * 300):
        text = f"{'x ' * 100}alpha{gap}omega {tail}"
        assert marked(found_in(text, "alpha", "omega")) == ["alpha", "omega"]


def test_the_window_with_the_most_distinct_terms_wins() -> None:
    far = " and so on" * 40
    text = f"boat boat boat boat {far} boat mast {far} mast mast mast"
    assert marked(found_in(text, "boat", "mast")) == ["boat", "mast"]
    heavy = [(0, 1.0, 0, 4), (1, 1.0, 5, 9), (2, 5.0, 500, 505)]
    text = "boat mast" + " " * 491 + "rare! and more"
    assert marked(snippet(text, heavy)) == ["rare!"]


def test_where_it_was_cut_there_are_three_dots() -> None:
    far = "some words " * 40
    middle = found_in(f"{far}boat {far}", "boat").text
    assert middle.startswith(ELLIPSIS)
    assert middle.endswith(ELLIPSIS)
    assert middle[1:6] in ("some ", "words")
    assert not found_in("boat " + far, "boat").text.startswith(ELLIPSIS)
    assert not found_in(far + "boat", "boat").text.endswith(ELLIPSIS)


def test_nothing_reaches_the_terminal_that_it_would_obey() -> None:
    text = "a \x1b[31mboat\x1b[0m\r\n\tin\u202e the\u200b \ufeffharbour\x07 \ue000"
    found = found_in(text, "boat", "harbour")
    assert marked(found) == ["boat", "harbour"]
    assert found.text.isprintable()
    assert "  " not in found.text


def test_overlapping_and_touching_matches() -> None:
    text = "人工智能"
    matches = [(0, 1.0, 0, 2), (1, 1.0, 1, 3), (2, 1.0, 2, 4)]
    found = snippet(text, matches)
    assert found.text == text
    assert marked(found) == ["人工", "智能"]


def test_a_match_that_is_longer_than_the_window() -> None:
    found = found_in("a" * 1000, "a" * 1000)
    assert len(found.text) <= WINDOW + 2
    assert found.marks == ()


def test_marks_of_any_text_point_at_what_was_found() -> None:
    draw = random.Random(1)
    for _ in range(200):
        pieces = draw.choices(["boat", "mast", "xx", "\n", "  ", "语", "“", "long" * 9], k=120)
        text = draw.choice(["", " "]).join(pieces)
        found = found_in(text, "boat", "mast")
        assert set(marked(found)) <= {"boat", "mast"}
        assert bool(found.marks) == ("boat" in text or "mast" in text)
        assert "\n" not in found.text
        assert len(found.text) <= WINDOW + 2
