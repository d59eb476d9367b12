"""Names: whatever a file is called, it is found, shown, and can be given back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from unicodedata import normalize

import pytest
from texts_ import make_text

import aesearch
from aesearch.errors import ParameterError, UnknownKeyError
from aesearch.sources.names import as_text, canonical, escaped

DECOMPOSED = normalize("NFD", "Zürich")
NAMES = {
    "two\nlines.txt": r"two\nlines.txt",
    "red\x1b[31m.txt": r"red\x1b[31m.txt",
    "tab\there.txt": r"tab\there.txt",
    "right\u202eleft.txt": r"right\u202eleft.txt",
    os.fsdecode(b"caf\xe9.txt"): r"caf\351.txt",
    "mountain 🏔.txt": "mountain 🏔.txt",
    "family 👨\u200d👩.txt": "family 👨\u200d👩.txt",
    r"C:\new.txt": r"C:\new.txt",
    "Holiday [2019]/a.txt": "Holiday [2019]/a.txt",
    f"{DECOMPOSED}/a.txt": f"{DECOMPOSED}/a.txt",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_is_shown_can_be_read_back(name: str) -> None:
    shown = escaped(name)
    assert shown == NAMES[name]
    as_text(name).encode()
    on_ascii = shown.encode("ascii", "backslashreplace").decode()
    for given in (name, as_text(name), shown, on_ascii, normalize("NFC", shown)):
        assert canonical(given) == canonical(name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of documents with such names, and its index beside it."""
    here = tmp_path_factory.mktemp("names")
    for number, name in enumerate(NAMES):
        path = here / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make_text("sailing", number))
    with aesearch.build(here / "docs", here / "indexes" / "docs", budget=0) as index:
        assert len(index) == len(NAMES)
        assert index.skipped() == []
    return here


