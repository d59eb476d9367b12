"""Options that several commands have: the file to draw to, and the index."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import click

from aesearch.errors import ParameterError
from aesearch.modalities import Modality

# -word, but not -k5, -osheet.png and the short options themselves.
EXCLUSION = re.compile(r"-(?!k\d+\Z|o.*\.\w+\Z|[koh0]\Z)[^\W_]")
Command = TypeVar("Command", bound=Callable[..., Any])


class Place(click.Path):
    """A path that is not empty: one of a variable that is not set would be the working folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty path."""
        if value == "":
            self.fail("it is empty; name a path, or . for the working folder", param, ctx)
        return super().convert(value, param, ctx)


def output_option(
    *names: str, help: str, metavar: str = "OUT", default: str | None = None
) -> Callable[[Command], Command]:
    """The option ``-o/--output`` for a file.

    Its folder is checked while the command line is read: a training or a search whose result
    cannot be written is not begun.

    Parameters
    ----------
    *names : str
        More names of the option; the last is that of the parameter, 'output' where there is none.
    help : str
    metavar : str
    default : str, optional

    Raises
    ------
    ParameterError
        When the command is called, if the folder is missing or cannot be written to.
    """
    return click.option(
        "-o",
        "--output",
        *names,
        type=Place(path_type=Path, dir_okay=False),
        default=None if default is None else Path(default),
        show_default=default is not None,
        metavar=metavar,
        help=help,
        callback=_in_a_folder,
    )


def refuse_undrawable(out: Path | None, modality: Modality) -> None:
    """Refuse to draw an index whose items cannot be drawn."""
    if out is not None and not modality.visual:
        raise click.UsageError(f"-o draws pictures; this is an index of {modality.noun}s")


class TakingText(click.Command):
    """A command of a text, in which -word may be meant to leave a word out: its errors say how."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line."""
        meant = self._exclusion(ctx, args)
        if not meant:
            return super().parse_args(ctx, args)
        hint = f"to leave out a word, quote the text: '... {meant}', or put -- before it"
        if meant.startswith(("-h", "-o")):  # -horse would print the help, -orange write a file
            raise click.UsageError(f"No such option {meant}; {hint}", ctx)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"{error.format_message().rstrip('.')}; {hint}", ctx) from error

    def _exclusion(self, ctx: click.Context, args: list[str]) -> str | None:
        """The first argument that looks like -word, and is no value of an option."""
        valued = {
            name
            for option in self.get_params(ctx)
            if isinstance(option, click.Option) and not (option.is_flag or option.count)
            for name in option.opts
        }
        for before, here in pairwise(["", *args]):
            if here == "--":
                return None
            if before not in valued and EXCLUSION.match(here):
                return here
        return None


def _in_a_folder(
    _context: click.Context, _option: click.Parameter, out: Path | None
) -> Path | None:
    """The path, whose folder exists and can be written to."""
    if out is None:
        return None
    folder = out.parent
    if not folder.is_dir():
        what = f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
        raise ParameterError(f"{out} cannot be written: {what}; make it, or name another place")
    if not os.access(folder, os.W_OK):
        raise ParameterError(f"{out} cannot be written: no permission to write into {folder}")
    return out


INDEX_OPTION = click.option(
    "--index",
    "named",
    type=Place(),
    metavar="PATH",
    help="The index, as for query; or name it without --index.",
)
