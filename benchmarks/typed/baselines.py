"""What typed search is measured against: bm25s with stems, and LSA of scikit-learn and gensim.

All three see the same terms: stems (PyStemmer) without stop words, the longest list that bm25s has
for the language; of Chinese the characters and every two neighboring ones. LSA is at its best:
weighting and size are chosen by the judgements themselves, which nobody has who makes an index.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import bm25s
import numpy as np
from scipy.sparse import csr_matrix, diags_array
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize

from aesearch.evaluation.metrics import ranking
from aesearch.types import Floats, Ids, Ints
from benchmarks.reporting import say

Tokens = list[list[str]]

SIZES = (50, 100, 200)
LEAST_DOCUMENTS = 2  # that a term of LSA is in
STOP_WORDS = {"english": "english_plus"}  # of bm25s
RUN = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]{2,}")


def tokens_of(texts: Sequence[str], language: str) -> Tokens:
    """Return the terms of texts: stems without stop words; of Chinese, characters and pairs."""
    if language == "chinese":
        return [_characters(text) for text in texts]
    import Stemmer  # an extra

    stemmer = Stemmer.Stemmer(language)
    stop_words = STOP_WORDS.get(language, language)
    found: Tokens = bm25s.tokenize(
        list(texts), stopwords=stop_words, stemmer=stemmer, return_ids=False, show_progress=False
    )
    return found


def _characters(text: str) -> list[str]:
    found: list[str] = []
    for run in RUN.findall(text.lower()):
        if "\u3400" <= run[0] <= "\u9fff":
            found += [*run, *("".join(two) for two in pairwise(run))]
        else:
            found.append(run)
    return found


class Bm25:
    """bm25s with its defaults.

    Parameters
    ----------
    documents : list of list of str
        Their terms.
    """

    def __init__(self, documents: Tokens) -> None:
        self.count = len(documents)
        self.model = bm25s.BM25()
        self.model.index(documents, show_progress=False)

    def rankings(self, queries: Tokens, most: int) -> list[Ids]:
        """Return the documents that hold a term of each query, best first."""
        k = min(most, self.count)
        rows, scores = self.model.retrieve(queries, k=k, show_progress=False)
        return [
            np.asarray(row[score > 0], dtype=np.int64)
            for row, score in zip(rows, scores, strict=True)
        ]


def lsa(documents: Tokens, queries: Tokens, most: int) -> Iterator[tuple[str, list[Ids]]]:
    """Yield the rankings of scikit-learn's LSA for each weighting and size, by a name."""
    counter = CountVectorizer(analyzer=_as_it_is, min_df=LEAST_DOCUMENTS, dtype=np.float64)
    counts = counter.fit_transform(documents)
    asked = counter.transform(queries)
    tf_idf = TfidfTransformer(sublinear_tf=True).fit(counts)
    entropy = log_entropy(counts)
    for name, rows, others in (
        ("tf-idf", tf_idf.transform(counts), tf_idf.transform(asked)),
        ("log-entropy", weighed(counts, entropy), weighed(asked, entropy)),
    ):
        size = min(SIZES[-1], min(rows.shape) - 1)
        svd = TruncatedSVD(size, n_iter=7, random_state=0).fit(rows)
        yield from _cut(name, svd.transform(rows), svd.transform(others), most)


def gensim_lsi(documents: Tokens, queries: Tokens, most: int) -> Iterator[tuple[str, list[Ids]]]:
    """Yield the rankings of gensim's LSI for each weighting and size; none without gensim."""
    if importlib.util.find_spec("gensim") is None:
        say("no gensim: pip install 'aesearch[benchmark]'")
        return
    from gensim.corpora import Dictionary
    from gensim.matutils import corpus2dense
    from gensim.models import LogEntropyModel, LsiModel, TfidfModel

    dictionary = Dictionary(documents)
    dictionary.filter_extremes(no_below=LEAST_DOCUMENTS, no_above=1.0, keep_n=None)
    counts, asked = ([dictionary.doc2bow(row) for row in rows] for rows in (documents, queries))
    for name, weights in (("tf-idf", TfidfModel(counts)), ("log-entropy", LogEntropyModel(counts))):
        rows, others = ([weights[row] for row in part] for part in (counts, asked))
        model = LsiModel(rows, id2word=dictionary, num_topics=SIZES[-1], random_seed=0)
        latents, points = (
            corpus2dense(model[part], SIZES[-1], num_docs=len(part)).T for part in (rows, others)
        )
        yield from _cut(name, latents, points, most)


def log_entropy(counts: csr_matrix) -> Floats:
    """Return the entropy weight of each column: 1 for a term of one document, 0 for an even one.

    References
    ----------
    S. Dumais, Improving the retrieval of information from external sources, 1991.
    """
    share = counts @ diags_array(1 / np.maximum(np.asarray(counts.sum(axis=0)).ravel(), 1))
    share.data *= np.log(share.data)
    sums = np.asarray(share.sum(axis=0)).ravel()
    weights: Floats = 1 + sums / np.log(max(2, counts.shape[0]))
    return weights


def weighed(counts: csr_matrix, entropy: Floats) -> csr_matrix:
    """Return counts weighed by log-entropy, rows of unit length."""
    return normalize(counts.log1p() @ diags_array(entropy))


def _cut(name: str, codes: Floats, asked: Floats, most: int) -> Iterator[tuple[str, list[Ids]]]:
    """Yield rankings by cosine of the first numbers of codes: one decomposition has all sizes."""
    for size in [size for size in SIZES if size <= codes.shape[1]] or [codes.shape[1]]:
        scores = normalize(asked[:, :size]) @ normalize(codes[:, :size]).T
        ranked: Ints = ranking(scores, most)
        yield f"{name}, {size}", list(ranked)


def _as_it_is(tokens: list[str]) -> list[str]:
    return tokens
