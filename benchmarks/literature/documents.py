"""Documents: where two numbers put them, and what two and ten numbers find."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from aesearch.maps.layouts import Panel, neighbor_accuracy
from aesearch.maps.map import Map
from aesearch.reports.map.figure import write_map
from benchmarks.literature import text_codes
from benchmarks.literature.drawing import curves, small
from benchmarks.literature.text_codes import CUTS, DISTANCE, QUICK, WORDS, contenders, measure
from benchmarks.literature.work import Picture, Step, Work
from benchmarks.text_sets import Classed, Codes, Terms, newsgroup_files, newsgroups, with_words

EPOCHS, LAYER_EPOCHS = 80, 20
DEEP, LINEAR = "autoencoder 2000-500-250-125-", "LSA-"
# What the twenty groups are about, by how their names begin.
TOPICS = {
    "alt.atheism": "religion",
    "soc.religion": "religion",
    "talk.religion": "religion",
    "talk.politics": "politics",
    "comp.": "computers",
    "rec.": "recreation",
    "sci.": "science",
    "misc.forsale": "for sale",
}
STYLES = {"2": "--", "10": "-", "50": "-."}
DRAWN_AT = 15  # retrieved: where the verdict compares


@cache
def documents(work: Work) -> Classed:
    """Return 20 Newsgroups by date: the later messages ask."""
    return with_words(
        newsgroups(work.data).limited(QUICK if work.quick else None, work.seed), WORDS
    )


class Coder:
    """Codes of documents, kept once they are made."""

    def __init__(self, work: Work, found: Classed, place: Path) -> None:
        self.work, self.found, self.place = work, found, place
        self.terms: Terms | None = None

    def __call__(self, name: str, kind: str, encoder: Any, weighting: str) -> tuple[Codes, float]:
        """Return the codes, and the seconds that they took; see `text_codes.coded`."""
        parts = ("documents", "queries", "latents", "query_latents")

        def make() -> tuple[dict[str, Any], float]:
            found = self.found
            self.terms = self.terms or Terms(
                found.documents, found.queries, self.place, vocabulary=WORDS
            )
            codes, seconds = text_codes.coded(self.terms, name, kind, encoder, weighting)
            return {part: getattr(codes, part) for part in parts}, seconds

        signature = f"{encoder} {len(self.found.documents)} {self.work.seed}"
        arrays, seconds, _ = self.work.kept(f"documents {name}", signature, make)
        frozen: Any = None
        return Codes(**arrays, frozen=frozen), seconds


def chosen(work: Work) -> dict[str, Any]:
    """Return the encoders with their share of the epochs."""
    layers, epochs = lengths(work)
    return contenders(work.seed, epochs, layers, "rbm")


def lengths(work: Work) -> list[int]:
    """Return the epochs of a layer, and of the whole network."""
    return [max(2, round(work.share * n)) for n in (LAYER_EPOCHS, EPOCHS)]


def precision(work: Work) -> dict[str, Any]:
    """Draw precision against the number retrieved."""
    found = documents(work)
    cuts = [cut for cut in CUTS if cut <= len(found.documents)]
    with TemporaryDirectory(dir=work.folder) as place:
        lines, rows, _ = measure(found, chosen(work), cuts, Coder(work, found, Path(place)))
    for row in rows:
        if row["code"].endswith(DISTANCE):  # the same codes, once more
            row["seconds"] = None
    shown = {short(name): shares for name, shares in lines.items() if DISTANCE not in name}
    kinds = ("autoencoder", "text", "LSA")
    styles = {
        name: (
            STYLES[name.rpartition("-")[2]],
            next(n for n, kind in enumerate(kinds) if name.startswith(kind)),
        )
        for name in shown
    }
    chance = float((found.query_labels[:, None] == found.labels).mean())
    curves(work.folder / "precision.png", shown, cuts, styles, chance)
    return {
        "rows": rows,
        "cuts": cuts,
        "lines": lines,
        "chance": chance,
        "epochs": lengths(work),
        "count": [len(found.documents), len(found.queries)],
    }


def short(name: str) -> str:
    """Return the name of a curve as it is written beside it."""
    return name.replace("autoencoder 2000-500-250-125-", "autoencoder-")


def precision_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare the curves where they are looked at most."""
    at = {n: found["lines"][n][found["cuts"].index(DRAWN_AT)] for n in found["lines"]}
    two, ten = at[f"{DEEP}2"], at[f"{DEEP}10"]
    against = [two > at["LSA-2"], ten > at["LSA-10"], ten > at["LSA-50"]]
    held = "held" if all(against) else "held in part" if any(against) else "did not hold"
    return held, (
        f"of {DRAWN_AT} documents retrieved, {ten:.1%} are in the query's group with ten numbers of"
        f" the autoencoder, {at['LSA-10']:.1%} with LSA-10 and {at['LSA-50']:.1%} with LSA-50;"
        f" {two:.1%} with two numbers, {at['LSA-2']:.1%} with LSA-2. aesearch's `text` has"
        f" {at['text encoder-10']:.1%} with ten and {at['text encoder-2']:.1%} with two."
    )


