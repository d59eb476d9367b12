"""Near-duplicates among documents: edited copies are found, what only quotes another is not."""

from __future__ import annotations

import textwrap
from pathlib import Path

import numpy as np
import pytest

import aesearch
from aesearch.duplicates.groups import EXACT, NEAR, find, survey
from aesearch.duplicates.perturb import edited_copy
from aesearch.duplicates.texts import lcs_similarity, resemblance, shingles_of

WORDS = ["river", "stone", "window", "garden", "paper", "engine", "winter", "silver", "letter"]


def text(seed: int, length: int = 120) -> str:
    """A text of words of its own and of words of its topic, which a quarter of all share."""
    rng = np.random.default_rng(seed)
    own = [f"{word}{seed % 4}" for word in WORDS]
    words = [str(rng.choice(own)) if rng.random() < 0.6 else f"w{rng.integers(400)}" for _ in
             range(length)]  # fmt: skip
    return " ".join(words)


def test_documents_with_words_changed_are_found(tmp_path: Path) -> None:
    root = tmp_path / "texts"
    root.mkdir()
    for seed in range(60):
        (root / f"{seed:02}.txt").write_text(text(seed))
    words = text(3).split()
    (root / "06-cut.txt").write_text(" ".join(text(6).split()[:108]))
    quoted = "\n".join(f"> {line}" for line in textwrap.wrap(text(7), 60))
    (root / "07-quoted.txt").write_text(f"In article 12 somebody writes:\n{quoted}")
    (root / "08-capitals.txt").write_text(text(8).upper().replace(" ", "\n"))
    (root / "03-edited.txt").write_text(" ".join([*words[:50], "new", "words", *words[53:]]))
    (root / "04-longer.txt").write_text(text(4) + " and a line was added at its end")
    (root / "05-same.txt").write_text(text(5))
    aesearch.build(root, tmp_path / "index", aesearch.Settings(encoder="lsa")).close()
    with aesearch.open(tmp_path / "index") as index:
        result = survey(index)
    near = sorted(sorted(group.keys) for group in result.of(NEAR))
    copies = {"03": "edited", "04": "longer", "06": "cut", "07": "quoted", "08": "capitals"}
    assert near == [[f"{n}-{edit}.txt", f"{n}.txt"] for n, edit in copies.items()]
    assert [group.keys for group in result.of(EXACT)] == [["05-same.txt", "05.txt"]]
    assert result.calibration is not None
    assert result.calibration.found > 0.9


def test_resemblance_is_broders() -> None:
    one, other = list("abcdef"), list("abcdxf")
    assert resemblance(shingles_of(one), shingles_of(one)) == 1
    assert resemblance(shingles_of(one), shingles_of(other)) == pytest.approx(2 / 6)
    assert resemblance(shingles_of(one), shingles_of(list("uvwxyz"))) == 0


def test_words_in_common_are_counted_in_order() -> None:
    def hashes(letters: str) -> np.ndarray:
        return np.array([ord(letter) for letter in letters], dtype=np.uint64)

    assert lcs_similarity(hashes("abcdef"), hashes("abcdef")) == 1
    assert lcs_similarity(hashes("abcdef"), hashes("abxdef")) == pytest.approx(10 / 12)
    assert lcs_similarity(hashes("abcdef"), hashes("fedcba")) == pytest.approx(2 / 12)
    assert lcs_similarity(hashes("abcde"), hashes("")) == 0
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = ("".join(rng.choice(list("abcde"), rng.integers(1, 90))) for _ in range(2))
        best = np.zeros((len(one) + 1, len(other) + 1), dtype=int)  # the definition, by hand
        for a, b in np.ndindex(len(one), len(other)):
            more = best[a, b] + 1 if one[a] == other[b] else 0
            best[a + 1, b + 1] = max(best[a, b + 1], best[a + 1, b], more)
        wanted = 2 * best[-1, -1] / (len(one) + len(other))
        assert lcs_similarity(hashes(one), hashes(other)) == pytest.approx(wanted)


def test_long_documents_are_compared_by_a_sample_of_their_words() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 1 << 40, 40_000).astype(np.uint64)
    other = one[rng.random(len(one)) < 0.9]
    assert lcs_similarity(one, other) == pytest.approx(2 * 0.9 / 1.9, abs=0.01)
    assert lcs_similarity(one, one[::-1].copy()) < 0.1


def test_a_message_that_quotes_half_of_another_is_no_copy(tmp_path: Path) -> None:
    root = tmp_path / "texts"
    root.mkdir()
    for seed in range(60):
        (root / f"{seed:02}.txt").write_text(text(seed))
    half = text(3).split()[:60]
    (root / "reply.txt").write_text(" ".join([*half, *text(200).split()]))
    (root / "03-edited.txt").write_text(" ".join(text(3).split()[:112]))
    aesearch.build(root, tmp_path / "index", aesearch.Settings(encoder="lsa")).close()
    with aesearch.open(tmp_path / "index") as index:
        groups = find(index)
    assert [sorted(group.keys) for group in groups] == [["03-edited.txt", "03.txt"]]


def test_edited_copies_differ_a_little() -> None:
    words = text(1, 1000).split()
    copies = [edited_copy(words, ["other"], [seed]) for seed in range(40)]
    assert all(0.7 * len(words) < len(copy) < 1.4 * len(words) for copy in copies)
    assert all(copy != words for copy in copies)
    assert min(resemblance(shingles_of(words), shingles_of(copy)) for copy in copies) > 0.35
    added = [copy for copy in copies if words == copy[: len(words)] or words == copy[-len(words) :]]
    cut = [copy for copy in copies if copy in (words[: len(copy)], words[-len(copy) :])]
    assert len(added) > 3
    assert len(cut) > 3
    assert len(added) + len(cut) < 36
    assert edited_copy(words, ["other"], [5]) == edited_copy(words, ["other"], [5])
    assert all(edited_copy(["two", "words"], ["other"], [n]) != ["two", "words"] for n in range(20))