def run(folder: Path, *arguments: str | bytes, **environment: str) -> subprocess.CompletedProcess:
    """Run the command in the folder."""
    return subprocess.run(
        [sys.executable, "-m", "aesearch", *arguments],
        cwd=folder,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd(), **environment},
    )


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_key_is_meant_by_whatever_names_it(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    key = as_text(name)
    path = folder / "docs" / name
    ways = (key, escaped(name), f"docs/{escaped(name)}", str(path), escaped(str(path)))
    with aesearch.open("indexes/docs") as index:
        for given in (*ways, normalize("NFC", key), ascii(name)[1:-1].replace("\\\\", "\\")):
            assert index.folder.key_meant(given) == key
            found = index.folder.keys_of(index.folder.matching(given).tolist())
            assert list(found.values()) == [key]
        assert index.path_of(key).read_text() == path.read_text()
        assert index.similar(key, 1)[0].path == path


def test_globs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with aesearch.open("indexes/docs") as index:

        def meant(glob: str) -> set[str]:
            return set(index.folder.keys_of(index.folder.matching(glob).tolist()).values())

        for glob in (
            "Holiday [2019]/*",
            "docs/Holiday [2019]/*",
            f"{folder}/docs/Holiday [2019]/*",
        ):
            assert meant(glob) == {"Holiday [2019]/a.txt"}
        assert meant("[HZ]*/*") == {"Holiday [2019]/a.txt", f"{DECOMPOSED}/a.txt"}
        assert meant("Holiday [2019]/[ab].txt") == {"Holiday [2019]/a.txt"}
        for glob in ("Zürich/*", f"{DECOMPOSED}/*", "*ü*"):
            assert meant(glob) == {f"{DECOMPOSED}/a.txt"}
        assert meant(r"two\n*") == {"two\nlines.txt"}
        assert meant("caf*") == {r"caf\351.txt"}
        assert meant("nothing*") == set()


def test_several_that_are_written_alike(tmp_path: Path) -> None:
    for name in ("ü.txt", "u\u0308.txt", "a.txt"):
        (tmp_path / "docs").mkdir(exist_ok=True)
        (tmp_path / "docs" / name).write_text(make_text("music", len(name)))
    with aesearch.build(tmp_path / "docs", tmp_path / "ix", budget=0) as index:
        assert index.folder.key_meant("ü.txt") == "ü.txt"
        assert index.folder.key_meant("u\u0308.txt") == "u\u0308.txt"
        assert len(index.folder.matching("ü*")) == 2
        with pytest.raises(UnknownKeyError, match="several items are written like"):
            index.folder.key_meant(r"\xfc.txt")


def keys_of(names: Iterable[str]) -> list[str]:
    """The options that ask for items of these names."""
    return [part for name in names for part in ("--key", name)]


def test_programs_get_names_exactly(folder: Path) -> None:
    keys = keys_of(map(as_text, NAMES))
    exact = run(folder, "query", "-0", "-k", "1", *keys)
    assert exact.stdout == b"".join(os.fsencode(folder / "docs" / name) + b"\0" for name in NAMES)
    for encoding in ("utf-8", "ascii"):
        told = run(folder, "query", "--json", "-k", "1", *keys, PYTHONIOENCODING=encoding)
        hits = [json.loads(line) for line in told.stdout.decode(encoding).splitlines()]
        assert [(hit["key"], hit["path"]) for hit in hits] == [
            (as_text(name), str(folder / "docs" / name)) for name in NAMES
        ]


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_terminals_that_show_little(encoding: str, folder: Path) -> None:
    query, keys = ("query", "-k", "1"), keys_of(map(as_text, NAMES))
    shown = run(folder, *query, *keys, PYTHONIOENCODING=encoding)
    assert (shown.returncode, shown.stderr) == (0, b"")
    # Click takes ASCII for a locale that nobody set, and writes UTF-8.
    lines = shown.stdout.decode("utf-8" if encoding == "ascii" else encoding).splitlines()
    assert len(lines) == len(NAMES)
    places = [line.split("\t")[1] for line in lines]
    again = run(folder, *query, *keys_of(places), LC_ALL="C", PYTHONIOENCODING=encoding)
    assert (again.returncode, again.stderr) == (0, b"")
    assert [line.split(b"\t")[:2] for line in again.stdout.splitlines()] == [
        line.split(b"\t")[:2] for line in shown.stdout.splitlines()
    ]


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str, folder: Path) -> None:
    for command in ("query -k 1 sail", "index docs --budget 0"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m aesearch {command} {closed}"],
            cwd=folder,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    with aesearch.open(folder / "indexes" / "docs") as index:
        assert index.verify() == []


@pytest.mark.parametrize("stream", ["2>/dev/full", "2> >(true)"])
def test_notes_that_nobody_can_take_end_nothing(stream: str, folder: Path) -> None:
    commands = {"query -k 1 sail fadsfah": 0, "query -k 1 fadsfah": 1, "nonsense": 2}
    for command, code in commands.items():
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m aesearch {command} {stream}"],
            cwd=folder,
            capture_output=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
        assert (done.returncode, bool(done.stdout), done.stderr) == (code, not code, b"")


def test_a_place_that_is_empty_is_not_the_working_folder(folder: Path) -> None:
    for words in (("index", ""), ("query", "--index", "", "sail"), ("info", ""), ("compare", "")):
        refused = run(folder, *words)
        assert (refused.returncode, refused.stdout) == (2, b"")
        assert refused.stderr.endswith(b"it is empty; name a path, or . for the working folder\n")


def test_linked_folders_are_counted_as_that(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text(make_text("sailing", 1))
    (tmp_path / "docs" / "loop").symlink_to(tmp_path / "docs")
    told = run(tmp_path, "index", "docs", "--budget", "0").stdout.decode()
    assert "left out: 1 folder read already under another name; 'aesearch info" in told


def test_a_source_whose_name_is_not_utf8(tmp_path: Path) -> None:
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    source.mkdir()
    for number in range(3):
        (source / f"{number}.txt").write_text(make_text("music", number))
    made = run(tmp_path, "index", os.fsencode(source), "--budget", "0")
    assert (made.returncode, made.stdout.split(b":")[0]) == (0, rb"caf\351")
    for name in (rb"caf\351", b"caf\xe9"):
        found = run(tmp_path, "query", "--index", name, "--key", "1.txt", "-k", "1")
        assert found.stdout == b"1.0000\tcaf\\351/1.txt\n"
    again = run(tmp_path, "index", os.fsencode(source))
    assert again.stdout.startswith(rb"caf\351: 3 documents (no file changed)")
    with pytest.raises(ParameterError, match="a path that is not UTF-8; name another place"):
        aesearch.build(source, source.parent / os.fsdecode(b"b\xe9") / "ix", budget=0)


def test_names_of_255_bytes(tmp_path: Path) -> None:
    source = tmp_path / ("d" * 255)
    source.mkdir()
    for number in range(3):
        (source / (str(number) * 251 + ".txt")).write_text(make_text("music", number))
    with aesearch.build(source, tmp_path / ("i" * 255), budget=0) as index:
        assert {len(item.key) for item in index.items()} == {255}
        assert index.sync()["unchanged"] == 3


def test_a_folder_behind_a_link_stays_while_its_drive_is_away(tmp_path: Path) -> None:
    source, disk = tmp_path / "library", tmp_path / "disk"
    for place in (source, disk):
        place.mkdir()
        for number in range(3):
            (place / f"{place.name}{number}.txt").write_text(make_text("music", number))
    (source / "2020").symlink_to(disk)
    (source / "loop").symlink_to(source)
    with aesearch.build(source, tmp_path / "ix", budget=0) as index:
        assert "2020/disk1.txt" in index
        assert [(s.key, s.reason, s.ignored) for s in index.skipped()] == [
            ("loop", "a folder that is read already: the source itself", True)
        ]
        assert (index.sync()["unchanged"], len(index)) == (6, 6)
        disk.rename(tmp_path / "away")
        assert (index.sync()["removed"], len(index)) == (0, 6)