def plane(work: Work) -> dict[str, Any]:
    """Draw the queries, which were not learned from, where two numbers put them."""
    found = documents(work)
    encoders = {n: e for n, e in chosen(work).items() if n.endswith("-2")}
    rows, panels = [], []
    with TemporaryDirectory(dir=work.folder) as place:
        coder = Coder(work, found, Path(place))
        names = sorted({group for _, group, _, _ in newsgroup_files(work.data)})
        topics = [next(t for n, t in TOPICS.items() if name.startswith(n)) for name in names]
        for name, (kind, encoder, weighting) in encoders.items():
            codes, seconds = coder(name, kind, encoder, weighting)
            numbers = np.array([sorted(set(topics)).index(topics[n]) for n in found.query_labels])
            kept = neighbor_accuracy(codes.query_latents, numbers)
            row = {
                "code": name,
                "topic": kept,
                "group": neighbor_accuracy(codes.query_latents, found.query_labels),
                "seconds": seconds,
            }
            rows.append(row)
            panels.append(Panel("code", name, codes.query_latents, kept))
    groups = [topics[n] for n in found.query_labels]
    keys = [str(n) for n in range(len(groups))]
    shown = Map("20 Newsgroups", "texts", np.arange(len(groups)), keys, groups, tuple(panels))
    out = work.folder / "documents.png"
    write_map(shown, out)
    small(out.read_bytes(), out)
    count = [len(found.documents), len(found.queries)]
    return {"rows": rows, "epochs": lengths(work), "count": count}


def plane_verdict(found: Mapping[str, Any]) -> tuple[str, str]:
    """Compare the planes."""
    deep, text, linear = found["rows"]
    held = "held" if deep["topic"] > linear["topic"] else "did not hold"
    return held, (
        f"{deep['topic']:.1%} of the documents lie among those of their own topic with the"
        f" autoencoder, {linear['topic']:.1%} with LSA ({deep['group']:.1%} and"
        f" {linear['group']:.1%} among those of their own group); with aesearch's `text`"
        f" {text['topic']:.1%} ({text['group']:.1%})."
    )


HINTON = "[Hinton and Salakhutdinov, Science 2006](https://doi.org/10.1126/science.1127647)"
NEWS = (
    "Here it is 20 Newsgroups by date, in place of the Reuters collection of the paper: the earlier"
    " messages are learned from, the later ones ask"
)

STEPS_OF_DOCUMENTS = (
    Step(
        "documents",
        "Documents on a plane: latent semantic analysis and an autoencoder of two numbers",
        f"A 2000-500-250-125-2 autoencoder lays documents out by topic, which two dimensions of"
        f" latent semantic analysis do not ({HINTON}, figure 4). {NEWS}, and are drawn.",
        plane,
        plane_verdict,
        (
            Picture(
                "documents.png",
                "Documents on three planes, coloured by topic",
                "Messages that were not learned from, coloured by what their newsgroup is about;"
                " below each plane, how many have the topic of most of their five nearest.",
            ),
        ),
        {"code": "two numbers from", "topic": "5-NN accuracy, 6 topics",
         "group": "5-NN accuracy, 20 groups", "seconds": "s"},
    ),
    Step(
        "precision",
        "Precision against the number of documents retrieved",
        "Documents found by ten numbers of the autoencoder are more often of the query's class than"
        f" by LSA with 10 or even 50, and by two numbers more often than by LSA-2 ({HINTON},"
        f" figure 4). {NEWS}.",
        precision,
        precision_verdict,
        (
            Picture(
                "precision.png",
                "Precision against the number of documents retrieved, a curve for each code",
                "Share of the documents retrieved, by cosine, that are in the query's group. In the"
                " table the codes of two numbers also by distance: to the cosine a code of two"
                " numbers is no more than a direction.",
            ),
        ),
        {"code": "code", "1 retrieved": "first 1", "15 retrieved": "first 15",
         "127 retrieved": "first 127", "1023 retrieved": "first 1,023", "seconds": "s"},
    ),
)  # fmt: skip
