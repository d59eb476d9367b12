"""Search in documents: by code and by words (BM25) together, at the best passage of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from aesearch.errors import ContentError, DamagedError, ParameterError, repair_command
from aesearch.modalities.texts.passages import Passage
from aesearch.search.fusion import CANDIDATES, Lexical, WordsCheck
from aesearch.search.hits import Found, Hit, Limits
from aesearch.search.nearest import Nearest, nearest_documents
from aesearch.search.query import Query, numbered
from aesearch.search.ranker import Ranker
from aesearch.search.sets import either
from aesearch.search.shown import asked_terms, shown_of, title_of
from aesearch.search.unknown_words import (
    begun_words,
    not_learned,
    shared_unlearned,
    unknown_words,
    why_nothing_is_known,
)
from aesearch.sparse import SparseRows
from aesearch.storage.snapshot import ReplacedError
from aesearch.types import Floats, Ids

if TYPE_CHECKING:
    from aesearch.modalities.texts.analysis import Analyzer
    from aesearch.modalities.texts.extract import Document
    from aesearch.modalities.texts.features import TextFeatures
    from aesearch.search.bm25 import Words
    from aesearch.search.conditions import Conditions
    from aesearch.search.explain import Explanation
    from aesearch.search.together import Joint
    from aesearch.storage.schema import KeptText
    from aesearch.storage.snapshot import Snapshot

MOST_TERMS = 1_000_000  # of an explanation; no two documents share so many


class DocumentRanker(Ranker):
    """Documents: codes of the whole and of passages, and the words."""

    _lexical: tuple[int, Words] | None = None
    _asked_of: Conditions | None = None

    # -- queries ---------------------------------------------------------------------------------

    def query(self, content: str | bytes | Path) -> Query:
        """Read a text, the content of a document, or a document by its path."""
        query = super().query(content)
        document: Document = query.sample
        query.text, query.typed = document.text, isinstance(content, str)
        return query

    def query_of(self, snapshot: Snapshot, key: str) -> Query:
        """The query that the text of an item is."""
        text = self.text_of(key).text
        return Query(text, b"", text=text)

    def rows(self, snapshot: Snapshot, query: Query) -> SparseRows:
        """The weighted terms of a query, one row."""
        features = _features(snapshot)
        return features.weigh(features.count_tokens([query.tokens]))

    def codes(self, snapshot: Snapshot, queries: Sequence[Query]) -> Floats:
        """The codes of queries; zeros of one that holds no word that the code knows."""
        rows = SparseRows.stack([self.rows(snapshot, query) for query in queries])
        codes = snapshot.encoder.encode(rows)
        codes[self.backend.modality.is_empty(rows)] = 0
        return codes

    # -- ranking ---------------------------------------------------------------------------------

    @property
    def is_hybrid(self) -> bool:
        """Whether a text is searched by codes and words: unless the check found that words harm."""
        return _words_check(self.backend.snapshot()).prefers_both

    def rank(
        self, snapshot: Snapshot, queries: Sequence[Query], limits: Limits
    ) -> list[list[Found]]:
        """The best documents for each query: by both where that was asked for, or is the default.

        By default a typed query without a threshold is ranked by both where `is_hybrid`, which is
        what the check has asked, or where a document holds a word of it that the code does not
        know; a threshold is a cosine. By default too, a typed query of which the code knows no
        word is ranked by words alone.

        Raises
        ------
        ContentError
            If a query only says what to leave out, or no word of it is known.
        """
        found: list[list[Found]] = [[] for _ in queries]
        dense: list[tuple[int, SparseRows]] = []  # those that are ranked by their codes alone
        usual = _words_check(snapshot).prefers_both and limits.threshold is None
        self.refuse_copies(limits)
        super().allowed(snapshot, limits)  # refuses a k below 1
        for place, query in enumerate(queries):
            with numbered(place, len(queries)):
                own, begun = self._chosen(snapshot, query, limits)
            if own.only is not None and not len(own.only):
                continue
            row = self.rows(snapshot, query)
            known = bool(row.values.any())
            typed = query.typed and limits.threshold is None
            may_be_words = typed if limits.hybrid is None else limits.hybrid
            by_both = known and may_be_words
            if by_both and limits.hybrid is None and not usual:
                by_both = self._needs_words(snapshot, query)
            if by_both or (not known and may_be_words and self._finds(snapshot, query)):
                code = snapshot.encoder.encode(row) if known else None
                terms = [*self._terms(snapshot, query), *begun]
                found[place] = self._fused(snapshot, query, code, terms, own)
            elif not known and query.syntax.required and own.only is not None:
                # Nothing tells apart what holds all that is asked for.
                found[place] = [Found(id, 1.0, id) for id in own.only[: limits.k].tolist()]
            elif not known:
                with numbered(place, len(queries)):
                    found[place] = self._same(snapshot, query, limits, by_words=may_be_words)
            elif own is not limits:
                code = snapshot.encoder.encode(row)
                found[place] = self.nearest(snapshot, code, own, [self.exact(query)])[0]
            else:
                dense.append((place, row))
        if dense:
            codes = snapshot.encoder.encode(SparseRows.stack([row for _, row in dense]))
            exact = [self.exact(queries[place]) for place, _ in dense]
            nearest = self.nearest(snapshot, codes, limits, exact)
            for (place, _), best in zip(dense, nearest, strict=True):
                found[place] = best
        return found

    def together(self, snapshot: Snapshot, joint: Joint, limits: Limits) -> list[Found]:
        """The best documents for several queries as one: by their mean code, and all their words.

        What holds a text that is not meant comes behind all that does not: a code alone may be near
        in spite of it.
        """
        self.refuse_joint_copies(limits)
        super().allowed(snapshot, limits)  # refuses a k below 1
        for query in joint.typed:
            self._take_pasted_literally(snapshot, query)
        words = joint.words
        own, begun = self._chosen(snapshot, words, limits)
        if own.only is not None and not len(own.only):
            return []
        code = self.joint_code(snapshot, joint)
        by_words = self._by_words(snapshot, joint, code, limits)
        if code is None and not by_words:
            why = _features(snapshot), self._analyzer(snapshot), words
            raise ContentError(why_nothing_is_known(*why, by_words=bool(limits.hybrid)))
        terms = [*self._terms(snapshot, words), *begun] if by_words else []

        def best(limits: Limits) -> list[Found]:
            if by_words:
                return self._fused(snapshot, words, code, terms, limits)
            assert code is not None
            return self.nearest(snapshot, code, limits, [[]])[0]

        held = self._held(snapshot, joint)
        return self._apart(snapshot, best, own, held) if len(held) else best(own)

    def _by_words(
        self, snapshot: Snapshot, joint: Joint, code: Floats | None, limits: Limits
    ) -> bool:
        """Whether words rank several queries as one; as in `rank`."""
        wanted = limits.hybrid
        if wanted is None:
            wanted = bool(joint.typed) and limits.threshold is None
        if code is None:
            return wanted and self._finds(snapshot, joint.words)
        if limits.hybrid is None and not _words_check(snapshot).prefers_both:
            return wanted and self._needs_words(snapshot, joint.words)
        return wanted

    def _held(self, snapshot: Snapshot, joint: Joint) -> Ids:
        """The documents that hold all of one of the texts that were typed as not meant."""
        held = np.empty(0, dtype=np.int64)
        for one in joint.unlikes:
            if one.query.typed:
                held = either(held, self._conditions(snapshot).holding_all(one.query.syntax))
        return held

    def _apart(
        self, snapshot: Snapshot, best: Callable[[Limits], list[Found]], limits: Limits, last: Ids
    ) -> list[Found]:
        """The best of all documents, those in `last` behind all others."""
        chosen = self.matching(limits)
        ids = self.words(snapshot).ids if chosen is None else chosen
        found = best(limits._replace(only=np.setdiff1d(ids, last)))
        wanted = limits.k - len(found)
        if wanted > 0 and len(rest := np.intersect1d(ids, last)):
            least = found[-1].score if found else 1.0
            others = best(limits._replace(only=rest, k=wanted))
            found += [one._replace(score=min(one.score, least)) for one in others]
        return found

    def _chosen(self, snapshot: Snapshot, query: Query, limits: Limits) -> tuple[Limits, list[str]]:
        """The limits of a query by what it must hold, and the terms of its prefixes."""
        self._take_pasted_literally(snapshot, query)
        syntax = query.syntax
        if syntax.only_excludes:
            raise ContentError(
                f"the query only says what to leave out ({syntax}): add a word to look for, or put "
                f"all of it into double quotes to look for it as it stands"
            )
        if not syntax.has_conditions:
            return limits, []
        chosen = self._conditions(snapshot).choose(syntax, self.matching(limits))
        return limits._replace(only=chosen.ids), chosen.terms

    def _same(
        self, snapshot: Snapshot, query: Query, limits: Limits, *, by_words: bool
    ) -> list[Found]:
        """The items of just the content of a file of which no code knows a word.

        Raises
        ------
        ContentError
            If there is none.
        """
        exact = self.exact(query)
        if not exact:
            features, analyzer = _features(snapshot), self._analyzer(snapshot)
            raise ContentError(why_nothing_is_known(features, analyzer, query, by_words=by_words))
        allowed, _ = super().allowed(snapshot, limits)
        kept = None if allowed is None else set(allowed.tolist())
        same = [Found(id, 1.0, id) for id in exact if kept is None or id in kept]
        return same[: limits.k]

    def allowed(self, snapshot: Snapshot, limits: Limits) -> tuple[Ids | None, int]:
        """The rows that may be found, passages among them."""
        matching, count = super().allowed(snapshot, limits)
        if matching is None:
            return None, count
        rows = np.concatenate([matching, self.backend.passages_in(matching)])
        return rows, len(rows)

    def nearest(
        self, snapshot: Snapshot, codes: Floats, limits: Limits, exact: Sequence[Sequence[int]]
    ) -> list[list[Found]]:
        """The nearest documents; of a document and its passages, the nearest row counts."""
        allowed, rows = self.allowed(snapshot, limits)
        k = min(limits.k, rows)
        if allowed is not None and any(exact):
            kept = set(allowed.tolist())
            exact = [[id for id in first if id in kept] for first in exact]
        found = nearest_documents(snapshot.engine, codes, k, allowed, rows)
        return [_behind(first[:k], own)[:k] for first, own in zip(exact, found, strict=True)]

    def _fused(
        self,
        snapshot: Snapshot,
        query: Query,
        code: Floats | None,
        terms: Sequence[str],
        limits: Limits,
    ) -> list[Found]:
        """The best by code and words together; by words alone where no code is had."""
        allowed, (rows_allowed, count) = self.matching(limits), self.allowed(snapshot, limits)
        depth = max(limits.k, CANDIDATES)
        lexical = Lexical.of(self.words(snapshot), terms, depth, allowed)
        seen: list[Nearest] = []

        def nearest(moved: Floats) -> tuple[Ids, Floats]:
            k = min(depth, count)
            seen.extend(nearest_documents(snapshot.engine, moved, k, rows_allowed, count))
            return seen[-1].ids, seen[-1].scores

        mixture = _words_check(snapshot).mixture
        ids, scores = mixture.search(code, nearest, lexical, self.backend.codes_of)
        shown = ids[: limits.k]
        rows: dict[int, int] = {}
        for near in seen:
            chosen = np.isin(near.ids, shown)
            rows.update(zip(near.ids[chosen].tolist(), near.rows[chosen].tolist(), strict=True))
        exact = self.exact(query)
        best = {id: Found(id, 1.0, id) for id in exact if allowed is None or id in allowed}
        for id, score in zip(shown.tolist(), scores[: limits.k].tolist(), strict=True):
            best.setdefault(id, Found(id, score, rows.get(id, id)))
        if query.syntax.required and limits.only is not None:
            least = 0.0 if best else 1.0  # all hold what is asked, and nothing tells them apart
            for id in limits.only[: limits.k + len(best)].tolist():
                best.setdefault(id, Found(id, least, id))
        return list(best.values())[: limits.k]

    # -- words -----------------------------------------------------------------------------------

    def words(self, snapshot: Snapshot) -> Words:
        """The lexical index of a revision: as it was kept, or made now and kept."""
        from aesearch.search.lexical import words_of

        if self._lexical is None or self._lexical[0] != snapshot.revision.number:
            made = words_of(
                self.backend.lexical_folder(snapshot.revision.number),
                self._texts(snapshot),
                _features(snapshot).language,
                _words_check(snapshot).expansion,
                self.backend.codes_of,
            )
            self._lexical = snapshot.revision.number, made
        return self._lexical[1]

    def _texts(self, snapshot: Snapshot) -> Iterator[KeptText]:
        """The texts of a revision; ReplacedError where a writer has changed them meanwhile."""
        self._require_current(snapshot)
        yield from self.backend.texts()
        self._require_current(snapshot)

    def _require_current(self, snapshot: Snapshot) -> None:
        if self.backend.revision.number != snapshot.revision.number:
            raise ReplacedError(f"{self.backend.name} changes too quickly; try again")

    def _conditions(self, snapshot: Snapshot) -> Conditions:
        """What documents hold, of the lexical index of a revision."""
        from aesearch.search.conditions import Conditions

        words = self.words(snapshot)
        if self._asked_of is None or self._asked_of.words is not words:
            self._asked_of = Conditions(words, words.analyzer, self.backend)
        return self._asked_of

    def _take_pasted_literally(self, snapshot: Snapshot, query: Query) -> None:
        """Take a query as it stands where a document holds it so: `tar -xzf archive.tgz`."""
        syntax = query.syntax
        if query.quoted is None and syntax.may_be_pasted and not syntax.only_excludes:
            query.quoted = self._conditions(snapshot).quotes(query.text or "")
            if query.quoted:
                query.take_literally()

    def _terms(self, snapshot: Snapshot, query: Query) -> list[str]:
        """The terms by which the plain words of a query are looked up."""
        return self.words(snapshot).terms_of(query.syntax.plain)

    def _finds(self, snapshot: Snapshot, query: Query) -> bool:
        """Whether a query finds anything by words: known to the code or not."""
        if query.syntax.required:
            return True
        return any(map(self.words(snapshot).holds, self._terms(snapshot, query)))

    def _needs_words(self, snapshot: Snapshot, query: Query) -> bool:
        """Whether a document holds a word of a query that the code does not know."""
        rare = not_learned(_features(snapshot), query.tokens)
        return bool(rare) and self._finds(snapshot, Query(None, b"", text=" ".join(rare)))

    def _opened(self, snapshot: Snapshot) -> Words | None:
        """The lexical index of a revision, if it was opened."""
        if self._lexical is not None and self._lexical[0] == snapshot.revision.number:
            return self._lexical[1]
        return None

    def _analyzer(self, snapshot: Snapshot) -> Analyzer:
        """That of the lexical index where it was opened, or else of the language of the code."""
        from aesearch.search.lexical import analyzer_of

        words = self._opened(snapshot)
        return analyzer_of(_features(snapshot).language) if words is None else words.analyzer

    def prepare(self) -> None:
        """Make the lexical index where queries need it, so that none waits for it."""
        if self.is_hybrid:
            with suppress(ReplacedError):  # whose writer makes it for what it wrote
                self.words(self.backend.snapshot())

    def faults(self, *, repair: bool = False) -> list[str]:
        """Whether the lexical index is as it was written; one that is missing is no fault."""
        from aesearch.search.lexical import fault_of

        snapshot = self.backend.snapshot()
        fault = fault_of(self.backend.lexical_folder(snapshot.revision.number))
        if fault and repair:
            self._lexical = self._asked_of = None
            self.words(snapshot)  # a damaged one is made anew
            fault = fault_of(self.backend.lexical_folder(snapshot.revision.number))
        return [fault] if fault else []

    def unknown_words(self, query: Query, *, hybrid: bool | None) -> list[str]:
        """The words of a query that a search passes over; see `Index.unknown_words`."""
        snapshot = self.backend.snapshot()
        if hybrid is None:
            hybrid = (
                self.is_hybrid
                or not self.rows(snapshot, query).values.any()
                or self._needs_words(snapshot, query)
            )
        words = self.words(snapshot) if hybrid else None
        return unknown_words(_features(snapshot), query, words)

    def notes(self, query: Query) -> list[str]:
        """What is to be said of how a typed query was read; see `Index.notes`."""
        snapshot = self.backend.snapshot()
        self._take_pasted_literally(snapshot, query)
        syntax = query.syntax
        if query.quoted:
            return [f"a document holds just this, so nothing is left out: {query.text}"]
        said = [f"not understood, read as words: {', '.join(syntax.unread)}"] * bool(syntax.unread)
        if syntax.excluded and not syntax.only_excludes:
            left_out = ", ".join(map(str, syntax.excluded))
            said.append(
                f"left out: documents with {left_out} (put the text into double quotes to search "
                "it as it stands)"
            )
        if syntax.is_sentence and any(part.kind == "phrase" for part in syntax.wanted):
            chosen = self._conditions(snapshot).choose(syntax)
            said += [
                f"no document holds {part}: its words are searched" for part in chosen.quotations
            ]
        return said

    # -- showing ---------------------------------------------------------------------------------

    def hits(
        self, snapshot: Snapshot, found: Sequence[Found], query: Query | None, limits: Limits
    ) -> list[Hit]:
        """Documents with their titles and snippets."""
        kept = self.backend.texts_of(one.id for one in found)
        keys = self.backend.keys_of(one.id for one in found)
        paths, fields = self.backend.paths_of(keys), self.backend.fields_of(keys)
        parts = self.backend.passages_of(one.row for one in found if one.row != one.id)
        features = _features(snapshot)
        analyzer, opened = self._analyzer(snapshot), self._opened(snapshot)
        asked = {} if query is None else asked_terms(features, analyzer, query, opened)
        phrases = [] if query is None else query.syntax.shown_in(analyzer.language)
        hits: list[Hit] = []
        for id, score, row, _ in found:
            if id not in keys or (limits.threshold is not None and score < limits.threshold):
                continue
            passage = Passage(*parts[row]) if row in parts else None
            own = self._text(kept, id, keys[id])
            shown = shown_of(own, passage, phrases, asked, analyzer)
            said = fields.get(id)
            hits.append(Hit(score, keys[id], paths[id], title_of(own), shown, passage, said))
        return hits

    def text_of(self, key: str) -> KeptText:
        """The plain text of a document; see `Index.text_of`."""
        id = self.backend.id_of(key)
        return self._text(self.backend.texts_of([id]), id, key)

    def _text(self, kept: Mapping[int, KeptText], id: int, key: str) -> KeptText:
        if id not in kept:
            mends = repair_command(Path(self.backend.name))
            raise DamagedError(
                f"the text of '{key}' is missing in {self.backend.name}; {mends} reads it again"
            )
        return kept[id]

    def explain(self, query: Query, key: str, top: int) -> Explanation:
        """Terms that a query and a document hold, that the decoder puts in both, or borrowed."""
        from aesearch.search.explain import borrowed_words, explain

        if not isinstance(top, Integral) or top < 0:
            raise ParameterError(f"top must be a whole number of at least 0; got {top!r}")
        top = min(int(top), MOST_TERMS)
        snapshot = self.backend.snapshot()
        features = _features(snapshot)
        other = self.query_of(snapshot, key)
        rows = self.rows(snapshot, query), self.rows(snapshot, other)
        whole = Query(None, b"", text=self.text_of(key).whole)
        unlearned = shared_unlearned(features, self._analyzer(snapshot), query, whole)
        unlearned += begun_words(query, whole, self._analyzer(snapshot).language)
        why = explain(features, snapshot.encoder, *rows, top, unlearned)
        if not query.typed or _words_check(snapshot).expansion.is_plain:
            return why
        id, words = self.backend.id_of(key), self.words(snapshot)
        return replace(why, borrowed=borrowed_words(words, query, id)[:top])


def _features(snapshot: Snapshot) -> TextFeatures:
    return cast("TextFeatures", snapshot.features)


def _words_check(snapshot: Snapshot) -> WordsCheck:
    return WordsCheck.of(snapshot.encoder.manifest.check)


def _behind(exact: Sequence[int], nearest: Nearest) -> list[Found]:
    """Documents that are just what was asked for, then the nearest of the others."""
    best = {id: Found(id, 1.0, id) for id in exact}
    for id, score, row in zip(*(part.tolist() for part in nearest), strict=True):
        best.setdefault(id, Found(id, score, row))
    return list(best.values())
