"""How a comparison was measured, for the end of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch.compare.plan import BORROWED, HYBRID
from aesearch.compare.results import METRICS, columns_of
from aesearch.evaluation.headline import MEASURES
from aesearch.modalities import modality

if TYPE_CHECKING:
    from aesearch.compare.results import Comparison

MEANINGS = {
    "precision_at_10": "share of relevant items among the first ten",
    "average_precision": "mean, over all relevant items, of the precision at their rank",
    "ndcg_at_10": "gain of the first ten, discounted by rank, over the best possible",
    "knn": "share of queries whose five nearest vote for the right label",
    "recall_at_100": "share of all relevant items among the first hundred",
    "reciprocal_rank": "1 / rank of the first right answer; of copies, the original",
    "recall_at_1": "share of copies whose nearest item is their original",
}

LONG = (
    "have codes of their passages too, and are ranked by the whole or by the best passage, as in a "
    "search; their codes take more bytes."
)
FUSED = (
    "codes fused with BM25 as 'query --hybrid' does it, with the weight that an index would find."
)
LENT = (
    "BM25 alone finds documents also by words of their nearest documents by these codes (Tao et "
    "al., 2006)."
)


def notes_of(found: Comparison) -> list[tuple[str, str]]:
    """Return what the figures mean: names and explanations."""
    parts = [
        ("Queries", "Items that the encoders did not learn from, the same for all methods; chosen "
         "by a hash of their keys. Judged queries are asked as they are, of all items."),
        ("Decides", f"{MEASURES[found.metric]}."),
        ("Intervals", "Percentile bootstrap over the queries, 1,000 resamples; whether one method "
         "beats another is decided by their differences query by query. They do not say how much "
         "another training would differ."),
        *((METRICS[metric], MEANINGS[metric]) for metric in dict.fromkeys(
            metric for _, metric in columns_of(found)) if metric in MEANINGS),
        ("Error", "of reconstructions of what was held out: of pictures the mean square over "
         "pixels from 0 to 1, of documents one less the cosine."),
        ("ANN", "share of the exact ten nearest that inverted lists with 8 probes return; – where "
         "there are too few items for lists."),
        ("Fit, s and Query, ms", "seconds to learn and to encode all items; milliseconds to encode "
         "a query and score all items, of queries in a batch."),
    ]  # fmt: skip
    if not modality(found.kind).visual:
        parts.append(("Long documents", LONG))
    if any(row.form == HYBRID for row in found.rows):
        parts.append(("Code + words", FUSED))
    if any(row.form == BORROWED for row in found.rows):
        parts.append(("Borrowed words", LENT))
    budget = "" if found.budget is None else f", {found.budget:,.0f} s for each training"
    parts.append(("Run", f"seed {found.seed}{budget}"))
    return parts
