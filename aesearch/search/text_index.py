"""An index of documents: searched by sentence, by file, or by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aesearch.errors import ContentError, DamagedError, ParameterError, UnsupportedError
from aesearch.ingest.passages import DOCUMENT
from aesearch.modalities.texts.passages import Passage
from aesearch.modalities.texts.snippets import opening, snippet
from aesearch.modalities.texts.tokenizer import spans, term_of
from aesearch.search.hits import Hit, TextHit
from aesearch.search.index import Index
from aesearch.search.lexical import terms_in, words_of
from aesearch.search.unknown_words import shared_unlearned, unknown_words, why_nothing_is_known
from aesearch.sources.folder import read_file
from aesearch.storage.places import key_for
from aesearch.storage.snapshot import Opened
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.modalities.texts.extract import Document
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.search.bm25 import Words
    from aesearch.search.explain import Explanation
    from aesearch.search.generator import Generator
    from aesearch.storage.schema import KeptText

Text = str | bytes | Path
OPENING = 80  # characters of a document without a title, that stand for one
DEEPER = 4  # times as many passages are looked for, where they crowd documents out


class Found(NamedTuple):
    """One document, and the row of the engine, itself or a passage, that was nearest."""

    id: int
    score: float
    row: int


class TextIndex(Index):
    """A folder of documents that can be searched by what they are about; see `Index`.

    Examples
    --------
    >>> with aesearch.open("indexes/papers") as index:      # doctest: +SKIP
    ...     index.search("heat transfer in laminar flow", k=3)
    """

    _counted: tuple[int, Words] | None = None

    @property
    def is_hybrid(self) -> bool:
        """Whether the check found codes and words together to be clearly better than codes."""
        return bool((self.encoder.manifest.get("check") or {}).get("hybrid"))

    # -- searching -------------------------------------------------------------------------------

    def taken(self, content: Any) -> tuple[Document, bytes, Path | None]:
        """Return the document that a text, the content of a file, or a path stands for."""
        from aesearch.modalities.texts.extract import Document, extract

        if isinstance(content, str):
            if not content.strip():
                raise ContentError("the query is empty; give it some words")
            return Document(content, ""), content.encode(errors="replace"), None
        path = content if isinstance(content, Path) else None
        raw = content if path is None else read_file(path)
        if not isinstance(raw, bytes):
            raise ParameterError(
                f"a document is text, bytes or a Path; got {type(content).__name__}"
            )
        return extract(raw, "" if path is None else path.name), raw, path

    def search(
        self,
        content: Any,
        k: int = 10,
        *,
        among: str | None = None,
        threshold: float | None = None,
        hybrid: bool | None = None,
    ) -> list[Hit]:
        """Find the documents most similar to a text.

        Parameters
        ----------
        content : str, Path or bytes
            A sentence or a whole text; the path of a document, or the content of one. A str is
            always text, even where a file has this name.
        k, among, threshold
            As in `Index.search`.
        hybrid : bool, optional
            Rank by the codes and by the words (BM25) together, weighted as the check found best.
            Scores are then in [0, 1], 1 for what is best in both. The first time after a change
            the words of all documents are counted. By default so where `is_hybrid`, for a str
            without `threshold`: that is what the check has asked, and a threshold is a cosine.
            By default too, a str of which the code knows no word is searched by words alone.

        Returns
        -------
        list of TextHit
            Best first. A file that is in the index comes first, with score 1.

        Raises
        ------
        ContentError
            If it cannot be read as a document, or holds no word that the index knows.
        """
        document, raw, path = self.taken(content)
        key = None if path is None else key_for(self.source, path)
        typed = isinstance(content, str) and threshold is None
        by_both = self.is_hybrid and typed if hybrid is None else hybrid
        may_be_words = typed if hybrid is None else hybrid

        def answer(state: Opened) -> list[Hit]:
            row = state.features.transform([document.text])
            known = bool(row.values.any())
            if not known and not (may_be_words and self._is_spoken(state, document.text)):
                raise ContentError(why_nothing_is_known(state.features, document.text))
            code = state.encoder.encode(row) if known else None
            exact = [] if isinstance(content, str) else self._exact(raw, key)
            if code is None or by_both:
                found = self._fused(state, code, document.text, k, among, exact)
            else:
                found = self._nearest(state, code, k, among, exact)
            return self._as_hits(state, found, document.text, threshold)

        return self._of_one_revision(answer)

    def similar(
        self,
        key: str,
        k: int = 10,
        *,
        among: str | None = None,
        threshold: float | None = None,
    ) -> list[Hit]:
        """Find the documents most similar to one that is in the index; its file is not read."""

        def answer(state: Opened) -> list[Hit]:
            id = self._id_of(key)
            code = self.store.codes([id])[1]
            found = self._nearest(state, code, k, among, [id])
            return self._as_hits(state, found, self.text_of(key).text, threshold)

        return self._of_one_revision(answer)

    def unknown_words(self, text: str, *, hybrid: bool | None = None) -> list[str]:
        """Return the words of a query that a search passes over: no document has taught them.

        Stop words are not among them. With `hybrid`, as in `search`, they are in no document at
        all; without, they may be in a few, too few to be learned.
        """
        state = self._state()
        if hybrid is None:
            hybrid = self.is_hybrid or not state.features.transform([text]).values.any()
        return unknown_words(state.features, text, self._words(state) if hybrid else None)

    def text_of(self, key: str) -> KeptText:
        """Return the plain text of a document, as it is kept in the index, and its title.

        Raises
        ------
        UnknownKeyError
            If there is no such document.
        """
        id = self._id_of(key)
        return self._text(self.store.texts_of([id]), id, key)

    def _text(self, kept: Mapping[int, KeptText], id: int, key: str) -> KeptText:
        if id not in kept:
            raise DamagedError(
                f"the text of '{key}' is missing in {self.layout.database}; remove "
                f"{self.layout.root} and index again"
            )
        return kept[id]

    def explain(self, content: Text, key: str, top: int = 8) -> Explanation:
        """Say why a document is a hit for a text.

        Parameters
        ----------
        content : str, Path or bytes
            As in `search`.
        key : str
            Of the document.
        top : int
            Terms wanted of each kind.

        Returns
        -------
        Explanation
            Terms that both hold, and terms that the decoder puts in both.
        """
        return self._explained(self.taken(content)[0].text, key, top)

    def explain_similar(self, key: str, other: str, top: int = 8) -> Explanation:
        """Say why two documents of the index are similar; see `explain`."""
        return self._explained(self.text_of(key).text, other, top)

    @property
    def generate(self) -> Generator:
        """Refuse: what is generated is pictures."""
        raise UnsupportedError(
            f"{self.name} is an index of documents; only pictures are sampled and reconstructed"
        )

    def _explained(self, text: str, key: str, top: int) -> Explanation:
        from aesearch.search.explain import explain

        state = self._state()
        other = self.text_of(key).text
        query, hit = (state.features.transform([t]) for t in (text, other))
        unlearned = shared_unlearned(state.features, text, other)
        return explain(state.features, state.encoder, query, hit, top, unlearned)

    def _nearest(
        self, state: Opened, code: Floats, k: int, among: str | None, exact: Sequence[int]
    ) -> list[Found]:
        """Return the nearest documents; of a document and its passages, the nearest row counts."""
        if k < 1:
            raise ParameterError(f"k must be at least 1; got {k}")
        allowed: Ids | None = None
        rows = len(state.engine)
        if among is not None:
            allowed = self.store.matching(among)
            exact = [id for id in exact if id in set(allowed.tolist())]
            allowed = np.concatenate([allowed, self.store.passages_in(allowed)])
            rows = len(allowed)
        wanted = k = min(k, rows)
        while k:
            ids, scores = state.engine.search(code, wanted, among=allowed)
            best = {id: Found(id, 1.0, id) for id in exact[:k]}
            cosines = np.clip(scores[0], -1, 1).tolist()
            for row, score in zip(ids[0].tolist(), cosines, strict=True):
                if row >= 0 and row & DOCUMENT not in best:
                    best[row & DOCUMENT] = Found(row & DOCUMENT, score, row)
            if len(best) >= k or wanted == rows:
                return list(best.values())[:k]
            wanted = min(rows, DEEPER * wanted)
        return []

    def _fused(
        self,
        state: Opened,
        code: Floats | None,
        text: str,
        k: int,
        among: str | None,
        exact: Sequence[int],
    ) -> list[Found]:
        """Return the best by codes and words together; by words alone where no code is had."""
        from aesearch.search.fusion import CANDIDATES, UNKNOWN, with_feedback

        if k < 1:
            raise ParameterError(f"k must be at least 1; got {k}")
        depth = max(k, CANDIDATES)
        allowed = None if among is None else self.store.matching(among)
        words = self._words(state)
        spoken = words.search(terms_in(text, state.features.language), depth, among=allowed)
        if code is None:
            most = max(float(spoken[1].max(initial=0)), 1e-9)
            pairs = zip(spoken[0][:k].tolist(), spoken[1][:k].tolist(), strict=True)
            return [Found(id, score / most, id) for id, score in pairs]
        rows: dict[int, int] = {}

        def nearest(query: Floats) -> tuple[Ids, Floats]:
            found = self._nearest(state, query, depth, among, [])
            rows.update((one.id, one.row) for one in found)
            scores = np.array([one.score for one in found], dtype=np.float32)
            return np.array([one.id for one in found], dtype=np.int64), scores

        check = state.encoder.manifest.get("check") or {}
        weight = float(check["words"]["weight"]) if "words" in check else UNKNOWN
        ids, scores = with_feedback(code, nearest, spoken, self._codes, weight)
        best = {id: Found(id, 1.0, id) for id in exact if allowed is None or id in allowed}
        for id, score in zip(ids[:k].tolist(), scores[:k].tolist(), strict=True):
            best.setdefault(id, Found(id, score, rows.get(id, id)))
        return list(best.values())[:k]

    def _codes(self, ids: Ids) -> Floats:
        return self.store.codes(ids)[1]

    def _is_spoken(self, state: Opened, text: str) -> bool:
        """Return whether any document holds a word of a text, known to the code or not."""
        terms = terms_in(text, state.features.language)
        return bool(terms) and bool(self._words(state).scores_of(terms).any())

    def prepare_queries(self) -> None:
        """Count the words of all documents where queries need them, so that none waits for it."""
        if self.is_hybrid:
            self._words(self._state())

    def _words(self, state: Opened) -> Words:
        """Return BM25 of this revision: as it was kept, or counted now and kept."""
        if self._counted is None or self._counted[0] != state.revision.number:
            self._counted = state.revision.number, words_of(self.layout, self.store, state)
        return self._counted[1]

    def _as_hits(
        self, state: Opened, found: Sequence[Found], query: str, threshold: float | None
    ) -> list[Hit]:
        kept = self.store.texts_of(one.id for one in found)
        keys = self.store.keys_of(one.id for one in found)
        paths = self.paths_of(keys)
        parts = self.store.passages_of(one.row for one in found if one.row != one.id)
        language, asked = state.features.language, _asked(state.features, query)
        hits: list[Hit] = []
        for id, score, row in found:
            if id not in keys or (threshold is not None and score < threshold):
                continue
            passage = Passage(*parts[row]) if row in parts else None
            own = self._text(kept, id, keys[id])
            text = own.text[passage.start : passage.end] if passage else own.text
            matches = [
                (*asked[term], start, stop)
                for token, start, stop in spans(text)
                if (term := term_of(token, language)) in asked
            ]
            shown = snippet(text, matches)
            hits.append(TextHit(score, keys[id], paths[id], _title(own), shown, passage))
        return hits


def _title(own: KeptText) -> str:
    """Return the title of a document, or the opening of its first paragraph.

    That is the title where the text of a table's row begins with a column of titles.
    """
    return own.title or opening(own.text.lstrip().partition("\n\n")[0], OPENING)


def _asked(features: TextFeatures, query: str) -> dict[str, tuple[int, float]]:
    """Return a number and a weight of each term of a query; what no code knows weighs most."""
    known = {
        features.terms[column]: (column, float(features.weights[column]))
        for column, _, _ in features.term_numbers(query)
    }
    most = float(features.weights.max(initial=1))
    others = (term for term in terms_in(query, features.language) if term not in known)
    return known | {term: (-number, most) for number, term in enumerate(others, 1)}
