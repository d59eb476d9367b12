"""Indexes of vectors, and of arrays of pictures, from Python."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import CLASSES, make_picture
from vectors_ import GROUPS, SIZE, groups_of, make_rows, make_vectors, write_lines

import aesearch
from aesearch.duplicates.groups import NEAR, survey
from aesearch.errors import (
    ContentError,
    IndexExistsError,
    ParameterError,
    SourceError,
    UnsupportedError,
)
from aesearch.export.index import export
from aesearch.indexing.datasets import base
from aesearch.indexing.datasets.vectors import neighbor_distance, noisy
from aesearch.inference.encoder import FrozenEncoder
from aesearch.integrations.sklearn import Codes
from aesearch.maps.map import map_of
from aesearch.modalities.vectors.features import unit_rows
from aesearch.sources.columns import Columns

COUNT = 60
SMALL = {"code_size": 6}
Rows = Any


@pytest.fixture
def rows() -> Rows:
    return make_vectors(COUNT)


def built(source: Any, path: Path, **options: Any) -> aesearch.Index:
    return aesearch.build(source, path, {**SMALL, **options.pop("settings", {})}, **options)


def test_an_array_becomes_an_index(rows: Rows, tmp_path: Path) -> None:
    with built(rows, tmp_path / "index", budget=0, labels=groups_of(COUNT)) as index:
        assert (len(index), index.kind, index.verify()) == (COUNT, "vectors", [])
        for n in (0, 17, 59):
            first, second, *_ = index.search(rows[n], k=3)
            assert (first.key, first.score, first.path) == (str(n), 1, None)
            assert int(second.key) % len(GROUPS) == n % len(GROUPS)
        many = index.search_many(rows[5:8] * 2, k=1)  # the length of a vector says nothing
        assert [hits[0].key for hits in many] == ["5", "6", "7"]
        assert index.search(rows[3].tolist(), k=1)[0].key == "3"
        assert index.search(rows[4], among="3*", k=1)[0].key in {"3", *map(str, range(30, 40))}
        assert set(index.folder.labels().values()) == set(GROUPS)
        check = index.info()["check"]
        assert list(check["candidates"]) == ["pca", "pca half-whitened", "pca whitened"]
        assert check["references"]["raw"]["recall_at_1"] > 0.4
        assert check["candidates"]["pca"]["precision_at_10"] > 0.5  # a third by chance
        with pytest.raises(UnsupportedError, match="is an index of vectors"):
            index.search(rows[0], hybrid=True)
        with pytest.raises(UnsupportedError, match="only pictures are sampled"):
            _ = index.generate
        with pytest.raises(ContentError, match=f"it has 3 numbers; the vectors here have {SIZE}"):
            index.search(rows[0][:3])
        with pytest.raises(ContentError, match="give one vector"):
            index.search(rows[:2])


def test_another_array_is_synced_by_key(rows: Rows, tmp_path: Path) -> None:
    built(rows, tmp_path / "index", budget=0).close()
    changed = make_vectors(COUNT + 2)[:-1]
    changed[4] = make_vectors(1, first=100)[0]
    with built(changed, tmp_path / "index") as index:
        assert len(index) == COUNT + 1
        assert index.search(changed[4], k=1)[0].key == "4"
        assert index.search(rows[4], k=1)[0].score < 1
        assert index.search(changed[COUNT], k=1)[0].key == str(COUNT)
    with built(rows[:-5], tmp_path / "index") as index:
        assert len(index) == COUNT - 5
        assert index.verify() == []
        with pytest.raises(SourceError, match=r"an array in memory, which is gone; .*build"):
            index.sync()
    np.save(tmp_path / "a.npy", rows)
    with pytest.raises(IndexExistsError, match=r"is the index of \(array\), not of"):
        built(tmp_path / "a.npy", tmp_path / "index")


def test_keys_of_your_own(rows: Rows, tmp_path: Path) -> None:
    keys = [f"k{n}" for n in range(COUNT)]
    built(rows, tmp_path / "index", keys=keys, budget=0).close()
    turned = rows[::-1]
    with built(turned, tmp_path / "index", keys=keys[::-1]) as index:
        assert index.search(rows[7], k=1)[0].key == "k7"
        assert index.add({"mine": rows[0] * 3 + 1}) == ["mine"]
        assert index.search(rows[0] * 3 + 1, k=1)[0].key == "mine"
        assert index.remove(["k3"]) == 1
        assert index.verify() == []
    with built(turned, tmp_path / "index", keys=keys[::-1]) as index:
        assert ("mine" in index, "k3" in index) == (True, False)
    with pytest.raises(SourceError, match="has 60 rows, and 2 keys; give one for each"):
        built(rows, tmp_path / "other", keys=["a", "b"])
    with pytest.raises(ParameterError, match="give the index a place"):
        aesearch.build(rows)
    with pytest.raises(ParameterError, match="keys and labels go with what is in memory"):
        aesearch.build(tmp_path, keys=keys)


def test_rows_that_are_no_vectors_are_left_out(tmp_path: Path, rows: Rows) -> None:
    rows[3, 1], rows[4, 0], rows[5] = np.nan, np.inf, 0
    with built(rows, tmp_path / "index", budget=0) as index:
        assert len(index) == COUNT - 3
        reasons = {skipped.key: skipped.reason for skipped in index.skipped()}
        assert reasons["3"] == "number 1 of it is nan; all must be finite floats"
        assert reasons["4"] == "number 0 of it is inf; all must be finite floats"
        assert reasons["5"] == "it is all zeros, which has no direction to be compared by"
    rows[3, 1] = 1
    with built(rows, tmp_path / "index") as index:
        assert "3" in index
        assert len(index.skipped()) == 2
    with pytest.raises(SourceError, match="holds no vector that can be used: 0: it is all zeros"):
        built(np.zeros((3, 2)), tmp_path / "none")


def test_a_training_and_what_it_is_measured_by(tmp_path: Path) -> None:
    rows = make_vectors(150)
    settings = {"encoder": "mlp", "parameters": {"hidden": (8,), "epochs": 2}}
    with built(rows, tmp_path / "index", settings=settings, labels=groups_of(150)) as index:
        info = index.info()
        assert (info.encoder, info.check["learned"]) == ("mlp", "mlp")
        assert index.search(rows[8], k=1)[0].key == "8"
    with built(rows, tmp_path / "index", settings=settings, retrain=True) as index:
        assert index.info().encoder == "mlp"  # once more, from the array that was given again
        assert index.verify() == []


def test_a_handful_is_kept_whole_until_it_grows(tmp_path: Path) -> None:
    with built(make_vectors(9), tmp_path / "index") as index:
        assert (index.info().encoder, index.info().code_size) == ("raw", SIZE)
        assert index.search(make_vectors(9)[2], k=1)[0].key == "2"
    with built(make_vectors(COUNT), tmp_path / "index", budget=0) as index:
        assert index.info().encoder == "pca"
    with built(make_vectors(1), tmp_path / "one") as index:
        assert [hit.key for hit in index.search(make_vectors(1)[0])] == ["0"]


def test_a_table_and_its_fields(tmp_path: Path) -> None:
    table = make_rows(COUNT)
    path = write_lines(tmp_path / "a.jsonl", table)
    with built(path, tmp_path / "index", budget=0) as index:
        first = index.search(table[7]["vector"], k=1)[0]
        assert (first.key, first.score, first.path) == ("r7", 1, path)
        assert first.fields == {"page": 7}
        assert index.similar("r8", k=1)[0].fields == {"page": 8}
        assert {first} == {first}  # it can be kept in a set
    table[7]["page"], table[8]["label"] = "eight", "pink"
    table[9]["vector"] = make_vectors(1, first=200)[0].tolist()
    del table[10]["page"], table[11]
    write_lines(path, table)
    with aesearch.open(tmp_path / "index") as index:
        counts = index.sync()
        assert (counts["changed"], counts["removed"], counts["unchanged"]) == (1, 1, COUNT - 2)
        assert index.similar("r7", k=1)[0].fields == {"page": "eight"}
        assert index.similar("r10", k=1)[0].fields is None
        labels = {item.key: index.folder.labels()[item.id] for item in index.items()}
        assert (labels["r8"], labels["r9"]) == ("pink", "red")
        assert index.sync()["unchanged"] == COUNT - 1
        assert index.verify() == []


def test_columns_are_remembered(tmp_path: Path) -> None:
    table = [{**row, "text": "words", "other": row["vector"][:4]} for row in make_rows(COUNT)]
    path = write_lines(tmp_path / "a.jsonl", table)
    built(
        path,
        tmp_path / "index",
        settings={"code_size": 4},
        budget=0,
        columns=Columns(vector="other", key="page"),
    ).close()
    with built(
        path, tmp_path / "index", settings={"code_size": 4}, retrain=True, budget=0
    ) as index:
        assert index.features.size == 4  # type: ignore[attr-defined]
        assert index.folder.card.columns == Columns(vector="other", key="page")
        assert sorted(index.search(table[5]["other"], k=1)[0].fields or ()) == [
            "id",
            "text",
            "vector",
        ]
    with pytest.raises(ParameterError, match="this is an index of vectors"):
        built(path, tmp_path / "index", settings={"kind": "texts"})


def test_a_folder_of_files(tmp_path: Path, rows: Rows) -> None:
    for n, row in enumerate(rows[:40]):
        path = tmp_path / "all" / GROUPS[n % len(GROUPS)] / f"{n:02}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, row.astype(np.float64))
    np.save(tmp_path / "all" / "several.npy", rows[:3])
    with built(tmp_path / "all", tmp_path / "index", budget=0) as index:
        assert (index.kind, len(index)) == ("vectors", 40)
        assert "give one vector" in index.skipped()[0].reason
        path = tmp_path / "all/red/03.npy"
        for query in (path, str(path), path.read_bytes(), rows[3]):
            first, second = index.search(query, k=2)
            assert (first.key, first.score) == ("red/03.npy", pytest.approx(1, abs=1e-5))
            assert second.key.startswith("red/")
        assert set(index.folder.labels().values()) == set(GROUPS)
        np.save(tmp_path / "new.npy", rows[50])
        index.add([tmp_path / "new.npy"])
        assert index.search(rows[50], k=1)[0].path == tmp_path / "new.npy"
        (tmp_path / "all/red/03.npy").unlink()
        assert index.sync()["removed"] == 1


def test_pictures_of_an_array(tmp_path: Path) -> None:
    pictures = np.stack([make_picture(CLASSES[n % 3], n, side=20) for n in range(40)])
    with aesearch.build(pictures, tmp_path / "index", {"code_size": 8}, budget=0) as index:
        assert (index.kind, len(index), index.verify()) == ("images", 40, [])
        first = index.search(pictures[4], k=1)[0]
        assert (first.key, first.path) == ("4", None)
        assert first.score > 0.999
    with aesearch.build(pictures[:39], tmp_path / "index") as index:
        assert (len(index), "39" in index) == (39, False)


def test_duplicates(tmp_path: Path) -> None:
    rows = make_vectors(90)
    rows[50] = rows[49]
    rows[61] = rows[60] * 1.001
    rows[61, 0] += 0.01
    with built(rows, tmp_path / "index", budget=0, settings={"code_size": 12}) as index:
        found = survey(index)
    exact = {frozenset(g.keys) for g in found.groups if any(m.exact for m in g.members)}
    assert frozenset({"49", "50"}) in exact
    assert any({"60", "61"} <= set(group.keys) for group in found.of(NEAR))
    assert found.calibration is not None
    assert len(found.of(NEAR)) < 20


@pytest.mark.parametrize("size", [2, 6])
def test_a_map(size: int, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_vectors(COUNT))
    settings = {"code_size": size}
    with built(tmp_path / "a.npy", tmp_path / "index", budget=0, settings=settings) as index:
        found = map_of(index, "code" if size == 2 else "pca")
    assert found.coordinates.shape == (COUNT, 2)
    assert np.isfinite(found.coordinates).all()


def test_an_export_can_be_used(tmp_path: Path, rows: Rows) -> None:
    with built(rows, tmp_path / "index", budget=0) as index:
        export(index, tmp_path / "out")
        codes = index.encode([rows[3], rows[4]])
        folder = index.folder.layout.encoder(index.revision.fingerprint)
    card = json.loads((tmp_path / "out/export.json").read_text())
    assert card["encoder"]["inputs"]["x"]["shape"] == ["n", SIZE]
    assert card["encoder"]["prepare"]["steps"].startswith("float32, shape (n, d)")
    assert FrozenEncoder(folder).encode(unit_rows(rows[3:5])) == pytest.approx(codes, abs=1e-5)


def test_noise_is_as_long_as_the_way_to_a_neighbor() -> None:
    vectors = unit_rows(make_vectors(500))
    some = np.arange(200)
    copies = noisy(vectors, some, 0)
    assert copies.shape == (200, SIZE)
    np.testing.assert_allclose(np.linalg.norm(copies, axis=1), 1, rtol=1e-5)
    lengths = np.linalg.norm(copies - vectors[some], axis=1)
    usual = neighbor_distance(vectors)
    assert 0.5 * usual < np.median(lengths) < 1.3 * usual
    np.testing.assert_array_equal(copies, noisy(vectors, some, 0))
    assert not np.allclose(copies, noisy(vectors, some, 1))


def test_noise_of_vectors_that_are_all_the_same() -> None:
    same = unit_rows(np.ones((5, 4), dtype=np.float32))
    np.testing.assert_allclose(noisy(same, np.arange(5), 0), same, rtol=1e-5)
    assert noisy(same, np.arange(0), 0).shape == (0, 4)


def test_python_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[1] / "docs/vectors.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "docs/vectors.md", "exec"), {})
    with aesearch.open(tmp_path / "indexes/mine") as index:
        assert (len(index), index.search_many([], k=1)) == (301, [])


def test_what_does_not_fit_into_memory_lies_in_a_file(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def noted(*arguments: Any) -> Any:
        made.append(base.room(*arguments))
        return made[-1]

    monkeypatch.setattr(base, "IN_MEMORY", 100)
    monkeypatch.setattr("aesearch.indexing.datasets.vectors.room", noted)
    with built(rows, tmp_path / "index", budget=0) as index:
        assert index.search(rows[9], k=1)[0].key == "9"
    assert [type(array) for array in made] == [np.memmap]


def test_a_step_of_a_pipeline(tmp_path: Path, rows: Rows) -> None:
    with built(rows, tmp_path / "index", budget=0) as index:
        codes = index.encode(rows[:5])
    found = Codes(tmp_path / "index").fit(rows).transform(rows[:5])
    np.testing.assert_allclose(found, codes, atol=1e-5)


def test_vectors_of_another_width_change_nothing(tmp_path: Path, rows: Rows) -> None:
    built(rows, tmp_path / "index", budget=0).close()
    for retrain in (False, True):
        with pytest.raises(SourceError, match=r"0: it has 5 numbers; .* Nothing was changed; for"):
            built(rows[:, :5], tmp_path / "index", retrain=retrain)
    with pytest.raises(SourceError, match="a0: it has 5 numbers"):
        built(rows[:, :5], tmp_path / "index", keys=[f"a{n}" for n in range(COUNT)])
    with aesearch.open(tmp_path / "index") as index:
        assert (len(index), index.verify()) == (COUNT, [])


def test_codes_are_no_longer_than_vectors_and_that_is_said(tmp_path: Path) -> None:
    rows = make_vectors(160)
    settings = {"encoder": "mlp", "code_size": 5000, "parameters": {"epochs": 1, "hidden": (8,)}}
    with (
        pytest.warns(UserWarning, match=f"{SIZE} dimensions, as the vectors have, and not 5,000"),
        aesearch.build(rows, tmp_path / "mlp", settings, budget=60) as index,
    ):
        assert (index.folder.manifest.kind, index.encoder.code_size) == ("mlp", SIZE)
    with (
        pytest.warns(UserWarning, match="and are kept as 8 bits, not 64 bits"),
        aesearch.build(rows, tmp_path / "bits", {"bits": 64}, budget=0) as index,
    ):
        assert index.revision.plan["bits"] == 8
    with (
        pytest.warns(UserWarning, match="12 dimensions, as raw gives them, and not 3"),
        aesearch.build(rows, tmp_path / "raw", {"encoder": "raw", "code_size": 3}) as index,
    ):
        assert index.encoder.code_size == SIZE


def test_another_source_is_refused_before_its_columns(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_rows(COUNT))
    built(path, tmp_path / "ix", budget=0, columns=Columns(vector="vector", key="id")).close()
    np.save(tmp_path / "other.npy", make_vectors(COUNT))
    with pytest.raises(IndexExistsError, match=r"is the index of .*a\.jsonl, not of .*npy"):
        built(tmp_path / "other.npy", tmp_path / "ix")


def test_a_remembered_file_of_keys_that_is_gone_is_said(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", make_vectors(COUNT))
    keys = tmp_path / "keys.txt"
    keys.write_text("".join(f"k{n}\n" for n in range(COUNT)))
    built(tmp_path / "a.npy", tmp_path / "ix", budget=0, columns=Columns(key=str(keys))).close()
    keys.unlink()
    with pytest.raises(SourceError, match=r"keys\.txt cannot be read: .* --key .* remembers"):
        built(tmp_path / "a.npy", tmp_path / "ix", budget=0)


def test_which_of_several_queries_is_wrong(rows: Rows, tmp_path: Path) -> None:
    with built(rows, tmp_path / "ix", budget=0) as index:
        wrong = np.full(SIZE, np.nan)
        with pytest.raises(ContentError, match=r"^query 2, counted from 0: number 0 of it is nan"):
            index.search_many([rows[0], rows[1], wrong])
        with pytest.raises(ContentError, match=r"^number 0 of it is nan"):
            index.search_many([wrong])
