"""Phrases, exclusions, alternatives, titles and prefixes, against a plain reading of the texts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from collections_ import assert_same_hits, command
from texts_ import feed, made

import aesearch
from aesearch.errors import ContentError, ParameterError
from aesearch.search.bm25 import Words
from aesearch.storage import database

SUBJECTS = (
    "renal disease kidney stones dialysis transplant nephritis amyloidosis jaguar car cars engine "
    "racing forest animal hunting relational relate database table query café crème happy organize"
)
COUNT = 120


def text_of(number: int) -> str:
    """Some words in any order, stop words and signs among them; a phrase in every fifth text."""
    draw = random.Random(number)
    words = draw.choices([*SUBJECTS.split(), "the", "of", "and"], k=draw.randint(6, 14))
    if number % 5 == 0:
        words[2:2] = ["renal", "disease"]
    if number % 7 == 0:
        words.append("relationally organized")
    if number % 11 == 0:
        words.append("café crème of the forest")
    between = draw.choice([" ", " ", ", ", "-"])
    return f"{between.join(words).capitalize()}. Text number {number}."


TEXTS = {f"{number:03}.txt": text_of(number) for number in range(COUNT)}
HEADINGS = {
    f"{number}.md": f"# {heading}\n\n{text_of(1000 + number)}\n"
    for number, heading in enumerate(
        ["Kidneys of jaguars", "The old car", "A renal disease", "Café"]
    )
}
# Long enough for passages; what is rare in it stands at the end.
STORY = "\n\n".join(
    ["A long story.", *map(text_of, range(2000, 2060)), "Then came the purple unicorn of Bergen."]
)
ALL = TEXTS | HEADINGS | {"story.txt": STORY}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("syntax").resolve()
    for name, text in ALL.items():
        path = root / "docs" / ("even" if name < "060" else "odd") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    made(root / "docs", root / "indexes/docs", settings={"encoder": "lsa"}).close()
    return root


@pytest.fixture
def index(home: Path) -> Iterator[aesearch.Index]:
    with aesearch.open(home / "indexes/docs") as opened:
        yield opened


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def holds(*words: str) -> Callable[[str], bool]:
    """Whether a text holds any of these words."""
    return lambda text: bool({*words} & {*words_of(text)})


def says(phrase: str) -> Callable[[str], bool]:
    """Whether a text holds words in this order."""
    wanted = words_of(phrase)
    return lambda text: any(
        words_of(text)[at : at + len(wanted)] == wanted for at in range(len(words_of(text)))
    )


def begins(beginning: str) -> Callable[[str], bool]:
    """Whether a text holds a word that begins so."""
    return lambda text: any(word.startswith(beginning) for word in words_of(text))


CAR = holds("car", "cars")
CASES: list[tuple[str, Callable[[str], bool]]] = [
    ('"renal disease"', says("renal disease")),
    ('"Renal Disease" kidney', says("renal disease")),
    ('"disease renal"', says("disease renal")),
    ('"of the" OR "renal disease"', lambda text: says("of the")(text)
     or says("renal disease")(text)),
    ("jaguar -car", lambda text: not CAR(text)),
    ("jaguar -cars -dialysis", lambda text: not CAR(text) and not holds("dialysis")(text)),
    ("jaguar NOT racing", lambda text: not holds("racing")(text)),
    ('disease -"renal disease"', lambda text: not says("renal disease")(text)),
    ('"renal disease" -car', lambda text: says("renal disease")(text) and not CAR(text)),
    ("jaguar OR transplant forest", holds("jaguar", "transplant")),
    ("car OR transplant", lambda text: CAR(text) or holds("transplant")(text)),
    ("neph*", begins("neph")),
    ("disease OR neph* OR ama*", lambda text: holds("disease")(text) or begins("neph")(text)),
    ("relationa*", begins("relationa")),  # its stem is 'relat'
    ("organiz*", begins("organiz")),
    ("jaguar -relationa*", lambda text: not begins("relationa")(text)),
    ("jaguar -the", lambda text: not holds("the")(text)),  # of which the index knows nothing
    ('"of the"', says("of the")),
    ('"café crème"', says("café crème")),
    ("jaguar AND -car", lambda text: not CAR(text)),
    ("jaguar -zzzunknown", bool),
    ("disease -text-number-7", lambda text: not says("text number 7")(text)),
]  # fmt: skip

LEFT_OUT = "left out: documents with {} (put the text into double quotes to search it as it stands)"


@pytest.mark.parametrize(("typed", "meant"), CASES, ids=[typed for typed, _ in CASES])
def test_it_is_what_a_reader_would_find(
    index: aesearch.Index, typed: str, meant: Callable[[str], bool]
) -> None:
    expected = {key for key, text in ALL.items() if meant(text)}
    assert expected
    for hybrid in (None, True, False):
        found = [hit.key.partition("/")[2] for hit in index.search(typed, 500, hybrid=hybrid)]
        assert len(found) == len(expected)
        assert {*found} == expected
    few = [hit.key for hit in index.search(typed, 3)]
    assert len(few) == min(3, len(expected))


def test_conditions_hold_whatever_ranks(index: aesearch.Index) -> None:
    """Of words that no code knows what holds them is listed, without words and above a score."""
    expected = {key for key, text in ALL.items() if begins("neph")(text)}
    for found in (
        index.search("neph*", 200, hybrid=False),
        index.search("neph*", 200, threshold=0.5),
    ):
        assert {hit.key.partition("/")[2] for hit in found} == expected
    assert len(index.search("neph*", 2, hybrid=False)) == 2


def test_what_a_document_holds_just_so_is_a_quotation(tmp_path: Path) -> None:
    texts = {
        "tar.txt": "To unpack: tar -xzf archive.tgz and look.",
        "log.txt": "At night worker -1 exited, worker -7 stayed.",
        "gcc.txt": "gcc -O2  -Wall\nmain.c makes an archive",
        "cold.txt": "The temperature -5 was low. Unpack the archive.",
        "warm.txt": "The temperature was 5. A worker with gcc; main.c.",
    }
    for name, text in (texts | {f"{n}.txt": text_of(n) for n in range(40)}).items():
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text(text)
    made(tmp_path / "docs", tmp_path / "index", settings={"encoder": "lsa"}).close()
    with aesearch.open(tmp_path / "index") as index:
        for typed, key in [
            ("tar -xzf archive.tgz", "tar.txt"),
            ("worker -1 exited", "log.txt"),
            ("gcc -O2 -Wall main.c", "gcc.txt"),
            ("temperature -5", "cold.txt"),
        ]:
            query = index.prepare(typed)
            assert index.search(query, 1)[0].key == key
            note = f"a document holds just this, so nothing is left out: {typed}"
            assert index.notes(query) == index.notes(typed) == [note]
        typed = "archive -xzf"
        assert "tar.txt" not in [hit.key for hit in index.search(typed, 99)]
        assert index.notes(typed) == [LEFT_OUT.format("xzf")]


def test_conditions_and_globs_hold_together(index: aesearch.Index) -> None:
    typed = '"renal disease" -car'
    expected = {
        f"even/{key}"
        for key, text in ALL.items()
        if says("renal disease")(text) and not CAR(text) and key < "060"
    }
    for hybrid in (None, False):
        found = index.search(typed, 100, among="even/*", hybrid=hybrid)
        assert {hit.key for hit in found} == expected
        assert len(index.search(typed, 2, among="even/*", hybrid=hybrid)) == 2
    assert index.search(typed, 5, among="nowhere/*") == []
    with pytest.raises(ParameterError, match="k must be at least 1"):
        index.search('"disease renal nowhere"', 0)


def test_a_threshold_leaves_conditions_as_they_are(index: aesearch.Index) -> None:
    found = index.search("jaguar -car", 200, threshold=0.2)
    assert found
    assert not any(CAR(ALL[hit.key.partition("/")[2]]) for hit in found)
    assert min(hit.score for hit in found) >= 0.2


@pytest.mark.parametrize("hybrid", [None, True, False])
def test_many_are_searched_as_one_by_one(index: aesearch.Index, hybrid: bool | None) -> None:
    several = ["jaguar -car", "kidney", '"renal disease"', "jaguar OR kidney", "car engine"]
    together = index.search_many(several, 7, hybrid=hybrid)
    for typed, found in zip(several, together, strict=True):
        assert_same_hits(found, index.search(typed, 7, hybrid=hybrid))


def test_plain_words_rank_as_they_did(index: aesearch.Index) -> None:
    """What excludes nothing that is there ranks like the words alone."""
    assert_same_hits(index.search("renal -nowhere", 20), index.search("renal", 20))
    assert_same_hits(index.search("renal AND kidney", 20), index.search("renal kidney", 20))


# -- titles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("title:kidney", {"0.md"}),  # as words are searched: stems
        ("title:jaguar", {"0.md"}),
        ('title:"kidneys of jaguars"', {"0.md"}),
        ('title:"kidney of jaguars"', set()),
        ("title:kidn*", {"0.md"}),
        ("title:car OR title:café", {"1.md", "3.md"}),
        ('title:"a renal"', {"2.md"}),
        ("title:renal -title:disease", set()),
    ],
)
def test_titles(index: aesearch.Index, typed: str, expected: set[str]) -> None:
    marked = [hit.key for hit in index.search(typed, 50, among="*.md")]
    assert {key.rpartition("/")[2] for key in marked} == expected


def test_the_first_line_is_a_title_where_there_is_none(index: aesearch.Index) -> None:
    found = {hit.key.rpartition("/")[2] for hit in index.search("title:dialysis", 200)}
    firsts = {key for key, text in TEXTS.items() if holds("dialysis")(text)}
    titled = {key for key, text in HEADINGS.items() if holds("dialysis")(text.partition("\n")[0])}
    assert found == firsts | titled


# -- what is searched as it stands -----------------------------------------------------------------


def test_only_what_is_typed_is_read(index: aesearch.Index, tmp_path: Path) -> None:
    text = 'jaguar -car "disease renal nowhere"'
    path = tmp_path / "query.txt"
    path.write_text(text)
    everything = len(ALL)
    assert index.search(text, 500) == []
    assert len(index.search(path, 500)) == everything
    assert len(index.search(text.encode(), 500)) == everything
    literal = index.prepare(text, literal=True)
    assert literal.typed
    assert_same_hits(
        index.search(literal, 20), index.search("jaguar car disease renal nowhere", 20)
    )
    assert index.notes(index.prepare("author:smith", literal=True)) == []
    assert len(index.similar("even/000.txt", 500)) == everything


def test_exclusions_alone_are_refused(index: aesearch.Index) -> None:
    for typed in ("-car", "NOT car", '-"old car" -bus', "-car -"):
        with pytest.raises(ContentError, match="only says what to leave out") as caught:
            index.search(typed)
        assert "\n" not in str(caught.value)


def test_notes_name_what_is_not_understood(index: aesearch.Index) -> None:
    assert index.notes("jaguar car") == []
    assert index.notes('jaguar -car -"old bus"') == [LEFT_OUT.format('car, "old bus"')]
    assert index.notes("author:smith *ing car") == [
        "not understood, read as words: author:smith, *ing"
    ]


def test_a_quotation_that_nobody_holds_is_searched_by_its_words(index: aesearch.Index) -> None:
    sentence = 'which animal of the forest has "disease renal nowhere" and kidney stones'
    assert len(index.search(sentence, 5)) == 5
    assert index.notes(sentence) == [
        'no document holds "disease renal nowhere": its words are searched'
    ]
    held = 'which animal of the forest has "renal disease" and kidney stones'
    assert index.notes(held) == []
    found = [hit.key.partition("/")[2] for hit in index.search(held, 500)]
    assert {*found} == {key for key, text in ALL.items() if says("renal disease")(text)}


def test_snippets_show_the_phrase(index: aesearch.Index) -> None:
    for hit in index.search('"renal disease"', 10):
        assert hit.snippet is not None
        shown = [hit.snippet.text[start:end] for start, end in hit.snippet.marks]
        assert any(words_of(piece) == ["renal", "disease"] for piece in shown)
    for hit in index.search("neph*", 5):
        assert hit.snippet is not None
        assert any(
            hit.snippet.text[start:end].lower() == "nephritis" for start, end in hit.snippet.marks
        )


def test_the_phrase_is_shown_whichever_passage_is_near(index: aesearch.Index) -> None:
    hits = index.search('jaguar racing forest "purple unicorn"', 5)
    assert [hit.key for hit in hits] == ["odd/story.txt"]
    assert hits[0].snippet is not None
    assert "purple unicorn" in hits[0].snippet.text


def test_passages_of_few_and_of_many(
    index: aesearch.Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = sorted(index.folder.ids_of(index.folder.keys_of(range(1, 1000)).values()).values())
    few = index.folder.passages_in(ids)
    assert len(few) > 1
    monkeypatch.setattr(database, "CHUNK", 5)
    assert sorted(index.folder.passages_in(ids)) == sorted(few)
    assert index.folder.passages_in(ids[:20]).tolist() == []


def test_an_explanation_is_of_the_plain_words(index: aesearch.Index) -> None:
    typed = "jaguar -car"
    key = index.search(typed, 1)[0].key
    shared = {term.word for term in index.explain(typed, key).shared}
    assert "car" not in shared
    assert index.unknown_words("zzz -yyy") == ["zzz"]


# -- the lexical index -----------------------------------------------------------------------------


def test_terms_by_their_beginnings_and_letters() -> None:
    words = Words.build({3: ["car", "cars", "cat"], 5: ["car", "机器", "器皿"], 9: []}.items())
    assert words.documents_with("car").tolist() == [3, 5]
    assert words.documents_with("bus").tolist() == []
    assert words.terms_from("ca") == ["car", "cars", "cat"]
    assert words.terms_from("car") == ["car", "cars"]
    assert words.terms_from("x") == []
    assert words.terms_with("器") == ["器皿", "机器"]
    assert words.terms_with("猫") == []
    assert Words.build([]).terms_from("a") == []


# -- the command line ------------------------------------------------------------------------------


@pytest.fixture
def typed_at(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(home / "indexes"))
    monkeypatch.chdir(home)
    return home


def keys_in(out: str) -> list[str]:
    return [line.rpartition("/")[2] for line in out.splitlines()]


@pytest.mark.usefixtures("typed_at")
def test_a_quoted_exclusion_and_one_behind_dashes() -> None:
    quoted = command("query", "jaguar -car", "-k", "200")
    assert quoted.code == 0
    assert quoted.err == f"aesearch: note: {LEFT_OUT.format('car')}\n"
    assert not any(CAR(ALL[key]) for key in keys_in(quoted.out))
    assert command("query", "-k", "200", "--", "jaguar", "-car") == quoted
    assert command("query", "jaguar", "NOT", "car", "-k", "200") == quoted


@pytest.mark.usefixtures("typed_at")
@pytest.mark.parametrize("word", ["-car", "-horse", "-kidney", "-orange", "-5", "-x", "-a phrase"])
def test_an_unquoted_exclusion_is_told_how(word: str) -> None:
    refused = command("query", "jaguar", word)
    assert (refused.code, refused.out) == (2, "")
    assert f"quote the text: '... {word}', or put -- before it" in refused.err


@pytest.mark.usefixtures("typed_at")
def test_options_are_still_options(tmp_path: Path) -> None:
    assert len(command("query", "jaguar", "-k3").out.splitlines()) == 3
    assert "leave out a word" not in command("query", "jaguar", "-k0").err
    assert "leave out a word" not in command("query", "jaguar", "--nonsense").err
    assert "leave out" not in command("query", "jaguar", f"-o{tmp_path}/sheet.png").err
    assert command("query", "jaguar", "-h").out.startswith("Usage")
    assert "-abc" in command("query", "--key", "-abc").err
    assert "leave out a word" not in command("query", "--key", "-abc").err


@pytest.mark.usefixtures("typed_at")
def test_notes_and_nothing_found() -> None:
    noted = command("query", "author:kidney *ing", "-k", "1")
    assert noted.code == 0
    assert noted.err.splitlines()[0] == (
        "aesearch: note: not understood, read as words: author:kidney, *ing"
    )
    nothing = command("query", '"disease renal nowhere"')
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err.splitlines()[-1] == (
        'aesearch: nothing found that holds what is asked for: "disease renal nowhere"'
    )
    both = command("query", "author:kidney", "NOT", "car", "NOT", "author:x")
    assert "author:kidney" in both.err
    lost = command("query", "zzzqq", "*zzzqqing", "--no-hybrid")
    assert lost.code == 1
    assert lost.err.startswith("aesearch: note: not understood, read as words: *zzzqqing")
    alone = command("query", "--", "-car")
    assert (alone.code, alone.out) == (1, "")
    assert alone.err.startswith("aesearch: the query only says what to leave out (-car)")


@pytest.mark.usefixtures("typed_at")
def test_a_line_on_standard_input_is_typed_and_a_text_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed(monkeypatch, "jaguar -car\n")
    assert command("query", "-", "-k", "200").out == (
        command("query", "jaguar -car", "-k", "200").out.replace("jaguar -car", "-")
    )
    feed(monkeypatch, "A list of\njaguar\n-car\n")
    listed = command("query", "-", "-k", "200")
    assert any(CAR(ALL[key]) for key in keys_in(listed.out))


@pytest.mark.usefixtures("typed_at")
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig"])
def test_standard_input_in_any_encoding(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    feed(monkeypatch, "café crème\n".encode(encoding))
    assert command("query", "-", "-k", "5").out == command("query", "café crème", "-k", "5").out
    feed(monkeypatch, b"\x00\x01\x02" * 9)
    refused = command("query", "-")
    assert (refused.code, refused.err) == (1, "aesearch: standard input: is binary, not text\n")
