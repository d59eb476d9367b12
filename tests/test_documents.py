"""Documents of every kind become text, and what is none becomes a reason."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from texts_ import RUSSIAN, reason, text_of

from aesearch.errors import ContentError, NotADocumentError
from aesearch.modalities.texts.charset import SAMPLE, decode
from aesearch.modalities.texts.extract import (
    MAX_BYTES,
    SUFFIXES,
    Document,
    extract,
    is_document,
)

CHINESE = "人工智能正在改变我们的生活。昨天，北京举行了一场关于机器学习的会议，专家参加了讨论。"
TAIWANESE = "人工智慧正在改變我們的生活。昨天，台北舉行了一場關於機器學習的會議，專家參加了討論。"
JAPANESE = (
    "人工知能は私たちの生活を変えつつあります。昨日、東京で機械学習に関する会議が開かれました。"
)
KOREAN = (
    "인공지능은 우리의 생활을 바꾸고 있습니다. 어제 서울에서 기계 학습에 관한 회의가 열렸습니다."
)
GERMAN = (
    "Künstliche Intelligenz verändert unser Leben. Gestern war in München eine Tagung, schön groß."
)
FRENCH = (
    "L'intelligence artificielle change notre vie ; c'était déjà très bien à Orléans, ça a créé…"
)
SPANISH = (
    "La inteligencia está cambiando nuestra vida. Ayer se celebró en España. ¿Qué pasará mañana?"
)
ITALIAN = "La città è più bella perché c'è il sole. Così è la vita, però."
PORTUGUESE = "A situação não é fácil, mas as pessoas estão esperançosas. Amanhã haverá eleições."
SWEDISH = "Artificiell intelligens förändrar våra liv. Igår hölls en konferens på en ö."
POLISH = (
    "Sztuczna inteligencja zmienia życie. Wczoraj w Łodzi odbyła się konferencja, wzięli udział."
)
CZECH = "Příští týden bude v Praze konference o strojovém učení, které se zúčastní odborníci."
HUNGARIAN = (
    "A mesterséges intelligencia megváltoztatja az életünket. Tegnap tűzijáték volt Győrben."
)
TURKISH = "Yapay zekâ yaşamımızı değiştiriyor. Dün bir toplantı yapıldı; ülkenin uzmanları katıldı."
GREEK = "Η τεχνητή νοημοσύνη αλλάζει τη ζωή μας. Χθες στην Αθήνα έγινε ένα συνέδριο."
QUOTED = (
    "It’s a “quoted” sentence — with an em dash. The rest is ordinary English prose for readers."
)


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a.txt", "B.TXT", "x/y.md", "a b.html", "c.d.rst", "e.eml", "f.Pdf"]
)
def test_documents_by_their_suffix(name: str) -> None:
    assert is_document(name)


@pytest.mark.parametrize(
    "name",
    [
        *("alt.atheism/49960", "README", "1234.M5P7.host:2,S", "cur/1700000000.M1P2.host"),
        *("notes.7", ".hidden", "ends.", "Letter to St. Mary of the hill"),
    ],
)
def test_names_that_tell_nothing(name: str) -> None:
    assert not is_document(name)
    assert extract(b"just words", name) == Document("just words", "")


@pytest.mark.parametrize("name", ["a.exe", "b.txt.zip", "c.jpg", "dir.txt/d.py", "12.5.png"])
@pytest.mark.parametrize("content", [b"just\0words", b"", b" \n"])
def test_other_suffixes_are_no_documents(name: str, content: bytes) -> None:
    assert not is_document(name)
    with pytest.raises(NotADocumentError, match=r"^'\.\w+' is no kind of document$"):
        extract(content, name)


@pytest.mark.parametrize("name", ["c.jpg", "a.SVG", "b.ppm"])
def test_pictures_made_of_letters_are_no_documents(name: str) -> None:
    with pytest.raises(NotADocumentError, match=r"^'\.\w+' is no kind of document$"):
        extract(b"P3 1 1 255 0 0 0", name)


@pytest.mark.parametrize("name", ["a.py", "b.log", "c.json", "d.csv", "e.yaml", "f.C", "g.unheard"])
def test_whatever_is_text_is_a_document(name: str) -> None:
    assert not is_document(name)  # but such files do not make a folder one of documents
    assert extract(b"From: me\nSubject: no mail\n\nwords", name).text.startswith("From: me")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tex", b"\\documentclass{article}\n\\title{On boats}\nwords"),
        ("a.org", b"* first\n#+TITLE: On boats\nwords"),
    ],
)
def test_titles_of_tex_and_org(name: str, content: bytes) -> None:
    assert is_document(name)
    assert extract(content, name) == Document(content.decode(), "On boats")


def test_suffixes_are_lower_case() -> None:
    assert {".txt", ".md", ".rst", ".html", ".htm", ".xhtml", ".eml", ".pdf"} <= SUFFIXES
    assert all(suffix == suffix.lower() for suffix in SUFFIXES)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", "\ufeff \n".encode(), "\u3000\n".encode()])
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.rst", "a.html", "a.eml", "a", "49960"])
def test_empty(content: bytes, name: str) -> None:
    assert reason(content, name) == "is empty"


def test_markup_without_words_is_empty() -> None:
    assert reason(b"<html><script>var words = 1</script><p> </p></html>", "a.html") == "is empty"


def zip_of(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.txt", text)
    return stream.getvalue()


BINARIES = {
    "zero bytes": b"some text\0 and more of it " * 9,
    "zip": zip_of("words"),
    "png": b"\x89PNG\r\n\x1a\n and nothing but letters from here on",
    "jpeg": b"\xff\xd8\xff\xe0 and nothing but letters from here on",
    "gif": b"GIF89a and nothing but letters from here on",
    "pdf": b"%PDF-1.4 and nothing but letters from here on",
    "gzip": b"\x1f\x8b\x08 and so on",
    "controls": b"ab\x01\x02\x03cd\x04" * 20,
    "few controls among high bytes": ("é" * 19 + "\x01").encode("latin-1") * 10,
    "noise": random.Random(0).randbytes(4000).replace(b"\0", b""),
}


@pytest.mark.parametrize("kind", BINARIES)
def test_binary_files_whatever_they_are_called(kind: str) -> None:
    for name in ("a.txt", "a.md", "a.html", "a.eml"):
        assert reason(BINARIES[kind], name) == "is binary, not text"


@pytest.mark.parametrize("kind", sorted(BINARIES.keys() - {"pdf"}))
def test_binary_files_without_suffix_never_claimed_to_be_documents(kind: str) -> None:
    with pytest.raises(NotADocumentError, match="is binary, not text"):
        extract(BINARIES[kind], "program")


def test_high_bytes_of_no_encoding() -> None:
    noise = bytes(byte | 128 for byte in random.Random(1).randbytes(4000))
    assert reason(noise) == "cannot be decoded: no known encoding"
    assert reason(b"\xff\xfe" + random.Random(1).randbytes(4000)).startswith("cannot be decoded")


def test_too_large() -> None:
    content = b"words " * (40 * 2**20 // 6 + 1)
    assert reason(content) == "too large: 40.0 MiB, 32 are allowed"
    assert reason(content, "a.log") == "too large: 40.0 MiB, 32 are allowed"
    assert reason(b"\0" * (MAX_BYTES + 1), "a") == "is binary, not text"


def test_the_largest_that_is_allowed() -> None:
    content = b"words\r\n" * (MAX_BYTES // 7)
    begin = time.process_time()
    assert len(text_of(content)) == MAX_BYTES // 7 * 6 - 1
    assert time.process_time() - begin < 5


# -- decoding -----------------------------------------------------------------------------------


def test_line_ends_become_one_kind() -> None:
    assert text_of(b"one\r\ntwo\rthree\nfour\r\r\nfive") == "one\ntwo\nthree\nfour\n\nfive"


@pytest.mark.parametrize(
    "encoding",
    ["utf-8-sig", "utf-16", "utf-32"],
)
@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.eml", "noname"])
def test_byte_order_marks(encoding: str, name: str) -> None:
    written = f"Grüße\r\n{CHINESE}"
    expected = " ".join(written.split()) if name.endswith("html") else written.replace("\r", "")
    assert text_of(written.encode(encoding), name) == expected


def test_big_endian_marks() -> None:
    assert text_of(b"\xfe\xff" + CHINESE.encode("utf-16-be")) == CHINESE
    assert text_of(b"\0\0\xfe\xff" + CHINESE.encode("utf-32-be")) == CHINESE


def test_half_a_letter_at_the_end_of_utf_16() -> None:
    assert text_of("abc def ghi".encode("utf-16") + b"x").startswith("abc def ghi")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (CHINESE, "gb18030"),
        (CHINESE, "gbk"),
        (TAIWANESE, "big5"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (KOREAN, "euc_kr"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "iso8859_5"),
        (RUSSIAN, "cp866"),
        (GERMAN, "latin_1"),
        (FRENCH, "cp1252"),
        (SPANISH, "latin_1"),
        (ITALIAN, "latin_1"),
        (PORTUGUESE, "latin_1"),
        (SWEDISH, "latin_1"),
        (QUOTED, "cp1252"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859_2"),
        (CZECH, "cp1250"),
        (HUNGARIAN, "cp1250"),
        (TURKISH, "cp1254"),
        (GREEK, "cp1253"),
    ],
)
def test_encodings_that_nobody_declared(text: str, encoding: str) -> None:
    for times in (1, 3, 2000):
        written = "\n".join([text] * times)
        assert text_of(written.encode(encoding)) == written


def test_a_letter_far_behind_the_sample() -> None:
    text = (
        "Ordinary words. " * (SAMPLE // 8) + "Das Café in München schließt.\n" + "More words. " * 9
    )
    assert text_of(text.encode("cp1252")) == text.strip()


def test_an_encoding_without_any_space_to_cut_the_sample_at() -> None:
    text = "".join(CHINESE.split()) * 2000
    for shift in ("", "a"):
        assert text_of((shift + text).encode("gb18030")) == shift + text


def test_a_few_damaged_bytes_do_not_make_it_another_encoding() -> None:
    content = CHINESE.encode()
    assert text_of(content[:-1]) == CHINESE[:-1] + "\ufffd"
    assert text_of(content + b"\xff " + content) == f"{CHINESE}\ufffd {CHINESE}"
    chinese = CHINESE.encode("gb18030") * 30
    assert text_of(chinese + b"\xff").startswith(CHINESE * 30)


def test_control_characters_do_not_reach_a_terminal() -> None:
    text = text_of(
        b"A plain text of \x1b[1mbold\x1b[0m words, with sounds\x07 and the like in it." * 2
    )
    assert text.startswith("A plain text of  [1mbold [0m words, with sounds  and")
    assert "\x1b" not in text_of(
        "Ein schöner Text mit \x1b[1mfetten Wörtern\x1b[0m.".encode("utf-16")
    )


def test_a_declared_encoding_that_is_wrong_does_no_harm() -> None:
    for declared in ("latin-1", "us-ascii", "x-unknown", "base64", "utf-16", "\0", "", "idna"):
        assert decode(RUSSIAN.encode(), declared) == RUSSIAN
    assert decode(RUSSIAN.encode("koi8_r"), "utf-8") == RUSSIAN
    assert decode("š".encode("cp1250"), "windows-1250") == "š"
    assert decode(CHINESE.encode("hz"), "hz-gb-2312") == CHINESE
    assert decode(KOREAN.encode("utf-16-le"), "utf-16-le") == KOREAN


# -- PDF ----------------------------------------------------------------------------------------


def pdf_of(*pages: str, title: str = "") -> bytes:
    """A PDF with one line of text on each page, as small as it can be."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, line in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 700 Td ({line}) Tj ET" if line else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    out = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size "
    end += f"{len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R >>\nstartxref\n{len(out)}\n"
    return out + f"{end}%%EOF\n".encode()


