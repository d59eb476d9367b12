"""Shared by the commands that draw generated pictures."""

from __future__ import annotations

from pathlib import Path

import click

from aesearch.errors import ParameterError
from aesearch.modalities import MODALITIES, modality
from aesearch.reports.base import FORMATS
from aesearch.types import Pixels

DRAWN_TO = "Where to draw it: .png, .jpg, .webp or .html. Replaced if it exists."


def check_suffix(output: Path) -> None:
    """Refuse a file of a format that cannot be drawn."""
    if output.suffix.lower() not in (*FORMATS, ".html"):
        raise click.UsageError(f"'{output}' must end in .png, .jpg, .webp or .html")


def drawn(pictures: Pixels) -> Pixels:
    """The pictures; refused where they are rows of a table, which cannot be drawn."""
    if pictures.ndim != 4:
        raise ParameterError(
            "the index is of a table, and its rows are no pictures to draw; in Python "
            "'index.generate' gives them as arrays"
        )
    return pictures


def drawable() -> str:
    """The modality that can be drawn, preferred where several indexes fit."""
    return next(name for name in MODALITIES if modality(name).visual)
