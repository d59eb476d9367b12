"""What is exported is what the index holds, and is of use without aesearch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import Scored, assert_same_hits, command, state_of, write_pictures
from notes_ import SUBJECTS, snippet, write_notes
from PIL import Image

import aesearch
from aesearch.errors import (
    DamagedError,
    IndexExistsError,
    ParameterError,
    StorageError,
    UnsupportedError,
)
from aesearch.export import index as exporting
from aesearch.export.index import export
from aesearch.search.hits import Hit
from aesearch.search.index import Index

QUESTION = "A rocket in the orbit of a planet"  # as docs/export.md asks
N = 36


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Indexes of pictures, of the same as bits, and of notes; each exported, at once."""
    root = tmp_path_factory.mktemp("export").resolve()
    write_pictures(root / "pictures", N)
    write_notes(root / "texts")
    small = {"bits": 16, "code_size": 24}
    for name, source, settings in (
        ("images", "pictures", {"code_size": 8}),
        ("bits", "pictures", small),
        ("notes", "texts", {}),
    ):
        with aesearch.build(root / source, root / name, settings, budget=0) as index:
            export(index, root / "exports" / name / "export")
    return root


@pytest.fixture
def images(made: Path) -> Any:
    with aesearch.open(made / "images") as index:
        yield index


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


# -- what it holds ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["images", "bits", "notes"])
def test_codes_are_those_of_the_items_with_their_keys_and_labels(made: Path, name: str) -> None:
    folder = made / "exports" / name / "export"
    codes, keys = np.load(folder / "codes.npy"), read(folder / "keys.json")
    assert codes.dtype == np.float32
    assert len(codes) == len(keys) == N
    with aesearch.open(made / name) as index:
        for row in (0, 7, N - 1):
            kept = index.folder.store.codes([index.folder.store.ids_of([keys[row]])[keys[row]]])[1]
            np.testing.assert_array_equal(codes[row], kept[0])
    assert read(folder / "labels.json") == [key.partition("/")[0] for key in keys]
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)


def test_passages_have_their_documents_and_places(made: Path) -> None:
    folder = made / "exports" / "notes" / "export"
    codes, rows = np.load(folder / "passages.npy"), read(folder / "passages.json")
    assert len(codes) == len(rows) > 3
    with aesearch.open(made / "notes") as index:
        for code, row in zip(codes, rows, strict=True):
            text = index.text_of(row["key"]).text[row["start"] : row["stop"]]  # type: ignore[attr-defined]
            again = index.encoder.encode(index.features.transform([text]))[0]
            np.testing.assert_allclose(code, again, atol=1e-5)


def test_bits_are_what_the_rotation_makes_of_the_codes(made: Path) -> None:
    folder = made / "exports" / "bits" / "export"
    codes, bits, rotation = (
        np.load(folder / f"{name}.npy") for name in ("codes", "bits", "rotation")
    )
    assert bits.shape == (N, 2)
    assert bits.dtype == np.uint8
    sides = codes @ rotation[:-1] + rotation[-1]
    clear = np.abs(sides) > 1e-5  # what lies in a plane may be rounded to either side of it
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(np.unpackbits(bits, axis=1)[clear], (sides > 0)[clear])
    assert read(folder / "export.json")["codes"]["bits"]["shape"] == [N, 2]
    assert not (made / "exports/images/export/bits.npy").exists()


@pytest.mark.parametrize("name", ["images", "bits", "notes"])
def test_the_card_tells_names_shapes_and_units(made: Path, name: str) -> None:
    folder = made / "exports" / name / "export"
    card = read(folder / "export.json")
    assert card["items"] == N
    there = {path.name + "/" * path.is_dir() for path in folder.iterdir()}
    assert set(card["files"]) == there
    taken = card["encoder"]["inputs"]["x"]
    size = np.load(folder / "codes.npy").shape[1]
    if name == "notes":
        assert taken["type"] == "float32"
        assert taken["shape"] == ["n", card["encoder"]["prepare"]["terms"]]
        assert "log" in taken["units"]
    else:
        side = card["encoder"]["prepare"]["side"]
        assert (taken["type"], taken["shape"]) == ("uint8", ["n", side, side, 3])
        assert "0 to 255" in taken["units"]
    assert card["encoder"]["outputs"]["code"]["shape"] == ["n", size]
    assert card["decoder"]["inputs"]["latent"] | {"units": ""} == {
        "shape": ["n", size], "type": "float32", "units": ""
    }  # fmt: skip
    assert list(card["decoder"]["outputs"]) == ["x"]
    assert card["faiss"]["bits"] == (16 if name == "bits" else 0)


