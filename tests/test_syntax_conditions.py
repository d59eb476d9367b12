"""What documents hold, by the lexical index and by reading: nothing may be lost between the two."""

from __future__ import annotations

import string
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aesearch.modalities.texts.phrases import Phrase
from aesearch.search.bm25 import Words
from aesearch.search.conditions import Conditions
from aesearch.search.counting import counts_of
from aesearch.search.syntax import Part, parse
from aesearch.storage.schema import KeptText

if TYPE_CHECKING:
    from aesearch.storage.backend import Backend


class Kept:
    """Texts by their places, for the conditions to read."""

    def __init__(self, texts: list[str], titles: dict[int, str] | None = None) -> None:
        self.by_id = {
            id: KeptText(id, title="", text=text, label="") for id, text in enumerate(texts)
        }
        self.names = titles or {}

    def texts_of(self, ids: Iterable[int]) -> dict[int, KeptText]:
        return {id: self.by_id[id] for id in ids}

    def titles(self) -> dict[int, str]:
        return self.names


def conditions(
    texts: list[str], language: str = "english", titles: dict[int, str] | None = None
) -> Conditions:
    kept = Kept(texts, titles)
    words = Words.weigh(counts_of(enumerate(texts), language))
    return Conditions(words, words.analyzer, cast("Backend", kept))


def found(asked: Conditions, typed: str) -> list[int]:
    return asked.choose(parse(typed)).ids.tolist()


# -- apostrophes -----------------------------------------------------------------------------------

MOON = "The Moon's surface is grey and we don't stop there. I'm done, said O'Neill."
RIVER = "l'eau de la rivière, une œuvre d'art, c'est la vie, rock'n'roll baby"
OTHERS = "apple and pear, a surface of the moon"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ('"Moon\'s surface"', [0]),
        ('"Moon’s surface"', [0]),
        ("\"the moon's surface is grey and we don't stop there\"", [0]),
        ('"moon surface"', []),
        ('"I\'m done"', [0]),
        ('"O\'Neill"', [0]),
        ('"said O\'Neill"', [0]),
        ("O'Ne*", [0]),
        ("title:O'Neill", [0]),
        ('"l\'eau de la rivière"', [1]),
        ('"oeuvre d\'art"', [1]),
        ('"œuvre d\'art"', [1]),
        ('"c\'est la vie"', [1]),
        ("\"rock'n'roll baby\"", [1]),
        ("qqqqz OR it's", [3]),
        ("apple -Moon's", [1, 3]),  # the stem is that of the word alone
        ("apple -O'Neill", [1, 2, 3]),
        ('apple -"Moon\'s surface"', [1, 2, 3]),
        ("apple -it's", [0, 1, 2]),
    ],
)
def test_words_with_apostrophes(typed: str, expected: list[int]) -> None:
    assert found(conditions([MOON, RIVER, OTHERS, "It's here."]), typed) == expected


WORDS = st.sampled_from(
    [
        *("moon", "don't", "I'm", "s", "O'Neill", "l'eau", "café", "N.A.S.A.", "NASA", "1,000"),
        *("1000", "inter-\nnational", "international", "state-of-the-art", "AB-1234", "the"),
        *("c++", ".NET", "/usr/local/bin", "警察", "警\n察", "هذه", "ı", "happily", "running"),
        *("a_b", "x", "rock'n'roll", "d'art", "(moon)", "moon's", "Straße", "Łódź", "หนังสือ"),
    ]
)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_what_reading_finds_is_found(texts: list[list[str]], data: st.DataObject) -> None:
    """Of each text any words in their order are found, and left out where they are excluded."""
    asked = conditions([" ".join(words) for words in texts])
    words = data.draw(st.sampled_from(texts))
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    part = Part(" ".join(words[start:end]).replace("\n", ""), "phrase")
    phrase = Phrase.of(part.text)
    read = [id for id, text in enumerate(texts) if phrase.stands_in(" ".join(text))]
    holding = asked.holding(part, asked.words.ids).tolist()
    assert texts.index(words) in holding
    if any(len(unit) > 1 for unit in phrase.units):  # of "i" alone, I'm is no document
        assert holding == read


# -- beginnings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("witn*", "He witnessed it."),
        ("toget*", "They came together."),
        ("traini*", "A training."),
        ("drivi*", "Driving home."),
        ("waiti*", "I am waiting."),
        ("happine*", "Happiness!"),
        ("unlawf*", "An unlawful act."),
        ("wou*", "It would do."),
        ("ve*", "Very old."),
        ("abo*", "About this."),
        ("goi*", "Going home."),
        ("dyi*", "A dying man."),
        ("flyi*", "A flying man."),
        ("1000*", "Some 1,000,000 men."),
        ("nas*", "The N.A.S.A. labs."),
        ("interna*", "An inter-\nnational crisis."),
    ],
)
def test_beginnings_of_words_whose_stems_are_shorter(typed: str, text: str) -> None:
    asked = conditions([text, "Act of another one."])
    assert found(asked, typed) == [0]
    assert found(asked, f"act -{typed}") == [1]


