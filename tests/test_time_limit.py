"""A file that takes too long is refused by name, and the others are read."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from texts_ import make_text

import aesearch
from aesearch.engines import watched
from aesearch.engines.turns import OneAtATime
from aesearch.engines.watched import OutOfTime, Watched, too_long, within_limit
from aesearch.errors import ContentError
from aesearch.ingest.decode import decode
from aesearch.modalities.texts import extract as extracting
from aesearch.sources.folder import Folder

LONG = 6_000_000  # rounds of a hash: some two seconds in C, without the lock of the interpreter


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of a second for each file."""
    monkeypatch.setattr(watched, "MOST_SECONDS", 0.2)
    monkeypatch.setattr(watched, "GRACE", 0.2)
    monkeypatch.setattr(watched, "LOOK", 0.02)
    monkeypatch.setattr(watched, "PATIENCE", 0.1)


def endless() -> None:
    """Python that never ends."""
    while True:
        pass


def stubborn() -> None:
    """Python that takes whatever is raised in it for an error of its own, three times."""
    for _ in range(3):
        try:
            endless()
        except:  # noqa: E722 - as some packages do
            continue
    endless()


def in_c() -> None:
    """A library that does not return for long."""
    hashlib.pbkdf2_hmac("sha256", b"a", b"b", LONG)


SLOW = {"endless": endless, "stubborn": stubborn, "in_c": in_c}


def slow_or(content: bytes) -> str:
    """What a content says, unless it is one of `SLOW`."""
    name = content.decode()
    return SLOW[name]() or "" if name in SLOW else name  # type: ignore[func-returns-value]


@pytest.mark.parametrize("slow", SLOW)
def test_the_file_is_refused_and_those_around_it_are_read(slow: str, tmp_path: Path) -> None:
    names = [f"{n:02}.txt" for n in range(40)]  # of two chunks
    for name in names:
        (tmp_path / name).write_text(slow if name in ("05.txt", "33.txt") else f"number {name}")
    entries = sorted(Folder(tmp_path).walk())
    found = list(decode(Folder(tmp_path), entries, lambda content, _: slow_or(content)))
    assert [one.entry.key for one in found] == names
    refused = {one.entry.key: (one.reason, one.ignored) for one in found if one.sample is None}
    said = "takes more than 0.2 s of processor time to read"
    assert refused == dict.fromkeys(("05.txt", "33.txt"), (said, False))
    assert [one.sample for one in found if one.sample] == [
        f"number {name}" for name in names if name not in refused
    ]


def test_the_ledger_says_so_and_retry_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, extract = tmp_path / "source", extracting.extract
    source.mkdir()
    for n in range(8):
        (source / f"{n}.txt").write_text(make_text("cooking", n))
    read: list[str] = []

    def slow(content: bytes, name: str, *more: Any) -> Any:
        read.append(name)
        if name == "3.txt":
            endless()
        return extract(content, name, *more)

    monkeypatch.setattr(extracting, "extract", slow)
    with aesearch.build(source, tmp_path / "ix", budget=0) as index:
        assert sorted(item.key for item in index.items()) == [
            f"{n}.txt" for n in (0, 1, 2, 4, 5, 6, 7)
        ]
        (line,) = index.folder.skipped()
        assert (line.key, line.reason) == ("3.txt", str(too_long()))
        assert line.cause == f"version {aesearch.__version__}"
        assert index.verify() == []
    read.clear()
    (source / "8.txt").write_text(make_text("cooking", 8))
    aesearch.build(source, tmp_path / "ix", budget=0).close()
    assert read == ["8.txt"]
    monkeypatch.setattr(extracting, "extract", extract)
    with aesearch.build(source, tmp_path / "ix", budget=0, retry=True) as index:
        assert "3.txt" in index
        assert index.folder.skipped() == []


@pytest.mark.skipif(not watched.CLOCKS, reason="there is but the time")
def test_waiting_is_no_work() -> None:
    assert within_limit(lambda: time.sleep(0.6) or "read") == "read"  # type: ignore[func-returns-value]


def test_what_is_handed_over_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for n in range(4):
        (source / f"{n}.txt").write_text(make_text("cooking", n))
    with aesearch.build(source, tmp_path / "ix", budget=0) as index:
        (tmp_path / "more.txt").write_text("more")
        monkeypatch.setattr(extracting, "extract", lambda *_: endless())
        with pytest.raises(ContentError, match=r"more.txt' cannot be added: takes more than 0.2 s"):
            index.add([tmp_path / "more.txt"])
        assert len(index) == 4


