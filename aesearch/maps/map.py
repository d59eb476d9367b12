"""The map of a collection: a learned layout of its items in two dimensions, and a linear one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aesearch.errors import ParameterError, UnsupportedError
from aesearch.evaluation.tasks import label_numbers
from aesearch.maps.layouts import Panel, layout_of, neighbor_accuracy
from aesearch.maps.material import FEWEST, Material
from aesearch.settings import FEWEST_TO_FIT
from aesearch.types import Floats, Ids, Progress, silent
from aesearch.wording import counted

if TYPE_CHECKING:
    from aesearch.search.index import Index

METHODS = ("auto", "code", "pca", "tsne", "umap")


@dataclass(frozen=True)
class Map:
    """All items of an index in two dimensions.

    Attributes
    ----------
    name : str
        Of the index.
    kind : str
        Name of the modality.
    ids : ndarray of int64, shape (n,)
    keys : list of str
        Of the items, in the order of the rows of all coordinates.
    groups : list of str
        Folder or label of each; "" where it has none.
    panels : tuple of Panel
        The layout that was asked for, then the linear baseline, unless it is the same.
    """

    name: str
    kind: str
    ids: Ids
    keys: list[str]
    groups: list[str]
    panels: tuple[Panel, ...]

    @property
    def coordinates(self) -> Floats:
        """Coordinates of the items in the first panel, of shape (n, 2)."""
        return self.panels[0].coordinates

    @property
    def accuracy(self) -> float | None:
        """The accuracy of the first panel."""
        return self.panels[0].accuracy

    @property
    def method(self) -> str:
        """The method of the first panel."""
        return self.panels[0].method

    def __len__(self) -> int:
        return len(self.keys)


def map_of(index: Index, by: str = "auto", progress: Progress = silent) -> Map:
    """Lay out all items of an index in two dimensions, beside a linear baseline.

    Equal for equal indexes: random numbers have the seed of the index.

    Parameters
    ----------
    index : Index
        Of pictures, or of documents.
    by : {"auto", "code", "pca", "tsne", "umap"}
        "code" is the index's own encoder where its codes have two dimensions, else an encoder to
        two dimensions that is trained now: on the words of up to 10,000 documents, else on the
        codes. The others lay out the codes; "auto" is "pca" for fewer than 32 items, else "code".
    progress : callable
        Called with the stage, how much of it is done, and how much there is.

    Returns
    -------
    Map

    Raises
    ------
    ParameterError
        If `by` is none of these.
    UnsupportedError
        If there are fewer than 4 items, or "umap" is not installed.
    ContentError
        If the encoder's own codes are wanted and the pictures cannot be read again.

    References
    ----------
    G. Hinton and R. Salakhutdinov, Reducing the dimensionality of data with neural networks,
    Science 2006 (figures 3 and 4: a code of two numbers beside PCA, and beside LSA).
    L. van der Maaten and G. Hinton, Visualizing data using t-SNE, JMLR 2008.
    L. McInnes, J. Healy, J. Melville, UMAP: uniform manifold approximation and projection for
    dimension reduction, 2018.

    Examples
    --------
    >>> with aesearch.open("indexes/images") as index:      # doctest: +SKIP
    ...     map_of(index, "tsne").coordinates
    """
    if by not in METHODS:
        raise ParameterError(f"by must be one of {', '.join(METHODS)}; got {by!r}")
    modality = index.folder.modality
    kind: type[Material] = modality.part("map")
    material = kind(index, progress)
    count = len(material.items)
    if count < FEWEST:
        raise UnsupportedError(
            f"{index.name} holds {counted(count, modality.noun)}; a map needs at least {FEWEST}"
        )
    own = material.encoder.code_size == 2
    if by == "auto":
        by = "code" if own or count >= FEWEST_TO_FIT else "pca"
    if by == "code":
        first = material.own() if own else material.learned()
    else:
        first = layout_of(material.codes, by, material.seed, progress)
    panels, baseline = [first], material.baseline()
    if (first.method, first.title) != (baseline.method, baseline.title):
        panels.append(baseline)
    groups = material.groups
    numbers = label_numbers(groups)
    if numbers is not None:
        panels = [
            Panel(p.method, p.title, p.coordinates, neighbor_accuracy(p.coordinates, numbers))
            for p in panels
        ]
    keys = [item.key for item in material.items]
    return Map(index.name, index.kind, material.ids, keys, groups, tuple(panels))
