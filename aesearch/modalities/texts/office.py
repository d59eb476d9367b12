"""Office documents to text: Word, PowerPoint, Excel, OpenDocument, EPUB and RTF.

Most are zip archives of XML, of which the text is read as it streams past: nothing has to be
installed, no file becomes a tree, and nothing beyond `MAX_XML` is unpacked. RTF takes striprtf, the
extra ``office``. docs/documents.md says what other libraries were measured to give.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from urllib.parse import unquote

from aesearch.errors import ContentError, MissingExtraError
from aesearch.modalities.texts.charset import decode, tidy
from aesearch.modalities.texts.zipped import ENCRYPTED, Parts, Text, Vocabulary, attributes

MAX_RTF = 4 << 20  # bytes, without its pictures
PICTURE = re.compile(rb"[0-9A-Fa-f\r\n]{256,}")  # of RTF: in hexadecimal digits
RTF_TITLE = re.compile(rb"\{\\title\s([^{}]{1,500})\}")
# What programs call a document that nobody gave a title.
NO_TITLE = re.compile(
    r"(microsoft word - .*|powerpoint.{0,3}pr\w+|(un)?titled?|unbenannt|document\d*|dokument\d*)\Z",
    re.IGNORECASE,
)

WORD = Vocabulary(
    frozenset({"t"}),
    frozenset({"Fallback", "rPr", "sectPr", "tabs", "moveFrom"}),
    {"p": "\n", "tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"},
)
SLIDE = Vocabulary(frozenset({"t"}), frozenset({"fld", "Fallback"}), {"p": "\n", "br": "\n"})
OPEN_DOCUMENT = Vocabulary(
    frozenset({"p", "h"}),
    frozenset({"tracked-changes", "note-citation", "binary-data", "scripts", "annotation-end"}),
    {"p": "\n", "h": "\n", "tab": "\t", "line-break": "\n", "s": " "},
)


def office_text(content: bytes, *, named: bool = False) -> tuple[str, str] | None:
    """Text and title of an office document, by what it holds; None where it is none.

    Parameters
    ----------
    content : bytes
        Of the whole file.
    named : bool
        Whether its name claims that it is one.

    Raises
    ------
    MissingExtraError
        If it is RTF, and striprtf is not installed.
    ContentError
        If it is damaged, encrypted, too large or of the formats before 2007.
    """
    if content.startswith(b"{\\rtf"):
        return _rtf_text(content)
    if content.startswith(b"\xd0\xcf") and named:
        raise ContentError(_why_not_ole(content))
    if not content.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            read = _reader_of(archive)
            if read is not None:
                return _with_title(*read(Parts(archive)))
    except ContentError:
        raise
    except Exception as error:  # zipfile and expat raise whatever a damaged file leads them to
        if named:
            raise ContentError(f"damaged: {' '.join(str(error).split())[:120]}") from error
    if named:
        raise ContentError("damaged: it is a zip archive that holds no document")
    return None


def _with_title(text: str, title: str) -> tuple[str, str]:
    """A text that holds its title, and the title."""
    text, title = tidy(text), " ".join(tidy(title).split())
    return text if title in text else f"{title}\n\n{text}", title


def _why_not_ole(content: bytes) -> str:
    if "EncryptedPackage".encode("utf-16-le") in content:
        return ENCRYPTED
    return "is in a format of before 2007 (.doc, .xls, .ppt): save it as .docx, .xlsx or .pptx"


def _reader_of(archive: zipfile.ZipFile) -> Callable[[Parts], tuple[str, str]] | None:
    """What reads an archive, by the names of its members; None of what is no document."""
    names = set(archive.namelist())
    if any(re.fullmatch(r"word/document\d*\.xml", name) for name in names):
        return _word
    if "ppt/presentation.xml" in names:
        return _slides
    if "xl/workbook.xml" in names:
        return _workbook
    if "META-INF/container.xml" in names:
        return _book
    return _open_document if "content.xml" in names else None


def _word(parts: Parts) -> tuple[str, str]:
    """A Word document: its body, notes, comments, and what stands above and below all pages."""
    texts: dict[str, None] = {}  # headers of the first, the even and the odd pages are often one
    heading = ""
    for kind in ("document", "footnotes", "endnotes", "comments", "header", "footer"):
        for name in parts.like(rf"word/{kind}\d*\.xml"):
            part = Text(WORD)
            texts.setdefault(part.read(parts.chunks(name)))
            heading = heading or part.heading
    return "\n".join(texts), _core_title(parts) or heading


def _slides(parts: Parts) -> tuple[str, str]:
    """A PowerPoint presentation: slides, then what the speaker notes."""
    texts, heading = [], ""
    for pattern in (r"ppt/slides/slide\d+\.xml", r"ppt/notesSlides/notesSlide\d+\.xml"):
        for name in parts.like(pattern):
            part = Text(SLIDE)
            texts.append(part.read(parts.chunks(name)))
            heading = heading or part.heading
    return "\n".join(texts), _core_title(parts) or heading


def _workbook(parts: Parts) -> tuple[str, str]:
    """An Excel workbook."""
    from aesearch.modalities.texts.workbook import workbook_text

    return workbook_text(parts), _core_title(parts)


def _open_document(parts: Parts) -> tuple[str, str]:
    """A text, a presentation or a spreadsheet of OpenDocument."""
    if b"encryption-data" in parts.read("META-INF/manifest.xml"):
        raise ContentError(ENCRYPTED)
    part = Text(OPEN_DOCUMENT)
    text = part.read(parts.chunks("content.xml"))
    return text, _title_in(parts, "meta.xml") or part.heading


def _core_title(parts: Parts) -> str:
    return _title_in(parts, "docProps/core.xml")


def _title_in(parts: Parts, name: str) -> str:
    """The first title of the metadata; none where a program gave it."""
    if name not in parts.names:
        return ""
    part = Text(Vocabulary(frozenset({"title"}), ends={"title": "\n"}))
    title = part.read(parts.chunks(name)).strip().partition("\n")[0]
    return "" if NO_TITLE.match(title) else title


def _book(parts: Parts) -> tuple[str, str]:
    """An EPUB: its chapters in the order in which they are read."""
    from aesearch.modalities.texts.markup import declared_charset, page_text

    package = attributes(parts, "META-INF/container.xml", "rootfile", "full-path")[0]
    base = package.rpartition("/")[0]
    files = dict(
        zip(*(attributes(parts, package, "item", name) for name in ("id", "href")), strict=True)
    )
    texts, heading = [], ""
    for name in attributes(parts, package, "itemref", "idref"):
        path = f"{base}/{unquote(files[name])}".lstrip("/") if name in files else ""
        page = parts.read(_plain(path))
        text, title = page_text(decode(page, declared_charset(page))) if page else ("", "")
        texts.append(text)
        heading = heading or title
    text = "\n\n".join(texts)
    if not text.strip() and "META-INF/encryption.xml" in parts.names:
        raise ContentError("is encrypted: it can be read by the shop's program alone")
    return text, _title_in(parts, package) or heading


def _plain(path: str) -> str:
    """A path without .. in it."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    return "/".join(kept)


