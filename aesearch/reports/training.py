"""How a training went, drawn: the loss, its terms and the validation over the epochs."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aesearch.errors import ParameterError, UnsupportedError
from aesearch.reports import svg
from aesearch.reports.base import ACCENT, EDGE, FAINT, INK, replace
from aesearch.reports.page import render_page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".html")
NOT_TERMS = {"epoch", "seconds", "rate", "validation"}
# Okabe and Ito's colors without yellow and with ours first: told apart by the color-blind.
COLORS = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b7280")
WIDE = 10.0  # largest over smallest value, from which on a logarithmic scale shows more
FEW = 25  # epochs up to which each gets a dot
MOST_EVENTS = 5

Curve = tuple[list[int], list[float]]


@dataclass
class Phase:
    """One stretch of a training, which counts its epochs from 1.

    Attributes
    ----------
    name : str
        Empty for the main training.
    total, validation : tuple of list of int and list of float
        Epochs and values. The total is the sum of the terms: what is minimised.
    terms : dict
        The same for each term.
    events : list of tuple of int and str
        Epoch and what happened there.
    seconds : float
        How long it took.
    """

    name: str
    total: Curve = field(default_factory=lambda: ([], []))
    validation: Curve = field(default_factory=lambda: ([], []))
    terms: dict[str, Curve] = field(default_factory=dict)
    events: list[tuple[int, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def last(self) -> int:
        """The last epoch."""
        return max([1, *self.total[0], *self.validation[0], *(epoch for epoch, _ in self.events)])


def phases_of(history: Iterable[Mapping[str, Any]]) -> list[Phase]:
    """Return the phases of a training history, in order.

    Parameters
    ----------
    history : iterable of mapping
        An entry per epoch, as ``encoder.json`` keeps it: "epoch", "seconds", a number for each
        term of the loss, and where there are such "validation", "phase" and "event".
    """
    found = []
    for name, entries in groupby(history, key=lambda entry: str(entry.get("phase", ""))):
        phase = Phase(name)
        for entry in entries:
            epoch = int(entry.get("epoch", 0))
            if "event" in entry:
                phase.events.append((epoch, str(entry["event"])))
            phase.seconds = max(phase.seconds, float(entry.get("seconds", 0.0)))
            terms = {
                key: float(value)
                for key, value in entry.items()
                if key not in NOT_TERMS and _is_number(value)
            }
            for term, value in terms.items():
                _append(phase.terms.setdefault(term, ([], [])), epoch, value)
            if terms:
                _append(phase.total, epoch, sum(terms.values()))
            if _is_number(entry.get("validation")):
                _append(phase.validation, epoch, float(entry["validation"]))
        found.append(phase)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _append(curve: Curve, epoch: int, value: float) -> None:
    curve[0].append(epoch)
    curve[1].append(value)


def write_history(history: Sequence[Mapping[str, Any]], out: Path, *, title: str) -> None:
    """Draw a training history.

    The phases stand side by side. Above are the loss and the validation, below each term; events,
    such as an early stop, are marked.

    Parameters
    ----------
    history : sequence of mapping
        See `phases_of`.
    out : Path
        Its suffix decides: .png, .svg or .html. Replaced if it exists.
    title : str

    Raises
    ------
    ParameterError
        If the suffix is another one.
    UnsupportedError
        If there is no epoch in it: the encoder was not trained in epochs, as PCA is not.
    StorageError
        If the file cannot be written.
    """
    suffix = out.suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(f"a plot is written as {', '.join(SUFFIXES)}; got {out.name!r}")
    phases = [phase for phase in phases_of(history) if phase.total[0] or phase.validation[0]]
    if not phases:
        raise UnsupportedError(
            "there is no training history to plot: nothing was learned in epochs"
        )
    if suffix == ".html":
        replace(out, _page(phases, title).encode("utf-8", "replace"))
    else:
        replace(out, _rendered(_figure(phases, title), suffix[1:]))


def _page(phases: Sequence[Phase], title: str) -> str:
    with svg.drawing():
        chart = svg.inline(
            _figure(phases),
            "; ".join(map(_in_words, phases)),
            colors={color: svg.vivid(color) for color in COLORS},
        )
    return render_page("training.html", title, styles=["training.css"], chart=chart)


def _in_words(phase: Phase) -> str:
    """Say what a phase's curves show, for those who do not see them."""
    parts = []
    curves = {"loss": phase.total, "validation": phase.validation}
    if len(phase.terms) > 1:
        curves |= phase.terms
    for name, (epochs, values) in curves.items():
        if epochs:
            parts.append(f"{name} from {values[0]:.4g} to {values[-1]:.4g} at epoch {epochs[-1]}")
    parts += [f"epoch {epoch}: {text}" for epoch, text in phase.events]
    return f"{phase.name or 'training'}: {', '.join(parts)}"


