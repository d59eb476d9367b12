"""How the check and the training of an index are told: by ``index`` at its end, and by ``info``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import Any

from aesearch.cli.console import clock
from aesearch.encoders import is_trained
from aesearch.search.fusion import WordsCheck
from aesearch.settings import FEWEST_TO_FIT, FEWEST_TO_TRAIN
from aesearch.storage.info import IndexInfo
from aesearch.wording import counted

MEASURES = {"reciprocal_rank": "MRR of perturbed queries", "by_folder": "mean of P@10 and mAP"}
# Where the budget left less of the epochs than this, more time is likely to help.
ENOUGH = 1 / 3


def told(facts: IndexInfo, noun: str) -> Iterator[str]:
    """Yield lines on why this encoder was published.

    Parameters
    ----------
    facts : IndexInfo
    noun : str
        'picture' or 'document'.
    """
    if facts.check:
        yield verdict(facts.check, noun)
        yield from _beside(facts.check)
    yield from reasons(facts, noun)


def reasons(facts: IndexInfo, noun: str) -> Iterator[str]:
    """Yield what `told` does, less the figures: what was not sure, not trained, not finished."""
    yield from _doubts(facts.check or {})
    yield from untrained(facts, noun)
    yield from cut_short(facts)
    if facts.modality.has_words:
        yield _words(WordsCheck.of(facts.check))


def _words(found: WordsCheck) -> str:
    if found.prefers_both:
        return f"{found}: texts are searched by both, unless with --no-hybrid"
    return f"{found}: texts are searched by codes alone; 'aesearch query --hybrid' uses both"


def verdict(check: Mapping[str, Any], noun: str) -> str:
    """Say in one line which encoder won, and by how much."""
    rows, measure, winner = check["candidates"], check["measure"], check["winner"]
    values = {name: _value(row, measure) for name, row in rows.items()}
    tried = f"on {counted(check['questions'], noun)} kept out of training"
    baselines = [name for name in values if name.startswith(("pca", "lsa "))]
    best_base = max(baselines, key=values.__getitem__)
    learned = [name for name in values if name not in baselines]
    if not learned:
        return f"encoder {winner}: {_figures(rows[winner], measure)}, {tried}"
    best = max(learned, key=values.__getitem__)
    gain = values[best] / values[best_base] - 1 if values[best_base] else 0.0
    return (
        f"encoder {winner}: {best} has {_figures(rows[best], measure)}; "
        f"{best_base} has {_figures(rows[best_base], measure)} ({gain:+.0%}), {tried}"
    )


def _beside(check: Mapping[str, Any]) -> Iterator[str]:
    """Say what the items reach without an encoder, where that can be: what a code loses."""
    for name, row in check.get("references", {}).items():
        lost = _value(check["candidates"][check["winner"]], check["measure"])
        change = lost / max(_value(row, check["measure"]), 1e-9) - 1
        yield (
            f"without an encoder ({name}): {_figures(row, check['measure'])}; "
            f"the codes have {change:+.0%}"
        )


def _value(row: Mapping[str, Any], measure: str) -> float:
    if measure == "by_folder":
        return float((row["precision_at_10"] * row["mean_average_precision"]) ** 0.5)
    return float(row[measure])


def _figures(row: Mapping[str, Any], measure: str) -> str:
    if measure == "reciprocal_rank":
        return f"MRR {row['reciprocal_rank']:.3f} of perturbed queries"
    return f"P@10 {row['precision_at_10']:.3f}, mAP {row['mean_average_precision']:.3f}"


def _doubts(check: Mapping[str, Any]) -> Iterator[str]:
    """Say where the check cannot tell two encoders apart, and what decided then."""
    gap = check.get("gap")
    if gap is None or gap[1] > 0 or gap[2] < 0:
        return
    mean, low, high = gap
    line = (
        f"the difference in {MEASURES[check['measure']]}, {mean:+.3f} ({low:+.3f} to {high:+.3f}), "
        "is within its uncertainty"
    )
    second = check.get("second_gap")
    if check.get("forced"):
        yield f"{line}; the encoder was chosen with --encoder"
    elif second is None:
        yield f"{line}; the better figure was taken"
    else:
        yield f"{line}, so a second check was asked:"
        yield _second(check, *second[1:])


def _second(check: Mapping[str, Any], low: float, high: float) -> str:
    rows, rival, learned = check["candidates"], check["second_rival"], check["learned"]
    found = (
        f"openings of documents find the rest at rank {rows[learned]['opening_rank']:.1f} with "
        f"{learned}, {rows[rival]['opening_rank']:.1f} with {rival} "
        f"({exp(low):.2f} to {exp(high):.2f} times as good): "
    )
    if high < 0:
        return f"{found}{learned} is clearly worse there"
    better = "clearly better there" if low > 0 else "not clearly worse there either"
    return f"{found}{learned} is {better}, and is published"


def untrained(facts: IndexInfo, noun: str) -> Iterator[str]:
    """Say why nothing was trained, where nothing was."""
    if "seconds" in facts.trained or facts.settings.encoder != "auto":
        return
    count, kind = facts.items, facts.encoder
    name = kind if kind == "thumbnail" else kind.upper()
    few = f"{counted(count, noun)} {'is' if count == 1 else 'are'} too few to"
    if count < FEWEST_TO_FIT and kind == "thumbnail":
        yield f"{few} fit PCA, which takes {FEWEST_TO_FIT}: {name}s are the codes"
    elif count < FEWEST_TO_TRAIN:
        yield f"{few} learn from, which takes {FEWEST_TO_TRAIN}: {name} makes the codes"
    elif not facts.training:
        yield f"nothing was trained, {name} makes the codes; --retrain learns from what is there"


def epochs(trained: Mapping[str, Any]) -> str:
    """Return how many epochs a training had, of how many, or nothing where that is not known."""
    begun, planned = trained.get("epochs"), trained.get("planned")
    if not begun:
        return ""
    return counted(begun, "epoch") if begun == planned else f"{begun:,} of {planned:,} epochs"


def cut_short(facts: IndexInfo) -> Iterator[str]:
    """Say that the budget ended a training too early, where that may have cost something."""
    trained = facts.trained
    begun, planned = trained.get("epochs", 0), trained.get("planned", 0)
    if begun >= planned:
        return
    lost = not is_trained(facts.encoder)
    if lost or begun < ENOUGH * planned:
        so = f", and {facts.encoder.upper()} was better than what it had learned" if lost else ""
        yield (
            f"training ended after {begun:,} of {planned:,} epochs: its budget of "
            f"{clock(trained['budget'])} was spent{so}; more time may help: --retrain --budget TIME"
        )
