"""Documents in a comparison are ranked as a search ranks them: by passages, and with words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from notes_ import write_notes

from aesearch.compare.collection import Collection, open_collection
from aesearch.compare.methods import Stage
from aesearch.compare.plan import BORROWED, HYBRID, Step
from aesearch.compare.results import Comparison
from aesearch.compare.run import compare
from aesearch.evaluation.tasks import Queries
from aesearch.indexing.build import build
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.indexing.hybrid import NOT_FOUND, LexicalIndex
from aesearch.indexing.tasks import Passages, known_item_task, same_label_task
from aesearch.search.expansion import USUAL, Expansion
from aesearch.search.fusion import WordsCheck
from aesearch.search.hits import Hit
from aesearch.settings import Settings
from aesearch.types import silent

QUERIES = ["planet orbit", "violin concert hymn choir", "gearbox", "nothing astronaut cafés"]


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Collection]:
    """An index of notes; three of the 36 are long."""
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    write_notes(tmp_path / "notes")
    build(tmp_path / "notes", tmp_path / "index", {"code_size": 8}, budget=0).close()
    opened = open_collection(tmp_path / "index", "auto", None)
    yield opened
    opened.close()


def stage_of(collection: Collection, *forms: str) -> Stage:
    dataset = collection.read(Settings(), silent)
    more: Any = (collection.own, collection.own_features)
    return Stage(dataset, 0, forms, collection.index.folder.layout.root, lambda _: None, *more)  # type: ignore[union-attr]


def asked(stage: Stage, texts: list[str]) -> Queries:
    counts = stage.dataset.features.count(texts)
    return Queries(counts, texts, np.full(len(texts), -1), texts)


@pytest.mark.parametrize("form", ["float", HYBRID])
def test_documents_are_ranked_as_the_search_of_the_index_ranks_them(
    collection: Collection, form: str
) -> None:
    stage = stage_of(collection, form)
    (one,) = stage.searchers(Step("index"))
    scores = one.score(one.prepare(asked(stage, QUERIES))[0:4])
    keys = [item.key for item in stage.dataset.items]
    assert collection.index is not None
    by_passage = 0
    for query, row in zip(QUERIES, scores, strict=True):
        options: dict[str, Any] = {"hybrid": form == HYBRID}
        hits = collection.index.search(query, k=len(keys), **options)
        assert {hit.key for hit in hits} == {keys[n] for n in np.flatnonzero(row > NOT_FOUND)}
        found = [row[keys.index(hit.key)] for hit in hits]
        np.testing.assert_allclose(found, [hit.score for hit in hits], atol=1e-5)
        by_passage += sum(isinstance(hit, Hit) and hit.passage is not None for hit in hits)
    assert by_passage


def test_an_item_scores_as_its_best_row_does() -> None:
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(5, 9)).astype(np.float32)
    counts: Any = object()
    long = Passages(np.array([1, 1, 3]), counts)
    found = long.best(scores.copy())
    wanted = scores[:, :6].copy()
    wanted[:, 1] = scores[:, [1, 6, 7]].max(axis=1)
    wanted[:, 3] = scores[:, [3, 8]].max(axis=1)
    np.testing.assert_array_equal(found, wanted)
    assert Passages(np.empty(0, dtype=np.int64)).best(scores) is scores


def test_a_fusion_is_of_what_is_searched_alone(collection: Collection) -> None:
    stage = stage_of(collection, HYBRID)
    (one,) = stage.searchers(Step("index"))
    task = same_label_task(stage.dataset, 0)
    assert task is not None
    scores = one.score(one.prepare(task.queries))
    assert (scores[:, stage.dataset.held_out] == NOT_FOUND).all()
    # The best of both has the whole of the highest score, although the query itself has more.
    assert scores.max(axis=1).min() > 0.8


def test_unknown_words_are_ranked_by_words_alone(collection: Collection) -> None:
    stage = stage_of(collection, HYBRID)
    (one,) = stage.searchers(Step("index"))
    prepared = one.prepare(asked(stage, ["planet", "unheard", ""]))
    assert [code is None for code, _, _ in prepared] == [False, True, True]
    assert (one.score(prepared)[1:] == NOT_FOUND).all()


def test_passages_and_words_count_among_the_bytes(collection: Collection) -> None:
    stage = stage_of(collection, "float", "int8", HYBRID)
    assert isinstance(stage.dataset, TextDataset)
    exact, integers, hybrid = stage.searchers(Step("index"))
    rows = (len(stage.dataset) + len(Passages.of(stage.dataset).owners)) / len(stage.dataset)
    assert rows > 1
    assert exact.bytes_per_item == pytest.approx(4 * 8 * rows)
    assert integers.bytes_per_item == pytest.approx(8 * rows)
    texts = [document.text for document in stage.dataset.documents]
    words = LexicalIndex.of(texts, stage.dataset.features.language).bytes_per_item
    assert hybrid.bytes_per_item == pytest.approx(4 * 8 * rows + words)


@pytest.mark.parametrize("chosen", [Expansion(), Expansion(2, 0.5, 30)])
def test_borrowed_words_are_ranked_by_bm25_as_the_check_says(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, chosen: Expansion
) -> None:
    check = WordsCheck(0.7, 100, expansion=chosen)
    monkeypatch.setattr(WordsCheck, "of", lambda *_: check)
    stage = stage_of(collection, BORROWED, HYBRID)
    borrowed, hybrid = stage.searchers(Step("index"))
    language = stage.dataset.features.language
    codes = stage.selection.coded(stage.own.encode, stage.own_features).rows  # type: ignore[union-attr]
    texts, items = list(stage.dataset.texts()), codes[: len(stage.dataset)]
    # Where the check found nothing to borrow, the row shows what the usual expansion does.
    used = USUAL if chosen.is_plain else chosen
    expected = LexicalIndex.of(texts, language, items, used)
    scores = borrowed.score(borrowed.prepare(asked(stage, QUERIES)))
    np.testing.assert_allclose(scores, expected.scores(QUERIES), rtol=1e-5)
    assert (scores > 0).sum() > (LexicalIndex.of(texts, language).scores(QUERIES) > 0).sum()
    assert borrowed.bytes_per_item == expected.bytes_per_item
    mixed = LexicalIndex.of(texts, language, items, chosen)
    assert hybrid.bytes_per_item == 4 * 8 * len(codes) / len(items) + mixed.bytes_per_item


@pytest.mark.usefixtures("collection")
def test_a_comparison_has_a_row_with_words_for_each_code(tmp_path: Path) -> None:
    found: Comparison = compare(tmp_path / "notes", encoders=["bm25", "lsa"], code_sizes=[8])
    found.close()
    rows = {row.title: row for row in found.rows if row.form == HYBRID}
    assert set(rows) == {"LSA log-entropy + BM25", "LSA tf-idf + BM25"}
    assert all(row.code == "8 + words" for row in rows.values())
    lent = [row for row in found.rows if row.form == BORROWED]
    assert {row.title for row in lent} == {
        "LSA log-entropy (borrowed words in BM25)",
        "LSA tf-idf (borrowed words in BM25)",
    }
    assert {row.code for row in lent} == {"words"}
    assert not any(row.learned for row in lent)
    verdict = found.verdict()
    assert "Codes and words together (LSA " in verdict.text
    assert verdict.outcome == "none"
    most = max(map(found.value, rows.values()))
    best = [found.named(row) for row in rows.values() if found.value(row) == pytest.approx(most)]
    assert any(f"({name}) reach" in verdict.text for name in best)
    plain = compare(tmp_path / "notes", encoders=["lsa"], code_sizes=[8], forms=["float"])
    plain.close()
    assert {row.form for row in plain.rows} == {"float"}


def test_halves_find_long_documents_by_their_passages(collection: Collection) -> None:
    stage = stage_of(collection, "float")
    task = known_item_task(stage.dataset, 0)
    (one,) = stage.searchers(Step("index"))
    scores = one.score(one.prepare(task.queries))
    assert scores.shape == (len(task.queries), len(stage.dataset))
    assert task.judge(scores[:, task.searched], slice(None)).values["recall_at_10"].mean() > 0.5
