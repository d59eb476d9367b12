"""Folders of pictures for the tests of whole indexes."""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol
from unittest import mock

import numpy as np
from conftest import CLASSES, make_picture
from PIL import Image

from aesearch.cli import run
from aesearch.search.index import Index

SLACK = 1e-4  # what a score may differ by where it was rounded, or summed in another order


class Scored(Protocol):
    """A hit, of whatever kind."""

    @property
    def key(self) -> str: ...

    @property
    def score(self) -> float: ...


@contextlib.contextmanager
def small_dictionary() -> Iterator[None]:
    """Let dictionaries of patches be small: what is solved for takes a fifth of the time."""
    with mock.patch("aesearch.encoders.closed.transform.ENTRIES", 128):
        yield


def write_pictures(root: Path, count: int, first: int = 0, side: int = 32) -> list[str]:
    """Write pictures number `first` to `first + count` below `root`; return their keys."""
    keys = []
    for n in range(first, first + count):
        kind = CLASSES[n % len(CLASSES)]
        key = f"{kind}/{n:03}.png"
        (root / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_picture(kind, n, side)).save(root / key)
        keys.append(key)
    return keys


def state_of(root: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of everything below a folder, the folders included."""
    return {
        str(path.relative_to(root)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in [root, *root.rglob("*")]
    }


def keys_of(index: Index) -> set[str]:
    return {item.key for item in index.items()}


def assert_exact(index: Index, keys: list[str], k: int = 5) -> None:
    """Each search must give what brute force over the codes in the store gives."""
    ids, codes = index.folder.store.codes()
    names = index.folder.store.keys_of(ids.tolist())
    order = [names[i] for i in ids.tolist()]
    for key in keys:
        scores = codes @ codes[order.index(key)]
        hits = index.similar(key, k)
        assert hits[0].key == key
        assert hits[0].score == 1
        found = [hit.score for hit in hits]
        np.testing.assert_allclose(found, np.sort(scores)[::-1][: len(hits)], atol=1e-4)
        true = [scores[order.index(hit.key)] for hit in hits]
        np.testing.assert_allclose(found, true, atol=1e-4)
        assert len(hits) == min(k, len(order))
        assert len({hit.key for hit in hits}) == len(hits)


def assert_same_hits(found: Sequence[Scored], expected: Sequence[Scored]) -> None:
    """Compare hits that come by two ways: the same scores, and the same keys but for equal ones."""
    scores, others = ([hit.score for hit in hits] for hits in (found, expected))
    np.testing.assert_allclose(scores, others, atol=SLACK)
    assert scores == sorted(scores, reverse=True)
    last = others[-1] if others else 0.0
    for hits, among in ((found, expected), (expected, found)):
        clear = {hit.key for hit in hits if hit.score > last + 2 * SLACK}
        assert clear <= {hit.key for hit in among}


class Answer(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


def command(*words: object) -> Answer:
    """Run `aesearch WORDS` in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["aesearch", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        code = run()
    return Answer(code, out.getvalue(), err.getvalue())
