"""What people read of HTML, and the titles of Markdown and reStructuredText."""

from __future__ import annotations

import re
from html.parser import HTMLParser

HIDDEN = frozenset({"script", "style", "template", "noscript"})
PARAGRAPHS = frozenset(
    {
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "dl",
        "fieldset",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "title",
        "ul",
    }
)
LINES = frozenset(
    {
        "br",
        "caption",
        "dd",
        "details",
        "div",
        "dt",
        "figcaption",
        "head",
        "html",
        "legend",
        "li",
        "option",
        "summary",
        "tbody",
        "tfoot",
        "thead",
        "tr",
    }
)
CELLS = frozenset({"td", "th"})

# Left out before parsing: what is never closed makes the parser look for its end again and again.
UNREAD = re.compile(
    r"<!--.*?(?:--!?>|\Z)|<(script|style)\b[^<>]*(?<!/)>.*?(?:</\1\s*>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
CHARSET = re.compile(
    rb"""<meta[^<>]+?charset\s*=\s*["']?\s*([\w.:-]+)|<\?xml[^<>]+?encoding\s*=\s*["']([\w.:-]+)""",
    re.IGNORECASE,
)
FRONT_MATTER = re.compile(
    r"(?:---[ \t]*\n(.*?)^(?:---|\.\.\.)|\+\+\+[ \t]*\n(.*?)^\+\+\+)[ \t]*$\n?",
    re.DOTALL | re.MULTILINE,
)
FRONT_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
FENCE = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)", re.DOTALL | re.MULTILINE)
HEADING = re.compile(r"^ {0,3}#[ \t]++(\S.*)|^(\S.*)\n={2,}[ \t]*$", re.MULTILINE)
UNDERLINED = re.compile(
    r"""^[ \t]*(\S.*)\n([=\-`:.'"~^_*+#<>!$%&(),/;?@\[\\\]{|}])\2+[ \t]*$""", re.M
)
TITLES_WITHIN = 1 << 16  # characters in which a title is looked for


def declared_charset(content: bytes) -> str:
    """Return the encoding that a page declares in its first 4 KiB, or the empty string."""
    found = CHARSET.search(content[:4096])
    return (found[1] or found[2]).decode("ascii", "replace") if found else ""


def page_text(page: str) -> tuple[str, str]:
    """Return what is read of an HTML page, its title first, and its title.

    Never raises: what is malformed is read as browsers do, or left out.
    """
    reader = _Reader()
    page = UNREAD.sub(" ", page)
    last = page.rfind(">") + 1
    reader.feed(page[:last] + page[last:].replace("<", "&lt;"))
    reader.close()
    return reader.result()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.titles: list[str] = []
        self.hidden: list[str] = []
        self.verbatim = 0
        self.in_title = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in HIDDEN:
            self.hidden.append(tag)
        elif tag == "title" and not self.titles:
            self.in_title = True
        elif tag == "pre":
            self.verbatim += 1
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.hidden:  # whatever was left open within it ends here too
            del self.hidden[self.hidden.index(tag) :]
        elif tag == "title":
            self.in_title = False
        elif tag == "pre":
            self.verbatim = max(0, self.verbatim - 1)
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        if self.in_title:
            self.titles.append(data)
        else:
            self.parts.append(data if self.verbatim else " ".join(_edged(data)))

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Skip `<![...]>` as browsers do; the standard library raises for unknown ones."""
        return self.parse_bogus_comment(i, False)

    def _part(self, tag: str) -> None:
        if tag in PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in LINES:
            self.parts.append("\n")
        elif tag in CELLS:
            self.parts.append("\t")

    def result(self) -> tuple[str, str]:
        title = " ".join("".join(self.titles).split())
        lines = (line.strip() for line in "".join(self.parts).split("\n"))
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        return f"{title}\n\n{body}" if title and body else title or body, title


def _edged(data: str) -> list[str]:
    """Return the words of a text, with empty ones where it begins or ends with a space."""
    words = data.split()
    if not words:
        return ["", ""] if data else []
    if data[0].isspace():
        words.insert(0, "")
    if data[-1].isspace():
        words.append("")
    return words


def markdown_title(text: str) -> str:
    """Return the title in the front matter, else the first heading, else the empty string."""
    text = text[:TITLES_WITHIN]
    front = FRONT_MATTER.match(text)
    if front:
        found = FRONT_TITLE.search(front[1] or front[2] or "")
        title = found[1].strip().strip("\"'").strip() if found else ""
        if title:
            return title
        text = text[front.end() :]
    found = HEADING.search(FENCE.sub("", text))
    if not found:
        return ""
    if found[2]:
        return found[2].strip()
    title = found[1].rstrip()
    closed = title.rstrip("#")  # as in "# Title ##"
    return closed.rstrip() if closed.endswith((" ", "\t")) else title


def rst_title(text: str) -> str:
    """Return the first underlined heading of reStructuredText, or the empty string."""
    for found in UNDERLINED.finditer(text[:TITLES_WITHIN]):
        title = found[1].rstrip()
        underline = found[0].rpartition("\n")[2].rstrip()
        if len(underline) >= len(title) and any(map(str.isalnum, title)):
            return title
    return ""
