"""Office documents: what is read of each format, its title, and what is refused."""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from collections_ import command
from office_ import archive, book, open_document, paragraph, slides, word, workbook
from texts_ import reason, text_of

from aesearch.errors import ContentError, MissingExtraError, NotADocumentError
from aesearch.modalities.texts.extract import Document, extract

# -- Word ---------------------------------------------------------------------------------------


def test_word() -> None:
    body = (
        paragraph("Boats", style="berschrift1")
        + paragraph("Grü", "ße from ", "the harbor")
        + "<w:p><w:pPr><w:tabs><w:tab w:val='left'/></w:tabs></w:pPr><w:r><w:t>left</w:t><w:tab/>"
        "<w:t>right</w:t><w:br/><w:t>below</w:t></w:r></w:p>"
        f"<w:tbl><w:tr><w:tc>{paragraph('cell')}</w:tc><w:tc>{paragraph('next')}</w:tc></w:tr>"
        "</w:tbl>"
    )
    document = extract(word(body), "a.docx")
    assert document.title == "Boats"
    assert document.text == "Boats\nGrüße from the harbor\nleft\tright\nbelow\ncell\nnext"


def test_word_takes_what_stands_beside_the_body_once() -> None:
    parts = {
        "footnotes": paragraph("a footnote"),
        "comments": paragraph("a comment"),
        "header1": paragraph("a letterhead"),
        "header2": paragraph("a letterhead"),
    }
    text = extract(word(paragraph("a body"), **parts), "a.docx").text
    assert [line for line in text.split("\n") if line] == [
        *("a body", "a footnote", "a comment", "a letterhead")
    ]


def test_word_passes_over_what_was_deleted_and_what_stands_twice() -> None:
    box = f"<w:txbxContent>{paragraph('boxed')}</w:txbxContent>"
    body = (
        "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>"
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>"
        "<w:r><w:instrText>PAGEREF code</w:instrText></w:r></w:p>"
        f"<x:AlternateContent xmlns:x='x'><x:Choice>{box}</x:Choice><x:Fallback>{box}</x:Fallback>"
        "</x:AlternateContent>"
    )
    assert text_of(word(body), "a.docx") == "inserted\nboxed"


def test_the_title_of_the_properties_wins_unless_a_program_made_it() -> None:
    body = paragraph("Boats", style="Title")
    assert extract(word(body, "On sails"), "a.docx") == Document("On sails\n\nBoats", "On sails")
    for made in ("Microsoft Word - Letter.doc", "Unbenannt", "Document1"):
        assert extract(word(body, made), "a.docx") == Document("Boats", "Boats")


# -- the others ---------------------------------------------------------------------------------


def shape(text: str, kind: str = "") -> str:
    placeholder = f"<ph type='{kind}'/>" if kind else ""
    return f"<sp>{placeholder}<txBody><p><r><t>{text}</t></r></p></txBody></sp>"


def test_slides_in_their_order_then_their_notes() -> None:
    more = [shape(f"slide {n}") for n in range(2, 12)]
    deck = slides(
        shape("in a box") + shape("Hulls", "ctrTitle"),
        *more,
        notes=shape("say this") + "<p><fld><t>1</t></fld></p>",
    )
    document = extract(deck, "a.pptx")
    words = [line for line in document.text.split("\n") if line]
    assert words == ["in a box", "Hulls", *(f"slide {n}" for n in range(2, 12)), "say this"]
    assert document.title == "Hulls"


def test_open_document() -> None:
    body = (
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        "<text:h>Boats</text:h><text:p>two<text:s text:c='2'/>spaces<text:tab/>and"
        "<text:line-break/>a <text:span>span</text:span>"
        "<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>noted</text:p></text:note-body></text:note></text:p>"
        "<x:binary-data xmlns:x='x'>QUJD</x:binary-data>"
    )
    document = extract(open_document(body), "a.odt")
    assert document == Document("Boats\ntwo  spaces\tand\na span noted", "Boats")
    assert extract(open_document(body, "On sails"), "a.ods").title == "On sails"


