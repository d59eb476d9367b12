"""Shared by the commands: progress on stderr, quiet decoders, formatting of values."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from unicodedata import category

import click

from aesearch.cli.streams import notes_to
from aesearch.sources.names import escaped
from aesearch.types import Progress, silent
from aesearch.wording import counted

STAGES = {
    "reading": "reading",
    "counting words": "counting words",
    "components": "fitting",
    "preparing": "searchable; measuring",
    "training": "training",
    "checking": "checking and publishing",
    "perturbing": "making perturbed copies",
}

LEFT = " left"  # ends the amount of a stage that has a budget of time


@contextmanager
def quiet_decoders() -> Iterator[None]:
    """Silence libtiff and its like, which write to file descriptor 2."""
    try:
        ours = sys.stderr.fileno() == 2
    except (OSError, ValueError, AttributeError):
        ours = False
    if not ours:
        yield
        return
    sys.stderr.flush()
    before = sys.stderr
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = notes_to(terminal, before.encoding, closefd=True)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        sys.stderr.close()
        sys.stderr = before


@contextmanager
def progress_bars(stream: IO[str]) -> Iterator[Progress]:
    """A callback that draws a bar for each stage; off a terminal, one that does nothing."""
    if not stream.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Remaining(TimeRemainingColumn):
        """The time that a stage still takes; nothing where it is over, or told beside."""

        def render(self, task: Task) -> Text:
            over = task.finished or task.fields["amount"].endswith(LEFT)
            return Text() if over else super().render(task)

    columns: list[ProgressColumn] = [
        TextColumn("{task.description:<25}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[amount]}", justify="right"),
        Remaining(compact=True),
    ]
    tasks: dict[str, TaskID] = {}
    with Bars(*columns, console=Console(file=stream), refresh_per_second=5) as bars:

        def end(those: Collection[TaskID]) -> None:
            for one in bars.tasks:
                if one.id in those and one.fields["amount"].endswith(LEFT):  # ended before its time
                    bars.update(one.id, completed=one.total, amount="")

        def report(stage: str, done: float, total: float) -> None:
            amount = f"{done:,.0f} of {total:,.0f}" if stage == "reading" else ""
            if stage == "training":
                amount = f"{format_seconds(total - done)}{LEFT}" if done < total else ""
            if stage not in tasks:
                end(tasks.values())
                title = STAGES.get(stage, stage)
                tasks[stage] = bars.add_task(title, total=total, amount=amount)
            bars.update(tasks[stage], completed=done, total=total, amount=amount)

        yield report
        for one in bars.tasks:
            bars.update(one.id, completed=one.total)
        end(tasks.values())


def format_seconds(seconds: float) -> str:
    """A duration in prose: 45 s, 5 min 20 s, 1 h 10 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s" if whole % 60 else f"{whole // 60} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def format_bytes(size: float) -> str:
    """A number of bytes in prose: 1 byte, 1.5 kB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return counted(round(size), "byte") if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return ""


def printable(text: str) -> str:
    """A text without control characters and line ends, which a terminal would obey.

    Of names see `escaped`: they can be given back.
    """
    return "".join(letter if _is_harmless(letter) else "�" for letter in text)


def _is_harmless(letter: str) -> bool:
    return letter.isprintable() or category(letter) == "Zs"  # a space of another width


def format_path(path: Path) -> str:
    """A path in one line, relative to the working folder where it lies below it.

    What cannot be shown is escaped, so that ``--key``, ``--among`` and ``remove`` take it.
    """
    try:
        return escaped(str(path.relative_to(Path.cwd())))
    except (ValueError, FileNotFoundError):  # elsewhere, or the working folder was removed
        return escaped(str(path))


def print_exactly(path: str) -> None:
    """Print a path, and what ends it, as the system has it: whatever a terminal can show."""
    raw = os.fsencode(path)
    if path.encode(sys.stdout.encoding or "utf-8", "replace") == raw:
        click.echo(path, nl=False, color=True)  # or click takes away what looks like a color
    else:
        click.echo(raw, nl=False)


def print_json(value: Any, indent: int | None = None) -> None:
    """Print a value as JSON that is valid text in the encoding of standard output.

    Names are exact in it: a byte that is no UTF-8 is half of a pair, as `os.fsdecode` has it.
    """
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=indent)
    click.echo(text)