def test_pages_of_pdf() -> None:
    pytest.importorskip("pypdf")
    content = pdf_of("Of whales", "Of birds", title="On animals")
    assert extract(content, "a.pdf") == Document("Of whales\n\nOf birds", "On animals")
    assert extract(content, "noname").text == "Of whales\n\nOf birds"


def test_pdf_that_cannot_be_read(caplog: pytest.LogCaptureFixture) -> None:
    pypdf = pytest.importorskip("pypdf")
    assert reason(pdf_of("", ""), "a.pdf") == "holds no text (scanned pages?)"
    for content in (b"%PDF-1.4\n%%EOF", b"\r\n%PDF-1.7 and then no more", pdf_of("a")[:200]):
        assert reason(content, "a.pdf").startswith("damaged: ")
    assert reason(b"", "a.pdf") == "is empty"
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf_of("secret words")))
    for password, algorithm in (("key", "RC4-128"), ("", "RC4-128")):
        writer.encrypt(password, "owner", algorithm=algorithm)
        stream = io.BytesIO()
        writer.write(stream)
        if password:
            assert reason(stream.getvalue(), "a.pdf") == "is encrypted: a password is needed"
        else:
            assert text_of(stream.getvalue(), "a.pdf") == "secret words"
    assert not caplog.records


