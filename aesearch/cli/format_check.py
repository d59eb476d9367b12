"""The check and the training of an index in lines of text, for ``index`` and ``info``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import Any

from aesearch.cli.console import format_seconds
from aesearch.encoders import is_trained
from aesearch.evaluation.bootstrap import Estimate
from aesearch.evaluation.check import BY_FOLDER
from aesearch.evaluation.headline import MEASURES, describe_gain, share, too_few
from aesearch.search.fusion import WordsCheck
from aesearch.settings import FEWEST_TO_FIT, FEWEST_TO_TRAIN
from aesearch.storage.info import IndexInfo
from aesearch.wording import by_labels, counted, listed

# What a handful of items, too few for PCA, has for codes, by the encoder.
FEW = {"thumbnail": "thumbnails are the codes", "raw": "the vectors themselves are the codes"}
ACRONYMS = ("pca", "lsa", "smt")
# Where the budget left less of the epochs than this, more time is likely to help.
ENOUGH = 1 / 3


def describe_encoder(facts: IndexInfo, noun: str) -> Iterator[str]:
    """Lines on the encoder: the figures of the check, and what limits them.

    Parameters
    ----------
    facts : IndexInfo
    noun : str
        'picture' or 'document'.
    """
    if facts.check:
        yield describe_decision(facts.check, noun)
        yield from _describe_references(facts.check)
    yield from describe_limits(facts, noun)


def describe_limits(facts: IndexInfo, noun: str) -> Iterator[str]:
    """Lines on what limits the encoder: an uncertain decision, no training, or too short a one."""
    yield from _describe_uncertainty(facts.check or {})
    if len(facts.weights) > 1:
        yield describe_weights(facts.weights, facts.weights_from)
    yield from describe_untrained(facts, noun)
    yield from describe_early_end(facts)
    if facts.modality.has_words:
        yield _describe_hybrid(WordsCheck.of(facts.check))


def _describe_hybrid(check: WordsCheck) -> str:
    if check.gain is None and check.prefers_both:  # which says already how texts are searched
        return f"{check}, unless with --no-hybrid"
    if check.prefers_both:
        return f"{check}; texts are searched by both, unless with --no-hybrid"
    return f"{check}; texts are searched by codes alone, unless with --hybrid"


def describe_decision(check: Mapping[str, Any], noun: str) -> str:
    """One line on which encoder was chosen, and by how much it is better."""
    rows, measure, winner = check["candidates"], check["measure"], check["winner"]
    values = {name: _value(row, measure) for name, row in rows.items()}
    where = f"on {counted(check['questions'], noun)} held out"
    baselines = [name for name in values if name.startswith(("pca", "lsa "))]
    learned = [name for name in values if name not in baselines]
    if not learned:
        return f"encoder {winner}: {_format_measure(rows[winner], measure)}, {where}"
    one, other = (max(names, key=values.__getitem__) for names in (learned, baselines))
    gap = _gap(check)
    figures = describe_gain(measure, share(values[one], 3), share(values[other], 3), gap)
    sure = f" ({too_few(gap.queries or 0)})" if gap is not None and gap.is_of_few else ""
    return f"encoder {winner}{sure}: {one} beside {other}: {figures}, {where}"


def _gap(check: Mapping[str, Any]) -> Estimate | None:
    """Return how much better what was learned is, in the measure that decided."""
    gap, asked = check.get("gap"), check.get("queries") or check["questions"]
    return None if gap is None else Estimate.of(gap, asked)


def _describe_references(check: Mapping[str, Any]) -> Iterator[str]:
    """Lines on what items reach without an encoder, where that can be: what a code loses."""
    for name, row in check.get("references", {}).items():
        lost = _value(check["candidates"][check["winner"]], check["measure"])
        change = lost / max(_value(row, check["measure"]), 1e-9) - 1
        yield (
            f"without an encoder ({name}): {_format_measure(row, check['measure'])}; "
            f"the codes have {change:+.0%}"
        )


def _value(row: Mapping[str, Any], measure: str) -> float:
    if measure == BY_FOLDER:
        return float((row["precision_at_10"] * row["mean_average_precision"]) ** 0.5)
    return float(row[measure])


def _format_measure(row: Mapping[str, Any], measure: str) -> str:
    return f"{MEASURES[measure]} {share(_value(row, measure), 3)}"


def _describe_uncertainty(check: Mapping[str, Any]) -> Iterator[str]:
    """Lines where the difference of two encoders is not significant, on what decided then."""
    gap = _gap(check) if check else None
    if gap is None or gap.side != "even":
        return
    mean, low, high = gap.as_list()
    line = (
        f"the difference in {MEASURES[check['measure']]}, {mean:+.3f} ({low:+.3f} to {high:+.3f}), "
        + ("is of too few queries to tell" if gap.is_of_few else "is within its uncertainty")
    )
    second = check.get("second_gap")
    if check.get("forced"):
        yield f"{line}; the encoder was chosen with --encoder"
    elif second is None:
        simple = mean > 0 and check["winner"] != check["learned"]
        why = f"{check['winner']} is kept, which needs no training" if simple else ""
        yield f"{line}; {why or 'the better figure was taken'}"
    else:
        yield f"{line}, so a second check was asked:"
        yield _describe_second(check, *second[1:])


def _describe_second(check: Mapping[str, Any], low: float, high: float) -> str:
    rows, rival, learned = check["candidates"], check["second_rival"], check["learned"]
    line = (
        f"openings of documents find the rest at rank {rows[learned]['opening_rank']:.1f} with "
        f"{learned}, {rows[rival]['opening_rank']:.1f} with {rival} "
        f"({exp(low):.2f} to {exp(high):.2f} times as good): "
    )
    if high < 0:
        return f"{line}{learned} is clearly worse there"
    better = "clearly better there" if low > 0 else "not clearly worse there either"
    return f"{line}{learned} is {better}, and is published"


def describe_weights(weights: Mapping[str, float], told_from: str = "") -> str:
    """How much each description of a picture counts, the most first, in words."""
    by = "as was given" if told_from == "parameters" else by_labels(told_from)
    ranked = sorted(weights, key=weights.__getitem__, reverse=True)
    top = max(weights.values())
    rest = [f"{name} ({share(weights[name] / top)})" for name in ranked[1:]]
    then = f"then {listed(rest)}" if rest else ""
    return ", ".join(filter(None, [f"what counts: {ranked[0]} most", then, by]))


def describe_untrained(facts: IndexInfo, noun: str) -> Iterator[str]:
    """A line on why nothing was trained, where nothing was."""
    if "seconds" in facts.trained or facts.settings.encoder != "auto":
        return
    count, kind = facts.items, facts.encoder
    name = called(kind)
    few = f"{counted(count, noun)} {'is' if count == 1 else 'are'} too few to"
    if count < FEWEST_TO_FIT and kind in FEW:
        yield f"{few} fit PCA, which takes {FEWEST_TO_FIT}: {FEW[kind]}"
    elif count < FEWEST_TO_TRAIN:
        yield f"{few} learn from, which takes {FEWEST_TO_TRAIN}: {name} makes the codes"
    elif not facts.training and kind == facts.modality.closed_form:
        yield "the codes are in closed form, no network was trained; --retrain trains one"
    elif not facts.training:
        yield f"nothing was trained, {name} makes the codes; --retrain learns from what is there"


def called(encoder: str) -> str:
    """Name an encoder in a sentence: acronyms in capitals."""
    return encoder.upper() if encoder in ACRONYMS else encoder


def format_epochs(trained: Mapping[str, Any]) -> str:
    """Number of epochs of a training, of those planned; empty where it is not known."""
    begun, planned = trained.get("epochs"), trained.get("planned")
    if not begun:
        return ""
    return counted(begun, "epoch") if begun == planned else f"{begun:,} of {planned:,} epochs"


def describe_early_end(facts: IndexInfo) -> Iterator[str]:
    """A line where the budget ended the training so early that it may have cost quality."""
    trained = facts.trained
    begun, planned = trained.get("epochs", 0), trained.get("planned", 0)
    if begun >= planned:
        return
    lost = not is_trained(facts.encoder)
    if lost or begun < ENOUGH * planned:
        so = f", and {called(facts.encoder)} was better than what it had learned" if lost else ""
        budget = format_seconds(trained["budget"])
        yield (
            f"training ended after {begun:,} of {planned:,} epochs: its budget of {budget} was "
            f"spent{so}; more time may help: --retrain --budget TIME"
        )
