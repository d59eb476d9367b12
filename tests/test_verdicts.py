"""What is told of a check and a training: where it was not sure, too short, or not done at all."""

from __future__ import annotations

from typing import Any

from aesearch.cli.format_check import (
    describe_early_end,
    describe_encoder,
    describe_untrained,
    format_epochs,
)
from aesearch.settings import Settings
from aesearch.storage.info import IndexInfo

ROW = {"reciprocal_rank": 0.84, "precision_at_10": None, "opening_rank": 5.5}
CHECK = {
    "candidates": {"lsa tf-idf": ROW, "text": {**ROW, "reciprocal_rank": 0.83}},
    "measure": "reciprocal_rank",
    "winner": "text",
    "learned": "text",
    "questions": 138,
    "gap": [-0.01, -0.04, 0.02],
    "second_rival": "lsa tf-idf",
    "second_gap": [0.03, -0.06, 0.12],
}
TRAINED = {"items": 900, "seconds": 60.0, "epochs": 30, "planned": 30, "budget": 60.0}


def facts(kind: str = "texts", **changed: Any) -> IndexInfo:
    usual: dict[str, Any] = {
        "name": "index",
        "kind": kind,
        "source": "source",
        "tabular": False,
        "settings": Settings(),
        "path": "index",
        "items": 1000,
        "revision": 1,
        "changed_at": 0.0,
        "encoder": "text",
        "parameters": {},
        "chosen": {},
        "fingerprint": "",
        "features": {},
        "code_size": 64,
        "trained": TRAINED,
        "training": False,
        "engine": {},
        "bytes_on_disk": 0,
        "check": CHECK,
        "drift": None,
        "skipped": [],
    }
    return IndexInfo(**{**usual, **changed})


def lines(**changed: Any) -> str:
    return "\n".join(describe_encoder(facts(**changed), "document"))


def test_a_difference_within_the_uncertainty_is_said_to_be_one() -> None:
    shown = lines()
    assert "-0.010 (-0.040 to +0.020), is within its uncertainty, so a second check" in shown
    assert "rank 5.5 with text, 5.5 with lsa tf-idf" in shown
    assert "text is not clearly worse there either, and is published" in shown
    worse = {**CHECK, "winner": "lsa tf-idf", "second_gap": [-0.2, -0.3, -0.1]}
    assert "text is clearly worse there" in lines(check=worse)
    alone = {**CHECK, "second_gap": None}
    assert "within its uncertainty; the better figure was taken" in lines(check=alone)
    tied = {**alone, "gap": [0.01, -0.02, 0.04], "winner": "lsa tf-idf"}
    assert "uncertainty; lsa tf-idf is kept, which needs no training" in lines(check=tied)
    assert "was chosen with --encoder" in lines(check={**CHECK, "forced": True})


def test_whether_texts_are_searched_by_words_too_is_said_of_documents() -> None:
    fusion = {
        "weight": 0.7,
        "questions": 49,
        "by_code": 0.312,
        "by_words": 0.534,
        "by_both": 0.583,
        "gain": [0.27, 0.15, 0.38],
    }
    assert (
        "MRR of 49 questions made of documents: 0.312 by code, 0.534 by words (BM25), 0.583 by "
        "both, +0.270 (+0.150 to +0.380) over the code; words count 70%; texts are searched by "
        "both, unless with --no-hybrid"
    ) in lines(check={**CHECK, "typed_search": fusion})
    worse = {**CHECK, "typed_search": {**fusion, "gain": [-0.3, -0.4, -0.2]}}
    assert "searched by codes alone, unless with --hybrid" in lines(check=worse)
    unknown = "codes and words (BM25) are searched together, unless with --no-hybrid"
    earlier = {**CHECK, "words": {"weight": 0.2, "by_code": 1.5}, "hybrid": False}
    for check in (earlier, CHECK, None):
        assert unknown in lines(check=check)
    assert not any("BM25" in line for line in describe_encoder(facts("images"), "picture"))


def test_a_clear_difference_raises_no_doubt() -> None:
    for gap in ([0.03, 0.01, 0.05], [-0.03, -0.05, -0.01], None):
        assert "uncertainty" not in lines(check={**CHECK, "gap": gap})
    assert "138 documents held out" in lines()


def test_the_gain_says_its_measure_as_a_comparison_does() -> None:
    rows = {
        name: {"precision_at_10": p, "mean_average_precision": m, "reciprocal_rank": 0.9}
        for name, p, m in (("pca", 0.64, 0.25), ("agreement", 0.81, 0.36))
    }
    check = {
        "candidates": rows,
        "measure": "by_folder",
        "winner": "agreement",
        "learned": "agreement",
        "questions": 162,
        "gap": [0.14, 0.11, 0.17],
    }
    line = "geometric mean of P@10 and mAP .540 against .400; a gain of .140 (.11–.17), on 162 pi"
    assert line in next(describe_encoder(facts("images", check=check), "picture"))
    few = {**check, "questions": 30, "queries": 7}  # of the others nothing has the same label
    shown = "\n".join(describe_encoder(facts("images", check=few), "picture"))
    assert "encoder agreement (too few queries to tell (7)): agreement beside pca: " in shown
    assert "+0.140 (+0.110 to +0.170), is of too few queries to tell" in shown
    assert "a gain" not in shown
    plain = {**check, "winner": "pca", "candidates": {"pca": rows["pca"]}, "gap": None}
    assert next(describe_encoder(facts("images", check=plain), "picture")) == (
        "encoder pca: geometric mean of P@10 and mAP .400, on 162 pictures held out"
    )


def test_a_training_that_the_budget_ended_early_says_so() -> None:
    short = {**TRAINED, "epochs": 1}
    (line,) = describe_early_end(facts(trained=short, encoder="pca"))
    assert line == (
        "training ended after 1 of 30 epochs: its budget of 1 min was spent, and PCA was better "
        "than what it had learned; more time may help: --retrain --budget TIME"
    )
    assert "PCA" not in next(describe_early_end(facts(trained=short)))
    assert not list(describe_early_end(facts(trained={**TRAINED, "epochs": 25})))  # it was enough
    assert list(describe_early_end(facts(trained={**TRAINED, "epochs": 25}, encoder="lsa")))
    assert not list(describe_early_end(facts()))
    assert not list(describe_early_end(facts(trained={"items": 3})))  # of an earlier version


def test_a_collection_too_small_to_learn_from_says_so() -> None:
    def of(count: int, kind: str, encoder: str = "auto") -> list[str]:
        known = facts(
            items=count, encoder=kind, trained={"items": 9}, settings=Settings(encoder=encoder)
        )
        return list(describe_untrained(known, "picture"))

    assert of(40, "pca") == [
        "40 pictures are too few to learn from, which takes 128: PCA makes the codes"
    ]
    assert of(1, "thumbnail") == [
        "1 picture is too few to fit PCA, which takes 32: thumbnails are the codes"
    ]
    assert "--retrain" in of(400, "pca")[0]
    assert of(40, "pca", "pca") == []
    assert list(describe_untrained(facts(), "picture")) == []


def test_epochs_are_told_of_how_many() -> None:
    assert format_epochs(TRAINED) == "30 epochs"
    assert format_epochs({**TRAINED, "epochs": 1}) == "1 of 30 epochs"
    assert format_epochs({"items": 3}) == ""
