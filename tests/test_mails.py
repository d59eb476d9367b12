"""Mails: every text in them is read, those who sent them are found, and nothing takes for ever."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from texts_ import text_of

from aesearch.errors import SourceError
from aesearch.indexing.build import build
from aesearch.modalities.texts.extract import extract
from aesearch.sources import mailbox
from aesearch.sources.open import open_source

HEAD = "From: Ann Example <ann@example.org>\nSubject: s\nMIME-Version: 1.0\n"
MIXED = HEAD + "Content-Type: multipart/mixed; boundary=B\n\n"


def part(kind: str, text: str, more: str = "") -> str:
    return f"--B\nContent-Type: {kind}\n{more}\n{text}\n"


def words_of(mail: str, name: str = "a.eml") -> list[str]:
    return text_of(mail, name).split()


@pytest.mark.parametrize(
    "mail",
    [
        MIXED + part("text/plain", "first") + part("image/png", "x") + part("text/plain", "second"),
        MIXED + part("text/plain", "first") + part("text/html", "<p>second"),
        HEAD + "Content-Type: multipart/mixed\n\nfirst\n--B\nsecond\n",  # of no boundary
        HEAD + "Content-Type: multipart/alternative; boundary=C\n\nfirst\n--B\nsecond\n",
        MIXED + part("multipart/mixed; boundary=C", "first\nsecond"),
        HEAD
        + "Content-Type: multipart/digest; boundary=B\n\n--B\n\nSubject: one\n\nfirst\n"
        + "--B\n\nSubject: two\n\nsecond\n",
        MIXED + part("text/plain", "first") + part("message/rfc822", "Subject: in\n\nsecond"),
        MIXED + part("text/plain", "first") + part("message/rfc822", "Subject: second\n\nx"),
        MIXED
        + part("text/plain", "first")
        + part("text/plain", "second", "Content-Disposition: attachment; filename=a.txt\n"),
        MIXED + part("text/x-python", "first") + part("text/csv", "second"),
        HEAD
        + "Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt\n\n"
        + "first second\n",
        MIXED
        + "--B\nContent-Type: multipart/alternative; boundary=C\n\n"
        + "--C\nContent-Type: text/plain\n\n"
        + "first\n--C\nContent-Type: text/html\n\n<p>first</p>\n--C--\n"
        + part("text/plain", "second"),
    ],
)
def test_all_texts_of_a_mail_are_read(mail: str) -> None:
    end = "--B--\n" if "boundary=B" in mail else ""
    for content in (mail + end, mail):
        words = words_of(content)
        assert words.count("first") == 1
        assert words.count("second") == 1


@pytest.mark.parametrize(
    ("plain", "page", "read"),
    [
        ("firstword: view this in HTML", "<p>secondword</p>", "secondword"),
        ("This mail needs an HTML reader.", "<p>The whales swam " + "far away " * 20, "whales"),
        ("", "<p>secondword</p>", "secondword"),
        ("The whales swam far away.", "<p>The <b>whales</b> swam far away.</p>", "whales"),
    ],
)
def test_what_stands_behind_a_stub(plain: str, page: str, read: str) -> None:
    mail = HEAD + "Content-Type: multipart/alternative; boundary=B\n\n"
    text = text_of(mail + part("text/plain", plain) + part("text/html", page) + "--B--\n", "a.eml")
    assert text.count(read) == 1


def test_senders_and_subjects_are_found() -> None:
    text = text_of(
        "From: =?utf-8?b?SsO8cmdlbiBNw7xsbGVy?= <jm@example.org>\n"
        "Subject: =?iso-8859-1?q?Gr=FC=DFe_aus?=\n =?iso-8859-1?q?_M=FCnchen?= heute\n\nWorte\n",
        "a.eml",
    )
    assert text == "Grüße aus München heute\n\nWorte\n\nFrom: Jürgen Müller <jm@example.org>"


def test_a_wrong_charset_label_does_no_harm() -> None:
    head = "From: a@b.c\nSubject: s\nContent-Type: text/plain; charset=us-ascii\n\n"
    assert "für Größe" in text_of(head.encode() + "für Größe und Übermut".encode(), "a.eml")
    assert "für Größe" in text_of(head.encode() + "für Größe und Mut".encode("cp1252"), "a.eml")


def test_lines_that_flow_are_put_together() -> None:
    mail = HEAD + "Content-Type: text/plain; format=flowed; delsp=yes\n\nA lo \nng word.\nA line.\n"
    assert "A long word.\nA line." in text_of(mail, "a.eml")
    mail = HEAD + "Content-Type: text/plain; format=flowed\n\nOne \nline.\n> of \n> another\n-- \nx"
    assert "One line." in text_of(mail, "a.eml")


def test_quotes_and_signatures_are_no_part_of_the_text() -> None:
    mail = (
        HEAD + "\nBob wrote:\n> the quoted words\n> more\nMy own words are here.\n-- \nAnn, Inc.\n"
    )
    read = extract(mail.encode(), "a.eml")
    assert "My own words are here." in read.text
    assert "quoted" not in read.text
    assert "Inc." not in read.text
    assert read.quoted == "the quoted words\nmore\nAnn, Inc."  # found by words alone
    assert "alone" in text_of(HEAD + "\n> what is quoted alone\n", "a.eml")
    assert "Ann, Inc." in text_of(HEAD + "\n-- \nAnn, Inc.\n", "a.eml")
    # Two hyphens far from the end are no signature.
    assert "line 30" in text_of(
        HEAD + "\nA b c\n--\n" + "".join(f"line {n}\n" for n in range(31)), "a.eml"
    )


@pytest.mark.parametrize(
    "note",
    [
        "to: buy milk\nfrom: the shop\n\nand bread\n",
        "To: do\nDate: tomorrow\n\nwash the car",
        "from: here\nto: there\nby: train\n\nand back",
    ],
)
def test_notes_that_begin_like_mails(note: str) -> None:
    assert text_of(note, "todo") == note.strip()


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: text/plain" + " " * 400_000 + "x",
        "Content-Type: text/plain; " + "a=b; " * 100_000,
        "Content-Type: text/plain;" + "\n a=b;" * 100_000,
        "Subject: " + "=?utf-8?q?a?= " * 50_000,
        "Subject: " + "=?" * 200_000,
        "From: " + "a" * 400_000,
        "From: " + "<" * 400_000,
        "Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: x" + "; a=b" * 100_000,
        "Content-Type: multipart/mixed; boundary=B\n" + "\n--B\n" * 5_000,
        "".join(f"Content-Type: multipart/mixed; boundary=B{n}\n\n--B{n}\n" for n in range(9000)),
        "X: y\n" * 100_000,
        " \n" * 200_000,
        "".join("Content-Type: message/rfc822\n\nFrom: a@b.c\n" for _ in range(9000)),
    ],
)
@pytest.mark.parametrize("name", ["a.eml", "a"])
def test_hostile_heads_take_no_time(head: str, name: str) -> None:
    begin = time.process_time()
    extract(f"From: a@example.org\nSubject: s\n{head}\n\nbody\n".encode(), name)
    assert time.process_time() - begin < 5  # a hundred times as long as it takes


# -- mailboxes ----------------------------------------------------------------------------------


def message(number: int, more: str = "") -> str:
    animals = ("dolphins", "whales", "seals", "otters", "orcas")[number]
    return (
        f"From a@example.org Thu Jan  1 00:00:0{number} 2024\nFrom: a@example.org\nSubject: s\n"
        f"Message-ID: <m{number}@example.org>\n\n{animals} number {number}\nFrom here on{more}\n\n"
    )


def keys_of(place: Path) -> list[str]:
    return sorted(entry.key for entry in open_source(place).walk())


def test_messages_of_a_mailbox_are_items(tmp_path: Path) -> None:
    box = tmp_path / "in.mbox"
    box.write_text("".join(map(message, range(3))))
    (tmp_path / "Inbox").write_bytes(box.read_bytes())
    (tmp_path / "17").write_text(message(4))  # a single message is a file
    (tmp_path / "note").write_text("From here we went on.\n")
    own = [f"#<m{number}@example.org>" for number in range(3)]
    boxes = [f"{name}{one}" for name in ("Inbox", "in.mbox") for one in own]
    assert keys_of(tmp_path) == sorted(["17", "note", *boxes])
    assert keys_of(box) == [f"in.mbox{one}" for one in own]
    source = open_source(tmp_path)
    found = extract(source.read("in.mbox#<m1@example.org>"), "in.mbox#<m1@example.org>")
    assert found.title == "s"
    assert "whales number 1\nFrom here on" in found.text
    assert "number 2" not in found.text


def test_messages_keep_their_keys(tmp_path: Path) -> None:
    box = tmp_path / "in.mbox"
    box.write_text("".join(map(message, range(3))))
    with build(box, tmp_path / "i", budget=0) as index:
        assert len(index) == 3
        assert index.path_of("in.mbox#<m1@example.org>") == box.parent / "in.mbox#<m1@example.org>"
    before = {entry.key: entry for entry in open_source(box).walk()}
    box.write_text("".join(map(message, (1, 2, 3))))
    after = {entry.key: entry for entry in open_source(box).walk()}
    assert {key: after[key] for key in before.keys() & after.keys()} == {
        f"in.mbox#<m{n}@example.org>": before[f"in.mbox#<m{n}@example.org>"] for n in (1, 2)
    }
    with build(box, tmp_path / "i", budget=0) as index:
        assert {item.key for item, _ in index.folder.store.documents()} == set(after)


def test_messages_of_a_mailbox_that_cannot_be_read_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mails" / "old"
    folder.mkdir(parents=True)
    (folder / "in.mbox").write_text("".join(map(message, range(3))))
    (folder / "note.txt").write_text("From here we went on.\n")
    with build(folder.parent, tmp_path / "i", budget=0) as index:
        with monkeypatch.context() as patch:
            patch.setattr(mailbox, "MOST_BYTES", 10)
            counts = index.sync()
        assert (counts["removed"], counts["unread"], counts["unchanged"]) == (0, 3, 1)
        skipped = {file.key: file.reason for file in index.folder.skipped()}
        assert skipped == {"old/in.mbox": "too large: 0 MiB, 0 are allowed"}
        assert index.sync()["unchanged"] == 4
        assert not index.folder.skipped()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("cut", [90, -4])  # in its header, and in its text
def test_messages_behind_the_end_of_half_a_mailbox_stay(
    tmp_path: Path, cut: int, *, whole: bool
) -> None:
    folder = tmp_path / "mails"
    folder.mkdir()
    box = folder / "in.mbox"
    box.write_text("".join(map(message, range(5))))
    source = folder if whole else box
    with build(source, tmp_path / "i", budget=0) as index:
        box.write_text("".join(map(message, range(2))) + message(2)[:cut])
        counts = index.sync()
        assert (counts["removed"], counts["changed"], counts["unread"]) == (0, 0, 3)
        assert {file.key: file.reason for file in index.folder.skipped()} == {
            "in.mbox": mailbox.BROKEN_OFF
        }
        box.write_text("".join(map(message, range(4))))  # whole again: one was deleted
        assert index.sync()["removed"] == 1
        assert (len(index), index.folder.skipped()) == (4, [])


def test_messages_without_an_id_of_their_own(tmp_path: Path) -> None:
    box = tmp_path / "in.mbox"
    box.write_text(message(1) + message(1, " and on") + message(2).replace("Message-ID", "X-ID"))
    assert len(keys_of(box)) == len(set(keys_of(box))) == 3
    (tmp_path / "empty.mbox").write_text("no message\n")
    with pytest.raises(SourceError, match="holds no messages"):
        open_source(tmp_path / "empty.mbox")
