"""The command line: exit codes, what is printed, and what is not imported."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from collections_ import command, write_pictures

from aesearch.cli import ALIASES, COMMANDS, UNREAD, cli

N = 36


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and the home `indexes` with its index."""
    root = tmp_path_factory.mktemp("cli").resolve()
    write_pictures(root / "photos", N)
    (root / "photos" / "notes.txt").write_text("no picture")
    done = command("index", root / "photos", "--index", root / "indexes/photos", "--budget", "0")
    assert (done.code, done.err) == (0, "")
    assert "photos: 36 pictures (36 new)" in done.out
    assert "encoder pca" in done.out
    return root


@pytest.fixture
def home(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AESEARCH_HOME", str(made / "indexes"))
    monkeypatch.chdir(made)
    return made


def test_every_command_has_help() -> None:
    shown = command("--help")
    assert shown.code == 0
    for name in COMMANDS:
        answer = command(name, "--help")
        assert answer.code == 0
        assert answer.out.startswith("Usage: aesearch")
        assert (name in shown.out) or name in ALIASES
    assert command("--version").out.startswith("aesearch, version")


@pytest.mark.parametrize(
    "words",
    [("nonsense",), ("query",), ("query", "x.png", "-k", "0"), ("query", "x", "--sheet", "x.doc"),
     ("index",), ("index", "x", "--kind", "none"), ("remove",)],
)  # fmt: skip
def test_wrong_usage(words: tuple[str, ...]) -> None:
    answer = command(*words)
    assert answer.code == 2
    assert "Traceback" not in answer.err


def test_query_plain_and_json(home: Path) -> None:
    plain = command("query", "photos/disks/000.png", "-k", "3")
    assert (plain.code, plain.err) == (0, "")
    lines = [line.split("\t") for line in plain.out.splitlines()]
    assert len(lines) == 3
    assert lines[0] == ["1.0000", "photos/disks/000.png"]
    assert [float(score) for score, _ in lines] == sorted((float(s) for s, _ in lines))[::-1]
    assert command("search", "photos/disks/000.png", "-k", "3") == plain
    rows = [json.loads(line) for line in command(
        "query", "photos/disks/000.png", "-k", "3", "--json").out.splitlines()]  # fmt: skip
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert rows[0]["key"] == "disks/000.png"
    assert rows[0]["path"] == str(home / "photos/disks/000.png")
    nulls = command("query", "photos/disks/000.png", "-k", "3", "-0").out.split("\0")
    assert nulls == [*(row["path"] for row in rows), ""]


@pytest.mark.usefixtures("home")
def test_query_several_key_among_threshold() -> None:
    several = command("query", "photos/disks/000.png", "photos/disks/003.png", "-k", "2")
    assert [line.split("\t")[2] for line in several.out.splitlines()] == [
        "photos/disks/000.png", "photos/disks/000.png",
        "photos/disks/003.png", "photos/disks/003.png",
    ]  # fmt: skip
    by_key = command("query", "--key", "disks/000.png", "-k", "5")
    assert by_key.out.splitlines()[0] == "1.0000\tphotos/disks/000.png"
    among = command("query", "--key", "disks/000.png", "-k", "5", "--among", "squares/**")
    assert len(among.out.splitlines()) == 5
    assert all("photos/squares/" in line for line in among.out.splitlines())
    assert command("query", "--key", "disks/000.png", "--threshold", "1").out.count("\n") == 1
    unknown = command("query", "--key", "nothing")
    assert (unknown.code, unknown.out) == (1, "")
    assert "no item 'nothing'" in unknown.err


def test_query_with_standard_input_and_bad_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (home / "photos/disks/000.png").open("rb") as stream:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
        assert command("query", "-", "-k", "1").out == "1.0000\tphotos/disks/000.png\n"
    mixed = command("query", "missing.png", "photos/notes.txt", "photos/disks/000.png", "-k", "1")
    assert mixed.code == 3
    assert mixed.out.startswith("1.0000\tphotos/disks/000.png")
    missing, text = mixed.err.splitlines()
    assert missing.startswith("aesearch: missing.png: ")
    assert missing.endswith("there is no such file")
    assert text.endswith("not a picture")


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("suffix", [".png", ".html"])
def test_sheets(suffix: str, tmp_path: Path) -> None:
    out = tmp_path / f"sheet{suffix}"
    answer = command("query", "photos/disks/000.png", "--key", "disks/003.png", "--sheet", out)
    assert answer.code == 0
    assert answer.err == f"wrote {out}\n"
    assert out.stat().st_size > 1000
    unwritable = tmp_path / "no" / f"sheet{suffix}"
    failed = command("query", "photos/disks/000.png", "--sheet", unwritable)
    assert (failed.code, failed.out) == (2, "")
    assert len(failed.err.splitlines()) == 1


@pytest.mark.usefixtures("home")
def test_list_info_verify() -> None:
    listed = command("list")
    assert listed.code == 0
    assert "photos" in listed.out
    assert json.loads(command("list", "--json").out)["items"] == N
    shown = command("info")
    assert shown.code == 0
    for part in ("36 pictures", "pca half-whitened", "notes.txt: not a picture", "bytes per item"):
        assert part in shown.out
    facts = json.loads(command("info", "photos", "--json").out)
    assert facts["items"] == N
    good = command("verify")
    assert (good.code, good.err) == (0, "")
    assert command("verify", "--repair").code == 0
    assert command("info", "nothing").code == 1


def test_index_again_and_dry_run(made: Path, tmp_path: Path) -> None:
    source = Path(shutil.copytree(made / "photos", tmp_path / "photos"))
    place = tmp_path / "ix"
    first = command("index", source, "--index", place, "--dry-run")
    assert "would be made: 37 new" in first.out
    assert not place.exists()
    assert command("index", source, "--index", place, "--budget", "0").code == 0
    again = command("index", source, "--index", place)
    assert (again.code, again.err) == (0, "")
    assert "no file changed" in again.out
    (source / "disks/000.png").unlink()
    (source / "disks/003.png").write_bytes(b"\x89PNG and no more")
    foretold = command("index", source, "--index", place, "--dry-run", "--json")
    counts = json.loads(foretold.out)
    assert (counts["removed"], counts["changed"], counts["dry_run"]) == (1, 1, True)
    done = command("index", source, "--index", place, "--json")
    assert done.code == 3  # done, but a file cannot be read
    summary = json.loads(done.out)
    assert (summary["items"], summary["skipped"], summary["ignored"]) == (N - 1, 1, 1)
    assert command("index", source, "--index", place).code == 3
    bad = command("index", source, "--index", place, "--budget", "soon")
    assert (bad.code, bad.err) == (2, "aesearch: 'soon' is no time; write 90s, 5m or 1h30m\n")
    removed = command("remove", "disks/006.png", "--index", place)
    assert removed.out == "removed 1; 34 pictures remain\n"
    assert command("remove", "disks/006.png", "--index", place).code == 1


def test_several_indexes(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    assert command("list").err.startswith("no index in")
    none = command("query", made / "photos/disks/000.png")
    assert none.code == 1
    assert "there is no index in" in none.err
    for name in ("first", "second"):
        write_pictures(tmp_path / name, 5, first=len(name))
        assert command("index", tmp_path / name, "--budget", "0").code == 0
        assert (tmp_path / "indexes" / name / "index.json").exists()
    several = command("query", made / "photos/disks/000.png")
    assert several.code == 1
    assert "several indexes fit: first, second" in several.err
    inside = next((tmp_path / "second").rglob("*.png"))
    assert command("query", inside, "-k", "1").out.startswith("1.0000\tsecond/")
    assert command("query", inside, "-k", "1", "--index", "first").code == 0
    away = tmp_path / "home"
    monkeypatch.setenv("AESEARCH_HOME", str(away))
    assert command("index", tmp_path / "first", "--budget", "0").code == 0
    assert (away / "first" / "index.json").exists()


HEAVY = ("torch", "torchvision", "sklearn", "scipy", "rich", "onnx")


@pytest.mark.usefixtures("home")
def test_a_query_imports_nothing_heavy() -> None:
    wrapper = (
        "import atexit, os, sys\n"
        "leave = os._exit\n"
        f"def told(code):\n    print(sorted(set(sys.modules) & set({HEAVY!r})), code)\n"
        "    sys.stdout.flush()\n    leave(code)\n"
        "os._exit = told\n"
        "from aesearch.__main__ import main\n"
        "sys.argv = ['aesearch', 'query', 'photos/disks/000.png', '-k', '1']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", wrapper], capture_output=True, text=True, timeout=60, env=os.environ
    )
    assert done.stdout.splitlines() == ["1.0000\tphotos/disks/000.png", "[] 0"], done
    assert done.stderr == ""


def closed_pipe(*words: str) -> tuple[int, bytes]:
    """Return the exit code and standard error of a command whose output nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(writer)
    return done.returncode, done.stderr


@pytest.mark.usefixtures("home")
def test_as_a_module_and_into_a_closed_pipe() -> None:
    words = [sys.executable, "-m", "aesearch", "query", "photos/disks/000.png"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 10
    assert closed_pipe(*words) == closed_pipe(*words[:3], "--help") == (UNREAD, b"")
    assert closed_pipe(*words[:3], "list", "--json") == (UNREAD, b"")
    piped = subprocess.run(
        f"{sys.executable} -m aesearch query photos/disks/000.png -k 36 | head -1",
        shell=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert piped.stdout.count("\n") == 1
    assert piped.stderr == ""


@pytest.mark.usefixtures("home")
def test_output_is_called_the_same_everywhere(tmp_path: Path) -> None:
    picture = "photos/disks/000.png"
    for number, words in enumerate(
        (
            ("query", picture),
            ("sample", "--number", "2"),
            ("reconstruct", picture),
        )
    ):
        for name in ("-o", "--output"):
            out = tmp_path / f"{number}{name}.png"
            assert command(*words, name, out).code == 0
            assert out.is_file()
    assert command("query", picture, "--sheet", tmp_path / "old.png").code == 0
    assert (tmp_path / "old.png").is_file()
    assert command("export", "photos", "-o", tmp_path / "one").code == 0
    assert command("export", tmp_path / "two", "--index", "photos").code == 0
    assert {p.name for p in (tmp_path / "one").iterdir()} == {
        p.name for p in (tmp_path / "two").iterdir()
    }
    assert command("export").code == 2
    for verb in ("duplicates", "map", "compare", "info"):
        options = {name for param in cli.get_command(None, verb).params for name in param.opts}
        assert {"-o", "--output"} <= options


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "words",
    [("query", "photos/disks/000.png"), ("sample",), ("reconstruct", "photos/disks/000.png"),
     ("map",), ("compare", "photos"), ("duplicates",), ("info",)],
)  # fmt: skip
def test_a_folder_that_is_missing_is_refused_before_anything_is_done(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "out.html"
    verb = importlib.import_module(f"aesearch.cli.{words[0]}")
    for opens in ("find", "Index", "open_at"):
        monkeypatch.delattr(verb, opens, raising=False)  # nothing may be looked for
    missing = command(*words, "-o", Path("nowhere", name))
    told = "aesearch: nowhere/out.html cannot be written: there is no folder nowhere; make it, or"
    assert (missing.code, missing.out) == (2, "")
    assert missing.err == f"{told} name another place\n"
    on_a_file = command(*words, "-o", Path("photos/notes.txt", name))
    assert (on_a_file.code, on_a_file.out) == (2, "")
    assert "photos/notes.txt is no folder" in on_a_file.err


def test_the_name_of_an_index_is_not_taken_for_the_folder_of_an_export(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AESEARCH_HOME", str(made / "indexes"))
    monkeypatch.chdir(tmp_path)
    alone = command("export", "photos")
    assert (alone.code, alone.out) == (2, "")
    assert alone.err == (
        "aesearch: 'photos' is an index: say where to with 'aesearch export photos -o DIR'; "
        "nothing was written\n"
    )
    by_path = command("export", made / "indexes/photos")
    assert (by_path.code, "is an index" in by_path.err) == (2, True)
    assert list(tmp_path.iterdir()) == []
    assert command("export", "photos", "--index", "photos").code == 0  # so it can only be DIR
    assert (tmp_path / "photos/export.json").is_file()
    assert command("export", "photos", "-o", "out").code == 0
    assert (tmp_path / "out/export.json").is_file()


def test_one_picture_and_one_document_are_counted_as_such(tmp_path: Path) -> None:
    write_pictures(tmp_path / "both", 1)
    (tmp_path / "both/notes.txt").write_text("A boat.")
    told = command("index", tmp_path / "both", "--index", tmp_path / "ix")
    assert told.code == 2
    assert "both holds 1 picture and 1 document; say which are meant" in told.err


def test_the_size_on_disk_is_the_same_wherever_it_is_told(tmp_path: Path) -> None:
    write_pictures(tmp_path / "photos", 40)
    place = tmp_path / "ix"
    words = ("index", tmp_path / "photos", "--index", place, "--budget", "0", "--json")
    made = json.loads(command(*words).out)
    told = json.loads(command("info", place, "--json").out)
    assert made["bytes_on_disk"] == told["bytes_on_disk"]


def test_a_group_is_refused_where_the_encoder_has_none(home: Path) -> None:
    refused = command("sample", "--group", "disks", "-o", home / "none.png")
    assert refused.code == 2
    assert "this encoder has not learned any" in refused.err