@pytest.mark.parametrize("error", [KeyError("own"), TimeoutError("own"), ContentError("own")])
def test_errors_are_those_of_the_work(error: Exception) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error), match="own") as caught:
        within_limit(fails)
    assert caught.value is error


def test_nothing_is_raised_in_a_thread_whose_work_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads are struck all the time, at whatever they are: each task has its one result."""
    monkeypatch.setattr(watched, "MOST_SECONDS", -1.0)
    monkeypatch.setattr(watched, "GRACE", 1e9)
    monkeypatch.setattr(watched, "LOOK", 1e-5)
    outside: list[BaseException] = []

    def count(task: int, within: watched.Within) -> list[tuple[int, bool]]:
        try:
            done = within(lambda: sum(range(50 * (task % 100))) >= 0)
        except ContentError:
            done = False
        try:  # work of ours, which nothing may interrupt
            kept = [(task, done) for _ in range(20)][:1]
        except OutOfTime as error:  # pragma: no cover
            outside.append(error)
        return kept

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with Watched("test", count, lambda *_: pytest.fail("left behind")) as threads:
            jobs = [threads.submit(range(at, at + 100)) for at in range(0, 20_000, 100)]
            results = [one for job in jobs for one in threads.result(job)]
    finally:
        sys.setswitchinterval(interval)
    assert [task for task, _ in results] == list(range(20_000))
    assert {done for _, done in results} == {True, False}
    assert outside == []


def test_a_thread_that_was_left_behind_writes_nothing() -> None:
    """What it returns at last, when another has gone on with its files, is thrown away."""
    go_on, returned = threading.Event(), threading.Event()

    def waits(task: int, within: watched.Within) -> list[int]:
        def work() -> int:
            if task == 1:
                hashlib.pbkdf2_hmac("sha256", b"a", b"b", 3_000_000)  # beyond the limit, in C
                go_on.wait(20)
            return task

        try:
            made = [within(work)]
        finally:
            if task == 1:
                returned.set()
        assert task != 1
        return made

    with Watched("test", waits, lambda task, _: [-task]) as threads:
        job = threads.submit(range(4))
        assert threads.result(job) == [0, -1, 2, 3]
        go_on.set()
        assert returned.wait(20)
    assert job.made == [0, -1, 2, 3]


def test_nobody_waits_for_the_turn_of_a_thread_that_was_left_behind() -> None:
    """Large pictures are decoded one at a time: one that never ends is not all of them."""
    alone, go_on, returned = OneAtATime(), threading.Event(), threading.Event()

    def takes_turns(task: int, within: watched.Within) -> list[int]:
        def work() -> int:
            with alone:
                if task == 1:
                    hashlib.pbkdf2_hmac("sha256", b"a", b"b", 3_000_000)
                    go_on.wait(20)
            return task

        try:
            return [within(work)]
        finally:
            if task == 1:
                returned.set()

    with Watched("test", takes_turns, lambda task, _: [-task]) as threads:
        jobs = [threads.submit(range(at, at + 4)) for at in (0, 4)]
        assert [threads.result(job) for job in jobs] == [[0, -1, 2, 3], [4, 5, 6, 7]]
        assert not returned.is_set()
        go_on.set()
        assert returned.wait(20)
    with alone:  # what came back late took nothing of others
        assert alone._line == [threading.current_thread()]
    assert alone._line == []


def test_the_command_ends_although_a_thread_does_not(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "ix"
    source.mkdir()
    for n in range(6):
        (source / f"{n}.txt").write_text(make_text("cooking", n))
    script = f"""
        import hashlib, sys
        from aesearch.engines import watched
        from aesearch.modalities.texts import extract as extracting
        from aesearch.cli import run

        watched.MOST_SECONDS, watched.GRACE, watched.LOOK, watched.PATIENCE = 0.2, 0.2, 0.02, 0.1
        extract = extracting.extract

        def slow(content, name, *more):
            if name == "3.txt":
                hashlib.pbkdf2_hmac("sha256", b"a", b"b", {50 * LONG})
            return extract(content, name, *more)

        extracting.extract = slow
        sys.argv = ["aesearch", "index", {str(source)!r}, "--index", {str(place)!r}]
        sys.argv += ["--budget", "0"]
        sys.exit(run())
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 3, ran.stderr
    assert "left out: 1 file that could not be read" in ran.stdout
    with aesearch.open(place) as index:
        assert len(index) == 5
        assert [file.key for file in index.info().skipped] == ["3.txt"]
