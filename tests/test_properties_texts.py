"""Tokens, sentences, passages and snippets of any text: where they stand, and what is left out."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from aesearch.modalities.texts.charset import decode, unify
from aesearch.modalities.texts.passages import (
    LENGTH,
    LONG,
    OVERLAP,
    half_of,
    passages_of,
    sentences,
    unit_pattern,
)
from aesearch.modalities.texts.snippets import ELLIPSIS, WINDOW, opening, snippet
from aesearch.modalities.texts.tokenizer import raw_tokens, spans, term_of, tokenize

# What texts are made of, and any letters of Unicode.
WORDS = [
    "word",
    "Don't",
    "DOESN\u2019T",
    "l'eau",
    "O'Brien",
    "x",
    "Straße",
    "İstanbul",
    "e\u0301te",
]
OTHERS = ["手机店", "学校에서", "ไทย", "\ufb01n", "Ⅷ", "½", "\ufdfb", "1234", "123456789"]
SIGNS = ["U.S.", "Dr.", "e.g.", ".", "!", "?", "。", "！", "...", "…", ")", "”", "-", "*", "1."]
PIECES = st.one_of(
    st.sampled_from(WORDS + OTHERS + SIGNS),
    st.sampled_from([" ", "\n", "\n\n", "\t", "\u3000", "\u00a0", "\x1b", "\u200b", "\x1c"]),
    st.text(max_size=3),
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    return plain.replace("'", "").replace("\u2019", "")


# -- tokens ----------------------------------------------------------------------------------------


@given(text=TEXTS)
@example(text="e\u0301e\u0301½ab")  # one sign becomes three, and two times two become one
@example(text="\uff76\uff9e\u0e33\u0e01\u0e02")
def test_spans_are_the_tokens_and_where_they_stand(text: str) -> None:
    found = list(spans(text))
    assert [token for token, _, _ in found] == tokenize(text)
    for token, start, end in found:
        assert 0 <= start < end <= len(text)
        assert token in folded(text[start:end])
    starts = [start for _, start, _ in found]
    assert starts == sorted(starts)


@given(text=TEXTS)
def test_tokens_are_in_plain_form_and_worth_keeping(text: str) -> None:
    raw = raw_tokens(text)
    assert tokenize(text) == [token for token in raw if term_of(token)]
    for token in tokenize(text):
        assert token == token.lower()
        assert not re.search(r"\s", token)
        assert term_of(token) == token


@given(parts=st.lists(TEXTS, max_size=4))
def test_lines_do_not_change_one_another(parts: list[str]) -> None:
    assert tokenize("\n".join(parts)) == [token for part in parts for token in tokenize(part)]


@given(text=TEXTS)
def test_case_does_not_matter(text: str) -> None:
    if text.isascii():
        assert tokenize(text.upper()) == tokenize(text.lower()) == tokenize(text)


# -- bytes -----------------------------------------------------------------------------------------


@given(
    text=TEXTS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be-mark"]),
)
@example(text="\ufeff", encoding="utf-8")
def test_what_was_encoded_is_decoded(text: str, encoding: str) -> None:
    text = "".join(letter for letter in text if letter.isprintable() or letter in "\t\n\r")
    text = text.lstrip("\ufeff")
    mark = "\ufeff" if encoding.endswith("mark") else ""
    raw = (mark + text).encode(encoding.removesuffix("-mark"))
    assert decode(raw) == unify(text)


# -- sentences and passages ------------------------------------------------------------------------


@given(text=TEXTS)
def test_sentences_leave_out_nothing_but_blanks(text: str) -> None:
    found = sentences(text)
    ends = [0, *(place for span in found for place in span), len(text)]
    assert ends == sorted(ends)
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in found)
    between = [text[end:start] for end, start in zip(ends[::2], ends[1::2], strict=True)]
    assert not "".join(between).strip()


LONG_TEXTS = st.builds(
    lambda pieces, times, blank: blank.join(pieces * times),
    st.lists(PIECES, min_size=3, max_size=20),
    st.integers(20, 120),
    st.sampled_from([" ", " ", "\n", ""]),
)


@given(text=LONG_TEXTS)
def test_passages_cover_a_long_text_in_order(text: str) -> None:
    found = passages_of(text)
    units = [match.span() for match in unit_pattern().finditer(text)]
    assert bool(found) == (len(units) >= LONG)
    assert found == passages_of(text)
    if not found:
        return
    assert found[0].start == units[0][0]
    assert found[-1].end == len(text.rstrip())
    starts, ends = {start for start, _ in units}, {end for _, end in units}
    for passage in found:
        assert passage.start in starts  # no word is cut
        assert passage.end in ends
    for before, after in pairwise(found):
        assert before.start < after.start < before.end < after.end  # in order, without a gap
    sizes = [sum(p.start <= start < p.end for start, _ in units) for p in found]
    low, high = (1 - OVERLAP) * LENGTH, (1 + OVERLAP) * LENGTH
    assert all(low <= size <= high for size in sizes[:-1])
    assert sizes[-1] <= high + OVERLAP * LENGTH


@given(text=st.one_of(TEXTS, LONG_TEXTS), seed=st.integers(0, 9))
def test_a_half_is_made_of_the_text(text: str, seed: int) -> None:
    half = half_of(text, seed)
    assert half_of(text, seed) == half
    parts = [text[start:end] for start, end in sentences(text)]
    if len(parts) < 2:
        assert half in text
    else:
        assert len(half) <= sum(map(len, parts)) + len(parts)
        rest = iter(parts)  # each in its order
        assert "\n".join(part for part in rest if part in half).count("\n") >= len(parts) // 2 - 1


# -- snippets --------------------------------------------------------------------------------------


def is_harmless(text: str) -> bool:
    """Whether a terminal obeys nothing of it, and it is one line without doubled blanks."""
    kinds = {unicodedata.category(letter) for letter in text}
    return not kinds & {"Cc", "Cf", "Co", "Cs"} and "  " not in text


@given(text=st.one_of(TEXTS, LONG_TEXTS), data=st.data())
def test_a_snippet_holds_matches_and_marks_them(text: str, data: st.DataObject) -> None:
    tokens = list(spans(text))
    chosen = data.draw(st.sets(st.sampled_from([t for t, _, _ in tokens]), max_size=3)
                       if tokens else st.just(set()))  # fmt: skip
    numbers = {token: number for number, token in enumerate(sorted(chosen))}
    matches = [(numbers[t], 1.0, start, end) for t, start, end in tokens if t in numbers]
    found = snippet(text, matches)
    assert is_harmless(found.text)
    assert len(found.text) <= WINDOW + 2 * len(ELLIPSIS)
    shown = {re.sub(r"\s", "", text[start:end]) for _, _, start, end in matches}
    assert found.marks or all(end - start > WINDOW for _, _, start, end in matches)
    places = [0, *(place for mark in found.marks for place in mark), len(found.text)]
    assert places == sorted(places)
    for start, end in found.marks:
        assert re.sub(r"\s", "", found.text[start:end]) in shown


@given(text=st.one_of(TEXTS, LONG_TEXTS), width=st.integers(10, 200))
def test_an_opening_is_one_short_line_of_the_first_words(text: str, width: int) -> None:
    found = opening(text, width)
    assert is_harmless(found)
    assert len(found) <= width
    assert found == found.strip()
    if found.endswith(ELLIPSIS):
        found = found[: -len(ELLIPSIS)]
    assert " ".join(opening(text, 10 * len(text) + 10).split()).startswith(found)
