"""The map of a comparison: which items and which methods it shows, and that it is made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import write_pictures

from aesearch.compare import map as places
from aesearch.compare.map import MOST_MAPPED, choose_mapped, mapped_rows
from aesearch.compare.results import Comparison
from aesearch.compare.run import compare


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(tmp_path / "home"))
    write_pictures(tmp_path / "pictures", 60, side=16)
    return tmp_path / "pictures"


def closed(found: Comparison) -> Comparison:
    found.close()
    return found


def test_a_map_shows_all_items_or_a_random_part_of_many() -> None:
    assert choose_mapped(7, 0).tolist() == list(range(7))
    many = choose_mapped(10 * MOST_MAPPED, 0)
    assert len(set(many.tolist())) == MOST_MAPPED
    assert (np.diff(many) > 0).all()
    assert abs(many.mean() - 5 * MOST_MAPPED) < 0.5 * MOST_MAPPED
    assert many.tolist() == choose_mapped(10 * MOST_MAPPED, 0).tolist()
    assert many.tolist() != choose_mapped(10 * MOST_MAPPED, 1).tolist()


def test_the_best_of_each_method_is_mapped(source: Path) -> None:
    found = closed(compare(source, encoders=["raw", "thumbnail", "pca"], code_sizes=[8, 16]))
    rows = mapped_rows(found)
    assert {row.method for row in rows} == {"thumbnail", "pca"}
    assert all(row.form == "float" for row in rows)
    assert rows[0] is found.best([row for row in found.rows if row.size])
    for row in found.rows:
        row.learned = row.method == "thumbnail"
    assert [row.method for row in mapped_rows(found)] == ["thumbnail", "pca"]


def test_places_are_found_once_for_the_same_codes(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[str] = []
    real = places.layout_of

    def counting(codes: Any, *more: Any) -> Any:
        laid.append(codes.shape)
        return real(codes, *more)

    monkeypatch.setattr(places, "layout_of", counting)
    assert closed(compare(source, encoders=["pca"])).panels == []
    assert not laid
    found = closed(compare(source, encoders=["pca"], mapped=True))
    (panel,) = found.panels
    assert laid == [(60, found.rows[0].size)]
    assert (panel.method, panel.title) == ("tsne", found.named(mapped_rows(found)[0]))
    assert panel.accuracy is not None
    assert panel.accuracy > 0.5
    again = closed(compare(source, encoders=["pca", "phash"], mapped=True))
    assert len(laid) == 1
    np.testing.assert_array_equal(again.panels[0].coordinates, panel.coordinates)
    closed(compare(source, encoders=["pca"], code_sizes=[8], mapped=True))
    assert len(laid) == 2
    assert found.as_dict()["map"] == [
        {"method": "tsne", "title": panel.title, "items": 60, "accuracy": panel.accuracy}
    ]


def test_without_codes_there_is_no_map(source: Path) -> None:
    assert closed(compare(source, encoders=["raw", "phash"], mapped=True)).panels == []
    few = source.parent / "few"
    write_pictures(few, 3, side=16)
    assert closed(compare(few, encoders=["thumbnail"], mapped=True)).panels == []
