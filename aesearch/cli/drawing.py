"""What commands that draw what an encoder makes have in common."""

from __future__ import annotations

from pathlib import Path

import click

from aesearch.errors import ParameterError
from aesearch.modalities import MODALITIES, modality
from aesearch.reports.base import FORMATS
from aesearch.types import Pixels

DRAWN_TO = "Where to draw it: .png, .jpg, .webp or .html. Replaced if it exists."


def check_suffix(output: Path) -> None:
    """Refuse a file that could not be drawn into."""
    if output.suffix.lower() not in (*FORMATS, ".html"):
        raise click.UsageError(f"'{output}' must end in .png, .jpg, .webp or .html")


def drawn(pictures: Pixels) -> Pixels:
    """Return them, unless they are rows of a table, which nobody can look at."""
    if pictures.ndim != 4:
        raise ParameterError(
            "the index is of a table, and its rows are no pictures to draw; in Python "
            "'index.generate' gives them as arrays"
        )
    return pictures


def drawable() -> str:
    """The kind of data that can be drawn: where several indexes fit, one of it is meant."""
    return next(name for name in MODALITIES if modality(name).visual)