def test_a_part_alone(images: Index, tmp_path: Path) -> None:
    assert set(export(images, tmp_path / "a", parts=["codes"])) == {
        "codes.npy", "keys.json", "labels.json", "export.json"
    }  # fmt: skip
    assert set(export(images, tmp_path / "b", parts=["encoder"])) == {
        "encoder.onnx", "decoder.onnx", "export.json"
    }  # fmt: skip
    assert set(export(images, tmp_path / "c", parts=["faiss"])) == {
        "codes.faiss", "faiss-keys.json", "export.json"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["images", "bits", "notes"])
def test_a_table_holds_what_the_arrays_hold(made: Path, name: str, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    with aesearch.open(made / name) as index:
        files = export(index, tmp_path / "out", parts=["codes"], format="parquet")
    table = parquet.read_table(tmp_path / "out" / "codes.parquet")
    arrays = made / "exports" / name / "export"
    codes = np.load(arrays / "codes.npy")
    assert str(table.schema.field("code").type).endswith(f"[{codes.shape[1]}]")
    np.testing.assert_array_equal(np.array(table["code"].to_pylist(), dtype=np.float32), codes)
    assert table["key"].to_pylist() == read(arrays / "keys.json")
    assert table["label"].to_pylist() == read(arrays / "labels.json")
    assert ("passages.parquet" in files) == (name == "notes")
    if name == "notes":
        passages = parquet.read_table(tmp_path / "out" / "passages.parquet")
        rows = read(arrays / "passages.json")
        assert passages.select(["key", "start", "stop"]).to_pylist() == rows
    if name == "bits":
        bits = np.array(table["bits"].to_pylist(), dtype=np.uint8)
        np.testing.assert_array_equal(bits, np.load(arrays / "bits.npy"))


def test_parquet_without_pyarrow_names_the_extra(
    images: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda _: None)
    with pytest.raises(UnsupportedError, match=r"pip install 'aesearch\[parquet\]'") as caught:
        export(images, tmp_path / "out", format="parquet")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    assert "codes.npy" not in export(images, tmp_path / "out", parts=["faiss"], format="parquet")


# -- whole, or not at all ------------------------------------------------------------------------


def test_an_empty_folder_is_filled_and_another_is_left_alone(images: Index, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    export(images, target, parts=["codes"])
    before = state_of(target)
    with pytest.raises(IndexExistsError, match=r"earlier export.*--force"):
        export(images, target)
    assert state_of(target) == before
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for replace in (False, True):
        with pytest.raises(IndexExistsError, match=r"letter\.txt"):
            export(images, tmp_path / "mine", replace=replace)
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexExistsError, match="is a file"):
        export(images, tmp_path / "file", replace=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "mine", "out"]


def test_an_earlier_export_is_replaced_whole(images: Index, tmp_path: Path) -> None:
    export(images, tmp_path / "out")
    export(images, tmp_path / "out", parts=["codes"], replace=True)
    assert not (tmp_path / "out" / "encoder.onnx").exists()
    assert (tmp_path / "out" / "codes.npy").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_where_an_export_may_not_be(
    images: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ParameterError, match="inside the source"):
        export(images, images.source / "out")
    with pytest.raises(ParameterError, match="inside the index"):
        export(images, images.folder.layout.root / "codes-out", replace=True)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ParameterError, match="working folder"):
        export(images, ".")
    assert not (images.source / "out").exists()


