"""What a typed query asks for: the parser, and phrases in texts."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aesearch.modalities.texts.phrases import Phrase, fold, units
from aesearch.search.syntax import LONGEST, MOST_CHARACTERS, Part, Syntax, parse

WORDS = st.text(string.ascii_lowercase, min_size=2, max_size=6).map(lambda word: f"q{word}")


# -- the parser ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "plain", "conditions"),
    [
        ("jaguar -car", "jaguar", "-car"),
        ("-car jaguar", "jaguar", "-car"),
        ("renal NOT amyloidosis", "renal", "-amyloidosis"),
        ("renal AND NOT amyloidosis", "renal", "-amyloidosis"),
        ("renal AND disease", "renal disease", ""),
        ('"renal disease" kidney', "renal disease kidney", '"renal disease"'),
        ("\u201crenal disease\u201d", "renal disease", '"renal disease"'),
        ('kidney -"renal disease"', "kidney", '-"renal disease"'),
        ('kidney NOT "renal disease"', "kidney", '-"renal disease"'),
        ("kidney OR liver stones", "kidney liver stones", "kidney OR liver"),
        ('a1 OR "b c" OR d*', "a1 b c", 'a1 OR "b c" OR d*'),
        ("title:kidney stones", "kidney stones", "title:kidney"),
        ('TITLE:"a kidney"', "a kidney", 'title:"a kidney"'),
        ("title:kidn* -title:liver", "", "title:kidn* -title:liver"),
        ("kidn* stones", "stones", "kidn*"),
        ("stones -kidn*", "stones", "-kidn*"),
        ("temperature -5", "temperature", "-5"),
        ("\u4ec0\u4e48\u662f\u201c\u7279\u65af\u62c9\u201d\uff1f", None, '"\u7279\u65af\u62c9"'),
        ("\u201eFischglas\u201c-artigen Helm", "Fischglas -artigen Helm", '"Fischglas"'),
        ("IBM OR DEC", "IBM DEC", "IBM OR DEC"),
        ("apple \u00abred pear\u00bb", "apple red pear", '"red pear"'),
        ("apple \u00bbred pear\u00ab", "apple red pear", '"red pear"'),
        ("/usr/lo* -/usr/local/bin/python3.11", "", "/usr/lo* -/usr/local/bin/python3.11"),
        ("tea, -coffee, milk", "tea, milk", "-coffee"),
    ],
)
def test_what_is_understood(typed: str, plain: str | None, conditions: str) -> None:
    read = parse(typed)
    assert str(read) == conditions
    assert read.unread == ()
    if plain is not None:
        assert re.findall(r"[\w-]+", read.plain) == re.findall(r"[\w-]+", plain)


@pytest.mark.parametrize(
    "typed",
    [
        "state-of-the-art 3-4 blk_-1608 AB-1234",
        "foo - bar -- baz \u2013 --help -> <- -) -WANTED-",
        "C++ C# .NET N.A.S.A.",
        "http://example.org/a:b 10:30 C:\\temp\\x std::vector ::1 12:x",
        "not this or that and those",
        "*very* important",
        'a 3.5" disk and a 5" screen',
        "l'eau 'quoted' rock'n'roll",
        "transistor (pnp) 50% $5",
        "localhost:8080 id:4711 sha256:9f86d081 mailto:bob@example.org",
        "Home \u00bb News \u00bb Sport",
        "what is it?",
        " - ",
        "",
    ],
)
def test_what_only_looks_like_a_sign(typed: str) -> None:
    assert parse(typed) == Syntax(typed)


@pytest.mark.parametrize(
    ("typed", "unread", "conditions"),
    [
        ("author:smith kidney", ("author:smith",), ""),
        ('author:"john smith"', ('author:"john smith"',), '"john smith"'),
        ("*ing", ("*ing",), ""),
        ("te*t wom?n", ("te*t", "wom?n"), ""),
        ("+must kidny~2 boost^3 && x", ("+must", "kidny~2", "boost^3", "&&"), ""),
        ('"renal disease', ('"renal',), ""),
        ('kidney -"renal disease', ('-"renal',), "-renal"),
        ("(kidney OR liver) stones", ("( )",), "kidney OR liver"),
        ("stones -(kidney OR liver) pain", ("( )",), "-kidney -liver"),
        ("stones NOT (kidney liver)", ("( )",), "-kidney -liver"),
        ("title: kidney", ("title:",), ""),
        ("kidney title:-x", ("title:-x",), ""),
        ('"wombat"~2', ("~2",), '"wombat"'),
        ("apple -\U0001f600", ("-\U0001f600",), ""),
        ('apple -"\U0001f600"', ('-"\U0001f600"',), ""),
        ('apple NOT "\U0001f600 here"', ('"\U0001f600 here"',), '-"\U0001f600 here"'),
        ("apple NOT NOT wombat", ("NOT",), "-wombat"),
        ("how NOT to do it", ("NOT",), ""),  # nobody wants all texts without 'to'
        ("bear arms? NOT", ("NOT",), ""),
        ("OR kidney", ("OR",), ""),
        ("kidney OR -liver", ("OR",), "-liver"),
        ("Privatpersonen und -organisationen", ("-organisationen",), ""),
        ("FED NOT EXPECTED TO TAKE ACTION", ("NOT",), ""),  # a headline
    ],
)
def test_what_is_not_understood_is_named(
    typed: str, unread: tuple[str, ...], conditions: str
) -> None:
    read = parse(typed)
    assert (read.unread, str(read)) == (unread, conditions)
    if not conditions:
        assert read.plain == typed


def test_a_group_that_is_left_out_is_not_searched() -> None:
    assert parse("stones -(kidney OR liver) pain").plain == "stones pain"
    assert parse('kidney -"renal disease').plain == "kidney disease"


def test_long_texts_and_several_lines_are_no_queries() -> None:
    words = " ".join(f"w{number}" for number in range(LONGEST))
    assert str(parse(f'{words} -car "old car"')) == '"old car" -car'
    long = f'{words} more -car "old car"'
    assert parse(long) == Syntax(long, unread=('"old car" -car',))
    quoted = f'"{words} {words}"'
    assert str(parse(quoted)) == quoted  # to find where a long quotation is from
    lines = "A list:\n-car\n-bus"
    assert parse(lines) == Syntax(lines)
    assert str(parse("jaguar -car\n")) == "-car"
    huge = "-a " * MOST_CHARACTERS
    assert parse(huge) == Syntax(huge)


def test_what_only_leaves_out() -> None:
    assert parse("-car").only_excludes
    assert parse("-car NOT bus ?").only_excludes
    assert not parse("-car bus*").only_excludes
    assert not parse("-car jaguar").only_excludes
    assert not parse("").only_excludes


def test_quotations_are_those_of_sentences() -> None:
    assert parse('who called the river "old man river" first?').is_sentence
    assert not parse('"old man river" song text').is_sentence
    assert parse(
        "\u54ea\u5bb6\u5267\u9662\u662f\u201c\u534e\u6c99\u201d\u7684\u6700\u4f73\u5178\u8303"
    ).is_sentence


PIECES = st.one_of(
    WORDS,
    st.sampled_from(
        [
            *"\"-*:()~^+?!.,'|&/\\",
            "OR",
            "NOT",
            "AND",
            "title:",
            "author:",
            "-",
            '"',
            "\u201c",
            "\u201e",
        ]
    ),
    st.sampled_from([" ", "  ", "\t", "\n", "\u3000", "\u7279\u65af\u62c9", "e\u0301", "\udc80"]),
    st.text(max_size=3),
)


@given(st.lists(PIECES, max_size=25).map("".join))
@example('"')
@example('-""')
@example("NOT (")
@example("-(-(")
def test_anything_can_be_typed(typed: str) -> None:
    read = parse(typed)
    assert str(read) == "" or read.has_conditions
    for part in (*read.wanted, *read.excluded):
        assert part.kind in ("word", "phrase", "prefix")
        assert part.text
    if not read.has_conditions and "AND" not in typed:
        assert read.plain == typed


PARTS = st.one_of(
    st.builds(Part, WORDS),
    st.builds(Part, st.lists(WORDS, min_size=1, max_size=3).map(" ".join), st.just("phrase")),
    st.builds(Part, WORDS, st.just("prefix")),
    st.builds(Part, WORDS, st.sampled_from(["word", "prefix"]), st.just("title")),
)
GROUPS = st.lists(PARTS, min_size=1, max_size=3)


@given(st.lists(WORDS, max_size=5), st.lists(GROUPS, max_size=4), st.lists(PARTS, max_size=4))
def test_what_is_put_together_is_taken_apart(
    words: list[str], groups: list[list[Part]], excluded: list[Part]
) -> None:
    typed = [" OR ".join(map(str, group)) for group in groups]
    text = " ".join([*words, *typed, *(f"-{part}" for part in excluded)])
    read = parse(text)
    conditions = [
        tuple(group)
        for group in groups
        if len(group) > 1 or group[0].kind != "word" or group[0].field
    ]
    assert read.required == tuple(conditions)
    assert read.excluded == tuple(excluded)
    assert read.unread == ()
    ranked = [part.text for group in groups for part in group if part.kind != "prefix"]
    assert read.plain.split() == [*words, *" ".join(ranked).split()]


# -- phrases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("renal disease", "A Renal\n  disease.", ["Renal\n  disease"]),
        ("renal disease", "renal diseases, renal the disease, adrenal disease", []),
        ("state of the art", "State-of-the-Art", ["State-of-the-Art"]),
        ("cafe creme", "un Caf\u00e9 cre\u0300me!", ["Caf\u00e9 cre\u0300me"]),
        ("STRASSE", "die Stra\u00dfe", ["Stra\u00dfe"]),
        ("blk_-1608", "at blk_-1608.", ["blk_-1608"]),
        ("c", "C++, C# and C", ["C"]),
        ("c++", "in C++.", ["C++"]),
        ("foo#bar", "see foo#bar", ["foo#bar"]),
        (".net", "a net, example.net and .NET", [".NET"]),
        ("in .NET", "in .NET, in net", ["in .NET"]),
        (
            "don't panic",
            "Don\u2019t panic, dont panic, don t panic",
            ["Don\u2019t panic", "dont panic"],
        ),
        ("\u732b", "\u9ed1\u732b\u8b66\u957f", ["\u732b"]),
        (
            "\u732b\u8b66",
            "\u9ed1\u732b\u8b66\u957f \u732b \u8b66",
            ["\u732b\u8b66", "\u732b \u8b66"],
        ),
        ("\u0939\u093f\u0928", "\u0939\u093f\u0928\u094d\u0926\u0940", []),
        ("soft hyphen", "soft hy\u00adphen", ["soft hy\u00adphen"]),
    ],
)
def test_where_phrases_stand(phrase: str, text: str, found: list[str]) -> None:
    asked = Phrase.of(phrase)
    assert [text[start:end] for start, end in asked.places(text)] == found
    assert asked.stands_in(text) == bool(found)


def test_beginnings_of_words() -> None:
    asked = Phrase.of("renal dis", open=True)
    text = "Renal diseases, renal dish, adrenal dis, renal"
    assert [text[start:end] for start, end in asked.places(text)] == [
        "Renal diseases",
        "renal dish",
    ]


@given(
    st.lists(WORDS, min_size=1, max_size=8),
    st.sampled_from([" ", "  ", "-", ", ", "\n", "_", "/"]),
    st.data(),
)
def test_words_in_their_order_are_a_phrase(
    words: list[str], between: str, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    phrase, text = Phrase.of(" ".join(words[start:end]).upper()), between.join(words)
    assert phrase.stands_in(text)
    assert all(units(text[a:b]) == list(phrase.units) for a, b in phrase.places(text))
    assert not Phrase.of(f"{words[start]} nowhere").stands_in(text)


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_that_is_compared(text: str) -> None:
    assert units(fold(text)) == units(text)
