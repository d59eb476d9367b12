"""An index as steps of scikit-learn pipelines: pictures or texts to codes, and to neighbors.

>>> make_pipeline(Codes("indexes/images"), LogisticRegression())       # doctest: +SKIP
>>> make_pipeline(                                                     # doctest: +SKIP
...     Neighbors("indexes/images", n_neighbors=5),
...     KNeighborsClassifier(n_neighbors=5, metric="precomputed"),
... )
"""

# scikit-learn ships no types
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from aesearch.engines import Engine, engine_class
from aesearch.engines.plan import choose
from aesearch.errors import ContentError, EncoderMismatchError, ParameterError, UnknownKeyError
from aesearch.integrations.handle import Handle
from aesearch.search.index import Index
from aesearch.types import Floats

BATCH = 1024  # pictures that are decoded at once: 12 MB


class Codes(TransformerMixin, BaseEstimator):
    """Pictures or texts to codes, by the encoder of an index.

    Its only parameters are plain values, so that it is cloned, pickled and sent to other
    processes; each of them opens the index itself. It may be used from several threads.

    Parameters
    ----------
    index : str or Path, optional
        Path of the index or its name in the home; without one, the only one there is.
    by : {'content', 'key'}, default='content'
        What X holds. 'content': pictures (paths, bytes, PIL images, arrays) or texts (str; bytes
        or a Path stand for a document). 'key': keys of items in the index, whose stored codes
        are taken.

    Attributes
    ----------
    n_features_out_ : int
        Dimensions of a code.
    fingerprint_ : str
        Of the encoder at the time of `fit`.

    Notes
    -----
    A text without any known term becomes zeros, as near to all as to none. When
    the index was trained anew after `fit`, codes would not mean what they did: `transform` raises
    EncoderMismatchError.
    """

    def __init__(self, index: str | Path | None = None, *, by: str = "content") -> None:
        self.index = index
        self.by = by

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - scikit-learn's
        """Open the index and note which encoder it has; nothing is learned from `X`."""
        if self.by not in ("content", "key"):
            raise ParameterError(f"by must be 'content' or 'key'; got {self.by!r}")
        self.close()
        self._handle = Handle(self.index)
        encoder = self._handle.open().encoder
        self.fingerprint_ = encoder.fingerprint
        self.n_features_out_ = encoder.code_size
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Codes, float32 of shape (n, code_size), unit length.

        Parameters
        ----------
        X : sequence
            A list, an array of pictures (n, height, width[, channels]), or a column of a table.

        Raises
        ------
        ContentError
            If a picture cannot be read; the message names its position in X.
        UnknownKeyError
            If one is not the key of an item.
        EncoderMismatchError
            If the index was trained anew since `fit`.
        """
        check_is_fitted(self, "fingerprint_")
        return self._codes_of(_listed(X))

    def _codes_of(self, X: Sequence[Any]) -> Floats:
        index = self._handle.open()
        parts = [np.empty((0, self.n_features_out_), dtype=np.float32)]
        for start in range(0, len(X), BATCH):
            part = X[start : start + BATCH]
            if self.by == "key":
                parts.append(_stored_codes(index, [str(key) for key in part]))
            else:
                parts.append(_new_codes(index, part, start))
            # Checked after each batch: codes of another encoder are never returned.
            if index.encoder.fingerprint != self.fingerprint_:
                raise EncoderMismatchError(
                    f"{index.name} was trained anew since fit: its encoder is "
                    f"{index.encoder.fingerprint}, not {self.fingerprint_}; fit again"
                )
        return np.concatenate(parts)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002 - scikit-learn's
        """Names of the dimensions: 'code0', 'code1', ..."""
        check_is_fitted(self, "fingerprint_")
        return np.array([f"code{n}" for n in range(self.n_features_out_)], dtype=object)

    def close(self) -> None:
        """Close the index; it is opened again where it is needed."""
        if hasattr(self, "_handle"):
            self._handle.close()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags


class Neighbors(Codes):
    """Pictures or texts to the graph of their nearest neighbors among the fitted samples.

    As scikit-learn's KNeighborsTransformer with the cosine distance, which is 1 less the score:
    for estimators that take ``metric="precomputed"``. FAISS finds the exact neighbors.

    Parameters
    ----------
    index, by
        As in `Codes`.
    n_neighbors : int, default=5
    mode : {'distance', 'connectivity'}, default='distance'
        What the graph holds: distances, of n_neighbors + 1 samples because each sample is its own
        nearest neighbor in `fit_transform`; or ones.

    Attributes
    ----------
    codes_ : ndarray of shape (n_samples, code_size)
        Of the fitted samples.
    n_samples_fit_ : int
    """

    def __init__(
        self,
        index: str | Path | None = None,
        *,
        n_neighbors: int = 5,
        mode: str = "distance",
        by: str = "content",
    ) -> None:
        super().__init__(index, by=by)
        self.n_neighbors = n_neighbors
        self.mode = mode

    def fit(self, X: Any, y: Any = None) -> Self:
        """Encode the samples among which neighbors are searched."""
        if self.mode not in ("distance", "connectivity"):
            raise ParameterError(f"mode must be 'distance' or 'connectivity'; got {self.mode!r}")
        super().fit(X, y)
        samples = _listed(X)
        if not 1 <= self.n_neighbors <= len(samples) - (self.mode == "distance"):
            raise ParameterError(
                f"n_neighbors must be at least 1 and below the number of samples, "
                f"{len(samples)}; got {self.n_neighbors}"
            )
        self.codes_ = self._codes_of(samples)
        self.n_samples_fit_ = len(samples)
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        return self

    def fit_transform(self, X: Any, y: Any = None, **_: Any) -> csr_matrix:
        """Fit, and the graph of the samples themselves; each is encoded once."""
        return self.fit(X, y)._graph(self.codes_)

    def transform(self, X: Any) -> csr_matrix:
        """The graph of `X`, sparse of shape (n, n_samples_fit_), nearest first in a row."""
        return self._graph(super().transform(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:  # noqa: ARG002 - scikit-learn's
        """Names of the columns: 'neighbors0', 'neighbors1', ... one for each fitted sample."""
        check_is_fitted(self, "codes_")
        return np.array([f"neighbors{n}" for n in range(self.n_samples_fit_)], dtype=object)

    def _graph(self, codes: Floats) -> csr_matrix:
        k = self.n_neighbors + (self.mode == "distance")
        rows, scores = self._engine_of_samples().search(codes, k)
        values = np.ones_like(scores) if self.mode == "connectivity" else np.clip(1 - scores, 0, 2)
        starts = np.arange(0, rows.size + 1, k)
        shape = len(codes), self.n_samples_fit_
        return csr_matrix((values.astype(np.float64).ravel(), rows.ravel(), starts), shape=shape)

    def _engine_of_samples(self) -> Engine:
        with self._lock:
            if self._engine is None:
                plan = choose(*self.codes_.shape, kind="flat")
                ids = np.arange(self.n_samples_fit_)
                self._engine = engine_class().build(plan, ids, self.codes_, None)
            return self._engine

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_lock", None)
        return {**state, "_engine": None}  # made anew from the codes

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._lock = threading.Lock()


Neighbours = Neighbors  # its first name


def _listed(X: Any) -> Sequence[Any]:
    """Samples as a sequence; of a table with one column, the column.

    Raises
    ------
    ParameterError
        If it is a single sample, or a table of several columns.
    """
    if isinstance(X, str | bytes | Path):
        raise ParameterError("X must be several samples; put a single one into a list")
    if hasattr(X, "iloc"):  # of pandas
        X = X.to_numpy()
    if not isinstance(X, np.ndarray):
        return list(X)
    is_table = X.ndim == 2 and X.dtype.kind in "OUST"
    if is_table and X.shape[1] == 1:
        return list(X[:, 0])
    if is_table or X.ndim == 0 or (X.ndim == 3 and X.shape[2] in (3, 4)):
        raise ParameterError(
            "X must be a list of pictures or texts, an array of pictures (n, height, width[, "
            f"channels]), or one column; got an array of shape {X.shape}"
        )
    return list(X)


def _new_codes(index: Index, part: Sequence[Any], first: int) -> Floats:
    """Codes of pictures or texts, which are samples number `first` and after."""
    features = index.features
    samples = []
    for position, content in enumerate(part, first):
        try:
            samples.append(index.prepare(content).sample)
        except ContentError as error:
            blank = index.folder.modality.blank(content)
            if blank is None:
                raise ContentError(f"X[{position}]: {error}") from error
            samples.append(blank)
    rows = features.stack(samples)
    codes = index.encoder.encode(rows)
    codes[index.folder.modality.is_empty(rows)] = 0
    return codes


def _stored_codes(index: Index, keys: Sequence[str]) -> Floats:
    """Codes of items, in the order of `keys`."""
    ids = index.folder.store.ids_of(keys)
    if missing := [key for key in keys if key not in ids]:
        raise UnknownKeyError(f"there is no item '{missing[0]}' in {index.name}")
    stored, codes = index.folder.store.codes(set(ids.values()))
    return codes[np.searchsorted(stored, [ids[key] for key in keys])]
