"""Walking a folder, and what changed since the last time."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import aesearch
from aesearch.errors import ContentError, PassedOverError, SourceError
from aesearch.sources import folder as sources
from aesearch.sources.base import Entry, Known, digest_of
from aesearch.sources.changes import Changes, compare
from aesearch.sources.folder import Folder, read_file


def keys(root: Path) -> list[str]:
    return sorted(entry.key for entry in Folder(root).walk())


def write(root: Path, key: str, content: bytes = b"x", mtime: int | None = None) -> Path:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if mtime is not None:
        os.utime(path, ns=(mtime, mtime))
    return path


# -- walking -----------------------------------------------------------------------------------


def test_walk_gives_keys_sizes_and_times(tmp_path: Path) -> None:
    write(tmp_path, "a.png", b"12345", mtime=1_700_000_000_123_456_789)
    write(tmp_path, "deep/er/ü b.png", b"")
    found = {entry.key: entry for entry in Folder(tmp_path).walk()}
    assert sorted(found) == ["a.png", "deep/er/ü b.png"]
    assert found["a.png"].size == 5
    assert found["a.png"].mtime_ns == (tmp_path / "a.png").stat().st_mtime_ns
    assert found["deep/er/ü b.png"].size == 0


def test_hidden_and_foreign_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, "seen.png")
    for key in (
        ".hidden.png",
        ".git/x.png",
        "a/.thumbs/x.png",
        "a/@eaDir/seen.png/THUMB.jpg",
        "node_modules/x.png",
        "b/__pycache__/x.png",
        "System Volume Information/x.png",
    ):
        write(tmp_path, key)
    folder = Folder(tmp_path)
    assert [entry.key for entry in folder.walk()] == ["seen.png"]
    assert folder.unreadable == []


def test_links_are_followed_and_what_they_lead_back_to_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root, "real.png", b"abc")
    write(tmp_path, "elsewhere/far.png", b"abcdef")
    (root / "file-link.png").symlink_to(tmp_path / "elsewhere" / "far.png")
    (root / "folder-link").symlink_to(tmp_path / "elsewhere")
    (root / "loop").symlink_to(root)
    (root / "up").symlink_to(tmp_path.parent)
    (root / "twice").symlink_to(tmp_path / "elsewhere")
    (root / "sub").mkdir()
    (root / "sub" / "again").symlink_to(root / "folder-link")
    (root / "broken.png").symlink_to(tmp_path / "nothing")
    (root / "circle.png").symlink_to(root / "circle.png")
    os.mkfifo(root / "pipe.png")
    folder = Folder(root)
    found = {entry.key: entry.size for entry in folder.walk()}
    doubles = {
        "loop": "the source itself",
        "up": "one that it lies in",
        "sub/again": "folder-link",
        "twice": "folder-link",
    }
    assert found == {
        "real.png": 3,
        "file-link.png": 6,
        "folder-link/far.png": 6,
        **dict.fromkeys(doubles, 0),
        "pipe.png": 0,
    }
    for key, other in doubles.items():
        with pytest.raises(PassedOverError, match=f"^a folder that is read already: {other}$"):
            folder.read(key)
    assert folder.read("folder-link/far.png") == b"abcdef"
    assert sorted(key for key, _ in folder.unreadable) == ["broken.png", "circle.png"]


@pytest.mark.skipif(os.name == "nt", reason="no named pipes in folders")
def test_what_is_no_file_is_passed_over_by_name(tmp_path: Path) -> None:
    for n in range(4):
        (tmp_path / f"{n}.txt").write_text(f"a note on boats, of {n} words")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "null.txt").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(tmp_path, os.O_RDONLY)  # as the name of a socket has at most 107 letters
        listening.bind(f"/proc/self/fd/{here}/socket.txt")
        os.close(here)
        assert aesearch.build(tmp_path, tmp_path.parent / "ix", budget=0).sync()["unchanged"] == 4
    with aesearch.open(tmp_path.parent / "ix") as index:
        assert {file.key: (file.reason, file.ignored) for file in index.folder.skipped()} == {
            "pipe.txt": ("a named pipe, and no file", True),
            "null.txt": ("a device, and no file", True),
            "socket.txt": ("a socket, and no file", True),
        }
        (tmp_path / "0.txt").unlink()
        os.mkfifo(tmp_path / "0.txt")  # which nobody writes into
        with pytest.raises(PassedOverError, match="a named pipe, and no file"):
            Folder(tmp_path).read("0.txt")
        assert index.sync()["unchanged"] == 3
        assert "0.txt" in index  # as it was


def test_the_root_may_be_a_link_or_end_in_a_slash(tmp_path: Path) -> None:
    write(tmp_path, "real/sub/a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert keys(tmp_path / "link") == ["sub/a.png"]
    assert keys(Path(f"{tmp_path}/real/")) == ["sub/a.png"]
    assert Folder(tmp_path / "link").path("sub/a.png").read_bytes() == b"x"


@pytest.mark.skipif(os.name == "nt", reason="names with backslashes")
def test_backslashes_belong_to_names(tmp_path: Path) -> None:
    write(tmp_path, "pics\\/a\\b.png", b"yes")
    folder = Folder(tmp_path / "pics\\")
    assert [entry.key for entry in folder.walk()] == ["a\\b.png"]
    assert folder.read("a\\b.png") == b"yes"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_are_escaped(tmp_path: Path) -> None:
    write(tmp_path, "good.png")
    with open(os.fsencode(tmp_path) + b"/bad\xff.png", "wb") as stream:
        stream.write(b"one")
    with open(os.fsencode(tmp_path) + b"/twin\xff.png", "wb") as stream:
        stream.write(b"two")
    write(tmp_path, "twin\\377.png", b"three")
    folder = Folder(tmp_path)
    found = sorted(entry.key for entry in folder.walk())
    assert found == ["bad\\377.png", "good.png", "twin\\377.png"]
    assert [folder.read(key) for key in found] == [b"one", b"x", b"three"]
    assert os.fsencode(folder.path("bad\\377.png")).endswith(b"/bad\xff.png")
    told = "cannot be examined: another file has the name that stands for it, twin\\377.png"
    assert folder.unreadable == [("twin\\377.png", told)]
    list(folder.walk())
    assert len(folder.unreadable) == 1  # a second walk begins anew


def test_folders_without_permission_are_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "open/a.png")
    write(tmp_path, "closed/b.png")
    scan = os.scandir

    def refusing(path: str) -> object:  # permissions do not stop root, as whom tests may run
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(sources.os, "scandir", refusing)
    folder = Folder(tmp_path)
    assert [entry.key for entry in folder.walk()] == ["open/a.png"]
    assert folder.unreadable == [("closed", "folder cannot be read: Permission denied")]
    with pytest.raises(SourceError, match="closed cannot be read: Permission denied"):
        list(Folder(tmp_path / "closed").walk())


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no file or folder .*nowhere"):
        Folder(tmp_path / "nowhere")
    with pytest.raises(SourceError, match=r"a\.png is neither a folder nor a table"):
        Folder(write(tmp_path, "a.png"))


# -- reading -----------------------------------------------------------------------------------


def test_read_gives_the_content_or_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "sub/a.png", b"content")
    folder = Folder(tmp_path)
    assert folder.read("sub/a.png") == b"content"
    with pytest.raises(ContentError, match="no such file"):
        folder.read("gone.png")
    with pytest.raises(ContentError, match="cannot be read: Is a directory"):
        folder.read("sub")
    monkeypatch.setattr(sources, "MAX_BYTES", 3 << 20)
    with (tmp_path / "large").open("wb") as stream:
        stream.truncate(5 << 20)
    with pytest.raises(ContentError, match="too large: 5 MiB, 3 are allowed"):
        read_file(tmp_path / "large")


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="becomes another user")
def test_read_without_permission(tmp_path: Path) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\n"
        "from aesearch.sources.folder import read_file\n"
        "from aesearch.errors import ContentError\n"
        "from pathlib import Path\n"
        "os.chdir(sys.argv[2]); os.chmod('.', 0o755); Path('a').write_bytes(b'x')\n"
        "os.chmod('a', 0); os.setuid(65534)\n"
        "try: read_file(Path('a'))\n"
        "except ContentError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code, str(Path(__file__).parents[1]), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "cannot be read: Permission denied"


def test_digest_is_that_of_xxh3() -> None:
    assert digest_of(b"").hex() == "99aa06d3014798d86001c324468d497f"
    assert digest_of(b"a") != digest_of(b"b")


# -- comparing ---------------------------------------------------------------------------------


class Model:
    """An index reduced to a dictionary: key to what it knows; compared with files in memory."""

    def __init__(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        self.known = {k: Known(len(c), t, digest_of(c)) for k, (c, t) in files.items()}
        self.skipped: dict[str, Known] = {}
        self.read: list[str] = []

    def compare(self, files: Mapping[str, tuple[bytes, int]]) -> Changes:
        def digest(key: str) -> bytes:
            self.read.append(key)
            return digest_of(files[key][0])

        entries = [Entry(key, len(content), time) for key, (content, time) in files.items()]
        return compare(entries, self.known, self.skipped, digest)

    def follow(self, changes: Changes, files: Mapping[str, tuple[bytes, int]]) -> None:
        moved = {entry.key: self.known.pop(old) for old, entry in changes.renamed}
        for key in changes.removed:
            del self.known[key]
        assert not moved.keys() & self.known.keys()
        self.known |= moved
        for entry in [*changes.new, *changes.changed, *changes.touched]:
            content, time = files[entry.key]
            self.known[entry.key] = Known(len(content), time, digest_of(content))


START = {"a": (b"AAAA", 1), "b": (b"BBBB", 2), "c": (b"CC", 3), "copy": (b"CC", 4)}


def keys_of(entries: list[Entry]) -> list[str]:
    return sorted(entry.key for entry in entries)


def test_nothing_changed() -> None:
    model = Model(START)
    changes = model.compare(START)
    assert not changes
    assert changes.unchanged == 4
    assert model.read == []
    assert changes.counts() == {"new": 0, "changed": 0, "renamed": 0, "removed": 0, "unchanged": 4}


def test_new_changed_touched_and_removed() -> None:
    model = Model(START)
    changes = model.compare(
        {"a": (b"AAAA", 9), "b": (b"bbbb", 9), "c": (b"longer", 3), "new": (b"N", 9)}
    )
    assert keys_of(changes.touched) == ["a"]
    assert keys_of(changes.changed) == ["b", "c"]
    assert keys_of(changes.new) == ["new"]
    assert changes.removed == ["copy"]
    assert changes.unchanged == 0
    assert changes
    assert sorted(model.read) == ["a", "b"]  # another size needs no reading
    assert changes.counts() == {"new": 1, "changed": 2, "renamed": 0, "removed": 1, "unchanged": 1}


def test_a_renamed_file_keeps_its_item() -> None:
    model = Model(START)
    files = {"sub/z": START["a"], "b": START["b"], "c": START["c"], "copy": START["copy"]}
    changes = model.compare(files)
    assert changes.renamed == [("a", Entry("sub/z", 4, 1))]
    assert not changes.new
    assert not changes.removed
    assert model.read == ["sub/z"]


def test_duplicates_are_renamed_one_to_one() -> None:
    model = Model(START)
    both = {"a": START["a"], "b": START["b"], "x": (b"CC", 5), "y": (b"CC", 6), "z": (b"CC", 7)}
    changes = model.compare(both)
    assert sorted(old for old, _ in changes.renamed) == ["c", "copy"]
    assert keys_of(changes.new) + [e.key for _, e in changes.renamed] != []
    assert len(changes.new) == 1
    assert sorted([changes.new[0].key, *(e.key for _, e in changes.renamed)]) == ["x", "y", "z"]
    assert not changes.removed


def test_a_copy_is_new_while_its_original_stays() -> None:
    changes = Model(START).compare({**START, "another": START["a"]})
    assert keys_of(changes.new) == ["another"]
    assert not changes.renamed


@pytest.mark.parametrize(
    "files",
    [
        {**START, "a": (b"BBBB", 5), "b": (b"AAAA", 6)},  # two files change places
        {"b": (b"AAAA", 1), "c": (b"BBBB", 2), "d": (b"CC", 3), "copy": START["copy"]},  # a chain
        {"a": (b"BBBB", 2), "c": START["c"], "copy": START["copy"]},  # one replaces another
        {"a": (b"CC", 8), "new": (b"AAAA", 1), "b": START["b"]},
        {"A": START["a"], "B": START["b"], "C": START["c"], "COPY": START["copy"]},
        {},
    ],
)
def test_following_the_changes_ends_where_the_files_are(
    files: dict[str, tuple[bytes, int]],
) -> None:
    model = Model(START)
    model.follow(model.compare(files), files)
    assert {key: known.digest for key, known in model.known.items()} == {
        key: digest_of(content) for key, (content, _) in files.items()
    }


def test_a_skipped_file_is_tried_again_only_when_it_changes() -> None:
    model = Model(START)
    model.skipped = {"bad": Known(3, 30), "worse": Known(4, 40), "lost": Known(5, 50)}
    changes = model.compare({**START, "bad": (b"xxx", 30), "worse": (b"xxxx", 41)})
    assert keys_of(changes.new) == ["worse"]
    assert changes.forgotten == ["lost"]
    assert not changes.removed


def test_a_file_that_cannot_be_read_counts_as_changed() -> None:
    known = {"a": Known(4, 1, digest_of(b"AAAA"))}
    changes = compare([Entry("a", 4, 2)], known, {}, lambda _: None)
    assert keys_of(changes.changed) == ["a"]
    changes = compare([Entry("b", 4, 2)], known, {}, lambda _: None)
    assert keys_of(changes.new) == ["b"]
    assert changes.removed == ["a"]
