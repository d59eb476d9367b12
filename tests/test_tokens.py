"""Words of every script, where they stand, what they count as, and which language they are."""

from __future__ import annotations

import random

import pytest

from aesearch.modalities.texts.stemmer import stem
from aesearch.modalities.texts.stopwords import STOP_WORDS, TELLING
from aesearch.modalities.texts.tokenizer import language_of, spans, term_of, tokenize


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("  \n\t.,;!", []),
        ("The Quick fox", ["the", "quick", "fox"]),
        ("a B c word", ["word"]),
        ("snake_case kebab-case dot.ted", ["snake", "case", "kebab", "case", "dot", "ted"]),
        ("Don't DON\u2019T cant", ["dont", "dont", "cant"]),
        ("the Moon's and the Moon\u2019s O'Brien", ["the", "moon", "and", "the", "moon", "brien"]),
        ("l'eau qu'il", ["eau", "qu", "il"]),
        ("in 2024, 7 of 12345678 and 123456789", ["in", "2024", "of", "12345678", "and"]),
        ("x86 mp3 4K", ["x86", "mp3", "4k"]),
        ("a" * 40 + " " + "a" * 41 + " " + "é" * 41, ["a" * 40]),
        ("iPhone手机 2024年", ["iphone", "手机", "2024", "年"]),
        ("自然語言處理。", ["自然", "然語", "語言", "言處", "處理"]),
        ("コンピュータ", ["コン", "ンピ", "ピュ", "ュー", "ータ"]),
        ("ｶﾞｷﾞ", ["ガギ"]),
        ("학교에서 한글", ["학교", "교에", "에서", "한글"]),
        ("ที่นี่", ["ที่นี่"]),
        ("ภาษา 25", ["ภา", "าษ", "ษา", "25"]),
        ("हिन्दी में लिखा है।", ["हिन्दी", "में", "लिखा", "है"]),
        ("العَرَبِيَّة لغة", ["العَرَبِيَّة", "لغة"]),
        ("Ｆｕｌｌ ﬁne Straße STRASSE", ["full", "fine", "strasse", "strasse"]),
        ("cafe\u0301 café", ["café", "café"]),
        ("İstanbul istanbul", ["istanbul", "istanbul"]),
        ("ΟΔΟΣ οδος", ["οδοσ", "οδοσ"]),
        ("Привет, мир", ["привет", "мир"]),
        ("½ cup \U0001f600 ﷺ", ["cup", "صلى", "الله", "عليه", "وسلم"]),
    ],
)
def test_tokens(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected


def test_spans_are_the_same_tokens_where_they_stand() -> None:
    draw = random.Random(0)
    letters = "abNn tT''\u2019\u2019 ._-0129éßİ\u0301 手机한글ｶﾞภาษ่าहिन्दी½ﬁﷺАб\ud800\U0001f600\u200d"
    for _ in range(3000):
        text = "".join(draw.choices(letters, k=draw.randint(0, 30)))
        found = list(spans(text))
        assert [token for token, _, _ in found] == tokenize(text), repr(text)
        assert all(0 <= start < end <= len(text) for _, start, end in found)
    for draw_from in ("abn't \n", "anN'tTs.5"):
        for _ in range(2000):
            text = "".join(draw.choices(draw_from, k=draw.randint(0, 20)))
            assert [token for token, _, _ in spans(text)] == tokenize(text), repr(text)


def test_spans_point_at_the_text_as_written() -> None:
    text = "He DOESN\u2019T like 手机店, Wörter"
    assert [text[start:end] for _, start, end in spans(text)] == [
        *("He", "DOESN\u2019T", "like", "手机", "机店", "Wörter")
    ]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *[(w, "connect") for w in ("connect", "connected", "connecting", "connection")],
        *[(w, "generous") for w in ("generous", "generously")],
        *[("caresses", "caress"), ("ponies", "poni"), ("ties", "tie"), ("cats", "cat")],
        *[("gas", "gas"), ("gaps", "gap"), ("agreed", "agre"), ("feed", "feed")],
        *[("luxuriating", "luxuri"), ("hopping", "hop"), ("hoping", "hope"), ("dying", "die")],
        *[("happy", "happi"), ("by", "by"), ("say", "say"), ("relational", "relat")],
        *[("vietnamization", "vietnam"), ("geology", "geolog"), ("skies", "sky")],
        *[("news", "news"), ("evening", "evening"), ("succeed", "succeed"), ("rate", "rate")],
        *[("controlling", "control"), ("youth", "youth"), ("sayyid", "sayyid"), ("is", "is")],
        *[("adjustment", "adjust"), ("adoption", "adopt"), ("national", "nation")],
    ],
)
def test_stems(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_stems_are_those_of_snowball() -> None:
    snowball = pytest.importorskip("snowballstemmer.english_stemmer", minversion=None)
    if not hasattr(snowball.EnglishStemmer, "a_11"):
        pytest.skip("an older algorithm")
    theirs = snowball.EnglishStemmer().stemWord
    draw = random.Random(1)
    starts = ["univers", "nat", "hop", "succ", "happ", "ski", "gener", "y", "by", "st", "outy", "a"]
    endings = ["ational", "ing", "edly", "eed", "ies", "s", "ness", "li", "ogist", "y", "e", "ll"]
    endings += ["ement", "ion", "ative", "ied", "us", "ize", "ization", "bli", "ed", "t", "o", "yy"]
    for _ in range(20_000):
        word = draw.choice(starts) + "".join(draw.choices(endings, k=draw.randint(0, 3)))
        assert stem(word) == theirs(word)


def test_terms() -> None:
    assert [term_of(t, "english") for t in ("the", "dont", "flying")] == ["", "", "fli"]
    assert [term_of(t) for t in ("the", "dont", "flying")] == ["the", "dont", "flying"]
    assert [term_of(t, "english") for t in ("naïves", "mp3s", "手机", "机")] == [
        *("naïves", "mp3s", "手机", "机")
    ]
    assert [term_of(t) for t in ("a", "a" * 41, "1" * 9, "")] == [""] * 4


def test_stop_words_can_be_tokens() -> None:
    assert TELLING <= STOP_WORDS
    assert 180 <= len(STOP_WORDS) <= 320
    assert all(tokenize(word) == [word] for word in STOP_WORDS)


ENGLISH = "The lamp that stood on the table was lit, and there were books about it on every chair."
OTHERS = [
    "Die Lampe auf dem Tisch war an, und in der Ecke lag so ein Buch, das er nicht finden will.",
    "La lampe sur la table était allumée, or on me dit que tu as raison et il est trop tard.",
    "De lamp op de tafel was aan, en we hadden het over het boek dat hij had, of is dat zo niet?",
    "Lampen på bordet var tændt, og vi har bøger at have med her under stolen, men for hvem?",
    "La lámpara de la mesa estaba encendida, y me has dicho que no hay más libros en la silla.",
    "Lampa na stole to nie jest to, co on widział, a my tu po to, by o tym mówić.",
    "桌上的灯亮着,每把椅子上都有书。iPhone手机 Pro Max",
    "Лампа на столе горела, и на каждом стуле были книги.",
    "12 345 678 \n",
    "",
]


def test_english_is_known() -> None:
    assert language_of([ENGLISH]) == "english"
    assert language_of([ENGLISH, "桌上的灯亮着,每把椅子上都有书,没有人看过。" * 5]) == "english"
    assert language_of([]) == ""


@pytest.mark.parametrize("text", OTHERS)
def test_others_are_not_english(text: str) -> None:
    assert language_of([text] * 3) == ""
