"""Planted copies of messages, and what tf-idf and MinHash find of them.

Edits are what happens to texts: a message quoted whole in another, with a line above; words lost;
an end cut off; case and line breaks changed; a signature put below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from benchmarks.reporting import say
from benchmarks.text_sets import newsgroup_files

Edit = Callable[[str, np.random.Generator], str]
Near = dict[tuple[int, int], float]

LEAST_WORDS = 50  # of a message that copies are made of
NAMES = ("Alex Reed", "Kim Larsen", "Pat Moreau", "Sam Okafor", "Lee Novak")
SIGNED = (
    "Department of Physics, room 214",
    "phone (555) 0142, fax (555) 0143",
    "Opinions are mine, not those of my employer.",
    "The truth is rarely pure and never simple.",
    "Never put off until tomorrow what can wait a week.",
)
PERMUTATIONS, SHINGLE = 128, 3
WORD = re.compile(r"\w+")
LOWEST = 0.4  # similarity from which a pair is kept
BLOCK = 500


def _quoted(body: str, rng: np.random.Generator) -> str:
    lead = f"In article <{rng.integers(10**6)}@example.org> {rng.choice(NAMES)} writes:"
    return "\n".join([lead, *(f"> {line}" for line in body.splitlines())])


def _dropped(body: str, rng: np.random.Generator) -> str:
    lines = (
        " ".join(word for word in line.split() if rng.random() >= 0.1) for line in body.splitlines()
    )
    return "\n".join(lines)


def _cut(body: str, _rng: np.random.Generator) -> str:
    return body[: round(0.8 * len(body))]


def _recast(body: str, rng: np.random.Generator) -> str:
    words = (body.upper() if rng.random() < 0.5 else body.lower()).split()
    return "\n".join("  ".join(words[at : at + 7]) for at in range(0, len(words), 7))


def _signed(body: str, rng: np.random.Generator) -> str:
    lines = rng.choice(SIGNED, 3, replace=False)
    return "\n".join([body, "--", str(rng.choice(NAMES)), *map(str, lines)])


EDITS: dict[str, Edit] = {
    "quoted whole": _quoted,
    "10 % words dropped": _dropped,
    "cut to 80 %": _cut,
    "case, spaces": _recast,
    "signature": _signed,
}


def plant_texts(
    data: Path | None, folder: Path, documents: int, copies: int, seed: int
) -> Iterator[tuple[str, str, str]]:
    """Write messages and edited copies of some; yield key of copy, key of original and the edit."""
    rng = np.random.default_rng(seed)
    messages = list(newsgroup_files(data))
    chosen = [messages[n] for n in rng.permutation(len(messages))[:documents]]
    (folder / "copies").mkdir(parents=True)
    kinds = list(EDITS)
    made = 0
    for split, group, number, content in chosen:
        key = f"{group}/{split}-{number}.eml"
        (folder / key).parent.mkdir(exist_ok=True)
        (folder / key).write_bytes(content)
        head, _, body = content.decode("latin-1").partition("\n\n")
        if made == copies or len(body.split()) < LEAST_WORDS:
            continue
        kind = kinds[made % len(kinds)]
        copy = f"copies/{made:05}.eml"
        subject = next((x for x in head.splitlines() if x.startswith("Subject:")), "Subject: none")
        edited = f"From: someone@example.org\n{subject}\n\n{EDITS[kind](body, rng)}"
        (folder / copy).write_text(edited, encoding="latin-1")
        made += 1
        yield copy, key, kind


def cosine_pairs(texts: Sequence[str]) -> Near:
    """Return the cosines of tf-idf of all pairs that are near."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    say("tf-idf")
    rows = TfidfVectorizer().fit_transform(texts)
    near: Near = {}
    for at in range(0, len(texts), BLOCK):
        block = (rows[at : at + BLOCK] @ rows.T).toarray()
        for a, b in np.argwhere(block >= LOWEST).tolist():
            if at + a < b:
                near[at + a, b] = float(block[a, b])
    return near


def minhash_pairs(texts: Sequence[str]) -> Near:
    """Return the resemblance that MinHash estimates of all pairs that are near.

    As datasketch has it: the least values of 128 random permutations, here (a x + b) mod 2**64,
    of hashed runs of three words; the share of equal ones.
    """
    say("MinHash")
    rng = np.random.default_rng(1)
    factors = rng.integers(0, 1 << 63, PERMUTATIONS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = rng.integers(0, 1 << 63, PERMUTATIONS, dtype=np.uint64)
    signatures = np.empty((len(texts), PERMUTATIONS), dtype=np.uint64)
    for row, text in enumerate(texts):
        words = WORD.findall(text.lower())
        runs = {" ".join(words[n : n + SHINGLE]) for n in range(max(1, len(words) - SHINGLE + 1))}
        hashes = np.array([xxhash.xxh3_64_intdigest(run.encode()) for run in runs], dtype=np.uint64)
        signatures[row] = ((hashes[:, None] * factors + offsets) >> np.uint64(32)).min(axis=0)
    columns: NDArray[np.uint64] = np.ascontiguousarray(signatures.T)
    near: Near = {}
    for a in range(len(texts)):
        same = (columns == columns[:, a : a + 1]).sum(axis=0) / PERMUTATIONS
        for b in np.flatnonzero(same >= LOWEST).tolist():
            if a < b:
                near[a, b] = float(same[b])
    return near


BASELINES: Mapping[str, tuple[Callable[[Sequence[str]], Near], float]] = {
    "tf-idf cosine": (cosine_pairs, 0.8),
    "MinHash": (minhash_pairs, 0.7),
}
