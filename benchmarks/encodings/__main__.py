"""Detectors of encodings side by side: ``python -m benchmarks.encodings``.

Right is a piece that is decoded to its text; refusing is not right, guessing without a note not
either. charset-normalizer and faust-cchardet take part where they are installed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version

import click

from aesearch.errors import ContentError
from aesearch.modalities.texts.charset import read_text, refuse_binary
from benchmarks.encodings.texts import SIZES, Piece, pieces

Detector = Callable[[bytes], str | None]


def aesearch(content: bytes) -> str | None:
    """The text that aesearch reads; None where it says nothing of having guessed."""
    refuse_binary(content)
    text, guessed = read_text(content)
    return text if guessed else None


def chardet(content: bytes) -> str | None:
    """The text in the encoding that chardet finds."""
    found = import_module("chardet").detect(content, compat_names=False)["encoding"]
    return content.decode(found) if found else None


def charset_normalizer(content: bytes) -> str | None:
    """The text that charset-normalizer finds."""
    found = import_module("charset_normalizer").from_bytes(content).best()
    return None if found is None else str(found)


def cchardet(content: bytes) -> str | None:
    """The text in the encoding that faust-cchardet finds."""
    found = import_module("cchardet").detect(content)["encoding"]
    return content.decode(found) if found else None


DETECTORS: dict[str, tuple[Detector, str]] = {
    "aesearch": (aesearch, ""),
    "chardet": (chardet, "chardet"),
    "charset-normalizer": (charset_normalizer, "charset-normalizer"),
    "faust-cchardet": (cchardet, "faust-cchardet"),
}


def is_right(detector: Detector, piece: Piece) -> bool:
    """Whether a detector finds the text of a piece."""
    with suppress(ContentError, UnicodeError, LookupError):
        return detector(piece.content) == piece.text
    return False


def table(title: str, chosen: Iterable[Piece], *, verbose: bool) -> Iterator[str]:
    """Yield the lines of a table: the share that each detector has right, by size."""
    chosen = list(chosen)
    totals = Counter(piece.size for piece in chosen)
    counts = ", ".join(f"{totals[size]:,} of {size} bytes" for size in SIZES)
    yield f"\n{title} ({counts})"
    yield f"  {'':26}" + "".join(f"{size:>8}" for size in SIZES) + "     ms each"
    for name, (detector, package) in DETECTORS.items():
        try:
            label = f"{name} {version(package)}" if package else name
        except ImportError:
            continue
        begun = time.process_time()
        wrong = [piece for piece in chosen if not is_right(detector, piece)]
        each = (time.process_time() - begun) / len(chosen) * 1000
        missed = Counter(piece.size for piece in wrong)
        shares = "".join(f"{1 - missed[size] / totals[size]:8.1%}" for size in SIZES)
        yield f"  {label:26}{shares}{each:12.2f}"
        if verbose:
            pairs = Counter((piece.encoding, piece.language) for piece in wrong)
            yield from (f"      {key[0]:14} {key[1]:24} {n}" for key, n in pairs.most_common(30))


@click.command(help=__doc__)
@click.option("--verbose", is_flag=True, help="What was wrong, too.")
def main(verbose: bool) -> None:
    """Print both tables."""
    everything = list(pieces())
    usual = [piece for piece in everything if piece.usual]
    for title, chosen in (("usual encodings", usual), ("all that can write it", everything)):
        print("\n".join(table(title, chosen, verbose=verbose)), flush=True)


if __name__ == "__main__":
    main()