ENDINGS = ["", "s", "ing", "ed", "ly", "ness", "fully", "ational", "ization", "ies", "y", "'s"]
ANY_WORDS = st.builds(
    str.__add__,
    st.text(string.ascii_lowercase, min_size=2, max_size=7),
    st.sampled_from(ENDINGS),
)


@given(st.lists(ANY_WORDS, min_size=1, max_size=8), st.data())
def test_any_beginning_finds_its_word(words: list[str], data: st.DataObject) -> None:
    asked = conditions(words)
    word = data.draw(st.sampled_from(words)).partition("'")[0]
    beginning = word[: data.draw(st.integers(1, len(word)))]
    holding = asked.holding(Part(beginning, "prefix"), asked.words.ids).tolist()
    begun = [id for id, one in enumerate(words) if one.startswith(beginning)]
    assert {*begun} <= {*holding}


# -- letters that count as one ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "text", "language"),
    [
        ("كتاب جديد", "كتـــاب جديد", "arabic"),
        ("مدرسه كبيرة", "مدرسة كبيره", "arabic"),
        ("على بيت", "علي بيت", "arabic"),
        ("کتاب نو", "كتاب نو", ""),
        ("سنة 1999", "سنة ١٩٩٩", "arabic"),
        ("lodz ul", "Łódź ul.", ""),
        ("kobenhavn havn", "København havn", ""),
        ("dakovo dom", "Đakovo dom", ""),
        ("aesop fables", "Æsop fables", "english"),
        ("oeuvre complete", "œuvre complète", ""),
        ("ısı farkı", "ISI FARKI", "turkish"),
        ("international crisis", "an inter-\nnational crisis", "english"),
        ("NASA labs", "the N.A.S.A. labs", "english"),
        ("N.A.S.A. labs", "the NASA labs", "english"),
        ("1000 men", "some 1,000 men", "english"),
        ("1,000 men", "some 1000 men", "english"),
        ("電腦 科學", "电脑科学", ""),
        ("电脑科学", "電腦科學", ""),
        ("计算机科学", "计算\n机科学", ""),
    ],
)
def test_phrases_fold_as_words_do(phrase: str, text: str, language: str) -> None:
    asked = conditions([text, "apple"], language)
    assert found(asked, f'"{phrase}"') == [0]
    assert found(asked, f'"zzz" OR "{phrase}"') == [0]
    assert found(asked, f'apple -"{phrase}"') == [1]
    assert [*Phrase.of(phrase, language=language).places(text)]


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("1000", "some 1,000 men"),
        ("1,000", "some 1000 men"),
        ("NASA", "N.A.S.A."),
        ("international", "inter-\nnational"),
        ("電腦", "电脑科学"),
        ("腦", "电脑科学"),
        ("電腦科", "电脑科学"),
        ("Lodz", "Łódź"),
        ("/usr/local/bin/python3.11", "in /usr/local/bin/python3.11 it is"),
    ],
)
def test_words_are_left_out_in_any_spelling(word: str, text: str) -> None:
    asked = conditions([text, "apple", "in /usr/local/lib"])
    assert found(asked, f"apple -{word}") == [1, 2]
    assert found(asked, f"zzz OR {word}") == [0]


@pytest.mark.parametrize("title", ["O'Neill", "N.A.S.A.", "Łódź", "The Moon's surface"])
def test_titles_in_any_spelling(title: str) -> None:
    asked = conditions(["apple", "apple"], titles={0: title, 1: "zzz"})
    assert found(asked, f'title:"{title}"') == [0]
    assert found(asked, f"apple -title:{title.split()[-1]}") == [1]
    assert found(conditions(["a", "b"], titles={0: "N.A.S.A."}), "title:NASA") == [0]


# -- stars -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("/usr/lo*", "see /usr/local/bin"),
        ("/usr/local/*", "see /usr/local/bin"),
        ("bob@*", "to bob@example.org"),
        ("__in*", "def __init__"),
        (".NE*", "in .NET it is"),
        ("self.foo.*", "call self.foo.bar()"),
        ("C++*", "in C++ it is"),
        ("हिन्दी*", "हिन्दी में"),
        ("หนังสื*", "อ่านหนังสือ"),
    ],
)
def test_stars_behind_what_is_no_letter(typed: str, text: str) -> None:
    asked = conditions([text, "apple"])
    assert found(asked, typed) == [0]
    assert found(asked, f"apple -{typed}") == [1]


@pytest.mark.parametrize(
    ("phrase", "text", "marked"),
    [
        ("international crisis", "An inter-\nnational crisis.", "inter-\nnational crisis"),
        ("NASA labs", "In N.A.S.A. labs, 1,000 men", "N.A.S.A. labs"),
        ("1000 men", "In N.A.S.A. labs, 1,000 men", "1,000 men"),
        ("N.A.S.A.", "At NASA.", "NASA"),
        ("une oeuvre", "é: une œuvre", "une œuvre"),
    ],
)
def test_what_is_written_otherwise_is_marked(phrase: str, text: str, marked: str) -> None:
    assert [text[start:end] for start, end in Phrase.of(phrase).places(text)] == [marked]


def test_turkish_is_marked() -> None:
    (phrase,) = parse('"ısı farkı"').shown_in("turkish")
    assert [*phrase.places("Bir ISI FARKI")] == [(4, 13)]
