"""Originals of a query, as searching asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from aesearch.errors import ContentError
from aesearch.modalities.images import channels_last
from aesearch.modalities.images.pixels import open_picture
from aesearch.originals.album import Album, Candidate
from aesearch.search.query import Query
from aesearch.storage.folder import IndexFolder

SHOWN = 256  # pixels of a side to which a large query is decoded


class Originals:
    """What a query was made from, of the pictures of an index.

    Parameters
    ----------
    folder : IndexFolder
    """

    def __init__(self, folder: IndexFolder) -> None:
        self._store = folder.store

    def find(self, query: Query, near: Sequence[int]) -> list[Candidate]:
        """The originals of a query, best first.

        Parameters
        ----------
        query : Query
        near : sequence of int
            Ids of the items nearest by codes.
        """
        least, _ = self._store.same_from()
        if least is None:  # an index of an earlier version knows no local features yet
            return []
        content = query.raw if query.path is not None else channels_last(query.content)
        name = "" if query.path is None else query.path.name
        try:
            picture = open_picture(content, name, (SHOWN, SHOWN))
        except ContentError:  # larger than what is shown; its code was made all the same
            return []
        return Album(self._store).find(picture, least, near)