def test_what_is_called_pdf_and_is_none() -> None:
    assert text_of(b"<!doctype html><p>Please log in", "a.pdf") == "Please log in"
    assert text_of(b"plain words", "a.pdf") == "plain words"
    for content in (BINARIES["noise"], b"\0" * 400, BINARIES["zip"]):
        assert reason(content, "a.pdf") == "is binary, not text"


def test_mangled_pdf_raises_nothing_else() -> None:
    pytest.importorskip("pypdf")
    chance = random.Random(6)
    for _ in range(100):
        content = bytearray(pdf_of("Of whales", "Of birds"))
        for _ in range(chance.randrange(1, 30)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        with suppress(ContentError):
            assert extract(bytes(content), "a.pdf").text


def test_without_pypdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert reason(pdf_of("words"), "a.pdf") == "needs pip install 'aesearch[pdf]'"


# -- what it costs ------------------------------------------------------------------------------


def test_nothing_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from aesearch.modalities.texts.extract import extract;"
        "extract(b'words', 'a.txt');"
        "extract(b'From: a\\nSubject: b\\n\\nwords', '17');"
        "print(*{'chardet', 'pypdf', 'email.parser', 'html.parser', 'PIL', 'numpy'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        *([sys.executable, "-c", code],),
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[1], check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""
