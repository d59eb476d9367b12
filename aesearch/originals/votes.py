"""Which pictures have corners like those of a query, told from lists on disk.

Each corner is put into a few lists, named by 16 of its bits each (locality-sensitive hashing: Indyk
and Motwani 1998); corners that look alike share some of them. A picture is voted for by each list
that it shares with the query, the less the more others are in it. A query reads some hundred lists,
however many pictures there are, and nothing is held in memory.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aesearch.originals.local import Local
from aesearch.storage.database import Store
from aesearch.types import Ids, Pixels

TABLES = 4  # lists of each corner, by the first bits of it, which ORB chose as those that tell most
WORD = np.dtype("<u2")  # of bits that name a list, and of ids in it
SPAN = 16  # bits of an id that are in a list; those above name it
ROOM = 32  # bits of a place for these


def lists_of(packed: Mapping[int, bytes]) -> dict[int, bytes]:
    """What is to be put behind each list, for the `Local` of pictures by id."""
    bits = [Local.bits_of(one) for one in packed.values()]
    ids = np.repeat(np.fromiter(packed, np.int64, len(packed)), [len(own) for own in bits])
    if not len(ids):
        return {}
    places = (_words(np.concatenate(bits)) << ROOM) + (ids >> SPAN)[:, None]
    owners = np.repeat((ids & ((1 << SPAN) - 1)).astype(WORD), TABLES)
    order = np.argsort(places.ravel(), kind="stable")
    found, starts = np.unique(places.ravel()[order], return_index=True)
    parts = np.split(owners[order], starts[1:])
    return {place: part.tobytes() for place, part in zip(found.tolist(), parts, strict=True)}


def voted(store: Store, bits: Pixels, most: int, but: int | None = None) -> list[int]:
    """Ids of the pictures with most corners like those of a query, best first.

    Parameters
    ----------
    store : Store
    bits : ndarray of uint8, shape (n, 32)
        Of the corners of the query.
    most : int
        How many are returned at most.
    but : int, optional
        Id of one that is left out.
    """
    last = store.last_features()
    words = np.unique(_words(bits))
    parts = np.arange((last >> SPAN) + 1)
    rows = store.corners(((words << ROOM)[:, None] + parts).ravel().tolist())
    if not rows:
        return []
    places = np.array([place for place, _ in rows])
    lengths = np.array([len(own) // WORD.itemsize for _, own in rows])
    bases = (places % (1 << ROOM)) << SPAN
    ids = np.frombuffer(b"".join(own for _, own in rows), WORD) + np.repeat(bases, lengths)
    _, list_of = np.unique(places >> ROOM, return_inverse=True)
    weights = 1 / np.sqrt(np.bincount(list_of, lengths))[list_of]
    votes = np.bincount(ids, np.repeat(weights, lengths), last + 1)
    if but is not None:
        votes[but : but + 1] = 0
    return _greatest(votes, most)


def _words(bits: Pixels) -> Ids:
    """Numbers of the lists that corners are in, of shape (n, TABLES)."""
    words = np.ascontiguousarray(bits).view(WORD)[:, :TABLES].astype(np.int64)
    return words + (np.arange(TABLES) << 16)


def _greatest(votes: np.ndarray, most: int) -> list[int]:
    best = np.argpartition(-votes, min(most, len(votes) - 1))[:most]
    best = best[np.lexsort((best, -votes[best]))]
    return [int(id) for id in best if votes[id] > 0]
