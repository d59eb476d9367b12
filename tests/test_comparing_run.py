"""Whole comparisons: what they find, how they go on, and what they say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from collections_ import write_pictures
from notes_ import write_notes

from aesearch.compare import run as running
from aesearch.compare.cache import CARD
from aesearch.compare.collection import Collection
from aesearch.compare.methods import Stage
from aesearch.compare.results import Comparison, Row, TaskFacts, written
from aesearch.compare.run import compare
from aesearch.errors import ParameterError, SourceError
from aesearch.evaluation.bootstrap import bootstrap
from aesearch.indexing.build import build

BASELINES = ("raw", "phash", "pca")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "pictures", 60, side=16)
    return tmp_path / "pictures"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    write_notes(tmp_path / "notes")
    return tmp_path / "notes"


def closed(found: Comparison) -> Comparison:
    found.close()
    return found


def means(found: Comparison) -> dict[str, float]:
    return {f"{row.step} {row.title} {row.form}": found.value(row) for row in found.rows}


def test_pictures_are_compared_by_folder_and_by_copies(source: Path) -> None:
    found = closed(compare(source, encoders=BASELINES, code_sizes=[8, 16]))
    assert len(found.keys) == 60
    assert set(found.tasks) == {"copies", "labels"}
    assert len(found.rows) == 2 + 1 + 2 * 9
    assert len(found.tasks["labels"].names) == len(found.keys) - found.training
    for row in found.rows:
        for measures in row.measures.values():
            for mean, low, high in measures.values():
                assert 0 <= low <= mean <= high <= 1
    text = written(found)
    assert "raw pixels, Euclidean" in text
    assert len({len(line.split("  ")[0]) for line in text.splitlines()}) > 1
    assert "16 bits" in text
    assert list(found.work.parent.iterdir()) == [found.work]
    assert not list(found.work.glob("frozen-*"))


def test_equal_seeds_give_equal_figures(source: Path, tmp_path: Path) -> None:
    first, second, other = (
        means(closed(compare(source, encoders=BASELINES, seed=s, work=tmp_path / name)))
        for s, name in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert first == second
    assert first.keys() == other.keys()


def test_what_was_done_is_not_done_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = means(closed(compare(source, encoders=BASELINES)))

    def never(*_: object) -> None:
        raise AssertionError("the pictures were read again")

    monkeypatch.setattr(Collection, "read", never)
    assert means(closed(compare(source, encoders=BASELINES))) == before
    assert len(closed(compare(source, encoders=["phash"])).rows) == 1
    with pytest.raises(AssertionError, match="read again"):
        compare(source, encoders=["thumbnail"])


def test_a_comparison_that_was_stopped_goes_on(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real = Stage.searchers

    def stopping(stage: Stage, step: Any) -> Any:
        if step.name == "pca-64" and "pca-64" not in done:
            done.append(step.name)
            raise KeyboardInterrupt
        done.append(step.name)
        return real(stage, step)

    monkeypatch.setattr(Stage, "searchers", stopping)
    with pytest.raises(KeyboardInterrupt):
        compare(source, encoders=BASELINES)
    found = closed(compare(source, encoders=BASELINES))
    assert done == ["raw", "phash", "pca-64", "pca-64"]
    assert len(found.rows) == 2 + 1 + 9


def test_the_time_before_an_interruption_counts(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:

        def stopping(stage: Stage, step: Any) -> Any:
            (stage.place / f"training-{step.name}").mkdir()
            raise KeyboardInterrupt

        patch.setattr(Stage, "searchers", stopping)
        clock = SimpleNamespace(perf_counter=iter([100.0, 142.0]).__next__)
        patch.setattr(running, "time", clock)
        with pytest.raises(KeyboardInterrupt):
            compare(source, encoders=["phash"])
    assert 42 <= closed(compare(source, encoders=["phash"])).rows[0].fit_s < 80  # not twice


def test_results_that_were_cut_off_are_made_again(source: Path) -> None:
    found = closed(compare(source, encoders=BASELINES))
    (found.work / "phash.npz").write_bytes((found.work / "phash.npz").read_bytes()[:100])
    (found.work / "raw.json").write_text('{"key": ', encoding="utf-8")
    assert means(closed(compare(source, encoders=BASELINES))) == means(found)


def test_other_forms_are_measured_anew(source: Path) -> None:
    compare(source, encoders=["pca"]).close()
    found = closed(compare(source, encoders=["pca"], forms=["bits"], code_sizes=[20]))
    assert [(row.form, row.size) for row in found.rows] == [("bits", 16)] * 3
    assert found.best(found.rows) is not None
    assert found.verdict().outcome == "none"


def test_a_folder_of_another_comparison_is_refused(source: Path, tmp_path: Path) -> None:
    compare(source, encoders=["phash"], work=tmp_path / "w").close()
    with pytest.raises(ParameterError, match="another seed"):
        compare(source, encoders=["phash"], work=tmp_path / "w", seed=1)
    card = json.loads((tmp_path / "w" / CARD).read_text(encoding="utf-8"))
    (tmp_path / "w" / CARD).write_text(json.dumps({**card, "format": 2}), encoding="utf-8")
    with pytest.raises(ParameterError, match="another format"):
        compare(source, encoders=["phash"], work=tmp_path / "w")
    (tmp_path / "w" / CARD).write_text(json.dumps(card), encoding="utf-8")
    write_pictures(source, 3, first=60, side=16)
    with pytest.raises(ParameterError, match="another collection"):
        compare(source, encoders=["phash"], work=tmp_path / "w")
    with pytest.raises(ParameterError, match="holds other things"):
        compare(source, encoders=["phash"], work=source)
    (tmp_path / "w" / CARD).write_text("{", encoding="utf-8")
    with pytest.raises(Exception, match="cannot be read"):
        compare(source, encoders=["phash"], work=tmp_path / "w")


def test_a_trained_encoder_takes_part(tmp_path: Path) -> None:
    write_pictures(tmp_path / "many", 140, side=16)
    stages: list[str] = []
    found = closed(
        compare(
            tmp_path / "many",
            encoders=["phash", "mlp"],
            code_sizes=[8],
            forms=["float"],
            budget=1.0,
            progress=lambda stage, _done, _total: stages.append(stage),
        )
    )
    learned = found.rows[1]
    assert learned.learned
    assert learned.title == "mlp"
    assert learned.arrays["rebuilt"].shape == (8, 16, 16, 3)
    assert "training mlp-8" in stages
    assert "comparing" in stages
    assert not list(found.work.glob("training-*"))
    verdict = found.verdict()
    assert verdict.outcome in ("better", "worse", "even")
    assert (verdict.learned, verdict.baseline) == (learned, found.rows[0])


def test_too_few_are_not_trained_on(source: Path) -> None:
    with pytest.raises(ParameterError, match="60 pictures are too few to train agreement"):
        compare(source, encoders=["pca", "auto"])


def test_an_index_is_compared_with_its_own_encoder(source: Path, tmp_path: Path) -> None:
    build(source, tmp_path / "index", budget=0).close()
    found = closed(compare(tmp_path / "index", encoders=["phash", "auto"], forms=["float"]))
    own = found.rows[1]
    assert own.title == "this index's pca"
    assert not own.learned
    beside = closed(compare(source, encoders=["pca"], forms=["float"]))
    (twin,) = (row for row in beside.rows if row.title == "PCA half-whitened")
    assert found.value(own) == pytest.approx(beside.value(twin), abs=0.02)


def test_documents_are_compared_by_judgements(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "queries.csv").write_text(
        "id,text\n1,planet orbit rocket\n2,choir organ violin\n", encoding="utf-8"
    )
    lines = [f"{q},{s}/{n:02}.txt,{1 + n % 2}" for q, s in ((1, "space"), (2, "music"))
             for n in range(12)]  # fmt: skip
    (tmp_path / "right.csv").write_text("\n".join([*lines, "2,gone.txt,1"]), encoding="utf-8")
    found = closed(
        compare(
            notes,
            encoders=["tf-idf", "bm25", "lsa"],
            code_sizes=[8],
            judgements=tmp_path / "right.csv",
            queries=tmp_path / "queries.csv",
        )
    )
    assert found.main == "judgements"
    assert found.unknown == 1
    assert found.tasks["judgements"].names == ["planet orbit rocket", "choir organ violin"]
    assert max(means(found).values()) > 0.9
    text = written(found)
    assert "MAP" in text
    assert "MRR copies" in text


def test_documents_of_an_index_need_no_files(notes: Path, tmp_path: Path) -> None:
    build(notes, tmp_path / "index", budget=0).close()
    notes.rename(tmp_path / "elsewhere")
    found = compare(tmp_path / "index", encoders=["bm25", "auto"], forms=["float"])
    assert [row.title for row in found.rows] == ["BM25", "this index's lsa"]
    assert found.collection.document("space/01.txt").text
    found.close()


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"budget": 0}, "more than 0 seconds"),
        ({"budget": "soon"}, "'soon' is no time"),
        ({"code_sizes": [0]}, "at least 1"),
        ({"forms": ["half"]}, "unknown code form 'half'"),
        ({"queries": Path("queries.csv")}, "queries need judgements"),
        ({"encoders": ["cvae"]}, "too few to train cvae"),
    ],
)
def test_wrong_choices_are_refused_before_anything_is_read(
    source: Path, home: Path, choices: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        compare(source, **choices)
    assert not home.exists()


def test_a_source_without_items_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="nothing to compare on"):
        compare(tmp_path / "empty")


# -- what is said ----------------------------------------------------------------------------------


def made(learned: Sequence[float], baseline: Sequence[float], **more: Any) -> Comparison:
    """A comparison of two methods by average precision, of the same queries."""
    rows = []
    for title, values in (("PCA", baseline), ("mlp", learned)):
        numbers = np.asarray(values, dtype=float)
        (estimate,) = bootstrap(numbers[:, None])
        names = {"labels": ("average_precision", "precision_at_10"), "copies": ("reciprocal_rank",)}
        measures = {task: dict.fromkeys(m, estimate.as_list()) for task, m in names.items()}
        arrays = {f"{task}/{m}": numbers for task, all_ in names.items() for m in all_}
        facts: Any = {"bytes_per_item": 4.0, "fit_s": 1.0, "query_ms": 1.0, "error": None}
        row = Row(title, title, title, "float", 1, title == "mlp", **facts, ann_recall=None,
                  measures=measures, arrays=arrays)  # fmt: skip
        rows.append(row)
    count = len(learned)
    task = TaskFacts("same folder", ["q"] * count, [0] * count, more.pop("chance", 0.1))
    tasks = {"copies": TaskFacts("copies", ["q"] * count, [0] * count, None), "labels": task}
    collection: Any = SimpleNamespace(name="made", kind="images")
    return Comparison(collection, rows, tasks, [], 0, 0, 0, [], 0, None, Path("w"))


def test_a_clear_gain_is_said_with_its_figures() -> None:
    rng = np.random.default_rng(0)
    baseline = rng.uniform(0.4, 0.6, 200)
    verdict = made(baseline + 0.134, baseline).verdict()
    assert verdict.outcome == "better"
    assert verdict.text.startswith(
        "The learned codes (mlp) beat PCA here: "
        "geometric mean of P@10 and mAP .642 (.63–.65) against .508 ("
    )
    assert "a gain of .134 (.13–.13), 200 queries." in verdict.text
    assert verdict.difference is not None
    assert verdict.difference.mean == pytest.approx(0.134)


def test_a_loss_is_said_honestly() -> None:
    baseline = np.random.default_rng(0).uniform(0.4, 0.6, 200)
    verdict = made(baseline - 0.1, baseline).verdict()
    assert verdict.outcome == "worse"
    assert "do not beat PCA here" in verdict.text
    assert ".100 (.10–.10) less, 200 queries." in verdict.text


def test_what_queries_cannot_tell_is_not_claimed() -> None:
    rng = np.random.default_rng(0)
    baseline = rng.uniform(0, 1, 40)
    verdict = made(rng.uniform(0, 1, 40), baseline).verdict()
    assert verdict.outcome == "even"
    assert "neither better nor worse" in verdict.text


def test_seven_queries_are_too_few_to_call_anything_best() -> None:
    few, enough = np.linspace(0.4, 0.6, 7), np.linspace(0.4, 0.6, 10)
    found = made(few + 0.3, few)
    verdict = found.verdict()
    assert verdict.outcome == "even"
    assert "too few queries to tell (7): geometric mean of P@10 and mAP .800" in verdict.text
    assert "beat" not in verdict.text
    assert made(enough + 0.3, enough).verdict().outcome == "better"


@pytest.mark.parametrize(
    ("count", "gain", "claim"),
    [
        (7, 0.3, "has the highest figure here, too few queries to tell (7): "),
        (40, 0.3, "is best here: "),
        (40, 0.0, "PCA is not clearly better than mlp here: "),
    ],
)
def test_of_baselines_one_is_best_where_that_is_clear(count: int, gain: float, claim: str) -> None:
    values = np.linspace(0.4, 0.6, count)
    found = made(values + gain, values)
    found.rows[1].learned = False
    assert claim in found.verdict().text
    del found.rows[0]
    assert "mlp is the only method here: geometric mean of" in found.verdict().text


def test_folders_that_mean_nothing_do_not_decide() -> None:
    assert made([0.3], [0.2], chance=0.1).main == "labels"
    senseless = made([0.3], [0.2], chance=0.25)
    assert senseless.main == "copies"
    assert "MRR" in senseless.verdict().text


def test_rows_are_ordered_and_forms_stay_together(source: Path) -> None:
    found = closed(compare(source, encoders=BASELINES))
    order = [(row.step, row.title) for row in found.ordered]
    groups = list(dict.fromkeys(order))
    assert order == [group for group in groups for _ in range(order.count(group))]
    first = [next(r for r in found.ordered if (r.step, r.title) == group) for group in groups]
    values = [found.value(row) for row in first]
    assert values == sorted(values, reverse=True)


def test_learned_encoders_get_the_weighting_that_was_found_best() -> None:
    def done(weighting: str) -> Any:
        return running.StepResult([{"title": "LSA"}], {}, weighting)

    lsa, other = running.Step("lsa", 8), running.Step("tf-idf")
    assert running._best_weighting({other: done(""), lsa: done("tf-idf")}) == "tf-idf"
    assert running._best_weighting({lsa: done("tf-idf"), running.Step("lsa", 4): None}) == "tf-idf"
    assert running._best_weighting({other: done("")}) == "log-entropy"
    assert running._best_weighting({}) == "log-entropy"


def test_results_with_another_weighting_of_words_are_not_taken_for_these() -> None:
    collection: Any = SimpleNamespace(kind="texts")
    nothing: Any = None
    run = running._Run(collection, nothing, [], ["float"], 5.0, 0, nothing)
    before: Any = {running.Step("lsa", 8): running.StepResult([], {}, "tf-idf")}
    learned, baseline = running.Step("text", 8), running.Step("lsa", 4)
    assert run.key(learned, before) != run.key(learned, {})
    assert run.key(baseline, before) == run.key(baseline, {})
    assert run.key(running.Step("text", 8, (("epochs", 3),)), {}) != run.key(learned, {})
