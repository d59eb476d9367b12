"""The generated part of docs/encoders.md: what the registry and the classes say of themselves.

    python -m aesearch.encoders.document docs/encoders.md

rewrites what stands between the two marks of the page.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from aesearch.encoders import ENCODERS, EncoderInfo
from aesearch.encoders.autoencoders.base import Autoencoder
from aesearch.encoders.base import Encoder
from aesearch.encoders.info import CHOSEN_ELSEWHERE
from aesearch.encoders.parameters import Parameter, parameters_of
from aesearch.encoders.torch_encoder import TrainedEncoder
from aesearch.modalities import MODALITIES, modality
from aesearch.settings import format_parameters
from aesearch.wording import listed

BEGIN = "<!-- from here on: python -m aesearch.encoders.document docs/encoders.md -->"
END = "<!-- up to here -->"
# What encoders share is told once, under these titles.
SHARED: Mapping[type, str] = {
    TrainedEncoder: "What all trained encoders share",
    Autoencoder: "What all autoencoders share",
}


def document() -> str:
    """Write the tables of all encoders, as Markdown."""
    parts = [_overview()]
    parts += [_chapter(title, encoder) for encoder, title in SHARED.items()]
    parts += [_chapter(f"`{info.name}`", info.load(), info) for info in _in_order()]
    return "\n\n".join(parts)


def rewritten(page: str) -> str:
    """Put what `document` writes between the marks of a page."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{document()}\n\n{END}{after}"


def _in_order() -> list[EncoderInfo]:
    """Sort what `auto` trains first, then what is trained, then the baselines."""
    defaults = [modality(kind).default_encoder for kind in MODALITIES]
    return sorted(ENCODERS.values(), key=lambda i: (i.name not in defaults, not i.trains))


def _overview() -> str:
    lines = ["| encoder | what it is | learns from |", "|---|---|---|"]
    for info in _in_order():
        sources = listed([f"{modality(kind).noun}s" for kind in info.modalities])
        labels = ", with their folders as labels" if info.uses_labels else ""
        name = f"[`{info.name}`](#{info.name})"
        lines.append(f"| {name} | {_cell(_summary(info.load()))} | {sources}{labels} |")
    return "\n".join(lines)


def _chapter(title: str, encoder: type, info: EncoderInfo | None = None) -> str:
    """Write what one class adds to those that it is derived from."""
    parts = [f"### {title}"]
    if info:
        parts.append(_summary(encoder, whole=True))
    parent = _parent(encoder)
    hidden = info.hidden_parameters if info else CHOSEN_ELSEWHERE
    known = parameters_of(parent) if parent else {}
    explained = dict(_entries(_section(encoder, "Parameters")))
    rows = [
        _row(encoder, parameter)
        for name, parameter in parameters_of(encoder).items()
        if name not in hidden and (name in explained or _differs(parameter, known.get(name)))
    ]
    if rows:
        heads = ["| `--set` | may be | what it is |", "|---|---|---|"]
        parts.append("\n".join([*heads, *rows]))
    if parent:
        parts.append(_others(parent, bool(rows)))
    if info and (papers := _section(encoder, "References")):
        parts.append("Papers: " + " ".join(papers.split()))
    return "\n\n".join(parts)


def _differs(one: Parameter, other: Parameter | None) -> bool:
    return other is None or (one.default, one.allowed) != (other.default, other.allowed)


def _parent(encoder: type) -> type | None:
    """Find the nearest base class that has a chapter of its own."""
    chapters = {*SHARED, *(info.load() for info in ENCODERS.values())}
    return next((base for base in encoder.__mro__[1:] if base in chapters), None)


def _others(parent: type, more: bool) -> str:
    title = SHARED.get(parent)
    if title is None:
        title = next(info.name for info in ENCODERS.values() if info.load() is parent)
    anchor = title.lower().replace(" ", "-")
    shown = title[0].lower() + title[1:] if parent in SHARED else f"those of `{title}`"
    return f"{'And' if more else 'It has'} [{shown}](#{anchor})."


def _row(encoder: type, parameter: Parameter) -> str:
    default = format_parameters({parameter.name: parameter.default})
    meaning = describe_parameters(encoder).get(parameter.name, "")
    allowed = parameter.allowed.replace(" or None", " or none")
    return f"| `{default}` | {_cell(allowed)} | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _summary(encoder: type, *, whole: bool = False) -> str:
    """Take the first line of a class's docstring, or all that stands before its parameters."""
    text = re.split(r"^\w[\w ]*\n-+$", inspect.getdoc(encoder) or "", maxsplit=1, flags=re.M)[0]
    return text.strip() if whole else text.partition("\n")[0]


def _section(encoder: type, title: str) -> str:
    """Take one section of a class's own docstring, as numpydoc writes it."""
    found = re.search(
        rf"^{title}\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", inspect.getdoc(encoder) or "", re.M | re.S
    )
    return found[1].strip() if found else ""


def describe_parameters(encoder: type) -> dict[str, str]:
    """Say of each parameter what the nearest docstring says that explains it."""
    found: dict[str, str] = {}
    for base in encoder.__mro__:
        if issubclass(base, Encoder) and base.__doc__:
            for name, text in _entries(_section(base, "Parameters")):
                found.setdefault(name, text)
    return found


def _entries(section: str) -> Iterator[tuple[str, str]]:
    """Yield each parameter of a section that has more than a type."""
    for entry in re.split(r"\n(?=\S)", section):
        head, _, body = entry.partition("\n")
        for name in head.partition(" :")[0].split(", "):
            if body:
                yield name, " ".join(body.split())


if __name__ == "__main__":
    for place in map(Path, sys.argv[1:]):
        place.write_text(rewritten(place.read_text(encoding="utf-8")), encoding="utf-8")
