"""Matplotlib's figures as parts of a page: in its letters, and in its colors, light or dark.

Texts stay texts. Marks get a class, a title to point at or other attributes by their gid.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aesearch.reports.base import ACCENT, EDGE, FAINT, INK, MAT, PAPER

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.figure import Figure

FONT = "DejaVu Sans"  # comes with matplotlib, and is wide: what fits in it fits in any other
COLORS = {  # of the style that all pages share
    PAPER: "var(--paper)",
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    MAT: "var(--mat)",
    EDGE: "var(--line)",
    ACCENT: "var(--accent)",
}
LEFT_OUT = {"metadata", "style"}  # a style would be one of the whole page
REFERENCE = re.compile(r"^#(.+)$|url\(#(.+?)\)")
LONG = re.compile(r"-?\d+\.\d{3,}")
NAME = re.compile(r"\{.*\}")  # the namespace before it


@contextmanager
def drawing() -> Iterator[None]:
    """Draw for a page, in its letters; letters that matplotlib lacks are left to the browser."""
    from matplotlib import rc_context

    settings = rc_context(
        {
            "font.family": [FONT],
            "font.size": 12,
            "text.color": INK,
            "text.parse_math": False,
            "axes.labelcolor": INK,
            "svg.fonttype": "none",
            "path.simplify": False,
        }
    )
    with settings, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def vivid(color: str) -> str:
    """Return a color for marks, as it is on a light page and lighter on a dark one."""
    return f"color-mix(in srgb, {color} var(--vivid), #fff)"


def inline(
    figure: Figure,
    said: str,
    *,
    colors: Mapping[str, str] | None = None,
    marks: Mapping[str, Mapping[str, str]] | None = None,
) -> Markup:
    """Return a figure as an SVG element of a page.

    Parameters
    ----------
    figure : Figure
        Drawn within `drawing`, which is still open.
    said : str
        What it shows, for those who do not see it.
    colors : mapping of str to str, optional
        What the page has in place of a color that was drawn with, beside COLORS.
    marks : mapping of str to mapping of str to str, optional
        By gid, attributes of what was drawn; ``title`` is said where one points at it.
    """
    from markupsafe import Markup

    root = ElementTree.fromstring(_drawn(figure, said))
    painted = {**COLORS, **(colors or {})}
    _tidy(root, painted, marks or {}, _referred(root))
    box = root.attrib["viewBox"]
    root.attrib = {"class": "chart", "viewBox": box, "role": "img", "aria-label": said}
    root.attrib["style"] = f"--width: {float(box.split()[2]) / 12:g}rem"  # letters as they are
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # escaped by ElementTree


def _drawn(figure: Figure, salt: str) -> str:
    from matplotlib import rc_context

    stream = io.StringIO()
    # Without a date and a random salt, the same figure gives the same page.
    with rc_context({"svg.hashsalt": salt}):
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    return stream.getvalue()


def _referred(root: ElementTree.Element) -> set[str]:
    """Return the ids that something refers to; others would be in a page more than once."""
    values = [value for element in root.iter() for value in element.attrib.values()]
    return {"".join(found) for value in values for found in REFERENCE.findall(value)}


def _tidy(
    element: ElementTree.Element,
    colors: Mapping[str, str],
    marks: Mapping[str, Mapping[str, str]],
    referred: set[str],
) -> None:
    """Bring an element and all in it into the form of a page."""
    element.tag = NAME.sub("", element.tag)
    attributes = {NAME.sub("", name): value for name, value in element.attrib.items()}
    title = ""
    if attributes.get("id", "") not in referred:
        more = dict(marks.get(attributes.pop("id", ""), {}))
        title = more.pop("title", "")
        attributes |= more
    if "style" in attributes:
        attributes["style"] = _painted(attributes["style"], colors)
    for name in ("d", "x", "y", "transform"):
        if name in attributes:
            attributes[name] = " ".join(LONG.sub(_shorter, attributes[name]).split())
    element.attrib = attributes
    for child in list(element):
        if NAME.sub("", child.tag) in LEFT_OUT:
            element.remove(child)
        else:
            _tidy(child, colors, marks, referred)
    if element.tag != "text":
        element.text = None
    element.tail = None
    _share_style(element)
    if title:
        said = ElementTree.Element("title")
        said.text = title
        element.insert(0, said)


def _painted(style: str, colors: Mapping[str, str]) -> str:
    """Return a style in the colors and the letters of the page."""
    painted = re.sub(r"#[0-9a-f]{6}\b", lambda found: colors.get(found[0], found[0]), style)
    return painted.replace(f"'{FONT}'", "system-ui, sans-serif")


def _shorter(found: re.Match[str]) -> str:
    return f"{float(found[0]):.2f}".rstrip("0").rstrip(".")


def _share_style(group: ElementTree.Element) -> None:
    """Say once what all marks of a group have in common: there may be thousands."""
    uses = [child for child in group if child.tag == "use"]
    styles = {use.attrib.get("style", "") for use in uses}
    if len(uses) > 1 and len(styles) == 1 and "style" not in group.attrib:
        group.attrib["style"] = styles.pop()
        for use in uses:
            use.attrib.pop("style", None)