def test_a_workbook_with_its_dates() -> None:
    strings = (
        "<si><r><t>oak </t></r><r><t>chest</t></r><rPh><t>kana</t></rPh></si><si><t>x</t></si>"
    )
    styles = (
        '<numFmts><numFmt numFmtId="170" formatCode="[Red]0.0&quot; days&quot;"/>'
        '<numFmt numFmtId="171" formatCode="d. mmmm yyyy"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="171"/></cellXfs>'
    )
    cells = (
        '<row><c t="s"><v>0</v></c><c><v>3.5</v></c><c s="1"><v>8</v></c><c s="2"><v>8496</v></c>'
        '<c s="2"><v>8496.5</v></c></row>'
        '<row><c t="str"><f>A1&amp;"b"</f><v>made</v></c>'
        '<c t="inlineStr"><is><t>in</t></is></c></row>'
    )
    made = workbook(cells, '<row><c t="s"><v>1</v></c></row>', strings=strings, styles=styles)
    assert [line.rstrip("\t") for line in text_of(made, "a.xlsx").split("\n") if line] == [
        "Sheet 1 Sheet 2",
        "oak chest\t3.5\t8\t1923-04-05\t1923-04-05 12:00:00",
        "made\tin",
        "x",
    ]


def test_a_book_in_the_order_in_which_it_is_read() -> None:
    made = book(
        "<!DOCTYPE html><html><body><h1>One</h1><p>first&nbsp;words</p></body></html>",
        "<html><body><p>then these</p></body></html>",
        title="Voyages",
    )
    document = extract(made, "a.epub")
    assert document.title == "Voyages"
    assert document.text.split() == ["Voyages", "One", "first", "words", "then", "these"]


def test_rtf() -> None:
    pytest.importorskip("striprtf")
    picture = "{\\pict\\pngblip " + "89504e47" * 100 + "}"
    made = (
        "{\\rtf1\\ansi\\ansicpg1252{\\info{\\title Gr\\'fc\\'dfe}}\\pard Gr\\'fc\\'dfe "
        "\\b bold\\b0 word \\u8364?uro \\u-10179?\\u-8704?{\\footnote below}\\par "
        + picture
        + "end}"
    )
    document = extract(made.encode(), "a.rtf")
    assert document.title == "Grüße"
    assert document.text.split() == ["Grüße", "boldword", "€uro", "😀", "below", "end"]


def test_rtf_that_breaks_off() -> None:
    pytest.importorskip("striprtf")
    whole = b"{\\rtf1\\ansi {\\b bold} words of a letter}"
    assert reason(whole[:-9], "a.rtf") == "damaged: it breaks off before its end"
    for end in (b"", b"\r\n", b"\0" * 9, b"\n\x1a"):
        assert extract(whole + end, "a.rtf").text == "bold words of a letter"


# -- by content, not by name --------------------------------------------------------------------


def test_the_content_tells_the_format() -> None:
    made = word(paragraph("just words"))
    for name in ("a.docx", "a.doc", "a.xlsx", "a", "a.bak"):
        assert text_of(made, name) == "just words"
    assert text_of(b"<html><body><p>a page</p></body></html>", "a.xls") == "a page"
    assert text_of(b"plain words", "a.doc") == "plain words"


def test_other_archives_are_no_documents() -> None:
    made = archive({"a.txt": "words"})
    for name in ("a.zip", "a.jar"):
        with pytest.raises(NotADocumentError, match="is no kind of document"):
            extract(made, name)
    assert reason(made, "a.docx") == "damaged: it is a zip archive that holds no document"


# -- what is refused ----------------------------------------------------------------------------

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600


