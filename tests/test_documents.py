"""Documents of every kind become text, and what is none becomes a reason."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from aesearch.errors import ContentError, NotADocumentError
from aesearch.features import mail
from aesearch.features.decoding import SAMPLE, decode
from aesearch.features.documents import (
    MAX_BYTES,
    SUFFIXES,
    Document,
    extract,
    is_document,
    may_be_document,
)

CHINESE = "人工智能正在改变我们的生活。昨天，北京举行了一场关于机器学习的会议，专家参加了讨论。"
TAIWANESE = "人工智慧正在改變我們的生活。昨天，台北舉行了一場關於機器學習的會議，專家參加了討論。"
JAPANESE = (
    "人工知能は私たちの生活を変えつつあります。昨日、東京で機械学習に関する会議が開かれました。"
)
KOREAN = (
    "인공지능은 우리의 생활을 바꾸고 있습니다. 어제 서울에서 기계 학습에 관한 회의가 열렸습니다."
)
RUSSIAN = "Искусственный интеллект меняет нашу жизнь. Вчера в Москве прошла конференция."
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


def text_of(content: bytes | str, name: str = "a.txt") -> str:
    return extract(content.encode() if isinstance(content, str) else content, name).text


def reason(content: bytes, name: str = "a.txt") -> str:
    with pytest.raises(ContentError) as caught:
        extract(content, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["a.txt", "B.TXT", "x/y.md", "a b.html", "c.d.rst", "e.eml", "f.Pdf"]
)
def test_documents_by_their_suffix(name: str) -> None:
    assert is_document(name)
    assert may_be_document(name)


@pytest.mark.parametrize(
    "name",
    [
        *("alt.atheism/49960", "README", "1234.M5P7.host:2,S", "cur/1700000000.M1P2.host"),
        *("notes.7", ".hidden", "ends.", "Letter to St. Mary of the hill"),
    ],
)
def test_names_that_tell_nothing(name: str) -> None:
    assert not is_document(name)
    assert may_be_document(name)
    assert extract(b"just words", name) == Document("just words", "")


@pytest.mark.parametrize("name", ["a.exe", "b.txt.zip", "c.jpg", "dir.txt/d.py", "12.5.png"])
def test_other_suffixes_are_no_documents(name: str) -> None:
    assert not is_document(name)
    assert not may_be_document(name)
    with pytest.raises(NotADocumentError, match=r"^'\.\w+' is no kind of document$"):
        extract(b"just words", name)


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
    assert reason(b"\0" * (MAX_BYTES + 1), "a").startswith("too large: 32.0 MiB")


def test_the_largest_that_is_allowed() -> None:
    content = b"words\r\n" * (MAX_BYTES // 7)
    begin = time.perf_counter()
    assert len(text_of(content)) == MAX_BYTES // 7 * 6 - 1
    assert time.perf_counter() - begin < 5


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


# -- titles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("words\n\n# The *first* heading ##\n\n# Second\n", "The *first* heading"),
        ('---\ndate: 2026-01-01\ntitle: "On  whales"\n---\n# Not this\n', "On whales"),
        ("+++\ntitle = 'Of TOML'\n+++\nwords", "Of TOML"),
        ("---\ntags: [a]\n---\n# A heading\n", "A heading"),
        ("```sh\n# a comment\n```\n## smaller\n# Real\n", "Real"),
        ("Underlined\n==========\n\n# Second", "Underlined"),
        ("#hashtag and words\n---\n", ""),
        ("no heading", ""),
        ("---\nnever closed\ntitle: no\n", ""),
    ],
)
def test_titles_of_markdown(text: str, title: str) -> None:
    assert extract(text.replace("\n", "\r\n").encode(), "a.md") == Document(text.strip(), title)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("=====\nTitle\n=====\n\nSection\n-------\n", "Title"),
        ("words\n\nOf birds\n^^^^^^^^\n", "Of birds"),
        ("Too long a line for it\n---\n\nReal\n~~~~\n", "Real"),
        ("words\n\n-----\n\nmore", ""),
        ("=== ===\na   b\n=== ===\n", ""),
    ],
)
def test_titles_of_restructured_text(text: str, title: str) -> None:
    assert extract(text.encode(), "a.rst") == Document(text.strip(), title)


def test_plain_text_has_no_title() -> None:
    assert extract(b"# A heading\n\nTitle\n=====\n", "a.txt").title == ""


# -- HTML ---------------------------------------------------------------------------------------

PAGE = """<!DOCTYPE html><html><head><title>Whales &amp;
  dolphins</title><style>p { color: red }</style><script>if (a < b) "<p>hidden</p>";</script>