@pytest.mark.parametrize("failing", ["_write_faiss", "_json"])
def test_what_fails_leaves_nothing_and_an_earlier_export_as_it_was(
    images: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    export(images, tmp_path / "out", parts=["codes"])
    before = state_of(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting._Export, failing, fail)
    with pytest.raises(StorageError, match="No space left"):
        export(images, tmp_path / "out", replace=True)
    with pytest.raises(StorageError, match="nothing was exported"):
        export(images, tmp_path / "new")
    monkeypatch.undo()
    after = state_of(tmp_path)
    before.pop("."), after.pop(".")  # the time of the folder around
    assert after == before


def test_a_replacement_that_cannot_be_moved_in_brings_the_earlier_back(
    images: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(images, tmp_path / "out", parts=["codes"])
    rename = os.rename
    calls = []

    def second_fails(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        rename(source, target)

    monkeypatch.setattr(exporting.os, "rename", second_fails)
    with pytest.raises(StorageError):
        export(images, tmp_path / "out", parts=["faiss"], replace=True)
    assert len(calls) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "codes.npy").exists()


def test_damage_is_not_exported(tmp_path: Path) -> None:
    write_pictures(tmp_path / "source", 8)
    with aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0) as index:
        path = next((tmp_path / "ix").glob("codes-*.faiss"))
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        with pytest.raises(DamagedError, match="--repair"):
            export(index, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        export(index, tmp_path / "codes", parts=["codes"])
        graph = next((tmp_path / "ix").glob("encoder-*/decoder.onnx"))
        graph.write_bytes(b"no graph")
        with pytest.raises(DamagedError, match=r"decoder\.onnx is damaged"):
            export(index, tmp_path / "out", parts=["encoder"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["codes", "ix", "source"]


def test_a_writer_that_comes_between_costs_another_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "source", 8)
    write_pictures(tmp_path / "more", 1, first=50)
    write = exporting._Export._write_faiss
    came = []

    def after_a_writer(self: exporting._Export) -> None:
        if not came:
            came.append(True)
            with aesearch.open(tmp_path / "ix") as other:
                other.add(sorted((tmp_path / "more").rglob("*.png")))
        write(self)

    monkeypatch.setattr(exporting._Export, "_write_faiss", after_a_writer)
    with aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0) as index:
        export(index, tmp_path / "out")
        assert len(index) == 9
    assert came
    assert read(tmp_path / "out" / "export.json")["items"] == 9
    assert len(read(tmp_path / "out" / "faiss-keys.json")) == 9
    assert len(np.load(tmp_path / "out" / "codes.npy")) == 9


def test_what_a_writer_does_meanwhile_is_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path / "source", 8)
    write = exporting._Export._write_codes

    def after_a_writer(self: exporting._Export, format: str) -> None:
        with aesearch.open(tmp_path / "ix") as other:
            other.remove(["disks/000.png"])
        write(self, format)

    with aesearch.build(tmp_path / "source", tmp_path / "ix", budget=0) as index:
        monkeypatch.setattr(exporting._Export, "_write_codes", after_a_writer)
        export(index, tmp_path / "out", parts=["codes"])
        assert len(index) == 7
    card, keys = read(tmp_path / "out" / "export.json"), read(tmp_path / "out" / "keys.json")
    assert card["items"] == len(keys) == len(np.load(tmp_path / "out" / "codes.npy")) == 8


# -- the command ---------------------------------------------------------------------------------


def test_the_command_lists_what_it_wrote(made: Path, tmp_path: Path) -> None:
    words = ("export", tmp_path / "out", "--index", made / "notes", "--part", "codes")
    done = command(*words, "--part", "faiss")
    assert (done.code, done.err) == (0, "")
    names = [line.split()[0] for line in done.out.splitlines()[1:]]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "out").iterdir())
    again = command(*words)
    assert again.code == 1
    assert again.err.count("\n") == 1
    assert "--force" in again.err
    assert command(*words, "--force").code == 0
    assert command("export", tmp_path / "x", "--part", "none").code == 2
    assert command("export", made / "notes" / "x", "--index", made / "notes").code == 2
    assert command("export").code == 2


# -- the snippets of docs/export.md ---------------------------------------------------------------


WITHOUT = "import sys; sys.modules['aesearch'] = None\n"  # importing it is now an error


