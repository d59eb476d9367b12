"""Encodings that nobody declared, or that a user names: right, or said to be guessed."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from texts_ import reason, text_of

from aesearch.errors import ParameterError, SourceError
from aesearch.indexing.build import build
from aesearch.modalities.notes import collected_notes
from aesearch.modalities.texts.detect import guess_wide
from aesearch.modalities.texts.extract import extract
from aesearch.settings import Settings
from aesearch.sources.rows import Row, read_table

SHORT = [
    ("La sœur de mon père est arrivée hier.", "cp1252"),
    ("Bien sûr, le goût est différent.", "latin-1"),
    ("LA PREMIÈRE PIÈCE", "latin-1"),
    ("Une lettre d’août : vœux de bonne année, très sincèrement.", "cp1252"),
    ("Ísland er land þitt og ávallt þú geymir", "latin-1"),
    ("Anul trecut s-a deschis în oraş o nouă bibliotecă cu mii de cărţi.", "cp1250"),
    ("Pērn pilsētā atvērta jauna bibliotēka, kurā ir tūkstošiem grāmatu.", "cp1257"),
    ("W zeszłym roku w mieście otwarto nową bibliotekę.", "cp852"),
    ("Im letzten Jahr wurde eine Bücherei für Groß und Klein eröffnet.", "cp437"),
    ("Le café où l’été arrive", "mac_roman"),
    ("Минулого року в місті відкрили бібліотеку, в якій є тисячі книжок.", "koi8_u"),
    ("Të gjithë njerëzit lindin të lirë dhe të barabartë.", "cp1252"),
    ("Łódź jest piękna", "cp1250"),
    ("Příliš žluťoučký kůň", "iso8859_2"),
    ("İstanbul'da güneşli bir gün", "cp1254"),
    ("Grüße", "latin-1"),
    ("price: 5 €", "cp1252"),
    ("“Hello” – he said", "cp1252"),
    ("שלום עולם", "cp1255"),
    ("ภาษาไทย", "cp874"),
    ("Ελληνικά κείμενο", "cp1253"),
    ("Geçen yıl şehirde yeni bir kütüphane açıldı.", "cp857"),
    ("Всё это было давно", "mac_cyrillic"),
    ("На столе лежала книга", "iso8859_5"),
    ("Πέρυσι άνοιξε μια νέα βιβλιοθήκη", "cp737"),
    ("The satellite reached its orbit.", "cp037"),
    ("昨年、市内に新しい図書館が開館しました。", "euc_jp"),
    ("작년에 도시에 새로운 도서관이 문을 열었다.", "johab"),
]
WIDE = [
    "The satellite reached its orbit after the launch.",
    "Это документ о поиске",
    "hi",
    "日本語の文書です",
    "作業用のメモ\n",
    "人人生而自由，在尊嚴和權利上一律平等。",
    "Năm ngoái, thành phố đã mở một thư viện mới.",
    "ทุกคนเกิดมามีอิสระ",
    "Ședință și țară",
]


@pytest.mark.parametrize(("text", "encoding"), SHORT)
@pytest.mark.parametrize("times", [1, 3])
def test_short_texts_in_pages_that_nobody_declared(text: str, encoding: str, times: int) -> None:
    written = "\n".join([text] * times)
    found = extract(written.encode(encoding), "a.txt")
    assert found.text == written
    assert found.note.startswith("encoding guessed: ")


@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_texts_without_a_mark(text: str, encoding: str) -> None:
    found = extract(text.encode(encoding), "a.txt")
    assert found.text == text.strip()
    assert found.note == f"encoding guessed: {encoding}"


@pytest.mark.parametrize("encoding", ["iso2022_jp", "iso2022_kr", "hz", "utf-7"])
def test_encodings_of_seven_bits(encoding: str) -> None:
    text = {"iso2022_kr": "모든 인간은 태어날 때부터 자유롭다", "hz": "人人有资格享有权利"}.get(
        encoding, "すべての人間は自由である"
    )
    assert text_of(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "text",
    [
        "C+Ab-Moll, a+bcd-e",
        "x~{y",
        "\x1b[1mbold words of a log\x1b[0m \x1b(B and more words",
        "1+234-5 is 230",
    ],
)
def test_ascii_that_looks_like_seven_bits(text: str) -> None:
    assert text_of(text) == text.replace("\x1b", " ").strip()


def test_what_is_no_text_in_any_encoding() -> None:
    assert reason(bytes(range(256)) * 4) == "is binary, not text"
    assert reason(b"\0\0\0\0" * 50) == "is binary, not text"
    assert reason(b"".join(n.to_bytes(2, "little") for n in range(0, 60000, 7))).startswith(
        "is bin"
    )


def test_utf_8_is_not_guessed() -> None:
    assert extract("Grüße".encode(), "a.txt").note == ""
    assert extract(b"\xef\xbb\xbfword", "a.txt").note == ""


def test_an_encoding_that_a_user_names() -> None:
    text = "café"  # Ú in the page that was named
    assert extract(text.encode("cp1252"), "a.txt", "cp850").text == "cafÚ"
    assert extract(text.encode(), "a.txt", "cp850").text == text  # what is UTF-8 says so
    assert extract(text.encode("cp500"), "a.txt", "cp500") == extract(text.encode(), "a.txt")
    assert extract("Ж".encode("utf-16-be"), "a.txt", "utf-16-be").text == "Ж"
    assert extract("é".encode("cp1252"), "a.txt", "cp850").note == ""
    # What cannot be in it is guessed, and said.
    found = extract("Bien sûr, le goût est différent.".encode("cp1252"), "a.txt", "ascii")
    assert (found.text, found.note) == (
        "Bien sûr, le goût est différent.",
        "encoding guessed: cp1252",
    )


@pytest.mark.parametrize("name", ["nonsense", "base64", "\0", "rot13", 7])
def test_encodings_that_there_are_none_of(name: str) -> None:
    with pytest.raises(ParameterError, match="unknown encoding"):
        Settings(encoding=name)


def test_the_encoding_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(4):
        text = f"Ключ номер {number} {'лежит' if number % 2 else 'потерян'}"
        (folder / f"{number}.txt").write_bytes(text.encode("cp866"))
    with (
        collected_notes() as notes,
        build(folder, tmp_path / "i", {"encoding": "IBM866"}, budget=0),
    ):
        assert not notes
    assert (
        json.loads((tmp_path / "i" / "index.json").read_text())["settings"]["encoding"] == "cp866"
    )
    (folder / "new.txt").write_bytes("Новый файл".encode("cp866"))
    with build(folder, tmp_path / "i", budget=0) as index:
        kept = {item.key: text.text for item, text in index.folder.store.documents()}
    assert kept["new.txt"] == "Новый файл"


def test_guesses_are_noted_with_their_number(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(3):
        text = f"На столе лежала {('книга', 'газета', 'тетрадь')[number]} номер {number}"
        (folder / f"{number}.txt").write_bytes(text.encode("cp1251"))
    with collected_notes() as notes, build(folder, tmp_path / "i", budget=0):
        assert dict(notes) == {"encoding guessed: cp1251": 3}


@pytest.mark.parametrize("encoding", ["utf-16-le", "cp1251", "cp500", "iso2022_jp", "utf-32-be"])
def test_lines_in_an_encoding_that_is_named_or_guessed(encoding: str) -> None:
    text = "すべての人間は\n自由である\n" if "jp" in encoding else "The first line\nand a second\n"
    if encoding == "cp1251":
        text = "Первая строка\nи вторая строка\n"
    for chosen in ("", encoding):
        rows = list(read_table(None, io.BytesIO(text.encode(encoding)), encoding=chosen))
        assert [row.text for row in rows if isinstance(row, Row)] == text.splitlines(), chosen


def test_lines_that_are_no_text() -> None:
    with pytest.raises(SourceError, match="binary"):
        read_table(None, io.BytesIO(bytes(range(256)) * 9))


def test_what_python_writes_in_korean_and_cannot_read_again_is_no_error() -> None:
    # U+3164 stands for a missing letter of a Hangul syllable, which EUC-KR spells with eight bytes.
    guess_wide("\u3164\u1100\uac00 letters of a syllable".encode("utf-16-le"))
    guess_wide("letters \u3164".encode("utf-16-be"))
