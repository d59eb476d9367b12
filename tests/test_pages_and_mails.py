"""Titles, pages and mails: what is text in them is kept, however broken they are."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from email.message import EmailMessage

import pytest
from texts_ import RUSSIAN, text_of

from aesearch.errors import ContentError
from aesearch.modalities.texts import mail
from aesearch.modalities.texts.extract import Document, extract

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
    begin = time.process_time()
    for end in ("", ">"):
        extract(("words " + piece * 50_000 + end).encode(), "a.html")
    assert time.process_time() - begin < 5


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
            body = "Archive-name: atheism\n\nOf whales."
            sender = "From: mathew <mathew@mantis.co.uk>"
            assert found.text == f"{found.title}\n\n{body}\n\n{sender}"


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
    text = "Grüße aus München\n\nPlain wörds.\n\nattached words\n\nFrom: a@b.c"
    assert found == Document(text, "Grüße aus München")
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
        assert extract(many, "1") == Document(f"{RUSSIAN}\n\nbody\n\nFrom: a", RUSSIAN)


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
    begin = time.process_time()
    for number in range(1000):
        extract(content, f"alt.atheism/{number}")
    assert time.process_time() - begin < 1  # 30 times as long as it takes
