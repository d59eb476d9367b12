"""Whatever is wrong with an index or a source: one clear line, exit code 1, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from collections_ import Answer, assert_same_hits, command, state_of, write_pictures

import aesearch
from aesearch.errors import DamagedError, EncoderMismatchError, LockedError
from aesearch.search.index import Index
from aesearch.storage.lock import hold
from aesearch.wording import by_suffix

N = 36


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    write_pictures(root / "source", N)
    write_pictures(root / "second", N, first=100)
    aesearch.build(root / "source", root / "ix", budget=0).close()
    aesearch.build(root / "second", root / "other", budget=0).close()
    return root


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "ix", tmp_path / "ix"))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def one_line(answer: Answer, *parts: str) -> None:
    assert answer.code == 1, answer
    assert answer.out == ""
    lines = answer.err.splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("aesearch: ")
    for part in parts:
        assert part in lines[0]


def encoder(place: Path) -> Path:
    return next(place.glob("encoder-*"))


def newer(place: Path) -> None:
    card = json.loads((place / "index.json").read_text())
    (place / "index.json").write_text(json.dumps({**card, "format": 99}))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "newer format": (newer, "has format 99"),
    "garbage card": (lambda p: (p / "index.json").write_text("{garbage"), "cannot be read"),
    "card of nothing": (lambda p: (p / "index.json").write_text("[]"), "cannot be read"),
    "card without source": (
        lambda p: (p / "index.json").write_text('{"format": 1}'), "cannot be read"),
    "no database": (lambda p: (p / "items.db").unlink(), "items.db cannot be opened"),
    "garbage database": (lambda p: (p / "items.db").write_bytes(b"x" * 5000), "items.db"),
    "empty database": (lambda p: (p / "items.db").write_bytes(b""), "items.db"),
    "encoder damaged": (lambda p: flip(encoder(p) / "encoder.onnx"), "is damaged"),
    "no encoder": (lambda p: shutil.rmtree(encoder(p)), "--repair"),
    "no graph": (lambda p: (encoder(p) / "encoder.onnx").unlink(), "encoder.onnx"),
    "garbage manifest": (lambda p: (encoder(p) / "encoder.json").write_text("{"), "--repair"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_index(name: str, place: Path, made: Path) -> None:
    breaking, message = BROKEN[name]
    breaking(place)
    before = state_of(place)
    one_line(command("query", made / "source/disks/000.png", "--index", place), message)
    verified = command("verify", place)
    assert verified.code == 1
    assert message.split(" ")[-1] in verified.err
    assert "Traceback" not in verified.err
    listed = command("info", place)
    assert listed.code in (0, 1)
    assert {*state_of(place)} >= {*before}


@pytest.mark.parametrize("name", ["encoder damaged", "no encoder", "no graph", "garbage manifest"])
def test_retraining_mends_an_encoder(name: str, place: Path, made: Path) -> None:
    BROKEN[name][0](place)
    done = command("index", made / "source", "--index", place, "--retrain", "--budget", "0")
    assert done.code == 0, done
    assert command("verify", place).code == 0
    with Index(place) as index:
        assert index.search(made / "source/disks/000.png", 1)[0].key == "disks/000.png"


@pytest.mark.parametrize("breaking", [flip, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_broken_faiss_file(breaking: Callable[[Path], object], place: Path, made: Path) -> None:
    with Index(place) as index:
        right = index.similar("disks/000.png", 10)
    breaking(next(place.glob("codes-*.faiss")))
    with Index(place) as index, pytest.warns(UserWarning, match="searching the codes in items.db"):
        assert_same_hits(index.similar("disks/000.png", 10), right)
    asked = command("query", made / "source/disks/000.png", "--index", place)
    assert asked.code == 0
    assert len(asked.err.splitlines()) == 1
    assert asked.err.startswith("aesearch: note: ")
    assert asked.out.splitlines()[0].startswith("1.0000\t")
    one_line(command("verify", place), ".faiss")
    mended = command("verify", place, "--repair")
    assert mended.code == 0, mended
    assert "the FAISS file was made anew" in mended.err
    assert command("verify", place) == mended._replace(err="")
    with Index(place) as index:
        assert_same_hits(index.similar("disks/000.png", 10), right)


def test_another_index_s_encoder(place: Path, made: Path) -> None:
    shutil.rmtree(encoder(place).with_name("x"), ignore_errors=True)
    mine = encoder(place)
    shutil.rmtree(mine)
    shutil.copytree(encoder(made / "other"), mine)
    with Index(place) as index, pytest.raises(EncoderMismatchError, match="--repair"):
        index.similar("disks/000.png")
    one_line(command("query", made / "source/disks/000.png", "--index", place), "--repair")
    assert "not the codes' encoder" in command("verify", place).err


def test_a_second_writer(place: Path, made: Path) -> None:
    holding = (
        "import sys, pathlib\nfrom aesearch.storage.layout import Layout\n"
        "from aesearch.storage.lock import hold\n"
        f"with hold(Layout(pathlib.Path({str(place)!r}))):\n"
        "    print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        try:
            who = f"process {first.pid} (-c"
            one_line(command("remove", "disks/000.png", "--index", place), "being written by", who)
            retrain = command("index", made / "source", "--index", place, "--retrain")
            one_line(retrain, "being written by", who)
            assert command("query", "--key", "disks/000.png", "--index", place).code == 0
        finally:
            first.stdin.close()
    assert command("remove", "disks/000.png", "--index", place).code == 0


def test_the_lock_is_held_twice_by_one_writer_and_freed(place: Path) -> None:
    with Index(place) as index:
        with hold(index.folder.layout), hold(index.folder.layout):
            assert index.folder.layout.holder.exists()
        assert not index.folder.layout.holder.exists()
        with pytest.raises(LockedError), hold(index.folder.layout):
            raise LockedError("from inside")
        index.remove(["disks/000.png"])


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="chmod does not bind here")
def test_a_read_only_index(place: Path, made: Path) -> None:
    place.chmod(0o500)
    try:
        with Index(place) as index:
            assert index.search(made / "source/disks/000.png", 1)[0].score == 1
        one_line(command("remove", "disks/000.png", "--index", place), "cannot be written")
    finally:
        place.chmod(0o700)


LIMITED = """
import resource, signal, sys
from aesearch.cli import run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(run())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [0, 3_000, 20_000])
def test_a_full_disk(limit: int, place: Path, made: Path, tmp_path: Path) -> None:
    def limited(*words: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-B", "-c", LIMITED, str(limit), *map(str, words)],
            capture_output=True, text=True, timeout=100,
        )  # fmt: skip

    with Index(place) as index:
        before = [(i.key, i.digest) for i in index.items()]
    assert limited("query", "--key", "disks/000.png", "--index", place).returncode == 0
    for words in (
        ("remove", "disks/000.png", "--index", place),
        ("index", made / "source", "--index", tmp_path / "new", "--budget", "0"),
        ("index", made / "source", "--index", place, "--budget", "0", "--retrain"),
    ):
        done = limited(*words)
        assert done.returncode == 1, done
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "cannot be written" in done.stderr or "cannot write" in done.stderr
    with Index(place) as index:
        assert index.verify() == []
        assert [(i.key, i.digest) for i in index.items()] == before
    assert command("index", made / "source", "--index", tmp_path / "new", "--budget", "0").code == 0
    assert command("index", made / "source", "--index", place, "--budget", "0").code == 0
    assert command("verify", place).code == 0


