"""Pictures or documents: what the names of the files say."""

from __future__ import annotations

from pathlib import Path

import pytest
from collections_ import command, write_pictures
from texts_ import NAMES, one_line, write_texts

from aesearch.errors import ParameterError
from aesearch.modalities.images import SUFFIXES as PICTURES
from aesearch.sources.base import Entry
from aesearch.sources.detect import CLEAR, kind_of
from aesearch.sources.folder import Folder
from aesearch.sources.table import Table
from aesearch.wording import counted


def kind(root: Path, names: dict[str, int], wanted: str = "auto") -> str:
    """The kind of a folder with so many files of each suffix; none of them is looked into."""
    root.mkdir(exist_ok=True)
    entries = [
        Entry(f"{suffix.strip('.')}/{number}{suffix}", 1, 1)
        for suffix, count in names.items()
        for number in range(count)
    ]
    return kind_of(Folder(root), entries, wanted)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({".png": 1}, "images"),
        ({".txt": 1}, "texts"),
        ({".JPG": 3, ".heic": 2}, "images"),
        ({".md": 3, ".html": 2, ".eml": 1, ".pdf": 1, ".rst": 1}, "texts"),
        ({".png": 1, ".txt": CLEAR + 1}, "texts"),
        ({".png": CLEAR + 1, ".txt": 1}, "images"),
        ({".png": 1, ".zip": 100}, "images"),
        ({".txt": 1, ".zip": 100}, "texts"),
        ({}, "images"),
    ],
)
def test_the_names_decide(names: dict[str, int], expected: str, tmp_path: Path) -> None:
    assert kind(tmp_path / "s", names) == expected


@pytest.mark.parametrize("pictures", [1, CLEAR, 3 * CLEAR])
def test_where_both_are_there_the_user_must_say(pictures: int, tmp_path: Path) -> None:
    names = {".png": pictures, ".txt": CLEAR if pictures == 1 else pictures // CLEAR}
    with pytest.raises(ParameterError) as caught:
        kind(tmp_path / "s", names)
    both = f"{counted(pictures, 'picture')} and {counted(names['.txt'], 'document')}"
    assert f"holds {both}; say which" in str(caught.value)
    assert "--kind images or --kind texts" in str(caught.value)
    for wanted in ("images", "texts"):
        assert kind(tmp_path / "s", names, wanted) == wanted


def test_names_that_say_nothing_are_looked_into(tmp_path: Path) -> None:
    mails, programs = tmp_path / "mails", tmp_path / "programs"
    for root, content in ((mails, b"From: a@b.c\nSubject: s\n\nwords"), (programs, b"\x7fELF\0\0")):
        root.mkdir()
        for number in range(20):
            (root / str(number)).write_bytes(content)
    for root, expected in ((mails, "texts"), (programs, "images")):
        source = Folder(root)
        assert kind_of(source, list(source.walk()), "auto") == expected


def test_a_table_holds_documents(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,body\n1,A boat\n")
    source = Table(tmp_path / "a.csv")
    for wanted in ("auto", "texts"):
        assert kind_of(source, [], wanted) == "texts"
    with pytest.raises(ParameterError, match=r"holds documents; leave out --kind images"):
        kind_of(source, [], "images")


def test_suffixes_are_those_of_no_document() -> None:
    from aesearch.modalities.texts.extract import SUFFIXES

    assert not set(PICTURES) & SUFFIXES
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in PICTURES)


def test_a_folder_of_both_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AESEARCH_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    write_pictures(tmp_path / "mixed/photos", 6, side=16)
    write_texts(tmp_path / "mixed/notes", per_topic=2)
    undecided = command("index", "mixed", "--budget", "0")
    assert (undecided.code, undecided.out) == (2, "")
    assert one_line(undecided.err)
    assert "holds 6 pictures and 8 documents" in undecided.err
    assert not (tmp_path / "indexes/mixed").exists()
    for wanted, count in (("images", "6 pictures"), ("texts", "8 documents")):
        made = command(
            "index", "mixed", "--kind", wanted, "--index", f"the-{wanted}", "--budget", "0"
        )
        assert made.code == 0
        assert f"the-{wanted}: {count}" in made.out
        again = command("index", "mixed", "--index", f"the-{wanted}")
        assert f"{count} (no file changed)" in again.out  # and it is not asked again
    other = command("index", "mixed", "--index", "the-texts", "--kind", "images")
    assert (other.code, other.out) == (2, "")
    assert "this is an index of documents" in other.err
    found = command("query", "boat", "-k", "1")  # words ask documents
    assert "/sailing/" in found.out
    assert "sailing" in NAMES
    picture = next((tmp_path / "mixed/photos").rglob("*.png"))
    found = command("query", picture, "-k", "1")  # and a picture asks pictures
    assert found.out.startswith("1.0000\t")
    assert found.out.rstrip().endswith(".png")
    nothing = command("query", picture, "--threshold", "1.5")
    assert (nothing.code, nothing.out) == (0, "")
    assert nothing.err == "aesearch: nothing scores 1.5 or more\n"
