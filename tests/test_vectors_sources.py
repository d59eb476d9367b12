"""Where vectors come from: arrays in memory and in files, tables; what is refused, and how."""

from __future__ import annotations

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vectors_ import SIZE, groups_of, make_rows, make_vectors, write_lines

import aesearch
from aesearch.errors import ContentError, ParameterError, SourceError
from aesearch.indexing.datasets.vectors import features_of
from aesearch.modalities import modality
from aesearch.modalities.vectors.features import VectorFeatures, unit_rows
from aesearch.sources import open_source
from aesearch.sources.arrays import ArraySource, open_array
from aesearch.sources.columns import Columns, UsedColumns
from aesearch.sources.rows import REPEATED
from aesearch.sources.table import Table

MEBI = 1 << 20


def opened(place: Any, columns: Columns | None = None, kind: str = "auto") -> ArraySource:
    source = open_source(place, columns, kind=kind)
    assert isinstance(source, ArraySource)
    return source


def saved(path: Path, array: Any) -> Path:
    np.save(path, array)
    return path


def vector_of(source: ArraySource, key: str) -> Any:
    return VectorFeatures(SIZE).read_row(source.read(key))


# -- arrays ----------------------------------------------------------------------------------------


def test_rows_of_an_array_are_entries(tmp_path: Path) -> None:
    rows = make_vectors(5)
    source = opened(saved(tmp_path / "a.npy", rows))
    entries = list(source.walk())
    assert [entry.key for entry in entries] == ["0", "1", "2", "3", "4"]
    assert len({entry.mtime_ns for entry in entries}) == 5
    assert source.kind == "vectors"
    assert source.labels(["0", "nobody"]) == ["", ""]
    np.testing.assert_array_equal(vector_of(source, "3"), rows[3])


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", ">f4"]
)
def test_numbers_of_all_kinds(dtype: str, tmp_path: Path) -> None:
    rows = make_vectors(4).astype(dtype)
    source = opened(saved(tmp_path / "a.npy", np.asfortranarray(rows)))
    assert len(list(source.walk())) == 4
    np.testing.assert_array_equal(vector_of(source, "2"), rows[2].astype(np.float32))


