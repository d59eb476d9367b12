"""The Python API on small collections."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import SLACK, assert_exact, assert_same_hits, keys_of, state_of, write_pictures
from conftest import make_picture
from PIL import Image

import aesearch
from aesearch.errors import (
    ContentError,
    IndexExistsError,
    ParameterError,
    SourceError,
    UnknownKeyError,
)
from aesearch.search.index import Index

N = 42


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `source` and `ix`, to look at only."""
    root = tmp_path_factory.mktemp("made")
    write_pictures(root / "source", N)
    (root / "source" / "notes.txt").write_text("not a picture")
    before = state_of(root / "source")
    aesearch.build(root / "source", root / "ix", budget=0).close()
    assert state_of(root / "source") == before
    return root


@pytest.fixture(scope="module")
def index(made: Path) -> Iterator[Index]:
    with aesearch.open(made / "ix") as opened:
        yield opened


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of both, to change; the index knows where its source is by `index.json`."""
    for name in ("source", "ix"):
        shutil.copytree(made / name, tmp_path / name)
    with Index(tmp_path / "ix") as opened:
        source = str((tmp_path / "source").resolve())
        opened.folder.write_card(replace(opened.folder.card, source=source))
    return tmp_path


@pytest.fixture(scope="module")
def forms(made: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same index with codes as int8 and as bits."""
    root = tmp_path_factory.mktemp("forms")
    found = {"float": made / "ix"}
    for form in ("int8", "bits"):
        aesearch.build(made / "source", root / form, {"form": form}, budget=0).close()
        found[form] = root / form
    return found


# -- searching -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["float", "int8", "bits"])
def test_a_picture_finds_itself_first(form: str, forms: dict[str, Path]) -> None:
    with aesearch.open(forms[form]) as index:
        for item in list(index.items())[::7]:
            path = index.path_of(item.key)
            for content in (path, str(path), path.read_bytes()):
                hits = index.search(content, 3)
                assert (hits[0].key, hits[0].score, hits[0].path) == (item.key, 1, path)
                assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
            picture = Image.open(path)
            for decoded in (picture, np.asarray(picture), np.asarray(picture) / 255):
                hits = index.search(decoded, 3)
                best = max(hits, key=lambda hit: hit.score)
                assert best.score >= (0.99 if form == "int8" else 1 - 1e-5)
                assert item.key in {hit.key for hit in hits}
            assert index.similar(item.key, 1)[0].key == item.key


def test_searching_is_exact(index: Index) -> None:
    assert_exact(index, sorted(keys_of(index)), k=7)


def test_encode_gives_unit_codes_that_are_those_of_the_store(index: Index) -> None:
    items = list(index.items())[:5]
    codes = index.encode([index.path_of(item.key) for item in items])
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(codes, index.folder.store.codes([i.id for i in items])[1], atol=1e-5)
    assert index.encode([]).shape == (0, codes.shape[1])


@pytest.mark.parametrize("form", ["float", "int8", "bits"])
def test_among_gives_k_where_k_exist(form: str, forms: dict[str, Path]) -> None:
    with aesearch.open(forms[form]) as index:
        disk = index.path_of("disks/000.png")
        hits = index.search(disk, 10, among="squares/*")
        assert len(hits) == 10
        assert {hit.key.split("/")[0] for hit in hits} == {"squares"}
        assert len(index.search(disk, 100, among="squares/**")) == N // 3
        assert index.search(disk, 10, among="nowhere/*") == []
        assert [h.key for h in index.search(disk, 3, among="disks/000*")] == ["disks/000.png"]


def test_k_and_threshold(index: Index) -> None:
    assert len(index.similar("disks/000.png", 1000)) == N
    with pytest.raises(ParameterError, match="at least 1; got 0"):
        index.similar("disks/000.png", 0)
    everything = index.similar("disks/000.png", N)
    between = (everything[5].score + everything[6].score) / 2
    assert everything[5].score > everything[6].score + SLACK
    some = index.similar("disks/000.png", N, threshold=between)
    assert_same_hits(some, everything[:6])
    assert [hit.key for hit in index.similar("disks/000.png", N, threshold=1)] == ["disks/000.png"]
    assert index.similar("disks/000.png", N, threshold=1.1) == []


