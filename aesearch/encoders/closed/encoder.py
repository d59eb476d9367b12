"""Encoders of pictures in closed form: the sparse manifold transform, and all descriptions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Self

from torch import nn

from aesearch.encoders.closed.described import Described
from aesearch.encoders.closed.fusion import (
    DESCRIPTIONS,
    LinearDecoder,
    join,
    rebuilt,
    solve_decoder,
)
from aesearch.encoders.closed.weights import Weighing, check_weights
from aesearch.encoders.labels import label_groups
from aesearch.encoders.parameters import AtLeast, Count
from aesearch.encoders.torch_encoder import LOOKED_AT, TorchEncoder
from aesearch.encoders.training.data import TableSource, source_of, spread_rows
from aesearch.encoders.training.session import Session
from aesearch.types import Array


@dataclass(eq=False, repr=False)
class ClosedEncoder(TorchEncoder):
    """An encoder of descriptions that are fixed or solved for: nothing is trained."""

    may_use_labels: ClassVar[bool] = True

    code_size: Count = 64
    _: KW_ONLY
    random_state: Annotated[int, AtLeast(0)] = 0

    @abstractmethod
    def _names(self) -> list[str]:
        """Descriptions that may count."""

    def _given(self) -> Mapping[str, float] | None:
        """Weights of descriptions that hold, or None where the collection tells them."""
        return None

    def fit(self, X: Array, y: object = None, *, session: Session | None = None) -> Self:
        """Solve for everything on `X`.

        Parameters
        ----------
        X : ndarray
            Square pictures, uint8 (n, side, side, 1 or 3), or a table of floats (n, features).
        y : array-like of shape (n,), optional
            Labels, which choose the weights of descriptions where two of them have five samples
            each; None, "", NaN or -1 for a sample without one.
        session : Session, optional
            Keeps the descriptions, for another encoder of the same samples.
        """
        self.check_parameters()
        X = self._validated(X, reset=True)
        source = source_of(X)
        rows = spread_rows(source.count, LOOKED_AT)
        known = session.described if session else None
        layers, parts = (known or Described()).of(source, self._names(), self.random_state, rows)
        labels = label_groups(y, source.count)
        weigh = Weighing(self._given(), None if labels is None else labels[rows], self.code_size)
        self.encoder_, latents = join(layers, parts, source, self.code_size, weigh)
        self.weights_, self.weights_from_ = self.encoder_.weights, weigh.told_from
        self._finalize(latents)
        self.decoder_ = self._decoder()
        if isinstance(source, TableSource):
            self.decoder_.low.copy_(source.low)
            self.decoder_.width.copy_(source.width)
        solve_decoder(self.decoder_, latents, source, rows)
        return self

    def _decoder(self) -> LinearDecoder:
        channels, side, columns = self._form()
        return LinearDecoder(self.code_size_, channels, side, columns).eval()

    def weights_of_parts(self) -> dict[str, float]:
        """Return the weights of the descriptions that count; of one alone, none."""
        return self.weights_ if len(self.weights_) > 1 else {}

    def encoder_module(self) -> nn.Module:
        """Return the module from stored pictures (uint8), or rows (float32), to (code, latent)."""
        return self.encoder_

    def decoder_module(self) -> nn.Module:
        """Return the module from latents to pictures in 0..255, or to rows."""
        return self.decoder_

    def _modules(self) -> dict[str, nn.Module]:
        return {"encoder": self.encoder_, "decoder": self.decoder_}

    def _layout(self) -> dict[str, Any]:
        told_from = {"weights_from": self.weights_from_}
        return {**super()._layout(), **self.encoder_.layout(), **told_from}

    def _rebuild(self, layout: Mapping[str, Any], state: Mapping[str, Array]) -> None:
        self.encoder_ = rebuilt(layout, self._form())
        self.weights_, self.code_size_ = self.encoder_.weights, layout["sizes"][-1]
        self.weights_from_ = layout.get("weights_from", "")
        self.decoder_ = self._decoder()


@dataclass(eq=False, repr=False)
class SMTEncoder(ClosedEncoder):
    """Sparse manifold transform: what LSA is for words, for the patches of pictures.

    Patches are the words: a picture is described by which entries of a dictionary its patches
    fire, and entries that occur together in pictures become one thing. Deterministic, in closed
    form, and fitted in well under a minute.

    Parameters
    ----------
    code_size : int, default=64
        Dimensions of a code; fewer where the samples span fewer dimensions.
    random_state : int, default=0
        Seed of the patches that are drawn.

    Attributes
    ----------
    code_size_ : int
        Dimensions of a code.

    References
    ----------
    Y. Chen, Z. Yun, Y. Ma, B. Olshausen, Y. LeCun, Minimalistic unsupervised representation
    learning with the sparse manifold transform, ICLR 2023.
    """

    def _names(self) -> list[str]:
        return ["patches"]


@dataclass(eq=False, repr=False)
class DescriptionsEncoder(ClosedEncoder):
    """Contours, thumbnail, colors and patches of a picture, weighted for the collection.

    A description counts as much as its nearest neighbors agree with those of the others, so that
    colors count on satellite pictures and not on digits; one that agrees with nothing is left out.
    Directions in which mutual neighbors differ count less in the code. Nothing is trained.

    Parameters
    ----------
    code_size : int, default=64
        Dimensions of a code; fewer where the samples span fewer dimensions.
    weights : mapping of str to float, optional
        How much contours, thumbnail, colors and patches count, such as ``contours:.5,colors:1``;
        what is not named counts nothing. By default told from the collection: by labels where
        `fit` gets them, else by agreement.
    random_state : int, default=0
        Seed of the patches that are drawn.

    Attributes
    ----------
    code_size_ : int
        Dimensions of a code.
    weights_ : dict of str to float
        Of the descriptions that count, 1 for the one that counts most where none were given.
    weights_from_ : {"parameters", "labels", "neighbors"}
        What told them.

    References
    ----------
    N. Dalal and B. Triggs, Histograms of oriented gradients for human detection, CVPR 2005.
    M. Swain and D. Ballard, Color indexing, IJCV 1991. Y. Chen et al., the sparse manifold
    transform, ICLR 2023. F. Parisi et al., Ranking and combining multiple predictors without
    labeled data, PNAS 2014 (the weights). N. Shental et al., Adjustment learning and relevant
    component analysis, ECCV 2002 (the directions).
    """

    _: KW_ONLY
    weights: Annotated[Mapping[str, float] | None, AtLeast(0)] = None

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        check_weights(self.weights, DESCRIPTIONS)

    def _names(self) -> list[str]:
        wanted = self.weights
        return [name for name in DESCRIPTIONS if wanted is None or wanted.get(name)]

    def _given(self) -> Mapping[str, float] | None:
        return self.weights