def lines_of(title: str, folder: Path) -> list[list[str]]:
    """Run a snippet, without aesearch, beside `export`; return its lines, split."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + snippet("export.md", title)],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [line.split(" ", 1) for line in done.stdout.splitlines()]


def assert_same(lines: list[list[str]], hits: Sequence[Scored]) -> None:
    """The snippet must find what aesearch finds, in its order, but for equal scores."""
    assert len(lines) == 5
    assert_same_hits([Hit(float(score), key, None) for score, key in lines], hits)


def best_of(codes: Any, code: Any, keys: list[str], k: int = 5) -> list[Hit]:
    """Find the nearest by brute force."""
    scores = codes @ code
    return [Hit(float(scores[row]), keys[row], None) for row in np.argsort(-scores)[:k]]


@pytest.mark.parametrize("name", ["images", "notes", "bits"])
def test_numpy_finds_what_aesearch_finds(made: Path, name: str) -> None:
    lines = lines_of("Codes with numpy", made / "exports" / name)
    with aesearch.open(made / name) as index:
        code = index.folder.store.codes([index.folder.store.ids_of([lines[0][1]])[lines[0][1]]])[1]
        ids, codes = index.folder.store.codes([item.id for item in index.items()])
        keys = index.folder.store.keys_of(ids.tolist())
    assert_same(lines, best_of(codes, code[0], [keys[id] for id in ids.tolist()]))


def test_numpy_on_bits_finds_what_aesearch_finds(made: Path) -> None:
    lines = lines_of("Bits with numpy", made / "exports" / "bits")
    with aesearch.open(made / "bits") as index:
        assert_same(lines, index.similar(lines[0][1], 5))


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_tables_find_what_aesearch_finds(made: Path, package: str, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip(package)
    with aesearch.open(made / "images") as index:
        export(index, tmp_path / "export", parts=["codes"], format="parquet")
        lines = lines_of(f"A table with {package}", tmp_path)
        assert_same(lines, index.similar(lines[0][1], 5))


@pytest.mark.parametrize("kind", ["jpeg", "png", "transparent", "turned", "palette", "grey"])
def test_onnxruntime_finds_what_aesearch_finds_for_a_picture(
    made: Path, images: Index, kind: str
) -> None:
    folder = made / "exports" / "images"
    rng = np.random.default_rng(3)
    pixels = np.kron(rng.integers(0, 255, (9, 12, 4)), np.ones((40, 40, 1))).astype(np.uint8)
    picture, options = Image.fromarray(pixels[..., :3]), {"format": "PNG"}
    if kind == "jpeg":
        options = {"format": "JPEG"}
    elif kind == "transparent":
        picture = Image.fromarray(pixels)
    elif kind == "turned":
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {"format": "JPEG", "exif": exif}  # type: ignore[dict-item]
    elif kind in ("palette", "grey"):
        picture = picture.convert("P" if kind == "palette" else "L")
    picture.save(folder / "photo.jpg", **options)  # type: ignore[arg-type]
    assert_same(
        lines_of("A picture with onnxruntime", folder), images.search(folder / "photo.jpg", 5)
    )
    with Image.open(folder / "decoded.png") as decoded:
        shown = images.encoder.reconstruct(images.features.transform(folder / "photo.jpg")[None])
        drawn = np.clip(np.rint(shown[0][0]), 0, 255)
        assert np.abs(np.asarray(decoded) - drawn).max() <= 1


def test_onnxruntime_finds_what_aesearch_finds_for_a_text(made: Path) -> None:
    *lines, about = lines_of("A text with onnxruntime", made / "exports" / "notes")
    with aesearch.open(made / "notes") as index:
        code = index.encode([QUESTION])  # type: ignore[list-item]
        ids, codes = index.folder.store.codes([item.id for item in index.items()])
        keys = index.folder.store.keys_of(ids.tolist())
    assert_same(lines, best_of(codes, code[0], [keys[id] for id in ids.tolist()]))
    assert about[0] == "about:"
    assert set(about[1].split()) & set(SUBJECTS["space"].split())


def test_texts_are_prepared_to_the_last_bit(made: Path, tmp_path: Path) -> None:
    """Whatever the script, and whatever spelling the index has never seen."""
    texts = [
        "Rockets ORBITED the moons, don't they?",
        "",
        "手机店 cafés",
        "ﬁnal BRAKING l'orgue 1999",
    ]
    texts += [f"{word}ing {word}ed {word}s" for word in " ".join(SUBJECTS.values()).split()]
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    code = WITHOUT + (
        "import json, numpy; sys.path.insert(0, 'export'); from text_input import prepare\n"
        f"texts = json.load(open({str(tmp_path / 'texts.json')!r}))\n"
        f"numpy.save({str(tmp_path / 'rows.npy')!r}, prepare(texts))\n"
    )
    folder = made / "exports" / "notes"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, timeout=60)
    with aesearch.open(made / "notes") as index:
        expected = index.features.transform(texts).toarray()
    assert expected.any(axis=1).sum() > len(texts) - 4
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), expected)


@pytest.mark.parametrize(
    ("name", "title"), [("images", "Search with FAISS"), ("bits", "Search bits with FAISS")]
)
def test_faiss_finds_what_aesearch_finds(made: Path, name: str, title: str) -> None:
    lines = lines_of(title, made / "exports" / name)
    with aesearch.open(made / name) as index:
        first = read(made / "exports" / name / "export" / "keys.json")[0]
        assert_same(lines, index.similar(first, 5))


def test_faiss_ids_of_passages_have_the_keys_of_their_documents(made: Path) -> None:
    folder = made / "exports" / "notes" / "export"
    keys = read(folder / "faiss-keys.json")
    passages = read(folder / "passages.json")
    assert len(keys) == N + len(passages)
    assert sorted(keys.values()) == sorted(
        [*read(folder / "keys.json"), *(row["key"] for row in passages)]
    )
    assert lines_of("Search with FAISS", folder.parent)[0][0] == "1.0000"


def test_the_snippet_for_python_exports(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "indexes").symlink_to(made)
    exec(compile(snippet("export.md", "From Python"), "export.md", "exec"), {})
    assert {path.name for path in (tmp_path / "export").iterdir()} == {
        line.split()[0] for line in capsys.readouterr().out.splitlines()
    }
