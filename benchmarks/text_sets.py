"""Documents to measure with, read from the folder AESEARCH_DATA, and what encoders make of them.

* ``ir/med``, ``ir/cran``, ``ir/cacm``: MED, Cranfield and CACM (Glasgow's IR test collections),
  each as corpus.jsonl, queries.jsonl and qrels.tsv, the form that BEIR gave such sets.
* ``ir/questions_en``, ``_de``, ``_zh``: paragraphs and questions of XQuAD, likewise; the paragraph
  of a question is its only relevant one.
* ``20news*bydate*.tar.*``: the archive of 20 Newsgroups, sorted by date.
* ``zh_thucnews_titles``: Chinese headlines (THUCNews), dev.txt and test.txt: headline, tab, class.
* ``reuters_R8_train.jsonl.gz``, ``reuters_R8_test.jsonl.gz``: Reuters-21578 R8: title, text, label.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets._twenty_newsgroups import (
    strip_newsgroup_footer,
    strip_newsgroup_header,
    strip_newsgroup_quoting,
)
from sklearn.preprocessing import normalize

from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.sparse import csr_of
from aesearch.encoders.texts.encoder import TextEncoder
from aesearch.engines.faiss import FaissEngine, exact_neighbors, learn_rotation
from aesearch.engines.plan import choose
from aesearch.evaluation.metrics import average_precision, ndcg_at, precision_at, reciprocal_rank
from aesearch.indexing.selection import freeze, unit
from aesearch.inference.encoder import FrozenEncoder
from aesearch.modalities.texts.features import TextFeatures, fit_features
from aesearch.sparse import SparseRows
from aesearch.storage.layout import Layout
from aesearch.types import Doubles
from benchmarks.baselines import Array
from benchmarks.folders import data_folder
from benchmarks.reporting import say

HEADLINES_ASKED = 2_000
CODE = 64  # numbers, or bits
LSA_SIZES = (32, 50, 64, 100, 128, 150, 200, 300)


@dataclass
class Judged:
    """Documents and queries, and their judgements: grades of int8, (queries, documents).

    `keys` are the names of the documents in `table`, from which they were read.
    """

    documents: list[str]
    queries: list[str]
    grades: Array
    keys: list[str]
    table: Path

    def values(self, rankings: Iterable[Array]) -> dict[str, Doubles]:
        """Return MAP, MRR and nDCG@10 by query, of the documents ranked for each, best first.

        As trec_eval defines them; documents that a ranking leaves out count as never found.
        """
        found = []
        for grades, ranking in zip(self.grades, rankings, strict=True):
            gains, ideal = grades[None, ranking], -np.sort(-grades)[None, :10]
            relevant, total = gains > 0, int((grades > 0).sum())
            found.append(
                (
                    average_precision(relevant, total)[0],
                    reciprocal_rank(relevant)[0],
                    ndcg_at(gains, 10, ideal)[0],
                )
            )
        return dict(zip(("MAP", "MRR", "nDCG@10"), np.array(found).T, strict=True))

    def mean_average_precision(self, scores: Array) -> float:
        """Return MAP, as trec_eval defines it, of scores of shape (queries, documents)."""
        order = np.argsort(-scores, axis=1, kind="stable")
        return self.mean_of_rankings(order)

    def mean_of_rankings(self, rankings: Iterable[Array]) -> float:
        """Return MAP of rankings as in `values`."""
        return float(self.values(rankings)["MAP"].mean())


@dataclass
class Classed:
    """Documents to search in and queries, each of a class."""

    documents: list[str]
    labels: Array
    queries: list[str]
    query_labels: Array

    def limited(self, documents: int | None, seed: int) -> Classed:
        """Return it in another order, and less of it.

        The order decides between equal distances, so it must not be that of the classes.
        """
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(self.documents))[:documents]
        asked = rng.permutation(len(self.queries))[:documents]
        return Classed(
            [self.documents[n] for n in rows],
            self.labels[rows],
            [self.queries[n] for n in asked],
            self.query_labels[asked],
        )


def judged(data: Path | None, name: str) -> Judged:
    """Return a set in ``ir``, such as 'med'; queries without any relevant document go."""
    root = data_folder(data, f"ir/{name}")
    documents, queries = (_json_lines(root / f"{part}.jsonl") for part in ("corpus", "queries"))
    rows = {document["_id"]: n for n, document in enumerate(documents)}
    asked = {query["_id"]: n for n, query in enumerate(queries)}
    grades = np.zeros((len(queries), len(documents)), dtype=np.int8)
    for line in (root / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, score = line.split("\t")[:3]
        if int(score) > 0 and document in rows and query in asked:
            grades[asked[query], rows[document]] = int(score)
    kept = np.flatnonzero(grades.any(axis=1))
    return Judged(
        [document["text"] for document in documents],
        [queries[n]["text"] for n in kept],
        grades[kept],
        list(rows),
        root / "corpus.jsonl",
    )


def newsgroup_files(data: Path | None) -> Iterator[tuple[str, str, str, bytes]]:
    """Yield split ('train' or 'test'), group, number and content of each message, by their names.

    As the archive has them: with headers, signatures and quotes.
    """
    root = data_folder(data, ".")
    archive = next(iter(sorted(root.glob("20news*bydate*.tar.*"))), None)
    if archive is None:
        sys.exit(f"no archive '20news*bydate*.tar.*' in '{root}'")
    found = []
    with tarfile.open(archive) as tar:
        for member in tar:
            parts = Path(member.name).parts
            stream = tar.extractfile(member) if member.isfile() and len(parts) > 2 else None
            if stream is not None:
                split = parts[-3].rpartition("-")[2]
                found.append((split, parts[-2], parts[-1], stream.read()))
    yield from sorted(found)


def newsgroups(data: Path | None) -> Classed:
    """Return 20 Newsgroups by date: the later messages ask for those of their group.

    Without headers, signatures and quotes, as scikit-learn removes them.
    """
    texts: dict[str, list[str]] = {"train": [], "test": []}
    groups: dict[str, list[str]] = {"train": [], "test": []}
    for split, group, _, content in newsgroup_files(data):
        body = strip_newsgroup_footer(strip_newsgroup_header(content.decode("latin-1")))
        texts[split].append(strip_newsgroup_quoting(body))
        groups[split].append(group)
    return _classed(texts["train"], groups["train"], texts["test"], groups["test"])


def headlines(data: Path | None) -> Classed:
    """Return Chinese headlines, 2,000 of which ask for those of their class."""
    root = data_folder(data, "zh_thucnews_titles")
    lines = [
        line.rpartition("\t")
        for name in ("dev.txt", "test.txt")
        for line in (root / name).read_text(encoding="utf-8").splitlines()
        if line
    ]
    mixed = [lines[n] for n in np.random.default_rng(0).permutation(len(lines))]
    texts, classes = [text for text, _, _ in mixed], [found for _, _, found in mixed]
    cut = HEADLINES_ASKED
    return _classed(texts[cut:], classes[cut:], texts[:cut], classes[:cut])


class Story(NamedTuple):
    """A story of Reuters-21578 R8."""

    key: str
    label: str
    title: str
    text: str


def reuters_stories(data: Path | None, split: str) -> list[Story]:
    """Return the stories of 'train' or 'test' in the eight largest classes of Reuters-21578."""
    root = data_folder(data, ".")
    path = root / f"reuters_R8_{split}.jsonl.gz"
    if not path.is_file():
        sys.exit(f"no file '{path.name}' in '{root}'")
    return [
        Story(str(row["id"]), row["label"], row.get("title") or "", row.get("text") or "")
        for row in _json_lines(path)
    ]


def reuters(data: Path | None) -> Classed:
    """Return the eight largest classes of Reuters-21578, split as usual."""
    parts: list[list[str]] = []
    for split in ("train", "test"):
        stories = reuters_stories(data, split)
        parts.append([f"{story.title}\n\n{story.text}" for story in stories])
        parts.append([story.label for story in stories])
    return _classed(*parts)


def _classed(
    documents: list[str], labels: Sequence[str], queries: list[str], query_labels: Sequence[str]
) -> Classed:
    numbers = {name: n for n, name in enumerate(sorted({*labels, *query_labels}))}
    first, second = (
        np.array([numbers[name] for name in names], dtype=np.int64)
        for names in (labels, query_labels)
    )
    return Classed(documents, first, queries, second)


def _json_lines(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.decode("utf-8").splitlines() if line.strip()]


@dataclass
class Codes:
    """What an encoder makes of documents and queries.

    Attributes
    ----------
    documents, queries : ndarray of float32
        Comparable codes, unit length, as an index keeps them.
    latents, query_latents : ndarray of float32
        The same before they are centred and scaled: for distances.
    frozen : FrozenEncoder
    """

    documents: Array
    queries: Array
    latents: Array
    query_latents: Array
    frozen: FrozenEncoder


class Terms:
    """Documents and queries as their terms; terms and weights come from the documents alone.

    Parameters
    ----------
    documents, queries : sequence of str
    place : Path
        Folder for encoders.
    vocabulary : int
    weighting : str
    """

    def __init__(
        self,
        documents: Sequence[str],
        queries: Sequence[str],
        place: Path,
        *,
        vocabulary: int = 30_000,
        weighting: str = "log-entropy",
    ) -> None:
        self.place = Layout(place)
        self.features, self.counts = fit_features(
            documents, len(documents), vocabulary=vocabulary, weighting=weighting
        )
        self.query_counts = self.features.count(queries)

    def rows(self, features: TextFeatures | None = None) -> tuple[SparseRows, SparseRows]:
        """Return weighted documents and queries."""
        features = features or self.features
        return features.weigh(self.counts), features.weigh(self.query_counts)

    def weighted(self, weighting: str) -> TextFeatures:
        """Return features of the same terms with other weights."""
        return self.features.reweighted(weighting, self.counts)

    def codes(self, kind: str, encoder: Any, features: TextFeatures | None = None) -> Codes:
        """Fit an encoder to the documents and run it as the product does: frozen, by onnxruntime.

        Parameters
        ----------
        kind : str
            Its name in the registry.
        encoder : Encoder
            Not fitted yet.
        features : TextFeatures, optional
            With other weights than its own.
        """
        features = features or self.features
        rows, asked = self.rows(features)
        encoder.fit(csr_of(rows))
        frozen = freeze(encoder, kind, features, self.place, {})
        codes, latents = frozen.encode_with_latents(rows)
        queries, query_latents = frozen.encode_with_latents(asked)
        return Codes(codes, queries, latents, query_latents, frozen)


def known(rows: SparseRows) -> Array:
    """Return the rows that hold any term: an index refuses documents and queries without."""
    return np.flatnonzero(np.diff(rows.indptr))


def with_words(found: Classed, vocabulary: int) -> Classed:
    """Return the same without texts that hold none of the terms of the documents."""
    features, counts = fit_features(found.documents, len(found.documents), vocabulary=vocabulary)
    rows, asked = known(counts), known(features.count(found.queries))
    return Classed(
        [found.documents[n] for n in rows],
        found.labels[rows],
        [found.queries[n] for n in asked],
        found.query_labels[asked],
    )


def precisions(found: Classed, asked: Array, codes: Array, cuts: Sequence[int]) -> list[float]:
    """Return the share of documents of the same class among the nearest, for each cut-off."""
    nearest = exact_neighbors(codes, asked, min(max(cuts), len(codes)))
    return shares(found, nearest, cuts)


def shares(found: Classed, nearest: Array, cuts: Sequence[int]) -> list[float]:
    """Return the precision of rankings, rows of documents of shape (queries, k)."""
    relevant = found.labels[nearest] == found.query_labels[:, None]
    return [float(precision_at(relevant, cut).mean()) for cut in cuts]


def in_bits(found: Classed, asked: Array, codes: Array, cuts: Sequence[int]) -> list[float]:
    """Return the precision of codes as 64 bits, at each cut-off."""
    rotation = learn_rotation(codes, CODE)
    plan = choose(len(codes), codes.shape[1], dtype="bits", bits=CODE)
    engine = FaissEngine.build(plan, np.arange(len(codes)), codes, rotation)
    return shares(found, engine.search(asked, max(cuts))[0], cuts)


def coded(terms: Terms, kind: str, size: int, seed: int) -> Codes:
    """Fit LSA or the text encoder, with its defaults, and return the codes."""
    encoder = (TextEncoder if kind == "text" else LSAEncoder)(size, random_state=seed)
    started = time.perf_counter()
    codes = terms.codes(kind, encoder)
    say(f"{kind}-{size} in {time.perf_counter() - started:.0f} s")
    return codes


def lsa_of_all_sizes(
    terms: Terms, weighting: str, cap: float, seed: int
) -> Iterator[tuple[int, Array, Array]]:
    """Yield size, codes of documents and of queries, from one decomposition."""
    rows, asked = map(csr_of, terms.rows(terms.weighted(weighting)))
    if cap < 1:
        held = np.bincount(rows.indices, minlength=rows.shape[1]) <= cap * rows.shape[0]
        rows, asked = (normalize(table[:, held]) for table in (rows, asked))
    lsa = LSAEncoder(max(LSA_SIZES), random_state=seed).fit(rows)
    latents, queries = lsa.transform(rows), lsa.transform(asked)
    for size in LSA_SIZES:
        if size <= lsa.code_size_:
            yield size, unit(latents[:, :size]), unit(queries[:, :size])


def sampled_texts(texts: Sequence[str], count: int, words: int, seed: int) -> Iterator[str]:
    """Yield new documents: words drawn, in their shares, from a few real ones each."""
    rng = np.random.default_rng(seed)
    spoken = [text.split() for text in texts]
    spoken = [one for one in spoken if len(one) >= words]
    if not spoken:
        sys.exit(f"no text has {words} words to draw from")
    for _ in range(count):
        pair = [spoken[n] for n in rng.integers(len(spoken), size=2)]
        pool = list(itertools.chain(*pair))
        yield " ".join(pool[n] for n in rng.integers(len(pool), size=words))