def _rtf_text(content: bytes) -> tuple[str, str]:
    """Text and title of RTF; footnotes stand where they are named."""
    try:
        from striprtf.striprtf import rtf_to_text
    except ImportError as error:
        raise MissingExtraError("needs pip install 'aesearch[office]'", "office") from error
    content = PICTURE.sub(b"", content).replace(b"\\footnote", b"")
    if len(content) > MAX_RTF:
        raise ContentError(
            f"too large: {len(content) / 2**20:.1f} MiB, {MAX_RTF >> 20} are allowed"
        )
    if not content.rstrip(b"\0\x1a\r\n\t ").endswith(b"}"):
        raise ContentError("damaged: it breaks off before its end")
    title = RTF_TITLE.search(content)
    try:
        text = rtf_to_text(content.decode("latin-1"), errors="replace")
        begin = content[: content.find(b"{", 1)].decode("latin-1")
        named = rtf_to_text(f"{begin} {title[1].decode('latin-1')}}}") if title else ""
    except Exception as error:
        raise ContentError(f"damaged: {' '.join(str(error).split())[:120]}") from error
    # Half pairs of UTF-16 are how RTF writes what lies beyond 65,535.
    text, named = (
        part.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for part in (text, named)
    )
    return tidy(text), " ".join(named.split())
