"""Pages: templates that escape what they are given, with styles and scripts from files.

A page is one file that loads nothing from anywhere. Jinja is imported when one is made.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from PIL import Image

from aesearch.reports.base import TILE, encoded, fitted

if TYPE_CHECKING:
    from jinja2 import Environment

EMBEDDED = 320  # longest side of a picture, twice that of a tile: for dense screens
STYLE = "page.css"  # of all pages
WRAPPED = '"use strict";\n(() => {\n%s})();\n'


@dataclass(frozen=True)
class Embedded:
    """A picture in a page, or what is said in its place.

    Attributes
    ----------
    alt : str
        What it shows, for those who do not see it.
    source : str
        Its data URI.
    tiny : bool
        Whether its pixels are to be seen as squares.
    missing : str
        In a few words why there is none.
    """

    alt: str
    source: str = ""
    tiny: bool = False
    missing: str = ""


def render_page(
    template: str,
    title: str,
    *,
    styles: Sequence[str] = (),
    scripts: Sequence[str] = (),
    **values: object,
) -> str:
    """Return a whole page that loads nothing from anywhere.

    Parameters
    ----------
    template : str
        A file of this package that extends ``page.html``.
    title : str
    styles, scripts : sequence of str
        Files of this package; scripts run as one, and no other may run.
    **values
        What the template shows, all of it escaped.
    """
    from markupsafe import Markup

    script = WRAPPED % "\n".join(map(_content, scripts)) if scripts else ""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() if script else ""
    return (
        _templates()
        .get_template(template)
        .render(
            title=title,
            style=Markup("".join(map(_content, (STYLE, *styles)))),
            script=Markup(script),
            digest=digest,
            **values,
        )
    )


@cache
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader("aesearch", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    templates.policies["json.dumps_kwargs"] = compact
    return templates


@cache
def _content(name: str) -> str:
    return (files("aesearch.reports") / name).read_text(encoding="utf-8")


def data_uri(content: bytes, kind: str) -> str:
    """Return a file as a data URI of this media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def embed(picture: Image.Image | str, alt: str) -> Embedded:
    """Return a picture as pages show it in a tile, or the words that say why there is none."""
    if isinstance(picture, str):
        return Embedded(alt, missing=picture)
    tiny = max(picture.size) <= TILE // 2
    format = "PNG" if tiny else "JPEG"
    small = fitted(picture, EMBEDDED, enlarge=False)
    return Embedded(alt, data_uri(encoded(small, format), f"image/{format.lower()}"), tiny)
