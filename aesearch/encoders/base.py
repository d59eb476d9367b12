"""What every encoder is: a scikit-learn transformer that can be frozen for searching."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from aesearch.encoders.parameters import FormerParameters, parameters_of
from aesearch.inference.generate import MOST_STEPS
from aesearch.inference.prior import Prior
from aesearch.settings import require_within
from aesearch.types import Array, Floats

BATCH = 512
VALUES_AT_ONCE = 8_000_000  # of a table, densified: 32 MB


class Encoder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, metaclass=FormerParameters
):
    """Base class of all encoders.

    An encoder takes pictures, a uint8 array of shape (n, height, width, channels), or a table, a
    float array of shape (n, features), and gives *latent* codes of shape (n, code_size_). The
    normalized code that is searched, centered and of unit length, is made in one place: the graph
    that `write_graphs` writes.

    Attributes
    ----------
    code_size_ : int
        Dimensions of a code: `code_size`, or fewer where the data have fewer.
    image_shape_ : tuple of int or None
        (height, width, channels) seen in `fit`, or None for a table.
    n_features_in_ : int
        Numbers per sample seen in `fit`.
    prior_ : Prior
        Where the codes of the samples lie, for `sample`.
    uses_labels : bool
        Whether `fit` learns from `y`, and cannot do without.
    may_use_labels : bool
        Whether `fit` weighs by `y` where it is given.
    weights_from_ : str
        What told how much each part of a code counts, "labels" for one; "" for nothing.
    accepts_images : bool
        Whether it learns from pictures; if not, from tables alone.
    accepts_sparse : bool
        Whether a table may be sparse (CSR of scipy), and stays so.
    """

    uses_labels: ClassVar[bool] = False
    may_use_labels: ClassVar[bool] = False
    accepts_sparse: ClassVar[bool] = False
    accepts_images: ClassVar[bool] = True

    code_size_: int
    n_features_in_: int
    image_shape_: tuple[int, int, int] | None
    prior_: Prior
    weights_from_ = ""

    def check_parameters(self) -> None:
        """Check the parameters by themselves, before any data are seen.

        Each is checked as its field declares it; an encoder adds what must hold between them.

        Raises
        ------
        ParameterError
            If one of them is wrong: it says which, the value, and what is allowed.
        """
        for name, parameter in parameters_of(type(self)).items():
            parameter.check(getattr(self, name))

    @abstractmethod
    def fit(self, X: Array, y: object = None) -> Self:
        """Learn from `X`; `y` is ignored unless the encoder says otherwise."""

    @abstractmethod
    def _encode(self, X: Array) -> Floats:
        """Give the latent codes of one validated batch."""

    @abstractmethod
    def _decode(self, latents: Floats) -> Floats:
        """Give back one batch, in the units of the input, before rounding."""

    @abstractmethod
    def state(self) -> dict[str, Array]:
        """Return all learned arrays by name, to be kept as safetensors."""

    @abstractmethod
    def write_graphs(self, folder: Path) -> None:
        """Write ``encoder.onnx`` (x -> code, latent) and ``decoder.onnx`` (latent -> x)."""

    def weights_of_parts(self) -> dict[str, float]:
        """Return how much each part of a code counts, where it is joined of several."""
        return {}

    def transform(self, X: Array) -> Floats:
        """Return the latent codes of `X`, float32 of shape (n, code_size_)."""
        check_is_fitted(self, "code_size_")
        X = self._validated(X, reset=False)
        count = X.shape[0]  # a sparse table has no len
        if not count:
            return np.empty((0, self.code_size_), dtype=np.float32)
        step = BATCH if X.ndim == 4 else rows_at_once(X.shape[1])
        return np.concatenate([self._encode(X[i : i + step]) for i in range(0, count, step)])

    def inverse_transform(self, latents: Array) -> Array:
        """Decode `latents`, of shape (n, code_size_), to the form of the input."""
        check_is_fitted(self, "code_size_")
        latents = np.asarray(latents, dtype=np.float32)
        if latents.ndim != 2 or latents.shape[1] != self.code_size_:
            raise ValueError(
                f"latents must have shape (n, {self.code_size_}); got {latents.shape}."
            )
        if not len(latents):
            shape = self.image_shape_ or (self.n_features_in_,)
            return np.empty((0, *shape), np.float32 if self.image_shape_ is None else np.uint8)
        parts = [self._decode(latents[i : i + BATCH]) for i in range(0, len(latents), BATCH)]
        decoded = np.concatenate(parts)
        if self.image_shape_ is None:
            return decoded
        images: Array = np.clip(np.rint(decoded), 0, 255).astype(np.uint8)
        return images.reshape(-1, *self.image_shape_)

    def sample(self, count: int = 1, *, group: str | None = None, random_state: int = 0) -> Array:
        """Return `count` new samples, in the form of the input, decoded from drawn codes.

        Parameters
        ----------
        count : int
        group : str, optional
            Only of this class, where the encoder has learned from labels.
        random_state : int
        """
        check_is_fitted(self, "code_size_")
        return self.inverse_transform(self.prior_.draw(count, random_state, group))

    def interpolate(self, first: Array, second: Array, steps: int = 8) -> Array:
        """Return `steps` samples on the straight line between the codes of two samples.

        Parameters
        ----------
        first, second : ndarray
            One picture (height, width, channels), or one row of a table, each.
        steps : int
            2 to 100; both ends are among them.
        """
        steps = require_within("steps", steps, 2, MOST_STEPS)
        ends = self.transform(np.stack([first, second]))
        return self.inverse_transform(np.linspace(ends[0], ends[1], steps))

    @property
    def _n_features_out(self) -> int:
        return self.code_size_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.input_tags.sparse = self.accepts_sparse
        return tags

    def _validated(self, X: Array, *, reset: bool) -> Array:
        """Check `X`: pictures stay uint8, and are never copied; a table becomes floats."""
        if getattr(X, "ndim", 0) != 4:
            if not reset and self.image_shape_ is not None:
                raise ValueError(
                    f"{type(self).__name__} was fitted on pictures of shape "
                    f"{self.image_shape_}; got an array of shape {np.shape(X)}."
                )
            table: Array = validate_data(
                self,
                X,
                reset=reset,
                dtype=[np.float64, np.float32],
                accept_sparse="csr" if self.accepts_sparse else False,
                ensure_min_samples=2 if reset else 1,
            )
            if reset:
                self.image_shape_ = None
            return table
        if not self.accepts_images:
            kind = type(self).__name__
            raise ValueError(f"{kind} learns from tables; got an array of shape {X.shape}.")
        if X.dtype != np.uint8:
            raise ValueError(f"pictures must be uint8; got {X.dtype}.")
        height, width, channels = X.shape[1:]
        if channels not in (1, 3):
            raise ValueError(f"pictures must have 1 or 3 channels; got {channels}.")
        if reset:
            if len(X) < 2:
                raise ValueError(f"fit needs at least 2 pictures; got n_samples = {len(X)}.")
            self.image_shape_ = (height, width, channels)
            self.n_features_in_ = height * width * channels
        elif self.image_shape_ != (height, width, channels):
            raise ValueError(
                f"{type(self).__name__} was fitted on pictures of shape {self.image_shape_}; "
                f"got {(height, width, channels)}."
            )
        return X


def rows_at_once(features: int) -> int:
    """Return how many rows of a table are encoded at a time: 512, or fewer where they are wide."""
    return max(1, min(BATCH, VALUES_AT_ONCE // features))
