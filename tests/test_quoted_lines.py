"""What a mail quotes, and its signature: found by words, part of no text, code or copy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from texts_ import write_texts

import aesearch
from aesearch.indexing.build import build
from aesearch.modalities.texts.message import parted
from aesearch.search.index import Index
from aesearch.search.lexical import searched_text
from aesearch.storage.schema import KeptText, packed_text, parted_text

OWN = "The captain of the boat sails into the harbour with the tide."
QUOTED = "> A quetzalcoatl was in the garden,\n> said the captain of the ferry.\n"
SIGNED = "-- \nAnn of Xyloburg\n"


def write_mail(place: Path, body: str) -> None:
    place.write_text(f"From: Ann <ann@example.org>\nSubject: Regatta\n\n{body}")


@pytest.fixture(scope="module", params=["folder", "handed over"])
def index(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Index:
    root = tmp_path_factory.mktemp("quoted")
    write_texts(root / "texts", 8)
    write_mail(root / "texts" / "whole.eml", f"Bob wrote:\n{QUOTED}{OWN}\n{SIGNED}")
    write_mail(root / "texts" / "plain.eml", f"Bob wrote:\n{OWN}\n")
    if request.param == "folder":
        return build(root / "texts", root / "i", budget=0)
    texts = root / "texts"
    return build({str(p.relative_to(texts)): p for p in texts.rglob("*.*")}, root / "i", budget=0)


def found(index: Index, query: str) -> list[str]:
    """The keys of what is found because it holds a query."""
    return [hit.key for hit in index.search(query, k=3) if hit.snippet and hit.snippet.marks]


@pytest.mark.parametrize(
    "query",
    ["quetzalcoatl", "+quetzalcoatl", '"a quetzalcoatl was in the garden"', "quetzal*", "Xyloburg"],
)
def test_what_stands_in_a_quoted_line_or_signature_alone_is_found(index: Index, query: str) -> None:
    assert found(index, query) == ["whole.eml"]
    assert index.unknown_words(query) == []


def test_the_snippet_is_of_a_quoted_line_only_where_no_other_matches(index: Index) -> None:
    shown = {query: index.search(query, k=1)[0].snippet for query in ("quetzalcoatl", "Regatta")}
    assert shown["quetzalcoatl"].text.startswith("A quetzalcoatl was in the garden, said")
    for query in ("Regatta captain", "captain"):
        hits = {hit.key: hit.snippet.text for hit in index.search(query, k=30)}
        assert OWN in hits["whole.eml"]
        assert "quetzalcoatl" not in hits["whole.eml"]
    assert "quetzalcoatl" not in shown["Regatta"].text


def test_codes_and_copies_are_those_of_the_own_text(index: Index) -> None:
    store = index.folder.store
    ids = list(index.folder.ids_of(["whole.eml", "plain.eml"]).values())
    _, codes = store.codes(ids)
    np.testing.assert_array_equal(codes[0], codes[1])
    assert index.text_of("whole.eml").text == index.text_of("plain.eml").text
    assert index.text_of("whole.eml").quoted.endswith("Ann of Xyloburg")


def test_each_word_that_is_only_quoted_counts_once() -> None:
    text = "One captain sails. It-\nis a captain"
    kept = KeptText(1, "", text, "", "Captain! ferry\nFerry, a ferry and\nlong sails")
    assert searched_text(kept).removeprefix(text).split() == ["ferry", "and", "long"]
    assert searched_text(KeptText(1, "", text, "")) == text


@pytest.mark.parametrize("text", ["own", "with\n\x1e\nits mark", "mark\n\x1e\n"])
@pytest.mark.parametrize("quoted", ["", "a line", "a\n\x1e\nb"])
def test_a_text_is_kept_with_what_it_quotes(text: str, quoted: str) -> None:
    kept = parted_text(packed_text(KeptText(1, "", text, "", quoted)))
    assert kept == (text, quoted.replace("\n\x1e\n", "\n"))
    assert parted_text("of an earlier version") == ("of an earlier version", "")


def test_a_new_code_and_a_new_version_keep_what_is_quoted(tmp_path: Path) -> None:
    write_texts(tmp_path / "texts", 6)
    with build(tmp_path / "texts", tmp_path / "i", budget=0):
        pass
    write_mail(tmp_path / "texts" / "late.eml", f"{QUOTED}{OWN}\n{SIGNED}")
    with build(tmp_path / "texts", tmp_path / "i", budget=0) as index:
        assert found(index, "quetzalcoatl") == ["late.eml"]
    settings = aesearch.Settings(encoder="lsa", vocabulary=500)
    with build(tmp_path / "texts", tmp_path / "i", settings, retrain=True) as index:
        assert found(index, "quetzalcoatl") == ["late.eml"]


def test_a_row_of_a_table_is_kept_as_it_is(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": f"> boat {n}\n-- \nthe sail {n}"} for n in range(12)]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with build(tmp_path / "t.jsonl", tmp_path / "i", budget=0) as index:
        assert index.text_of("3").whole == rows[3]["text"]


@pytest.mark.parametrize(
    ("body", "own", "quoted"),
    [
        ("no marks", "no marks", ""),
        ("> one two\nmy own words", "my own words", "one two"),
        (">> > deep\n |> x\nmy own words", "my own words", "deep\nx"),
        ("> quoted alone", "> quoted alone", ""),
        ("> quoted alone\n-- \nAnn", "> quoted alone", "Ann"),
        ("-- \nAnn", "-- \nAnn", ""),
    ],
)
def test_own_and_quoted_lines(body: str, own: str, quoted: str) -> None:
    assert parted(body) == (own, quoted)