def test_what_cannot_be_searched_with(index: Index, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("hello")
    for content, reason in (
        (tmp_path / "missing.png", "there is no such file"),
        (tmp_path / "text.txt", "not a picture"),
        (tmp_path, "directory"),
        (b"", "empty"),
        (np.zeros(3), "no picture"),
    ):
        with pytest.raises(ContentError, match=reason):
            index.search(content)  # type: ignore[arg-type]
    with pytest.raises(UnknownKeyError, match=r"no item 'nothing\.png'"):
        index.similar("nothing.png")


def test_a_turned_copy_is_found(index: Index) -> None:
    picture = Image.open(index.path_of("stripes/001.png"))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise
    stream = io.BytesIO()
    picture.transpose(Image.Transpose.ROTATE_90).save(stream, "PNG", exif=exif)
    hits = index.search(stream.getvalue(), 2)
    assert hits[0].key == "stripes/001.png"
    assert hits[0].score > 0.999


def test_what_an_index_says_of_itself(index: Index, made: Path) -> None:
    assert len(index) == N
    assert "disks/000.png" in index
    assert "disks/999.png" not in index
    assert 5 not in index
    assert repr(index) == f"<Index 'ix': {N} items>"
    facts = index.info()
    assert (facts["items"], facts["encoder"], facts["training"]) == (N, "pca", False)
    assert facts["source"] == str((made / "source").resolve())
    assert [f["key"] for f in facts["skipped"]] == ["notes.txt"]
    assert index.verify() == []


# -- changing ------------------------------------------------------------------------------------


def test_add_paths_bytes_and_arrays(copy: Path) -> None:
    source = copy / "source"
    write_pictures(copy / "outside", 1, 90)
    outside = next((copy / "outside").rglob("*.png")).resolve()
    inside = source / write_pictures(source, 1, 91)[0]
    array = make_picture("disks", 92)
    data = outside.with_name("again.png")
    Image.fromarray(make_picture("squares", 93)).save(data)
    with aesearch.open(copy / "ix") as index:
        inside_key = inside.relative_to(source).as_posix()
        assert index.add([outside, inside]) == [outside.as_posix(), inside_key]
        assert index.add({"by/array": array, "by/bytes": data.read_bytes()}) == [
            "by/array",
            "by/bytes",
        ]
        assert index.add([]) == []
        assert len(index) == N + 4
        assert index.search(outside, 1)[0].path == outside
        for content, key in ((inside, inside_key), (data, "by/bytes"), (array, "by/array")):
            hit = index.search(content, 1)[0]
            assert (hit.key, pytest.approx(1, abs=1e-5)) == (key, hit.score)
        assert index.verify() == []
        # A key that exists is replaced.
        index.add({"by/array": data.read_bytes()})
        assert len(index) == N + 4
        assert {h.key for h in index.search(data, 2)} == {"by/array", "by/bytes"}
        # Added items are no business of the source, and outlive a training.
        assert index.sync()["removed"] == 0
        assert {"by/array", "by/bytes", outside.as_posix()} <= keys_of(index)
    with aesearch.build(source, copy / "ix", budget=0, retrain=True) as index:
        assert {"by/array", "by/bytes", outside.as_posix(), inside_key} <= keys_of(index)
        assert len(index) == N + 4
        assert index.search(data, 2)[0].score == 1
        assert index.verify() == []
        assert_exact(index, ["by/array", "disks/000.png"])


def test_add_is_all_or_nothing(copy: Path) -> None:
    with aesearch.open(copy / "ix") as index:
        good = index.path_of("disks/000.png").read_bytes()
        with pytest.raises(ContentError, match="'bad' cannot be added: not a picture"):
            index.add({"good": good, "bad": b"hello there, this is no picture"})
        with pytest.raises(ContentError, match="there is no such file"):
            index.add([copy / "missing.png"])
        assert len(index) == N
        assert index.revision.number == 2


def test_removed_items_stay_away(copy: Path) -> None:
    with aesearch.open(copy / "ix") as index:
        with pytest.raises(UnknownKeyError, match="nothing was removed"):
            index.remove(["disks/000.png", "no such key"])
        assert len(index) == N
        assert index.remove(["disks/000.png", "stripes/001.png"]) == 2
        assert len(index) == N - 2
        assert index.sync()["new"] == 0
        assert "disks/000.png" not in index
        reasons = {s.key: (s.reason, s.ignored) for s in index.skipped()}
        assert reasons["disks/000.png"] == ("removed by hand", True)
        found = index.search(index.path_of("disks/000.png"), N)
        assert len(found) == N - 2
        assert found[0].score < 1
        index.add([index.path_of("disks/000.png")])
        assert "disks/000.png" in index
        assert index.verify() == []
    with aesearch.build(copy / "source", copy / "ix", budget=0, retrain=True) as index:
        assert len(index) == N - 1


def test_removing_everything_leaves_an_index_that_works(copy: Path) -> None:
    with aesearch.open(copy / "ix") as index:
        index.remove(keys_of(index))
        assert len(index) == 0
        assert index.search(copy / "source/disks/000.png") == []
        assert index.verify() == []
        index.add([copy / "source/disks/000.png"])
        assert len(index) == 1


def test_sync(copy: Path) -> None:
    source = copy / "source"
    with aesearch.open(copy / "ix") as index:
        ids = index.folder.store.ids_of(["disks/003.png"])
        code = index.folder.store.codes(ids.values())[1]
        assert index.sync() == {
            "new": 0, "changed": 0, "renamed": 0, "removed": 0, "unchanged": N,
        }  # fmt: skip
        assert index.revision.number == 2
        (source / "disks/003.png").rename(source / "moved.png")
        (source / "disks/000.png").unlink()
        original = (source / "stripes/001.png").read_bytes()
        (source / "stripes/001.png").write_bytes(original[: len(original) // 2])
        shutil.copy(source / "squares/002.png", source / "squares/005.png")
        new = write_pictures(source, 2, 80)
        counts = index.sync()
        assert counts == {
            "new": 2, "changed": 1, "renamed": 1, "removed": 1, "unchanged": N - 4, "unread": 1,
        }  # fmt: skip
        assert len(index) == N + 1  # two new, one removed; one is broken, and stays as it was
        assert index.folder.store.ids_of(["moved.png"])["moved.png"] == ids["disks/003.png"]
        np.testing.assert_array_equal(index.folder.store.codes(ids.values())[1], code)
        reasons = {s.key: s.reason for s in index.skipped() if not s.ignored}
        assert list(reasons) == ["stripes/001.png"]
        assert reasons["stripes/001.png"].startswith("damaged")
        twins = index.search(source / "squares/005.png", 2)
        assert [(h.key, h.score) for h in twins] == [("squares/005.png", 1), ("squares/002.png", 1)]
        assert set(new) <= keys_of(index)
        assert index.verify() == []
        assert_exact(index, [*new, "moved.png"])
        revision = index.revision.number
        index.sync()
        assert index.revision.number == revision  # the broken file is as it was
        assert "stripes/001.png" in index
        (source / "stripes/001.png").write_bytes(original)
        assert index.sync()["unchanged"] == N + 1
        assert not [s for s in index.skipped() if not s.ignored]
        drift = index.drift()
        assert drift is not None
        assert drift.items == 3
        assert not drift.has_drifted
        assert "came after training" in str(drift)


def test_a_source_that_is_gone_removes_nothing(copy: Path) -> None:
    (copy / "source").rename(copy / "away")
    with aesearch.open(copy / "ix") as index:
        with pytest.raises(SourceError, match="there is no file or folder"):
            index.sync()
        assert len(index) == N
        assert index.similar("disks/000.png", 3)[0].score == 1


def test_readers_notice_a_new_revision(copy: Path) -> None:
    with aesearch.open(copy / "ix") as reader, aesearch.open(copy / "ix") as writer:
        picture = make_picture("disks", 99)
        assert reader.search(picture, 1)[0].score < 0.9999
        writer.add({"later": picture})
        assert reader.search(picture, 1)[0].key == "later"
        writer.remove(["later"])
        assert reader.search(picture, 1)[0].key != "later"
        aesearch.build(
            copy / "source", copy / "ix", {"code_size": 16}, budget=0, retrain=True
        ).close()
        assert reader.search(copy / "source/disks/000.png", 1)[0].key == "disks/000.png"
        assert reader.encode([picture]).shape == (1, 16)
        assert_exact(reader, ["disks/000.png"])


def test_searching_from_threads_while_others_write(copy: Path) -> None:
    keys = write_pictures(copy / "source", 0)
    with aesearch.open(copy / "ix") as shared:
        keys = sorted(keys_of(shared))
        stop = threading.Event()
        wrong: list[object] = []

        def search(n: int) -> None:
            own = aesearch.open(copy / "ix") if n % 2 else shared
            try:
                while not stop.is_set():
                    key = keys[n % len(keys)]
                    before = own.revision.number
                    hits = own.similar(key, 5)
                    scores = [hit.score for hit in hits]
                    if len(hits) != 5 or hits[0].key != key or sorted(scores)[::-1] != scores:
                        wrong.append(hits)
                    found = own.search(own.path_of(key), 5)
                    if own.revision.number == before:
                        assert_same_hits(found, hits)  # encoded anew, and as it is stored
                    n += 8
            except Exception as error:
                wrong.append(error)
            finally:
                if own is not shared:
                    own.close()

        threads = [threading.Thread(target=search, args=(n,), daemon=True) for n in range(8)]
        for thread in threads:
            thread.start()
        try:
            with aesearch.open(copy / "ix") as writer:
                for n in range(6):
                    writer.add({f"more/{n}": make_picture("squares", 200 + n)})
                writer.remove([f"more/{n}" for n in range(6)])
            shared.add({"more/last": make_picture("squares", 300)})
            aesearch.build(
                copy / "source", copy / "ix", {"code_size": 24}, budget=0, retrain=True
            ).close()
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        assert not wrong, wrong[:2]
        assert len(shared) == N + 1


# -- settings ------------------------------------------------------------------------------------


def test_settings_of_an_existing_index(copy: Path) -> None:
    source, place = copy / "source", copy / "ix"

    def run(**options: Any) -> Any:
        with aesearch.build(source, place, options) as index:
            assert index.verify() == []
            assert_exact_or_close(index)
            return index.info()

    def assert_exact_or_close(index: Index) -> None:
        assert index.similar("disks/000.png", 3)[0].key == "disks/000.png"

    assert run(form="int8")["engine"]["factory"].endswith("SQ8")
    assert run()["settings"]["form"] == "int8"
    assert run(bits=32)["engine"]["bits"] == 32 or run(form="bits", bits=32)["engine"]["bits"] == 32
    assert run(form="float")["engine"]["bits"] == 0
    assert "HNSW" in run(engine="hnsw")["engine"]["factory"]
    run(engine="auto")
    for options, message in (
        ({"max_memory": 100}, "max_memory is"),
        ({"code_size": 32}, "--retrain"),
        ({"encoder": "pca"}, "--retrain"),
        ({"encoder": "nonsense"}, "unknown encoder"),
        ({"form": "nonsense"}, "unknown code form"),
        ({"recall": 2.0}, "recall must be"),
    ):
        with pytest.raises(ParameterError, match=message):
            aesearch.build(source, place, options)  # type: ignore[arg-type]
    with aesearch.open(place) as index:
        assert index.verify() == []
        assert index.settings.form == "float"
        assert index.settings.max_memory == 2 << 30


def test_a_source_that_became_empty_removes_nothing(copy: Path) -> None:
    (copy / "source").rename(copy / "elsewhere")
    (copy / "source").mkdir()  # as where a disk is not mounted
    with aesearch.open(copy / "ix") as index:
        before = len(index)
        with pytest.raises(SourceError, match="is its disk mounted"):
            index.sync()
        assert len(index) == before


def test_bits_and_forms_of_an_existing_index(copy: Path) -> None:
    with aesearch.build(copy / "source", copy / "ix", {"form": "int8"}) as index:
        assert "SQ8" in index.revision.plan["factory"]
    with aesearch.build(copy / "source", copy / "ix", {"bits": 16}) as index:
        assert index.revision.plan["bits"] == 16
    with pytest.raises(ParameterError, match="contradict"):
        aesearch.Settings(form="int8", bits=64)
    with aesearch.build(copy / "source", copy / "ix", {"bits": 0}) as index:
        assert index.settings.form == "float"


def test_where_an_index_may_not_be(copy: Path) -> None:
    source = copy / "source"
    before = state_of(source)
    with pytest.raises(SourceError, match="inside the source"):
        aesearch.build(source, source / "ix", budget=0)
    write_pictures(copy / "second", 2)
    with pytest.raises(IndexExistsError, match="is the index of"):
        aesearch.build(copy / "second", copy / "ix", budget=0)
    (copy / "things").mkdir()
    (copy / "things" / "letter.txt").write_text("dear")
    with pytest.raises(IndexExistsError, match=r"letter\.txt"):
        aesearch.build(source, copy / "things", budget=0)
    for budget in (-1, float("nan"), float("inf")):
        with pytest.raises(ParameterError, match="budget"):
            aesearch.build(source, copy / "other", budget=budget)
    assert state_of(source) == before
    assert [p.name for p in (copy / "things").iterdir()] == ["letter.txt"]


# -- small and odd collections -------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5, 31])
def test_tiny_collections(count: int, tmp_path: Path) -> None:
    keys = write_pictures(tmp_path / "few", count)
    with aesearch.build(tmp_path / "few", tmp_path / "ix", budget=0) as index:
        assert len(index) == count
        assert index.verify() == []
        for key in keys[:3]:
            hit = index.search(tmp_path / "few" / key, 10)[0]
            assert (hit.key, hit.score) == (key, 1)
        assert len(index.similar(keys[0], 10)) == min(count, 10)
        index.info()
    with aesearch.build(tmp_path / "few", tmp_path / "ix", budget=0, retrain=True) as index:
        assert len(index) == count
        assert index.verify() == []
        assert index.similar(keys[-1], 1)[0].key == keys[-1]


def test_an_index_that_outgrows_thumbnails_is_trained(tmp_path: Path) -> None:
    write_pictures(tmp_path / "few", 5)
    with aesearch.build(tmp_path / "few", tmp_path / "ix", budget=0) as index:
        assert index.encoder.manifest.kind == "thumbnail"
    write_pictures(tmp_path / "few", 40, 5)
    with aesearch.build(tmp_path / "few", tmp_path / "ix", budget=0) as index:
        assert index.encoder.manifest.kind == "pca"
        assert len(index) == 45
        assert index.verify() == []


@pytest.mark.parametrize("colour", ["black", "white", "teal"])
@pytest.mark.parametrize("count", [3, 40])
def test_identical_pictures(count: int, colour: str, tmp_path: Path) -> None:
    folder = tmp_path / "same"
    folder.mkdir()
    for n in range(count):
        Image.new("RGB", (32, 32), colour).save(folder / f"{n:02}.png")
    with aesearch.build(folder, tmp_path / "ix", budget=0) as index:
        assert len(index) == count
        assert index.verify() == []
        hits = index.search(folder / "02.png", 3)
        assert hits[0].key == "02.png"
        assert [hit.score for hit in hits] == [1, 1, 1]
        assert np.isfinite(index.encode([folder / "00.png", make_picture("disks", 1)])).all()
        index.info()


def test_a_resumed_plan_that_was_cut_off_is_no_error(copy: Path) -> None:
    (copy / "ix" / "training").mkdir()
    with aesearch.build(copy / "source", copy / "ix") as index:
        assert not index.info()["training"]
        index.remove(["disks/000.png"])
    assert not (copy / "ix" / "training").exists()


def test_what_has_no_file_has_no_path(copy: Path) -> None:
    with aesearch.open(copy / "ix") as index:
        index.add({"by/array": make_picture("disks", 92)})
        first = index.similar("by/array", 2)
        assert [hit.path is None for hit in first] == [True, False]
        assert first[1].path == index.path_of(first[1].key)
        outside = copy / "outside"
        write_pictures(outside, 1, 94)
        (key,) = index.add(list(outside.rglob("*.png")))
        assert index.similar(key, 1)[0].path == Path(key)


def test_files_that_cannot_be_read_are_not_counted_as_new(copy: Path) -> None:
    (copy / "source/broken.png").write_bytes(b"no picture at all")
    write_pictures(copy / "source", 1, 95)
    changed = copy / "source/disks/000.png"
    changed.write_bytes(changed.read_bytes()[:60])
    with aesearch.open(copy / "ix") as index:
        counts = index.sync()
        assert (counts["new"], counts["changed"], counts["removed"]) == (1, 0, 0)
        assert counts["unread"] == 1
        assert len(index) == N + 1