def test_keys_and_labels_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.npy", make_vectors(3))
    (tmp_path / "keys.txt").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (tmp_path / "labels.txt").write_text("x\n\ny", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    source = opened(path, Columns(key="keys.txt", label="labels.txt"))
    assert [entry.key for entry in source.walk()] == ["one", "two", "three"]
    assert source.labels(["one", "two", "three"]) == ["x", "", "y"]
    assert source.columns == Columns(
        key=str(tmp_path / "keys.txt"), label=str(tmp_path / "labels.txt")
    )
    (tmp_path / "keys.txt").write_text("one\ntwo\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"keys\.txt has 2 lines, and .*a\.npy 3 rows"):
        list(source.walk())
    with pytest.raises(SourceError, match=r"nope cannot be read: No such file"):
        opened(path, Columns(key="nope"))
    with pytest.raises(SourceError, match="leave out --vector"):
        opened(path, Columns(vector="a"))
    with pytest.raises(SourceError, match="leave out --text"):
        opened(path, Columns(text=("body",)))


def test_a_key_counts_once(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npy", make_vectors(4))
    (tmp_path / "keys").write_text("a\nb\n\na\n", encoding="utf-8")
    source = opened(path, Columns(key=str(tmp_path / "keys")))
    assert [entry.key for entry in source.walk()] == ["a", "b"]
    assert source.unreadable == [("row 2", "has no key"), ("row 3", f"{REPEATED}'a' of row 0")]
    np.testing.assert_array_equal(vector_of(source, "a"), make_vectors(1)[0])


def test_a_stamp_changes_with_row_and_label() -> None:
    def stamps(rows: Any, labels: list[str]) -> list[int]:
        return [entry.mtime_ns for entry in open_array(rows, labels=labels).walk()]

    rows, other = make_vectors(3), make_vectors(3)
    other[1, 0] += 1
    before = stamps(rows, ["a", "b", "c"])
    assert [a == b for a, b in zip(before, stamps(other, ["a", "b", "c"]), strict=True)] == [
        True,
        False,
        True,
    ]
    assert before != stamps(rows, ["a", "b", "d"])


def test_named_arrays(tmp_path: Path) -> None:
    rows, path = make_vectors(4), tmp_path / "a.npz"
    np.savez(path, vectors=rows, keys=["a", "b", "c", "d"], labels=[1, 1, 2, 2], other=np.eye(2))
    source = opened(path)
    assert [entry.key for entry in source.walk()] == ["a", "b", "c", "d"]
    assert source.labels(["a", "d"]) == ["1", "2"]
    assert source.used_columns == UsedColumns((), "keys", "labels", ("other",), "vectors")
    np.testing.assert_array_equal(vector_of(source, "b"), rows[1])
    with pytest.raises(SourceError, match=r"of shape \(4,\)"):
        opened(path, Columns(vector="labels"))
    with pytest.raises(ParameterError, match="has no column 'nope'; it has vectors, keys"):
        opened(path, Columns(vector="nope"))
    np.savez(path, one=rows, two=rows)
    with pytest.raises(ParameterError, match="vectors in one, two; name one with --vector"):
        opened(path)
    assert len(list(opened(path, Columns(vector="two")).walk())) == 4
    np.savez(path, vectors=rows, keys=["a"])
    with pytest.raises(SourceError, match="has 4 rows, and 1 keys; give one for each"):
        list(opened(path).walk())


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.ones(5), r"float64, of shape \(5,\); what can be indexed is"),
        (np.ones((2, 3, 4)), r"of shape \(2, 3, 4\); .*vectors, numbers of shape \(n, d\)"),
        (np.ones((0, 4)), r"is empty, of shape \(0, 4\)"),
        (np.ones((4, 0)), r"is empty, of shape \(4, 0\)"),
        (np.array([["a", "b"]]), "an array of <U1"),
        (np.ones((2, 2), dtype=complex), "is an array of complex128"),
    ],
)
def test_arrays_that_are_no_vectors(array: Any, reason: str, tmp_path: Path) -> None:
    for place in (saved(tmp_path / "a.npy", array), array):
        with pytest.raises((SourceError, ParameterError), match=reason):
            aesearch.build(place, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("it was unpickled",))

    np.save(tmp_path / "a.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    with pytest.raises(SourceError, match="Python objects, which are never loaded"):
        opened(tmp_path / "a.npy")
    np.savez(tmp_path / "a.npz", vectors=np.array([[Trap()]], dtype=object))
    with pytest.raises(SourceError, match="'vectors' holds Python objects, which are never loaded"):
        opened(tmp_path / "a.npz")
    with pytest.raises(ContentError, match="never loaded"):
        VectorFeatures(1).read((tmp_path / "a.npy").read_bytes())


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
@pytest.mark.parametrize(
    "content", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x46\x00{'de", b"PK\3\4"]
)
def test_damaged_files(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=rf"{name} cannot be read"):
        opened(tmp_path / name)


def test_a_large_file_is_read_in_blocks(tmp_path: Path) -> None:
    rows, size = 16_384, 1024  # 64 MiB that no disk has to hold
    path = tmp_path / "a.npy"
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(rows, size))
    array[5] = 1
    array.flush()
    del array
    tracemalloc.start()
    try:
        source = opened(path)
        count = sum(1 for _ in source.walk())
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == rows
    assert held < 16 * MEBI
    np.testing.assert_array_equal(VectorFeatures(size).read_row(source.read("5")), np.ones(size))


# -- tables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vector", "embedding", "whatever"])
def test_a_table_of_vectors(name: str, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_rows(6, name))
    source = opened(path)
    assert [entry.key for entry in source.walk()] == [f"r{n}" for n in range(6)]
    assert source.used_columns == UsedColumns((), "id", "label", (), name, ("page",))
    assert source.labels(["r0", "r1"]) == groups_of(2)
    assert [json.loads(own) for own in source.fields(["r0", "r5"])] == [{"page": 0}, {"page": 5}]
    np.testing.assert_allclose(vector_of(source, "r4"), make_vectors(6)[4], rtol=1e-6)


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows, path = make_rows(6), tmp_path / "a.parquet"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    source = opened(path)
    assert [entry.key for entry in source.walk()] == [f"r{n}" for n in range(6)]
    assert json.loads(source.fields(["r3"])[0]) == {"page": 3}
    np.testing.assert_allclose(vector_of(source, "r4"), make_vectors(6)[4], rtol=1e-6)
    parquet.write_table(pa.table({"id": ["a", "b"], "text": ["A boat.", "A violin."]}), path)
    texts = open_source(path)
    assert isinstance(texts, Table)
    assert [entry.key for entry in texts.walk()] == ["a", "b"]
    assert texts.read("b") == b"A violin."
    path.write_bytes(b"PAR1")
    with pytest.raises(SourceError, match="is no parquet file, or is damaged"):
        list(open_source(path).walk())


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("aesearch.sources.parquet.find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"pip install 'aesearch\[parquet\]'"):
        list(open_source(tmp_path / "a.parquet").walk())


def test_rows_that_are_refused_are_kept_with_their_lines(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = make_rows(8)
    rows[1]["vector"] = [1.0, 2.0]
    rows[2]["vector"] = "no list"
    rows[3]["vector"] = [1.0, None] * (SIZE // 2)
    rows[4]["id"] = "r0"
    rows[5]["id"] = ""
    path = write_lines(tmp_path / "a.jsonl", rows)
    with path.open("a") as stream:
        stream.write("{broken\n")
    source = opened(path, Columns(key="id"))
    assert [entry.key for entry in source.walk()] == ["r0", "r6", "r7"]
    reasons = dict(source.unreadable)
    assert reasons["line 2"] == f"has 2 numbers in 'vector', and most rows {SIZE}"
    assert reasons["line 3"] == reasons["line 4"] == "has no list of numbers in 'vector'"
    assert reasons["line 5"] == f"{REPEATED}'r0' of line 1"
    assert reasons["line 6"] == "has no key in 'id'"
    assert "broken JSON" in reasons["line 9"]


def test_texts_or_vectors(tmp_path: Path) -> None:
    rows = [{**row, "text": f"words {n}"} for n, row in enumerate(make_rows(4))]
    both = write_lines(tmp_path / "both.jsonl", rows)
    assert isinstance(open_source(both), Table)  # as before there were vectors
    assert isinstance(open_source(both, kind="texts"), Table)
    source = opened(both, kind="vectors")
    assert json.loads(source.fields([next(source.walk()).key])[0]) == {"page": 0, "text": "words 0"}
    assert opened(both, Columns(vector="vector")).kind == "vectors"
    only = write_lines(tmp_path / "only.jsonl", make_rows(4))
    assert isinstance(open_source(only, kind="texts"), Table)
    assert isinstance(open_source(only, Columns(text=("label",))), Table)


def test_which_column_is_not_plain(tmp_path: Path) -> None:
    rows = [{"one": row["vector"], "two": row["vector"][:3]} for row in make_rows(4)]
    path = write_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(ParameterError, match="vectors in one, two; name one with --vector"):
        list(opened(path).walk())
    assert len(list(opened(path, Columns(vector="two")).walk())) == 4
    with pytest.raises(ParameterError, match="has no column 'three'; it has one, two"):
        list(opened(path, Columns(vector="three")).walk())
    words = write_lines(tmp_path / "b.jsonl", [{"id": "a", "text": "words"}])
    with pytest.raises(ParameterError, match="holds no lists of numbers; name another"):
        list(opened(words, kind="vectors").walk())
    with pytest.raises(ParameterError, match="'text' holds no lists of numbers"):
        list(opened(words, Columns(vector="text")).walk())
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"c\.csv holds no vectors; \.npy, \.npz, \.jsonl"):
        open_source(tmp_path / "c.csv", kind="vectors")


def test_standard_input() -> None:
    lines = "".join(f"{json.dumps(row)}\n" for row in make_rows(3))
    source = open_source("-", Columns(vector="vector"), io.StringIO(lines))
    assert [entry.key for entry in source.walk()] == ["r0", "r1", "r2"]
    assert [entry.key for entry in source.walk()] == ["r0", "r1", "r2"]
    found = open_source("-", None, io.StringIO(lines))  # as of a file of these lines
    assert isinstance(found, ArraySource)
    assert [entry.key for entry in found.walk()] == ["r0", "r1", "r2"]
    assert isinstance(open_source("-", None, io.StringIO(lines), kind="texts"), Table)
    plain = open_source("-", None, io.StringIO("a boat\na violin\n"))
    assert isinstance(plain, Table)
    assert [plain.read(entry.key) for entry in plain.walk()] == [b"a boat", b"a violin"]
    with pytest.raises(SourceError, match="standard input holds no rows of JSON: line 1 is no"):
        list(open_source("-", None, io.StringIO("hello\n"), kind="vectors").walk())
    gone = open_source("-", Columns(vector="vector"))
    with pytest.raises(SourceError, match="standard input is read once"):
        list(gone.walk())


# -- one vector ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([1, 2, 3], "it has 3 numbers; the vectors here have 2"),
        ([1, float("nan")], "number 1 of it is nan; all must be finite"),
        ([float("inf"), 1], "number 0 of it is inf"),
        ([1e300, 1], "number 0 of it is 1e.300"),
        ([0, 0], "it is all zeros"),
        (["a", "b"], "it is no vector of numbers"),
        ([[1], [1, 2]], "its rows have different lengths"),
        (np.ones((2, 2)), r"it is of shape \(2, 2\); give one vector, of shape \(2,\)"),
        (np.float32(1), r"it is of shape \(\)"),
        (b"words", "it holds no vector"),
        (b"\x93NUMPY", "damaged"),
        (b'{"a": 1}', "it is no vector of numbers"),
    ],
)
def test_what_is_no_vector(content: Any, reason: str) -> None:
    with pytest.raises(ContentError, match=reason):
        VectorFeatures(2).transform(content)


def test_what_is_a_vector(tmp_path: Path) -> None:
    features = VectorFeatures(2)
    saved(tmp_path / "a.npy", np.array([[3, 4]], dtype=np.int16))
    contents: list[Any] = [
        [3, 4],
        (3.0, 4.0),
        np.array([3, 4], dtype=np.float16),
        np.array([[3.0, 4.0]]),
        b"[3, 4]",
        (tmp_path / "a.npy").read_bytes(),
    ]
    for content in contents:
        np.testing.assert_array_equal(features.transform(content), np.float32([3, 4]))
    np.testing.assert_allclose(features.stack([np.float32([3, 4])]), [[0.6, 0.8]], rtol=1e-6)


def test_unit_length_of_what_is_very_long_or_short() -> None:
    rows = np.array([[3e38, 3e38], [1e-30, 0], [0, 0]], dtype=np.float32)
    lengths = np.linalg.norm(unit_rows(rows), axis=1)
    np.testing.assert_allclose(lengths, [1, 1, 0], rtol=1e-5)


def test_the_width_is_that_of_most_files(tmp_path: Path) -> None:
    for n, row in enumerate(make_vectors(5)):
        saved(tmp_path / f"{n}.npy", row[:3] if n == 2 else row)
    saved(tmp_path / "5.npy", make_vectors(7))
    source = open_source(tmp_path)
    assert features_of(source, list(source.walk())) == VectorFeatures(SIZE)
    assert modality("vectors").claims("A.NPY")


# -- what is nearly a table of vectors ------------------------------------------------------------


@pytest.mark.parametrize("count", [40, 4000])
def test_standard_input_that_was_looked_at_is_whole(count: int) -> None:
    lines = "".join(f"{json.dumps(row)}\n" for row in make_rows(count)).encode()
    source = open_source("-", None, io.TextIOWrapper(io.BufferedReader(io.BytesIO(lines))))
    assert isinstance(source, ArraySource)
    assert [entry.key for entry in source.walk()] == [f"r{n}" for n in range(count)]


def test_lists_that_are_no_vectors_are_said(tmp_path: Path) -> None:
    for values, told in (
        ([[1.0] * (n + 1) for n in range(200)], "'v' holds lists of 1 to 100 numbers; vectors are"),
        ([[float(n)] for n in range(200)], "'v' holds lists of 1 number; vectors are lists of one"),
    ):
        path = write_lines(
            tmp_path / "a.jsonl", [{"id": f"{n}", "v": v} for n, v in enumerate(values)]
        )
        for kind, columns in (("auto", None), ("vectors", None), ("auto", Columns(vector="v"))):
            with pytest.raises(ParameterError, match=told):
                list(open_source(path, columns, kind=kind).walk())
    path = write_lines(tmp_path / "b.jsonl", [{"id": f"{n}", "vector": 1.5} for n in range(20)])
    with pytest.raises(ParameterError, match="'vector' holds one number a row; a vector is a list"):
        open_source(path)
    notes = [{"id": f"{n}", "note": "a boat sails", "v": [1.0] * n} for n in range(20)]
    assert isinstance(open_source(write_lines(tmp_path / "c.jsonl", notes)), Table)


def test_columns_that_contradict_are_refused(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", make_rows(6))
    for columns in (Columns(key="vector"), Columns(label="vector")):
        with pytest.raises(ParameterError, match="'vector' holds the vectors; name another column"):
            list(open_source(path, columns).walk())
    with pytest.raises(ParameterError, match="leave out --text"):
        open_source(path, Columns(text=("label",), vector="vector"))
    np.savez(tmp_path / "a.npz", vectors=make_vectors(4))
    with pytest.raises(ParameterError, match="'vectors' holds the vectors; name another array"):
        open_source(tmp_path / "a.npz", Columns(key="vectors"))


def test_numbers_beyond_float32_are_called_so(tmp_path: Path) -> None:
    rows = make_vectors(3).astype(float)
    rows[1, 2] = 1e300
    source = opened(saved(tmp_path / "a.npy", rows))
    with pytest.raises(ContentError, match=r"number 2 of it is 1e\+300, too large for float32"):
        source.read("1")
    with pytest.raises(ContentError, match="too large for float32"):
        VectorFeatures(SIZE).transform(rows[1])
    table = write_lines(tmp_path / "a.jsonl", [{"vector": row.tolist()} for row in rows])
    found = opened(table)
    assert [entry.key for entry in found.walk()] == ["1", "3"]
    assert "too large for float32" in dict(found.unreadable)["line 2"]


def test_what_is_wrong_with_an_array_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"of shape \(8, 0\); it takes rows, and numbers in each"):
        open_array(np.empty((8, 0)))
    with pytest.raises(SourceError, match=r"one row: reshape\(1, -1\)"):
        opened(saved(tmp_path / "a.npy", np.ones(16)))
    with pytest.raises(ContentError, match=r"have 8; for 2 of them, reshape\(-1, 8\)"):
        VectorFeatures(8).transform(np.ones(16))
    keys = np.array(["a", "b"], dtype=object)
    np.savez(tmp_path / "a.npz", vectors=make_vectors(2), keys=keys)
    with pytest.raises(SourceError, match=r"'keys' holds Python objects, .*keys\.astype\(str\)"):
        opened(tmp_path / "a.npz")


def test_why_a_column_of_keys_is_not_taken(tmp_path: Path) -> None:
    from aesearch.cli.format_skipped import describe_columns

    source = opened(write_lines(tmp_path / "a.jsonl", [*make_rows(3), *make_rows(3)]))
    assert [entry.key for entry in source.walk()] == ["1", "2", "3", "4", "5", "6"]
    assert source.used_columns is not None
    told = describe_columns(source.used_columns)
    assert "key the number of the row (id repeats itself, or has gaps), label from label" in told