</head><body><!-- a <b>comment</b> --><h1>Of <em>wha</em>les</h1><p>They   are
large.<br>Very&nbsp;large &#8211; &eacute;.</p><noscript>No script</noscript>
<template><p>Unused<template>deep</template></p></template>
<ul><li>one<li>two</ul><table><tr><td>a</td><td>b</td></tr></table>
<pre>as  it
 is</pre><svg><title>icon</title></svg></body></html>"""


def test_a_page() -> None:
    found = extract(PAGE.encode(), "a.html")
    assert found.title == "Whales & dolphins"
    paragraphs = [" ".join(part.split()) for part in found.text.split("\n\n")]
    assert paragraphs[:2] == ["Whales & dolphins", "Of whales"]
    assert paragraphs[2] == "They are large. Very large – é."
    assert "one\ntwo" in found.text
    assert "a\t" in found.text
    assert "as  it" in found.text
    for hidden in ("hidden", "color", "comment", "No script", "Unused", "deep"):
        assert hidden not in found.text
    assert extract(PAGE.encode(), "a.HTM") == found
    assert extract(PAGE.encode(), "page") == found  # known by its beginning


@pytest.mark.parametrize(
    "head",
    [
        '<meta charset="windows-1251">',
        "<META http-equiv=Content-Type content='text/html; charset=windows-1251'>",
        '<?xml version="1.0" encoding="windows-1251"?>',
    ],
)
def test_a_page_declares_its_encoding(head: str) -> None:
    page = f"{head}<p>йод и ёж</p>"  # too short to be found out
    assert text_of(page.encode("cp1251"), "a.xhtml") == "йод и ёж"
    assert text_of(page.encode(), "a.html") == "йод и ёж"  # and UTF-8 goes first


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("words <p unclosed", "words"),
        ("<p>a<b>b</p>c</b></i></p>d", "ab\n\nc\n\nd"),
        ("<![if !IE]>words<![endif]>", "words"),
        ("<![unknown[x]]>words", "words"),
        ("<!DOCTYPE [<!ELEMENT a ANY>]>words", "]>words"),
        ("words<!-- never closed <p>lost", "words"),
        ("words<script>never closed", "words"),
        ("<script>a = '<!--'</script>words", "words"),
        ("<!-- <script> -->words<script>x</script>", "words"),
        ("<script src=a />words", "words"),
        ("<noscript><template></noscript>words", "words"),
        ("<a href='<b>'>words</a> &#xD800;&#0;&unknown; < > <3", "words"),
        ("<title>only a title", "only a title"),
    ],
)
def test_malformed_pages(page: str, expected: str) -> None:
    assert text_of(page, "a.html").startswith(expected)


def test_mangled_pages_never_raise() -> None:
    chance = random.Random(3)
    for _ in range(300):
        page = list(PAGE)
        for _ in range(chance.randrange(1, 40)):
            page[chance.randrange(len(page))] = chance.choice("<>&;!-/\"'[]=?aA \n")
        extract("".join(["words ", *page]).encode(), "a.html")


@pytest.mark.parametrize(
    "piece", ["<!--", "<a ", "<a href='", "<![CDATA[", "<!", "<?", "</", "&#", "<script", "<b><i>"]
)
def test_hostile_pages_take_no_time(piece: str) -> None:
    begin = time.perf_counter()
    for end in ("", ">"):
        extract(("words " + piece * 50_000 + end).encode(), "a.html")
    assert time.perf_counter() - begin < 5


# -- e-mail -------------------------------------------------------------------------------------

POSTING = (
    b"From: mathew <mathew@mantis.co.uk>\nSubject: Alt.Atheism FAQ:\n Resources\nLines: 3\n\n"
    b"Archive-name: atheism\n\nOf whales.\n"
)


def test_a_posting() -> None:
    for name in ("alt.atheism/49960", "a.eml", "1234.M5P7.host:2,S"):
        for content in (POSTING, POSTING.replace(b"\n", b"\r\n")):
            found = extract(content, name)
            assert found.title == "Alt.Atheism FAQ: Resources"
            assert found.text == f"{found.title}\n\nArchive-name: atheism\n\nOf whales."


def test_the_same_as_plain_text_when_it_says_so() -> None:
    assert text_of(POSTING, "a.txt").startswith("From: mathew")


@pytest.mark.parametrize(
    "content",
    [
        b"Colour: red\nSize: large\n\nwords",
        b"Subject: one header line\n\nwords",
        b"From: here\nto: there\nwe went on and on",
        b"Some words.\nFrom: x\nSubject: y\n\n",
    ],
)
def test_texts_that_are_no_mails(content: bytes) -> None:
    assert extract(content, "notes") == Document(content.decode().strip(), "")


def test_multipart_mails() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@b.c", "Grüße aus München"
    message.set_content("Plain wörds.\n", cte="quoted-printable")
    message.add_alternative("<p>HTML words.</p>", subtype="html")
    message.add_attachment(b"secret bytes", maintype="application", subtype="x", filename="s.bin")
    message.add_attachment("attached words", filename="attached.txt")
    found = extract(message.as_bytes(), "a.eml")
    assert found == Document("Grüße aus München\n\nPlain wörds.", "Grüße aus München")
    assert extract(message.as_bytes(), "17") == found


def test_mails_in_html_alone() -> None:
    message = EmailMessage()
    message["Subject"] = "A page"
    message.set_content("<style>x</style><p>One.<p>Два.", subtype="html", charset="koi8-r")
    assert extract(message.as_bytes(), "a.eml") == Document("A page\n\nOne.\n\nДва.", "A page")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"Subject: =?utf-8?q?broken?=\n =?x-none?b?!!!?= end\nFrom: a\n\nbody", "body"),
        (
            b"Subject: s\nContent-Type: text/plain; charset=x-unknown\n\nbody \xe9t\xe9 end",
            "body été",
        ),
        (b"Subject: s\nContent-Type: multipart/mixed; boundary=\n\nbody", ""),
        (b"Subject: s\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\nbody", "body"),
        (b"Subject: s\nContent-Type: ;;;=\n\nbody", "body"),
        (b"Subject: s\nContent-Type: text/x-faq; version=1\n\nbody", "body"),
        (b"Subject: s\nContent-Transfer-Encoding: base64\n\n!!!not base64", ""),
        (b"Subject: s\nContent-Transfer-Encoding: x-odd\n\nbody", "body"),
        (b" cut.off!path\nSubject: s\nFrom: a\n\nbody", "body"),
        (b"From a@b Mon Jan 1\nFrom: a\nSubject: s\n\nbody", "body"),
        (b"Subject: s\nno header line\nbody", "body"),
        (b"Subject: s", "s"),
        (b"From: a\n\nbody", "body"),
        (b"no mail at all, though it is called one", "no mail"),
    ],
)
def test_broken_mails_never_raise(content: bytes, expected: str) -> None:
    assert expected in text_of(content, "a.eml")


def test_subjects_that_were_never_encoded() -> None:
    for encoding in ("utf-8", "koi8_r"):
        head = f"From: a\nSubject: {RUSSIAN}\n".encode(encoding)
        assert extract(head + b"\nbody", "1").title == RUSSIAN
        many = head + b"Content-Type: text/html\n\n<p>body</p>"
        assert extract(many, "1") == Document(f"{RUSSIAN}\n\nbody", RUSSIAN)


def test_mangled_mails_never_raise() -> None:
    message = EmailMessage()
    message["From"], message["Subject"] = "a@b.c", "Grüße"
    message.set_content("Plain wörds.\n", cte="quoted-printable")
    message.add_alternative("<p>HTML words.</p>", subtype="html")
    chance = random.Random(4)
    for _ in range(300):
        content = bytearray(b"X: words\n" + message.as_bytes())
        for _ in range(chance.randrange(1, 30)):
            content[chance.randrange(len(content))] = chance.choice(b'=?:;\n "/-_<a\xe9')
        with suppress(ContentError):  # nothing may be left of it
            extract(bytes(content), "a.eml")


def test_the_short_way_finds_what_the_email_package_finds() -> None:
    chance = random.Random(5)
    pieces = (
        *("From: a@b.c", "Subject: Of whales", "SUBJECT:  again", "Subject:", "X-Odd:no space"),
        *(
            " folded",
            "\tfolded",
            "Content-Type: text/plain",
            "Lines: 3",
            "",
            "words",
            "words: more",
        ),
        *('Content-Type: text/plain; charset="iso-8859-1"', "Content-Transfer-Encoding: 8bit"),
        *("From x@y Mon Jan 1", ">quoted", "  ", "été", "Date: never", "MIME-Version: 1.0"),
    )
    compared = 0
    for _ in range(3000):
        lines = chance.choices(pieces, k=chance.randrange(1, 9))
        content = "\n".join(["From: a", *lines, "", "The body: of it.", ""]).encode("latin-1")
        short = mail.simple_mail(content)
        if short is not None:
            full = mail.full_mail(content)
            assert [" ".join(part.split()) for part in short] == [
                " ".join(part.split()) for part in full
            ], content
            compared += 1
    assert compared > 1000


def test_postings_are_read_quickly() -> None:
    content = POSTING + b"Some more words of a usual posting.\n" * 50
    begin = time.perf_counter()
    for number in range(1000):
        extract(content, f"alt.atheism/{number}")
    assert time.perf_counter() - begin < 1  # 30 times as long as it takes


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
    for content in (b"no PDF at all", b"%PDF-1.4\n%%EOF", BINARIES["noise"], BINARIES["zip"]):
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
    assert reason(pdf_of("words"), "a.pdf") == "needs 'pip install aesearch[pdf]'"


# -- what it costs ------------------------------------------------------------------------------


def test_nothing_is_loaded_before_it_is_needed() -> None:
    code = (
        "import sys; from aesearch.features.documents import extract; extract(b'words', 'a.txt');"
        "extract(b'From: a\\nSubject: b\\n\\nwords', '17');"
        "print(*{'charset_normalizer', 'pypdf', 'email.parser', 'html.parser', 'PIL', 'numpy'}"
        " & set(sys.modules))"
    )
    done = subprocess.run(
        *([sys.executable, "-c", code],),
        capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[1], check=True,
    )  # fmt: skip
    assert done.stdout.strip() == ""