def test_sources_that_are_none(place: Path, made: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "a.exe").write_bytes(b"MZ\0\1no picture")
    for name, message in (
        ("missing", "there is no file or folder"), ("empty", "holds no files"),
        ("others", "holds no picture"), ("others/a.exe", "is neither a folder nor a table"),
    ):  # fmt: skip
        one_line(command("index", tmp_path / name, "--index", tmp_path / "new"), message)
        assert not (tmp_path / "new").exists()
    inside = made / "source" / "ix"
    one_line(command("index", made / "source", "--index", inside), "inside the source")
    assert not inside.exists()
    (tmp_path / "others" / "b").mkdir()
    one_line(
        command("index", made / "source", "--index", tmp_path / "others"), "holds other things"
    )
    one_line(command("index", made / "second", "--index", place), "is the index of")
    one_line(command("index", made / "second", "--index", place, "--dry-run"), "is the index of")
    file = tmp_path / "others" / "a.exe"
    one_line(command("index", made / "source", "--index", file), "is a file")


def test_the_source_of_an_index_is_gone_or_empty(made: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(made / "source", tmp_path / "source"))
    assert command("index", source, "--index", tmp_path / "ix", "--budget", "0").code == 0
    source.rename(tmp_path / "away")
    one_line(command("index", source, "--index", tmp_path / "ix"), "there is no file or folder")
    asked = command("query", tmp_path / "away/disks/000.png", "--index", tmp_path / "ix")
    assert asked.code == 0
    with aesearch.open(tmp_path / "ix") as index:
        assert len(index) == N


def test_damage_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("garbage")
    with pytest.raises(DamagedError):
        aesearch.open(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "other", "bytes", "folder", "card"])
def test_a_damaged_copy_of_the_metadata_is_told_and_made_anew(tmp_path: Path, damage: str) -> None:
    place = tmp_path / "ix"
    aesearch.build(["red boat", "blue house"], place, budget=0).close()
    copy, card = place / ".index.json", (place / "index.json").read_bytes()
    if damage == "folder":
        copy.unlink()
        copy.mkdir()
    else:
        changed = {
            "cut": card[:-9],
            "other": b"{}",
            "bytes": b"\xff\0",
            "card": card.replace(b'"seed": 0', b'"seed": 7'),
        }
        copy.write_bytes(changed[damage])
    told = command("verify", str(place))
    assert told.code == 1
    assert ".index.json, the copy of the metadata, is damaged" in told.err
    assert "--repair" in told.err
    assert command("verify", str(place), "--repair").code == 0
    assert copy.read_bytes() == card
    assert command("verify", str(place)).code == 0
    old = (place / "index.json").stat().st_mtime - 9  # of a writer that was killed before the copy
    copy.write_bytes(card.replace(b'"seed": 0', b'"seed": 7'))
    os.utime(copy, (old, old))
    assert command("verify", str(place)).code == 0


def test_all_files_of_an_encoder_let_the_same_people_in(tmp_path: Path) -> None:
    texts = [f"note {n} of river and bridge {n % 7}" for n in range(40)]
    aesearch.build(texts, tmp_path / "ix", budget=0).close()
    (folder,) = (tmp_path / "ix").glob("encoder-*")
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1


def test_a_part_of_a_file_has_the_suffix_of_its_file() -> None:
    names = ("m.mbox#<11@x.org>", "a/scan.tif#3", "b.TIF", "c#.d/e")
    assert by_suffix(names) == "2 .tif, 1 .mbox, 1 without a suffix"
