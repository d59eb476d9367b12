"""Searching in children of a process, forked and spawned, and from threads."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import aesearch
from aesearch.duplicates.groups import find
from aesearch.engines import threads
from aesearch.modalities.images import opening
from aesearch.modalities.texts.analysis.languages import stemmer
from aesearch.search.index import Index

PATIENCE = 60  # seconds, after which a child counts as hanging
PICTURES = 40

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of noise; the last is a smaller copy of the first."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for n in range(PICTURES):
        coarse = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
        coarse.resize((96, 72), Image.Resampling.BICUBIC).save(root / f"{n:02}.png")
    with Image.open(root / "00.png") as first:
        first.resize((64, 48)).save(root / "copy.png")
    return root


@pytest.fixture(scope="module")
def place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("indexes") / "pictures"
    aesearch.build(folder, path, aesearch.Settings(encoder="pca")).close()
    return path


@pytest.fixture
def searched(place: Path, folder: Path) -> Iterator[Index]:
    """An index after a search, an encoding of many and of one, so that all libraries have run."""
    with aesearch.open(place) as index:
        ask(index, folder)
        yield index


def ask(index: Index, folder: Path) -> list[str]:
    """The nearest of three pictures, by the batch too."""
    paths = [folder / f"{n:02}.png" for n in (3, 7, 11)]
    return [index.search(path, k=2)[0].key for path in paths]


EXPECTED = ["03.png", "07.png", "11.png"]


def codes_of(index: Index, folder: Path) -> list[float]:
    return index.encode([folder / f"{n:02}.png" for n in range(PICTURES)])[:, 0].tolist()


def copies_in(index: Index, _folder: Path) -> list[list[str]]:
    return [sorted(group.keys) for group in find(index)]


def reply(queue: Any, work: Callable[[Index, Path], object], index: Any, folder: Path) -> None:
    """Run in a child; an index given as its path is opened there."""
    queue.put(work(aesearch.open(index) if isinstance(index, Path) else index, folder))


def in_child(way: str, work: Callable[[Index, Path], object], index: Any, folder: Path) -> object:
    """What a child replies; it fails where there is no reply."""
    context = multiprocessing.get_context(way)
    queue = context.Queue()
    child = context.Process(target=reply, args=(queue, work, index, folder))
    child.start()
    try:
        return queue.get(timeout=PATIENCE)
    finally:
        child.kill()
        child.join()


@forks
def test_a_forked_child_searches_with_the_index_of_its_parent(
    searched: Index, folder: Path
) -> None:
    assert in_child("fork", ask, searched, folder) == EXPECTED


@forks
def test_a_forked_child_opens_the_index_anew(searched: Index, folder: Path, place: Path) -> None:
    assert in_child("fork", ask, place, folder) == EXPECTED
    assert ask(searched, folder) == EXPECTED


@forks
def test_a_forked_child_encodes(searched: Index, folder: Path) -> None:
    np.testing.assert_allclose(
        in_child("fork", codes_of, searched, folder), codes_of(searched, folder), atol=1e-5
    )


@forks
def test_a_forked_child_looks_for_duplicates(searched: Index, folder: Path) -> None:
    assert copies_in(searched, folder) == [["00.png", "copy.png"]]
    assert in_child("fork", copies_in, searched, folder) == [["00.png", "copy.png"]]


@forks
def test_children_forked_while_threads_search(searched: Index, folder: Path) -> None:
    done = threading.Event()

    def search() -> int:
        count = 0
        while not done.is_set():
            assert ask(searched, folder) == EXPECTED
            count += 1
        return count

    with ThreadPoolExecutor(3) as pool:
        searching = [pool.submit(search) for _ in range(3)]
        try:
            replies = [in_child("fork", ask, searched, folder) for _ in range(5)]
        finally:
            done.set()
    assert replies == [EXPECTED] * 5
    assert all(one.result() for one in searching)


def test_a_spawned_child_searches(place: Path, folder: Path) -> None:
    assert in_child("spawn", ask, place, folder) == EXPECTED


def test_threads_of_a_pool_get_what_one_gets(searched: Index, folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask(searched, folder), range(24)))
    assert replies == [EXPECTED] * 24


@forks
def test_a_child_forked_while_a_large_picture_is_decoded(
    searched: Index, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such are decoded one at a time; the child does not wait for a thread of its parent."""
    monkeypatch.setattr(opening, "ALONE", 1)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with opening._alone:
            held.set()
            done.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert held.wait(10)
        assert in_child("fork", ask, searched, folder) == EXPECTED
    finally:
        done.set()
        holder.join()


@forks
def test_a_child_forked_while_words_are_stemmed() -> None:
    stem, done = stemmer("english"), threading.Event()
    assert stem is not None

    def stem_on() -> None:
        while not done.is_set():
            stem("sailing")

    with ThreadPoolExecutor(2) as pool:
        stemming = [pool.submit(stem_on) for _ in range(2)]
        try:
            replies = [in_child("fork", stemmed, None, Path()) for _ in range(10)]
        finally:
            done.set()
    assert replies == ["sail"] * 10
    assert all(one.result() is None for one in stemming)


def stemmed(_index: Index, _folder: Path) -> str:
    stem = stemmer("english")
    return stem("sailing") if stem is not None else ""


@pytest.mark.usefixtures("searched")
def test_libraries_take_one_thread_in_each_of_a_pool() -> None:
    """OpenMP has a number of threads for each thread that calls it."""
    from threadpoolctl import threadpool_info, threadpool_limits

    with threadpool_limits(2), threads.pool("test") as pool:
        found = pool.submit(threadpool_info).result()
    assert {one["num_threads"] for one in found} == {1}


def blas_threads() -> list[int]:
    from threadpoolctl import threadpool_info

    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


def test_blas_takes_one_thread_beside_a_pool_and_gets_its_own_back() -> None:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        outer, inner = threads.one_blas_thread(), threads.one_blas_thread()
        outer.__enter__()
        inner.__enter__()
        outer.__exit__(None, None, None)  # as threads do: the first to enter leaves first
        assert blas_threads() == [1] * len(before)
        inner.__exit__(None, None, None)
        assert blas_threads() == before
