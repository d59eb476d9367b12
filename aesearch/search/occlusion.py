"""Why a picture is similar to another: where it must be covered to be less so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aesearch.errors import UnsupportedError

if TYPE_CHECKING:
    from aesearch.search.index import Index
    from aesearch.types import Floats

CELLS = 8  # along a side


def occlusion(index: Index, content: bytes, key: str, cells: int = CELLS) -> Floats:
    """How much each part of a picture adds to its similarity to an item.

    Parameters
    ----------
    index : Index
        Of pictures.
    content : bytes
        Of the picture.
    key : str
        Of the item.
    cells : int
        Parts along a side.

    Returns
    -------
    ndarray of float32, shape (cells, cells)
        The cosine to the item, less that where the part is covered by the mean color; from the top
        left. Negative where the part makes it less similar.

    Raises
    ------
    UnsupportedError
        If this is no index of pictures.
    UnknownKeyError, ContentError

    References
    ----------
    M. Zeiler and R. Fergus, Visualizing and understanding convolutional networks, ECCV 2014
    (section 4.2: occlusion sensitivity).
    """
    folder = index.folder
    if not folder.modality.visual:
        raise UnsupportedError(
            f"{index.name} is an index of {folder.modality.noun}s; only pictures are covered"
        )
    code = folder.codes_of([folder.id_of(key)])[0]
    whole = index.prepare(content).sample
    mean = whole.mean(axis=(0, 1)).astype(whole.dtype)
    views = [whole]
    for rows in np.array_split(np.arange(whole.shape[0]), cells):
        for columns in np.array_split(np.arange(whole.shape[1]), cells):
            covered = whole.copy()
            covered[np.ix_(rows, columns)] = mean
            views.append(covered)
    snapshot = folder.snapshot()
    cosines = snapshot.encoder.encode(snapshot.features.stack(views)) @ code
    gaps: Floats = (cosines[0] - cosines[1:]).reshape(cells, cells).astype(np.float32)
    return gaps
