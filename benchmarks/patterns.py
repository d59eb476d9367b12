"""Whether any pattern takes longer than its input grows: ``python -m benchmarks.patterns``.

Every compiled pattern of the package's modules that read what others wrote is run over inputs made
of repeated pieces, those that its own letters suggest, of one size and of four times that. A
pattern that takes more than eight times as long for the larger one is listed; what is left of the
list is used on short texts alone.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator, Sequence
from typing import Any

import click

ROOMS = (
    *("aesearch.modalities.texts", "aesearch.modalities.texts.analysis", "aesearch.sources"),
    *("aesearch.search", "aesearch.ingest"),
)
PIECES = (
    *(" ", "\n", "\t", "a", "A", "1", ".", "-", "a ", "A.", "a.", "1.", "1,", "\n ", "- ", "a\n"),
    *(
        "\n\n",
        "<!--",
        "<script",
        "<meta ",
        "```",
        "# ",
        " #",
        "=?",
        "a@",
        "’s",
        "中",
        "é",
        "a\u0301",
    ),
    *("a-", "aA", "_a", "a'", "...", "+++", "+a", "&a", "/", "=", '"', "(", ":"),
)
AROUND = (("", ""), ("", "!x"), ("", "\n\0"), ("# ", ""), ("---\n", ""), ("a", "\0"))
AnyPattern = re.Pattern[Any]
SIZE = 16_000  # characters: what is only quadratic in small steps shows there
GROWTH, NOTICED = 8.0, 0.004  # times as long for four times as much; seconds
# Matched against names of files, words or 255 letters, at one place, or the first 4 KiB alone.
BOUNDED = {
    *("MAILDIR", "PAGE", "FIELD", "CHARSET", "REGION", "LITERAL", "HEADINGS", "_SIMPLE"),
    *("ARRAY", "OBJECT", "ADDRESS", "QUOTED", "EXCLUSION", "PREFIX", "FOLLOWED", "FOREIGN"),
}


def patterns() -> dict[str, AnyPattern]:
    """Every pattern that a module of these rooms holds, by its name."""
    found: dict[str, AnyPattern] = {}
    for room in ROOMS:
        package = importlib.import_module(room)
        names = [room, *(f"{room}.{one.name}" for one in pkgutil.iter_modules(package.__path__))]
        for name in names:
            for key, value in vars(importlib.import_module(name)).items():
                if isinstance(value, re.Pattern) and value not in found.values():
                    found[f"{name}.{key}"] = value
    return found


def is_tried(name: str, names: Sequence[str]) -> bool:
    """Whether a pattern is named, or where none are, meets texts of any length."""
    if names:
        return any(part in name for part in names)
    return name.rpartition(".")[2] not in BOUNDED


def inputs(source: str, size: int) -> Iterator[tuple[str, str]]:
    """Yield pieces and what a text of `size` characters of them is, with something around."""
    letters = {one for one in source if one.isprintable() and one not in "\\"}
    for piece in dict.fromkeys((*PIECES, *sorted(letters))):
        for before, behind in AROUND:
            yield repr(before + piece + behind), before + piece * (size // len(piece)) + behind


def seconds(pattern: AnyPattern, text: str) -> float:
    """CPU time in which a pattern goes through a text."""
    content: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    begun = time.process_time()
    for _ in pattern.finditer(content):
        pass
    pattern.match(content)
    return time.process_time() - begun


def growth(pattern: AnyPattern) -> tuple[float, str]:
    """How many times as long four times as much takes, and of what: the first beyond `GROWTH`."""
    source = pattern.pattern
    source = source.decode("latin-1") if isinstance(source, bytes) else source
    worst = (0.0, "")
    pairs = zip(inputs(source, SIZE), inputs(source, 4 * SIZE), strict=True)
    for (piece, small), (_, large) in pairs:
        if (once := seconds(pattern, small)) > NOTICED / 4:
            longer = seconds(pattern, large)
            if longer > NOTICED:
                worst = max(worst, (longer / once, piece))
        if worst[0] > GROWTH:
            break
    return worst


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """List the patterns that are not linear; the exit code says whether there are any."""
    slow, tried = 0, {name: one for name, one in patterns().items() if is_tried(name, names)}
    for name, pattern in tried.items():
        times, piece = growth(pattern)
        if times > GROWTH:
            slow += 1
            print(
                f"{name}: {times:.1f} times as long for four times as much of {piece}", flush=True
            )
    print(f"{slow} of {len(tried)} patterns take longer than their input grows")
    raise SystemExit(bool(slow))


if __name__ == "__main__":
    main()
