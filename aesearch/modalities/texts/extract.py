"""Documents to text: by their content, and where that leaves a choice by their suffix."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from aesearch.errors import ContentError, MissingExtraError, NotADocumentError, UnreachableError
from aesearch.modalities.images import SUFFIXES as PICTURES
from aesearch.modalities.texts.charset import (
    BINARY,
    GUESSED,
    UNDECODABLE,
    WIDE,
    mark_of,
    read_text,
    refuse_binary,
    tidy,
)

if TYPE_CHECKING:
    import pypdf

MAX_BYTES = 32 << 20
HEAD = 1 << 20
EMPTY = "is empty"

PLAIN = frozenset({".txt", ".text"})
MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
RST = frozenset({".rst", ".rest"})
HTML = frozenset({".html", ".htm", ".xhtml"})
MAIL = frozenset({".eml", ".msg", ".mail", ".email"})
PDF = frozenset({".pdf"})
PDF_MARK, PDF_WITHIN = b"%PDF-", 1024  # bytes that may stand before it
OFFICE = frozenset(
    {".docx", ".docm", ".dotx", ".dotm", ".pptx", ".pptm", ".ppsx", ".potx", ".xlsx", ".xlsm"}
    | {".xltx", ".odt", ".ott", ".odp", ".otp", ".ods", ".ots", ".epub", ".rtf"}
)
OLD_OFFICE = frozenset({".doc", ".dot", ".ppt", ".pps", ".xls", ".xlt"})
ZIP, RTF, OLE = b"PK\x03\x04", b"{\\rtf", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TEX = frozenset({".tex", ".ltx", ".org"})
# Whatever else is text is one too, a log or a program, but does not make a folder one of documents.
MAILBOX = frozenset({".mbox", ".mbx"})  # many messages, each of them an item
MESSAGE = re.compile(r"#<[^<>\s]+>\Z")  # behind the key of a mailbox, that of a message
SUFFIXES = PLAIN | MARKDOWN | RST | HTML | MAIL | PDF | TEX | OFFICE | OLD_OFFICE
DRAWINGS = frozenset({*PICTURES, ".svg", ".eps", ".ai", ".xpm"})  # some of which are text, too

FEWEST_WIDE = 16  # letters of what has no mark, and no name of a document
# Mail folders: 1234.M5P7.host:2,S once read, 1700000000.M5P7.host before.
MAILDIR = re.compile(r"\d+\.[^/]*:2,[A-Za-z]*|\d{9,}\.[A-Za-z0-9_]+\.[^/]+")
SUFFIX = re.compile(r"[^./\\]\.+([^./\\\s]+)\Z")
TITLE = re.compile(r"\\title\{([^{}\n]+)\}|^#\+title:[ \t]*(\S.*)", re.IGNORECASE | re.MULTILINE)
PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Document:
    """The text of a document, and its title where it has one.

    Attributes
    ----------
    text : str
        Never blank; every line ends in a newline alone. It holds the title.
    title : str
        In one line; empty where there is none.
    note : str
        What is worth saying of how it was read, such as that its encoding was guessed.
    quoted : str
        What a mail quotes, and its signature: found by words, but no part of the text, so of no
        code and no copy.
    """

    text: str
    title: str = ""
    note: str = field(default="", compare=False)
    quoted: str = ""


class Written(NamedTuple):
    """What stands in a file; `guessed` is the encoding, where it was."""

    text: str
    title: str = ""
    guessed: str = ""
    quoted: str = ""


def suffix_of(name: str) -> str:
    """Return the lower-case suffix of a key or file name, empty where it has none that counts.

    Numbers (`alt.atheism/49960.1`) and names in mail folders are no suffixes.
    """
    if name.endswith(">") and MESSAGE.search(name):
        return ".eml"
    found = SUFFIX.search(name)
    if found is None or found[1].isdecimal():
        return ""
    suffix = "." + found[1].lower()
    if suffix not in SUFFIXES and MAILDIR.fullmatch(name.rpartition("/")[2]):
        return ""
    return suffix


def is_document(name: str) -> bool:
    """Return whether the suffix is one of documents; the content is not looked at."""
    return suffix_of(name) in SUFFIXES


def may_be_document(name: str) -> bool:
    """Return whether this is a document by its suffix, or has no suffix to tell by."""
    suffix = suffix_of(name)
    return not suffix or suffix in SUFFIXES


def extract(content: bytes, name: str, encoding: str = "") -> Document:
    """Return the text of a document.

    Parameters
    ----------
    content : bytes
        Of the whole file.
    name : str
        A key or file name. Its suffix tells kinds of text apart; what is none is seen from the
        content.
    encoding : str
        That a user names for what is not UTF-8 and says nothing of it itself.

    Raises
    ------
    NotADocumentError
        If the suffix is none of documents, or there is none, and the content is not text.
    MissingExtraError
        If it is of a format that takes an optional package.
    ContentError
        If the file is empty, too large, damaged, binary or cannot be decoded; the message is the
        reason, in a few words.
    """
    suffix = suffix_of(name)
    claimed = suffix in SUFFIXES
    if suffix in DRAWINGS:
        raise NotADocumentError(f"'{suffix}' is no kind of document")
    try:
        text, title, guessed, quoted = _text_of(
            content, suffix if claimed else "", encoding, plain=bool(suffix)
        )
        if not claimed and guessed.startswith(WIDE) and len(text) < FEWEST_WIDE:
            raise ContentError(BINARY)  # a few bytes of anything are letters of some script
    except ContentError as error:
        # What never claimed to be a document is none.
        refusals = (BINARY, EMPTY, UNDECODABLE) if suffix else (BINARY,)
        if claimed or str(error) not in refusals:
            raise
        reason = f"'{suffix}' is no kind of document" if suffix else BINARY
        raise NotADocumentError(reason) from error
    text = text.strip()
    if not text:
        raise ContentError(EMPTY)
    note = GUESSED.format(guessed) if guessed else ""
    return Document(text, " ".join(title.split()) if title else "", note, quoted)


def _text_of(content: bytes, suffix: str, encoding: str, *, plain: bool) -> Written:
    """What is written in it.

    `plain` says that what has no known suffix has another, so is no mail.
    """
    if suffix in PDF and PDF_MARK not in content[:PDF_WITHIN]:
        suffix = ""  # a page that was saved in its place, say
    office = suffix in OFFICE or suffix in OLD_OFFICE
    if (office or not suffix) and content.startswith((ZIP, RTF, OLE)):
        from aesearch.modalities.texts.office import office_text

        found = office_text(content, named=office)
        if found is not None:
            return Written(*found)
    if office:
        suffix = ""  # pages and plain text are called .doc and .xls, too
    if suffix in PDF or (not suffix and content.startswith(PDF_MARK)):
        _require_size(content)
        return Written(*_pdf_text(content))
    refuse_binary(content[:HEAD], encoding)  # whatever the size of what is no text at all
    _require_size(content)
    return _written(content, suffix, encoding, plain=plain)


def _require_size(content: bytes) -> None:
    if len(content) > MAX_BYTES:
        raise ContentError(
            f"too large: {len(content) / 2**20:.1f} MiB, {MAX_BYTES >> 20} are allowed"
        )


def _written(content: bytes, suffix: str, encoding: str, *, plain: bool) -> Written:
    """Return what is made of letters."""
    if not content or content.isspace():
        raise ContentError(EMPTY)
    refuse_binary(content, encoding)
    if suffix in PLAIN:
        text, guessed = read_text(content, chosen=encoding)
        return Written(text, "", guessed)
    if suffix in TEX:
        text, guessed = read_text(content, chosen=encoding)
        return Written(text, _tex_title(text), guessed)
    # Neither the package nor a search for mails and pages is loaded before there is one.
    if suffix in HTML or (not suffix and PAGE.match(content, len(mark_of(content)[0]))):
        from aesearch.modalities.texts.markup import declared_charset, page_text

        text, guessed = read_text(content, declared_charset(content) or encoding)
        return Written(*page_text(text), guessed)
    if plain and not suffix:
        text, guessed = read_text(content, chosen=encoding)
        return Written(text, "", guessed)
    if suffix in MAIL or not suffix:
        from aesearch.modalities.texts.mail import begins_with_header, looks_like_mail, mail_text

        lines = _newlines(content)
        if begins_with_header(lines) if suffix else looks_like_mail(lines):
            text, title, quoted = mail_text(lines)
            return Written(text, title, quoted=quoted)
        text, guessed = read_text(content, chosen=encoding)
        return Written(text, "", guessed)
    from aesearch.modalities.texts.markup import markdown_title, rst_title

    text, guessed = read_text(content, chosen=encoding)
    return Written(text, markdown_title(text) if suffix in MARKDOWN else rst_title(text), guessed)


def _tex_title(text: str) -> str:
    """Return the title of TeX or Org, where its first 64 KiB have one in a line."""
    found = TITLE.search(text, 0, HEAD >> 4)
    return (found[1] or found[2]).strip() if found else ""


def _newlines(content: bytes) -> bytes:
    mark, encoding = mark_of(content)
    if encoding == "utf-8":
        content = content[len(mark) :]
    if b"\r" not in content:
        return content
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _pdf_text(content: bytes) -> tuple[str, str]:
    """Return text and title of a PDF; pages that are damaged are left out if others are not."""
    if not content or content.isspace():
        raise ContentError(EMPTY)
    try:
        import logging

        import pypdf
    except ImportError as error:
        raise MissingExtraError("needs pip install 'aesearch[pdf]'", "pdf") from error
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it says of each file what is odd in it
    title = ""
    try:
        reader = pypdf.PdfReader(io.BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ContentError("is encrypted: a password is needed")
        pages, failure = _page_texts(reader)
        with suppress(Exception):  # broken metadata must not lose the text
            title = str(reader.metadata.title or "") if reader.metadata else ""
    except ContentError:
        raise
    except pypdf.errors.DependencyError as error:
        raise ContentError("is encrypted: pypdf needs 'pip install cryptography'") from error
    except MemoryError as error:
        raise UnreachableError("too large for the memory that is free") from error
    except Exception as error:  # the package raises whatever a damaged file leads it to
        raise ContentError(f"damaged: {_reason(error)}") from error
    text = tidy("\n\n".join(pages))
    if not text.strip():
        if failure is not None:
            raise ContentError(f"damaged: {_reason(failure)}") from failure
        raise ContentError("holds no text (scanned pages?)")
    return text, tidy(title)


def _page_texts(reader: pypdf.PdfReader) -> tuple[list[str], Exception | None]:
    """Return the texts of the pages that can be read, and why the last of the others cannot."""
    pages: list[str] = []
    failure: Exception | None = None
    for number in range(len(reader.pages)):
        try:
            pages.append(reader.pages[number].extract_text())
        except Exception as error:  # one page of many
            failure = error
    return pages, failure


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."
