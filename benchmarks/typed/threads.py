"""Questions that people have written already: a subject finds the messages of its thread."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# "Re: ", "RE^2: ", "Re[3]: ", "Fwd: ", several of them; "Aw: " and "Sv: " are German and Swedish.
REPLY = re.compile(r"(?:(?:re|fwd?|aw|sv)\s*(?:[\[(^]\s*\d+\s*[\])]?)?\s*:\s*)+", re.IGNORECASE)
# What a thread was called before: "The new name (was: Re: the old one)".
BEFORE = re.compile(r"\s*[\[(<]\s*was\b.*", re.IGNORECASE)
# A line that repeats a subject, perhaps quoted: "> Subject: Re: the name".
REPEATED = re.compile(r"^[ \t>|:]*(?:subject|re)[ \t]*:.*$", re.IGNORECASE | re.MULTILINE)
LONG = re.compile(r"[^\W\d_]{3,}")  # words that can tell one thread from another
LEAST_WORDS = 2
LEAST, MOST = 3, 50  # messages; more are a subject that many threads have, such as "for sale"


class Thread(NamedTuple):
    """A subject, and its messages by their places, the one that asks left out."""

    subject: str
    asker: int
    others: list[int]


def plain_subject(subject: str) -> str:
    """Return a subject without signs of a reply and without the name that a thread had before."""
    text = " ".join(subject.split())
    reply = REPLY.match(text)
    return BEFORE.sub("", text[reply.end() :] if reply else text).strip()


def without_subject(text: str, title: str) -> str:
    """Return the text of a mail without its subject: neither as title nor repeated in a line."""
    body = text[len(title) :] if title and text.startswith(title) else text
    return REPEATED.sub("", body).strip()


def threads(subjects: Sequence[str]) -> list[Thread]:
    """Return the threads among messages, by their subjects, the first message of each asking.

    Parameters
    ----------
    subjects : sequence of str
        Of all messages, in their order; as they are, with "Re:".

    Returns
    -------
    list of Thread
        Those of 3 to 50 messages whose subject has two words or more, in the order of the askers.
    """
    found: defaultdict[str, list[int]] = defaultdict(list)
    names = [plain_subject(subject) for subject in subjects]
    for place, name in enumerate(names):
        if len(LONG.findall(name)) >= LEAST_WORDS:
            found[name.casefold()].append(place)
    return [
        Thread(names[places[0]], places[0], places[1:])
        for places in found.values()
        if LEAST <= len(places) <= MOST
    ]


def sampled(found: Sequence[Thread], count: int, seed: int) -> list[Thread]:
    """Return some of the threads, drawn at random, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(found))[:count]
    return [found[n] for n in sorted(drawn.tolist())]