def _figure(phases: Sequence[Phase], title: str = "") -> Figure:
    """Draw on a figure of its own: pyplot would keep a state, and look for a screen."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = 2 if any(len(phase.terms) > 1 for phase in phases) else 1
    with rc_context({"font.size": 10, "text.color": INK, "axes.labelcolor": INK}):
        size = (max(7.0, (5.2 if len(phases) < 3 else 4.2) * len(phases)), 3.4 * rows + 0.8)
        figure = Figure(figsize=size, dpi=110, layout="constrained")
        if title:
            figure.suptitle(title, fontsize=13)
        panels = figure.subplots(rows, len(phases), squeeze=False)
        for column, phase in enumerate(phases):
            upper = panels[0][column]
            _panel(upper, {"loss": phase.total, "validation": phase.validation}, (INK, ACCENT))
            took = f", {phase.seconds:.0f} s" if phase.seconds >= 1 else ""
            upper.set_title(f"{phase.name or 'training'}{took}", loc="left", fontsize=11, pad=24)
            upper.set_xlim(0.5, phase.last + 0.5)
            drawn = [upper]
            if len(phase.terms) > 1:
                drawn.append(panels[1][column])
                _panel(drawn[1], phase.terms, COLORS)
                drawn[1].sharex(upper)
                drawn[1].set_ylabel("its terms")
            elif rows == 2:  # a single term is the loss itself
                panels[1][column].set_axis_off()
            for axes in drawn:
                for epoch, _ in phase.events:
                    axes.axvline(epoch, color=ACCENT, linewidth=0.9, linestyle=":", zorder=1.5)
            drawn[-1].set_xlabel("\n".join(["epoch", *_told(phase.events)]))
        panels[0][0].set_ylabel("loss")
    return figure


def _panel(axes: Axes, curves: Mapping[str, Curve], colors: Sequence[str]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    curves = {name: curve for name, curve in curves.items() if curve[0]}
    for number, (name, (epochs, values)) in enumerate(curves.items()):
        dot = "o" if len(epochs) <= FEW else ""
        style = ("-", "--", ":")[number // len(colors) % 3]
        color = colors[number % len(colors)]
        label = f"{name} {values[-1]:.3g}"
        axes.plot(epochs, values, style, marker=dot, markersize=3.5, color=color, label=label)
    every = [value for _, values in curves.values() for value in values]
    if every and min(every) > 0 and max(every) >= WIDE * min(every):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color=EDGE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(which="both", colors=FAINT)
    # Above the panel, where no curve runs through it.
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.01, 0.98),
        ncols=3,
        frameon=False,
        fontsize=9,
        handlelength=1.8,
        columnspacing=1.2,
    )


def _told(events: Sequence[tuple[int, str]]) -> list[str]:
    """Return a line for each event, or for the first few."""
    lines = [f"{epoch}: {text}" for epoch, text in events]
    if len(lines) <= MOST_EVENTS:
        return lines
    return [*lines[: MOST_EVENTS - 1], f"and {len(lines) - MOST_EVENTS + 1} events more"]


def _rendered(figure: Figure, format: str) -> bytes:
    from matplotlib import rc_context

    stream = io.BytesIO()
    # Without a date and a random salt, the same history gives the same file.
    with rc_context({"svg.hashsalt": "aesearch"}):
        figure.savefig(stream, format=format, metadata={"Date": None} if format == "svg" else {})
    return stream.getvalue()
