"""Documents to text: plain text, Markdown, reStructuredText, HTML, e-mails and PDF."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aesearch.errors import ContentError, MissingExtraError, NotADocumentError, UnreachableError
from aesearch.modalities.texts.charset import BINARY, decode, mark_of, refuse_binary, tidy

if TYPE_CHECKING:
    import pypdf

MAX_BYTES = 32 << 20

PLAIN = frozenset({".txt", ".text"})
MARKDOWN = frozenset({".md", ".markdown", ".mdown", ".mkd"})
RST = frozenset({".rst", ".rest"})
HTML = frozenset({".html", ".htm", ".xhtml"})
MAIL = frozenset({".eml", ".msg", ".mail", ".email"})
PDF = frozenset({".pdf"})
SUFFIXES = PLAIN | MARKDOWN | RST | HTML | MAIL | PDF

# Mail folders: 1234.M5P7.host:2,S once read, 1700000000.M5P7.host before.
MAILDIR = re.compile(r"\d+\.[^/]*:2,[A-Za-z]*|\d{9,}\.[A-Za-z0-9_]+\.[^/]+")
SUFFIX = re.compile(r"[^./\\]\.+([^./\\\s]+)\Z")
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
    """

    text: str
    title: str = ""


def suffix_of(name: str) -> str:
    """Return the lower-case suffix of a key or file name, empty where it has none that counts.

    Numbers (`alt.atheism/49960.1`) and names in mail folders are no suffixes.
    """
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


def extract(content: bytes, name: str) -> Document:
    """Return the text of a document.

    Parameters
    ----------
    content : bytes
        Of the whole file.
    name : str
        A key or file name. Its suffix tells the kind; without one the content does.

    Raises
    ------
    NotADocumentError
        If the suffix is none of documents, or there is none and the content is not text.
    ContentError
        If the file is empty, too large, damaged, binary or cannot be decoded; the message is the
        reason, in a few words.
    """
    suffix = suffix_of(name)
    if suffix and suffix not in SUFFIXES:
        raise NotADocumentError(f"'{suffix}' is no kind of document")
    if len(content) > MAX_BYTES:
        raise ContentError(
            f"too large: {len(content) / 2**20:.1f} MiB, {MAX_BYTES >> 20} are allowed"
        )
    if suffix in PDF or (not suffix and content.startswith(b"%PDF-")):
        text, title = _pdf_text(content)
    elif suffix:
        text, title = _written(content, suffix)
    else:
        try:
            text, title = _written(content, suffix)
        except ContentError as error:
            if str(error) == BINARY:  # it never claimed to be a document
                raise NotADocumentError(BINARY) from error
            raise
    text = text.strip()
    if not text:
        raise ContentError("is empty")
    return Document(text, " ".join(title.split()) if title else "")


def _written(content: bytes, suffix: str) -> tuple[str, str]:
    """Return text and title of whatever is made of letters."""
    if not content or content.isspace():
        raise ContentError("is empty")
    refuse_binary(content)
    if suffix in PLAIN:
        return decode(content), ""
    # Neither the package nor a search for mails and pages is loaded before there is one.
    if suffix in HTML or (not suffix and PAGE.match(content, len(mark_of(content)[0]))):
        from aesearch.modalities.texts.markup import declared_charset, page_text

        return page_text(decode(content, declared_charset(content)))
    if suffix in MAIL or not suffix:
        from aesearch.modalities.texts.mail import begins_with_header, looks_like_mail, mail_text

        lines = _newlines(content)
        if begins_with_header(lines) if suffix else looks_like_mail(lines):
            return mail_text(lines)
        return decode(content), ""
    from aesearch.modalities.texts.markup import markdown_title, rst_title

    text = decode(content)
    return text, markdown_title(text) if suffix in MARKDOWN else rst_title(text)


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
        raise ContentError("is empty")
    try:
        import logging

        import pypdf
    except ImportError as error:
        raise MissingExtraError("needs 'pip install aesearch[pdf]'", "pdf") from error
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
