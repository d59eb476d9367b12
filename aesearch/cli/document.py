"""The generated part of docs/cli.md: what every command says with ``--help``.

    python -m aesearch.cli.document docs/cli.md

rewrites what stands below the mark of the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from aesearch.cli import ALIASES, COMMANDS, cli

BEGIN = "<!-- from here on: python -m aesearch.cli.document docs/cli.md -->"
WIDTH = 92


def document() -> str:
    """Write the help of all commands, as Markdown."""
    group = click.Context(cli, info_name="aesearch", **cli.context_settings)
    names = [name for name in cli.list_commands(group) if name not in ALIASES]
    parts = [f"| command | |\n|---|---|\n{_rows(group, names)}"]
    parts += [_chapter(group, name) for name in names]
    return "\n\n".join(parts)


def rewritten(page: str) -> str:
    """Put what `document` writes below the mark of a page."""
    return f"{page.partition(BEGIN)[0]}{BEGIN}\n\n{document()}\n"


def _rows(group: click.Context, names: list[str]) -> str:
    said = {name: _command(group, name).get_short_help_str(limit=WIDTH) for name in names}
    return "\n".join(f"| [`aesearch {name}`](#aesearch-{name}) | {said[name]} |" for name in names)


def _chapter(group: click.Context, name: str) -> str:
    command = _command(group, name)
    context = click.Context(command, group, name, terminal_width=WIDTH)
    also = "".join(
        f"\n\nAlso as `aesearch {alias}`."
        for alias in sorted(ALIASES)
        if COMMANDS[alias] == COMMANDS[name]
    )
    return f"## aesearch {name}\n\n```text\n{command.get_help(context)}\n```{also}"


def _command(group: click.Context, name: str) -> click.Command:
    command = cli.get_command(group, name)
    if command is None:
        raise LookupError(name)
    return command


if __name__ == "__main__":
    for place in map(Path, sys.argv[1:]):
        place.write_text(rewritten(place.read_text(encoding="utf-8")), encoding="utf-8")
