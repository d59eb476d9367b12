"""Office documents, made of as little as their formats allow."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
CORE = '<c:coreProperties xmlns:c="c" xmlns:dc="dc"><dc:title>{}</dc:title></c:coreProperties>'


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """A zip archive of these members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return stream.getvalue()


def word(body: str, title: str = "", **parts: str) -> bytes:
    """A Word document: its body, and further parts, both as XML."""
    files = {"document": body, **parts}
    made = {f"word/{name}.xml": f'<w:d xmlns:w="{WORD}">{xml}</w:d>' for name, xml in files.items()}
    return archive({**made, "docProps/core.xml": CORE.format(title)})


def paragraph(*texts: str, style: str = "") -> str:
    """A paragraph of Word, of several runs."""
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{styled}{''.join(f'<w:r><w:t>{text}</w:t></w:r>' for text in texts)}</w:p>"


def slides(*shapes: str, notes: str = "", title: str = "") -> bytes:
    """A presentation, of which each slide is the XML of its shapes."""
    parts = {f"ppt/slides/slide{n}.xml": f"<s>{xml}</s>" for n, xml in enumerate(shapes, 1)}
    parts["ppt/notesSlides/notesSlide1.xml"] = f"<n>{notes}</n>"
    return archive(
        {"ppt/presentation.xml": "<p/>", **parts, "docProps/core.xml": CORE.format(title)}
    )


def open_document(body: str, title: str = "", manifest: str = "<m/>") -> bytes:
    """A document of OpenDocument."""
    return archive(
        {
            "mimetype": "application/vnd.oasis.opendocument.text",
            "content.xml": f'<o xmlns:text="{TEXT}">{body}</o>',
            "meta.xml": f'<m xmlns:dc="dc"><dc:title>{title}</dc:title></m>',
            "META-INF/manifest.xml": manifest,
        }
    )


def workbook(*sheets: str, strings: str = "", styles: str = "") -> bytes:
    """An Excel workbook: the rows of its sheets, shared strings, and styles."""
    names = "".join(f'<sheet name="Sheet {n}"/>' for n in range(1, len(sheets) + 1))
    return archive(
        {
            "xl/workbook.xml": f"<w><sheets>{names}</sheets></w>",
            "xl/sharedStrings.xml": f"<sst>{strings}</sst>",
            "xl/styles.xml": f"<styleSheet>{styles}</styleSheet>",
            **{f"xl/worksheets/sheet{n}.xml": f"<s>{xml}</s>" for n, xml in enumerate(sheets, 1)},
        }
    )


def book(*chapters: str, title: str = "", **parts: str) -> bytes:
    """An EPUB, the last chapter first in the order of its files."""
    items = "".join(
        f'<item id="c{n}" href="text/{9 - n}%20x.xhtml"/>' for n in range(len(chapters))
    )
    order = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    package = (
        f'<package xmlns:dc="dc"><metadata><dc:title>{title}</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    return archive(
        {
            "META-INF/container.xml": '<c><rootfile full-path="OEBPS/a.opf"/></c>',
            "OEBPS/a.opf": package,
            **{f"OEBPS/text/{9 - n} x.xhtml": page for n, page in enumerate(chapters)},
            **{f"META-INF/{name}.xml": xml for name, xml in parts.items()},
        }
    )