def test_what_no_program_can_read_is_said() -> None:
    assert reason(OLE, "a.doc").startswith("is in a format of before 2007 (.doc, .xls, .ppt): save")
    assert reason(OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx") == (
        "is encrypted: a password is needed"
    )
    encrypted = open_document("?", manifest="<m><encryption-data/></m>")
    assert reason(encrypted, "a.odt") == "is encrypted: a password is needed"
    assert reason(book("", encryption="<e/>"), "a.epub").startswith("is encrypted: it can be read")
    assert reason(word(""), "a.docx") == "is empty"
    assert reason(b"", "a.docx") == "is empty"
    for damaged in (b"PK\x03\x04xxxx", word(paragraph("words"))[:-40], word("<w:p><w:t>no end")):
        assert reason(damaged, "a.docx").startswith("damaged: ")


def test_bombs_are_refused_before_they_are_unpacked() -> None:
    begin = time.process_time()
    assert reason(word(" " * (64 << 20)), "a.docx").startswith("too large: it unpacks to more than")
    entities = "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;&a;'>]><d>&b;</d>"
    assert reason(archive({"word/document.xml": entities}), "a.docx").startswith(
        "damaged: it declares entities"
    )
    long = f"<si><t>{'a' * (1 << 20)}</t></si>"
    cells = "<row>" + '<c t="s"><v>0</v></c>' * 1000 + "</row>"
    assert reason(workbook(cells, strings=long), "a.xlsx").startswith("too large: more than 32 mil")
    assert time.process_time() - begin < 5


def test_without_striprtf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "striprtf.striprtf", None)
    with pytest.raises(
        MissingExtraError, match=r"^needs pip install 'aesearch\[office\]'$"
    ) as told:
        extract(b"{\\rtf1 words}", "a.rtf")
    assert told.value.extra == "office"


def test_whatever_is_damaged_is_a_content_error() -> None:
    for whole in (
        word(paragraph("words " * 50), "title"),
        workbook('<row><c t="s"><v>0</v></c></row>', strings="<si><t>words</t></si>"),
        book("<html><p>words</p></html>", title="t"),
    ):
        for at in range(0, len(whole), 7):
            for broken in (whole[:at], whole[:at] + b"\xff" + whole[at + 1 :]):
                with suppress(ContentError):
                    extract(broken, "a.docx")


# -- in an index --------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path.resolve()


def test_what_is_left_out_is_told_by_kind_and_reason(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = here / "office"
    folder.mkdir()
    (folder / "a.docx").write_bytes(b"PK\x03\x04xxxx")
    (folder / "b.rtf").write_bytes(b"{\\rtf1 words of a letter}")
    (folder / "c.rtf").write_bytes(b"{\\rtf1 words of a letter}")
    (folder / "d.mp3").write_bytes(b"\0\1")
    monkeypatch.setitem(sys.modules, "striprtf.striprtf", None)
    refused = command("index", "office")
    assert refused.code == 1
    assert (
        "office holds no document that can be read (2 files: needs pip install "
        "'aesearch[office]'; 1 file: damaged: File is not a zip file; 1 other file: 1 .mp3); name"
    ) in refused.err
    (folder / "e.docx").write_bytes(word(paragraph("words of a letter, and of ships")))
    (folder / "f.log").write_text("words of a log, and of ships")
    made = command("index", "office", "--budget", "0")
    assert made.code == 3
    assert "office: 2 documents (2 new)" in made.out
    assert (
        "left out: 3 files that could not be read (2 would with pip install 'aesearch[office]'), "
        "1 other file (1 .mp3: no document, or left out by hand)"
    ) in made.out


def test_office_documents_make_a_folder_one_of_documents(here: Path) -> None:
    (here / "letters").mkdir()
    for number in range(3):
        (here / "letters" / f"{number}.docx").write_bytes(word(paragraph(f"ship {number} sails")))
    assert "letters: 3 documents" in command("index", "letters", "--budget", "0").out
