"""What is asked in a comparison, and what answers: each against brute force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import make_pictures
from notes_ import write_notes
from scipy.fft import dctn

from aesearch.compare.baselines import hash_bits, perceptual_hash, raw_pixels, weighted_words
from aesearch.compare.methods import Stage
from aesearch.compare.plan import Step
from aesearch.compare.run import answer, measure
from aesearch.compare.tasks import COPIES, qrels_task
from aesearch.errors import ParameterError
from aesearch.evaluation.tasks import Qrels, Queries, SameLabel
from aesearch.indexing.baselines import features_for
from aesearch.indexing.datasets.base import read_dataset
from aesearch.indexing.datasets.images import ImageDataset
from aesearch.indexing.datasets.texts import TextDataset
from aesearch.indexing.tasks import item_queries, known_item_task, same_label_task
from aesearch.modalities.images.pixels import ImageFeatures
from aesearch.settings import Settings
from aesearch.sources.folder import Folder
from aesearch.storage.schema import NewItem


def picture_dataset(count: int = 60, training: int = 48, side: int = 32) -> ImageDataset:
    pixels = make_pictures(count, side)
    items = [NewItem(f"{n % 3}/{n:03}.png", 1, 1, b"") for n in range(count)]
    labels = [str(n % 3) for n in range(count)]
    return ImageDataset(items, [], training, labels, ImageFeatures(side), pixels)


@pytest.fixture
def texts(tmp_path: Path) -> TextDataset:
    write_notes(tmp_path / "notes")
    source = Folder(tmp_path / "notes")
    dataset = read_dataset(source, sorted(source.walk()), "texts", Settings())
    assert isinstance(dataset, TextDataset)
    return dataset


def stage_of(dataset: ImageDataset | TextDataset, place: Path) -> Stage:
    return Stage(dataset, 0, ("float", "int8", "bits"), place, lambda _: None)


def test_raw_pixels_are_compared_as_brute_force_does() -> None:
    pixels = make_pictures(30, 16)
    asked = Queries(pixels[:4], list("abcd"), np.arange(4))
    flat = pixels.reshape(30, -1) / 255
    one = raw_pixels(pixels, 20, cosine=False)
    gaps = np.sqrt(np.square(flat[:4, None] - flat).mean(axis=2))
    np.testing.assert_allclose(one.score(one.prepare(asked)), -gaps, atol=2e-3)
    other = raw_pixels(pixels, 20, cosine=True)
    centred = flat - flat[:20].mean(axis=0)
    lengths = np.linalg.norm(centred, axis=1)
    cosines = centred[:4] @ centred.T / lengths / lengths[:4, None]
    np.testing.assert_allclose(other.score(other.prepare(asked)), cosines, atol=1e-5)
    assert one.bytes_per_item == other.bytes_per_item == 16 * 16 * 3


@pytest.mark.parametrize("channels", [1, 3])
def test_the_hash_is_made_of_the_cosine_transform(channels: int) -> None:
    pixels = make_pictures(9, 32, channels)
    found = hash_bits(pixels)
    assert found.shape == (9, 64)
    assert (found.sum(axis=1) <= 32).all()
    if channels == 1:
        frequencies = dctn(pixels[:, :, :, 0].astype(float), axes=(1, 2))[:, 1:9, 1:9]
        kept = frequencies.reshape(9, 64)
        gaps = kept - np.median(kept, axis=1, keepdims=True)
        clear = np.abs(gaps) > 1e-3  # of 0..255: what is at the median may fall to either side
        assert clear.mean() > 0.9
        np.testing.assert_array_equal(found[clear], gaps[clear] > 0)


def test_the_hash_of_a_darker_copy_is_near() -> None:
    pixels = make_pictures(40, 64)
    copies = (0.7 * pixels).astype(np.uint8)
    one = perceptual_hash(pixels)
    scores = one.score(one.prepare(Queries(copies, [""] * 40, np.arange(40))))
    apart = (hash_bits(copies)[:, None] != hash_bits(pixels)).sum(axis=2)
    np.testing.assert_allclose(scores, 1 - apart / 32, atol=1e-6)
    assert np.diag(scores).mean() > scores.mean() + 0.5


def test_words_find_the_document_that_holds_them(texts: TextDataset, tmp_path: Path) -> None:
    asked = item_queries(texts, np.array([0, 5]))
    for one in (
        *stage_of(texts, tmp_path).searchers(Step("bm25")),
        weighted_words(texts, features_for(texts, "tf-idf")),
    ):
        scores = one.score(one.prepare(asked)[0:2])
        assert scores.shape == (2, len(texts))
        if one.title != "BM25":  # of a text as long as another, BM25 may prefer the other
            assert scores.argmax(axis=1).tolist() == [0, 5]
            np.testing.assert_allclose(scores[[0, 1], [0, 5]], 1, atol=1e-5)
        labels = np.array(texts.labels)
        near = np.argsort(-scores[1])[:5]
        assert (labels[near] == labels[5]).mean() >= 0.8
        assert one.bytes_per_item > 8


def test_words_find_what_a_document_quotes(texts: TextDataset, tmp_path: Path) -> None:
    texts.documents[4] = replace(texts.documents[4], quoted="said the quetzalcoatl")
    (one,) = stage_of(texts, tmp_path).searchers(Step("bm25"))
    asked = Queries(None, ["q"], np.array([-1]), ["quetzalcoatl"])
    assert np.flatnonzero(one.score(one.prepare(asked))[0]).tolist() == [4]


def test_copies_find_their_originals_among_all() -> None:
    dataset = picture_dataset()
    task = known_item_task(dataset, 0)
    assert sorted(task.searched) == list(range(60))
    assert sorted(task.queries.rows) == dataset.held_out.tolist()
    assert task.queries.names == sorted(task.queries.names)
    np.testing.assert_array_equal(task.searched[task.targets], task.queries.rows)
    scores = np.zeros((12, 60), dtype=np.float32)
    scores[np.arange(12), task.targets] = 1
    found = task.judge(scores, slice(0, 12))
    assert found.values["recall_at_1"].mean() == 1
    np.testing.assert_array_equal(found.nearest[:, 0], task.queries.rows)
    assert found.relevant[:, 0].all()
    assert not found.relevant[:, 1:].any()
    # A method that tells nothing apart finds nothing.
    nothing = task.judge(np.zeros((12, 60), dtype=np.float32), slice(0, 12))
    assert nothing.values["reciprocal_rank"].max() == pytest.approx(1 / 60)


def test_what_was_held_out_asks_and_what_was_learned_from_is_searched() -> None:
    dataset = picture_dataset()
    task = same_label_task(dataset, 0)
    assert isinstance(task, SameLabel)
    assert sorted(task.searched) == list(range(48))
    assert set(task.queries.rows) == set(dataset.held_out)
    assert task.chance == pytest.approx(1 / 3)
    perfect = (task.own[:, None] == task.labels).astype(np.float32)
    found = task.judge(perfect, slice(0, 12))
    for name, values in found.values.items():
        assert values.mean() == pytest.approx(1), name
    assert found.curve[:, 15].mean() == 1  # 16 of each class
    assert found.curve[:, 31].mean() == 0.5


def test_without_folders_nothing_is_asked_by_them() -> None:
    dataset = picture_dataset()
    dataset.labels = [""] * 60
    assert same_label_task(dataset, 0) is None


def test_a_judged_item_does_not_find_itself() -> None:
    dataset = picture_dataset()
    keys = [item.key for item in dataset.items]
    task = qrels_task(dataset, {keys[3]: {keys[3]: 1, keys[9]: 2, keys[6]: 1}}, {}, 0)
    assert isinstance(task, Qrels)
    scores = np.zeros((1, 60), dtype=np.float32)
    scores[0, np.argsort(task.searched)[[3, 9, 6]]] = 5, 4, 3
    found = task.judge(scores, slice(0, 1))
    assert found.nearest[0, :2].tolist() == [9, 6]
    assert found.values["average_precision"].tolist() == [1]
    assert found.values["ndcg_at_10"].tolist() == [1]
    with pytest.raises(ParameterError, match="query 'red' is no picture"):
        qrels_task(dataset, {"red": {keys[0]: 1}}, {}, 0)


def test_queries_of_documents_are_texts_keys_or_words(texts: TextDataset) -> None:
    keys = [item.key for item in texts.items]
    judged = {"7": {keys[0]: 1}, keys[1]: {keys[2]: 1}, "planet moon": {keys[3]: 1}}
    asked = qrels_task(texts, judged, {"7": "organ hymn"}, 0).queries
    assert asked.texts == ["organ hymn", texts.documents[1].text, "planet moon"]
    assert asked.rows.tolist() == [-1, 1, -1]
    assert asked.samples.lengths().tolist()[0] == 2


def test_answers_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = picture_dataset()
    task = same_label_task(dataset, 0)
    assert task is not None
    searcher = perceptual_hash(dataset.pixels)
    whole = answer(searcher, task)[0]
    monkeypatch.setattr("aesearch.evaluation.tasks.BLOCK", 100)
    parts = answer(searcher, task)[0]
    np.testing.assert_array_equal(parts.nearest, whole.nearest)
    for name, values in whole.values.items():
        np.testing.assert_array_equal(parts.values[name], values)


def test_pca_comes_in_three_whitenings_and_three_forms(tmp_path: Path) -> None:
    dataset = picture_dataset()
    tasks = {COPIES: known_item_task(dataset, 0)}
    found = [
        measure(one, tasks, 0)[0] for one in stage_of(dataset, tmp_path).searchers(Step("pca", 20))
    ]
    assert [(row["title"], row["form"], row["size"]) for row in found] == [
        (title, form, size)
        for title in ("PCA", "PCA half-whitened", "PCA whitened")
        for form, size in (("float", 20), ("int8", 20), ("bits", 16))
    ]
    assert [row["bytes_per_item"] for row in found[:3]] == [80, 20, 2]
    for exact, integers in zip(found[::3], found[1::3], strict=True):
        mean = exact["measures"]["copies"]["reciprocal_rank"][0]
        assert integers["measures"]["copies"]["reciprocal_rank"][0] == pytest.approx(mean, abs=0.1)
        assert 0 < exact["error"] < 0.1
    assert found[0]["error"] == pytest.approx(found[6]["error"], rel=1e-3)
    assert not list(tmp_path.iterdir())  # what was needed for a while is gone


def test_more_numbers_reconstruct_better(tmp_path: Path) -> None:
    stage = stage_of(picture_dataset(), tmp_path)
    errors = [next(stage.searchers(Step("pca", size))).error for size in (4, 16)]
    assert errors[1] < errors[0]


def test_lsa_comes_in_both_weightings(texts: TextDataset, tmp_path: Path) -> None:
    found = list(stage_of(texts, tmp_path).searchers(Step("lsa", 8)))
    assert {one.title for one in found} == {"LSA log-entropy", "LSA tf-idf"}
    facts, arrays = measure(found[0], {COPIES: known_item_task(texts, 0)}, 0)
    assert facts["measures"]["copies"]["reciprocal_rank"][0] > 0.3
    assert len(arrays["copies/reciprocal_rank"]) == len(texts.held_out)
