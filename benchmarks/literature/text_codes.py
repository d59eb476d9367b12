"""Documents as 2 and 10 numbers: the deep autoencoder of 2006 against latent semantic analysis.

    python -m benchmarks.literature.text_codes --plot precision.png

Hinton and Salakhutdinov (Reducing the dimensionality of data with neural networks, Science 2006,
figure 4) made documents' counts of their 2,000 commonest words into 2 and 10 numbers with a network
of 2000-500-250-125-2 (or -10) units, and drew how many of the nearest documents share the query's
class. Here it is 20 Newsgroups by date: the later messages ask, the earlier ones are learned from
and found. As there, the layers are pretrained as restricted Boltzmann machines, the lowest one
for counts, and the whole network is then trained with the multinomial loss. The text encoder and
LSA see the same words.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from aesearch.encoders.autoencoders.dbn import DBNEncoder
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.texts.encoder import TextEncoder
from aesearch.reports.base import FAINT
from aesearch.reports.training import COLORS
from benchmarks.baselines import for_distance
from benchmarks.folders import cache_folder
from benchmarks.literature.drawing import over_cuts
from benchmarks.reporting import say, show
from benchmarks.text_sets import Classed, Codes, Terms, newsgroups, precisions, with_words

WEIGHTING, DISTANCE = "log-entropy", ", by distance"
WORDS, HIDDEN = 2_000, (500, 250, 125)
CUTS = (1, 3, 7, 15, 31, 63, 127, 255, 511, 1023)
SHOWN = (1, 15, 127, 1023)  # in the table
QUICK = 2_000  # documents

# Name, kind, encoder that is not fitted yet, weighting -> its codes, and the seconds it took.
Code = Callable[[str, str, Any, str], tuple[Codes, float]]


def contenders(seed: int, epochs: int, layer_epochs: int, pretraining: str) -> dict[str, Any]:
    """Return, by name: the encoder's kind, the encoder, and how words are weighted for it."""
    found: dict[str, Any] = {}
    for size in (2, 10):
        deep = DBNEncoder(
            size,
            hidden=HIDDEN,
            pretraining=None if pretraining == "none" else pretraining,
            pretraining_epochs=layer_epochs,
            epochs=epochs,
            random_state=seed,
        )
        units = "-".join(map(str, (WORDS, *HIDDEN, size)))
        found[f"autoencoder {units}"] = ("dbn", deep, "counts")
        found[f"text encoder-{size}"] = ("text", TextEncoder(size, random_state=seed), WEIGHTING)
    for size in (2, 10, 50):
        found[f"LSA-{size}"] = ("lsa", LSAEncoder(size, random_state=seed), WEIGHTING)
    return found


def coded(terms: Terms, _name: str, kind: str, encoder: Any, weighting: str) -> tuple[Codes, float]:
    """Fit an encoder; return its codes and the seconds it took."""
    started = time.perf_counter()
    codes = terms.codes(kind, encoder, terms.weighted(weighting))
    return codes, time.perf_counter() - started


def measure(
    found: Classed, chosen: dict[str, Any], cuts: Sequence[int], code: Code
) -> tuple[dict[str, list[float]], list[dict[str, Any]], dict[str, Codes]]:
    """Rank by the codes of each encoder; return precisions, lines of the table, and codes."""
    curves: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    made = {}
    for name, (kind, encoder, weighting) in chosen.items():
        codes, seconds = code(name, kind, encoder, weighting)
        made[name] = codes
        rankings = {name: (codes.queries, codes.documents)}
        if codes.documents.shape[1] == 2:
            rankings[name + DISTANCE] = for_distance(codes.query_latents, codes.latents)
        for title, (asked, documents) in rankings.items():
            curves[title] = precisions(found, asked, documents, cuts)
            shown = zip(cuts, curves[title], strict=True)
            figures = {f"{cut} retrieved": share for cut, share in shown if cut in SHOWN}
            rows.append({"code": title, **figures, "seconds": seconds})
            say(str(rows[-1]))
    return curves, rows, made


def draw(curves: dict[str, list[float]], cuts: Sequence[int], chance: float, out: Path) -> None:
    """Draw precision against the number of documents retrieved, as in the paper's figure 4."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.4, 5.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, shares in curves.items():
        learner = next(n for n, key in enumerate(("autoencoder", "text", "LSA")) if key in name)
        by_distance = name.endswith(DISTANCE)
        size = name.removesuffix(DISTANCE).rpartition("-")[2]
        axes.plot(
            cuts,
            [100 * share for share in shares],
            ":" if by_distance else {"2": "--", "10": "-", "50": "-."}[size],
            marker="o",
            markersize=3.5,
            color=COLORS[learner],
            label=name,
        )
    axes.axhline(100 * chance, color=FAINT, linewidth=0.9)
    axes.text(cuts[0], 98 * chance, "chance", color=FAINT, fontsize=9, va="top")
    over_cuts(axes, cuts)
    axes.set_title("20 Newsgroups, 2,000 words", loc="left", fontsize=11)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(out)
    say(f"wrote {out}")


@click.command()
@click.option("--epochs", default=80, show_default=True, help="Of the whole deep network.")
@click.option("--layer-epochs", default=20, show_default=True, help="Of each of its layers before.")
@click.option(
    "--pretraining",
    type=click.Choice(["rbm", "layerwise", "none"]),
    default="rbm",
    show_default=True,
    help="Of the layers: restricted Boltzmann machines, autoencoders, or nothing.",
)
@click.option("--plot", type=click.Path(path_type=Path, dir_okay=False), help="PNG to write.")
@click.option("--seed", default=0, show_default=True)
@click.option("--quick", is_flag=True, help="Few documents and epochs: to try the script.")
@click.option("--data", type=click.Path(path_type=Path), help="Instead of AESEARCH_DATA.")
@click.option("--cache", type=click.Path(path_type=Path), help="For what is made on the way.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    epochs: int,
    layer_epochs: int,
    pretraining: str,
    plot: Path | None,
    seed: int,
    data: Path | None,
    cache: Path | None,
    *,
    quick: bool,
    as_json: bool,
) -> None:
    """Print, and draw, precision against the number of documents retrieved."""
    if quick:
        epochs, layer_epochs = 40, 10
    found = with_words(newsgroups(data).limited(QUICK if quick else None, seed), WORDS)
    cuts = [cut for cut in CUTS if cut <= len(found.documents)]
    chance = float((found.query_labels[:, None] == found.labels).mean())
    with tempfile.TemporaryDirectory(dir=cache_folder(cache), prefix="work-") as place:
        terms = Terms(found.documents, found.queries, Path(place), vocabulary=WORDS)
        chosen = contenders(seed, epochs, layer_epochs, pretraining)
        curves, rows, _ = measure(found, chosen, cuts, partial(coded, terms))
    if plot is not None:
        draw(curves, cuts, chance, plot)
    notes = {
        "figures": "share of documents of the query's group among those retrieved, by cosine",
        "chance": chance,
        "pretraining": f"{pretraining}, {layer_epochs} epochs a layer; then {epochs} epochs",
    }
    title = (
        f"20 Newsgroups by date: {len(found.documents):,} documents, "
        f"{len(found.queries):,} queries, {WORDS:,} words, seed {seed}"
    )
    show(title, rows, notes, as_json=as_json)


if __name__ == "__main__":
    main()
