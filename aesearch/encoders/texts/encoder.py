"""The denoising autoencoder for documents: what `auto` learns from texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix
from sklearn.preprocessing import normalize
from torch import Tensor, nn
from torch.nn import functional

from aesearch.encoders.base import BATCH
from aesearch.encoders.layers.mlp import ACTIVATIONS
from aesearch.encoders.linear.lsa import LSAEncoder
from aesearch.encoders.parameters import Above, AtLeast, Count, OneOf, Share, Weight, Widths
from aesearch.encoders.sparse import canonical, is_sparse
from aesearch.encoders.texts.network import (
    COSINE,
    MULTINOMIAL,
    TextDecoderModule,
    TextEncoderModule,
    TextNetwork,
    WordRows,
)
from aesearch.encoders.texts.tasks import PLANE, RefiningTask, TextTask
from aesearch.encoders.torch_encoder import LOOKED_AT, TrainedEncoder
from aesearch.encoders.training.data import RowSource, spread_rows
from aesearch.encoders.training.neighbors import nearest
from aesearch.encoders.training.noise import NOISES
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.trainer import History, train
from aesearch.errors import ParameterError
from aesearch.types import Array

LOSSES = ("auto", COSINE, MULTINOMIAL)
COMPONENTS = 150  # of the LSA in which neighbors are found, and which weights start from
TOPICAL_FROM = 4_000  # documents, from which on there is enough to model how often words occur
# How much the singular vectors are scaled up where a softmax follows: its logits are of that size.
STEEP, STEEP_OUT = 4.0, 4.0
SMALLEST_SHARE = 1e-9
EPOCHS = 20
SMALL = 32  # dimensions of a code; fewer come from a second stage
FIRST, WIDTH = 64, 256  # numbers in the code before it, and its hidden units
FIRST_PART = 0.5  # of the time
WIDER = 10  # times as many neighbors in the second stage


@dataclass(eq=False, repr=False)
class TextEncoder(TrainedEncoder):
    """Denoising autoencoder for bags of words that starts from latent semantic analysis.

    A document with most of its words left out must give back the whole of it, or of one of its
    nearest neighbors in the space of LSA, and two such remainders should get the same code. The
    first weights are the singular vectors, so that training only improves on LSA.

    Parameters
    ----------
    code_size : int, default=64
        Dimensions of a code; fewer where the data have fewer dimensions.
    hidden : tuple of int, default=()
        Units of the layers between words and code.
    activation : str, default="tanh"
        Of these layers.
    bounded : bool or None, default=None
        Whether the code is a hyperbolic tangent; None: with the multinomial loss.
    refine : bool or None, default=None
        Whether a second network follows, whose codes only keep who is next to whom by those of the
        first, of 64 numbers or more; None: where the code has fewer than 32, or the loss is
        multinomial. Codes of up to 3 numbers keep it by distance, as a map.
    loss : {"auto", "cosine", "multinomial"}, default="auto"
        "cosine" compares directions and suits few documents; "multinomial" models which words
        occur, and needs thousands. "auto" chooses by their number, 4,000.
    noise : {"mask", "dropout", "gaussian"} or None, default="mask"
        Distortion of what the network sees: words left out, and the rest brought to unit length or
        (dropout) enlarged, or normal noise on the weights of the words that occur.
    noise_level : float, default=0.8
        Share of the words that are left out, or the standard deviation of the noise in those of
        the weights. A second stage has its own: 0.5 or 0.6 of the words, at most.
    neighbors : int, default=5
        Nearest documents that a document may have to give back.
    shared : float, default=0.5
        How often it is a neighbor, and not the document itself.
    contrast : float, optional
        Weight of the agreement between two remainders; by default 0.1 with the cosine, else 0.
    temperature : float, default=0.2
        Of that agreement.
    epochs : int, optional
        How often each document is seen in the first stage; by default 20 times.
    batch_size : int, optional
        Documents per step.
    learning_rate : float, optional
        Peak rate of AdamW; by default 0.001 with the cosine, else 0.004.
    weight_decay : float, default=0
        Decoupled decay of AdamW.
    random_state : int, default=0

    Attributes
    ----------
    loss_ : str
        The loss that was taken.
    history_ : list of dict
        The terms of the loss by epoch.
    network_ : TextNetwork

    References
    ----------
    P. Vincent, H. Larochelle, I. Lajoie, Y. Bengio, P.-A. Manzagol, Stacked denoising autoencoders,
    JMLR 2010. S. Chaidaroon, T. Ebesu, Y. Fang, Deep semantic text hashing with weak supervision,
    SIGIR 2018 (neighbors). D. Liang, R. Krishnan, M. Hoffman, T. Jebara, Variational autoencoders
    for collaborative filtering, WWW 2018 (multinomial). R. Salakhutdinov and G. Hinton, Semantic
    hashing, 2009.

    Examples
    --------
    >>> from scipy.sparse import random as random_table
    >>> X = random_table(200, 5000, density=0.01, format="csr", random_state=0)
    >>> TextEncoder(code_size=10, epochs=2).fit(X).transform(X).shape
    (200, 10)
    """

    accepts_sparse: ClassVar[bool] = True
    accepts_images: ClassVar[bool] = False

    _: KW_ONLY
    hidden: Widths = ()
    activation: Annotated[str, OneOf(*ACTIVATIONS)] = "tanh"
    bounded: bool | None = None
    refine: bool | None = None
    loss: Annotated[str, OneOf(*LOSSES)] = "auto"
    noise: Annotated[str | None, OneOf(*NOISES)] = "mask"
    noise_level: Weight = 0.8
    neighbors: Count = 5
    shared: Share = 0.5
    contrast: Weight | None = None
    temperature: Annotated[float, Above(0)] = 0.2
    batch_size: Annotated[int | None, AtLeast(2)] = None
    learning_rate: Annotated[float | None, Above(0)] = None
    weight_decay: Weight = 0.0

    def _fit(self, X: Array, y: object, session: Session) -> None:
        rows = canonical(X if is_sparse(X) else csr_matrix(X))
        self.loss_ = self._loss_for(rows)
        lsa = LSAEncoder(max(COMPONENTS, self.code_size), random_state=self.random_state).fit(rows)
        size = min(self.code_size, lsa.code_size_)
        refined = self._is_refined(size) if self.refine is None else self.refine
        first = min(max(size, FIRST), lsa.code_size_) if refined else size
        self.network_ = self._network((*self.hidden, first))
        self._init_from_lsa(lsa, rows)
        pairs = _pairs(torch.from_numpy(np.asarray(lsa.transform(rows))), self.neighbors)
        task = self._task(rows, pairs)
        phase = session.phase(0, FIRST_PART if refined else 1)
        self.history_ = train(task, phase, seed=self.random_state)
        if refined:
            self.history_ += self._refine(rows, size, session.phase(FIRST_PART, 1))
        self._finalize_on(rows)

    def _is_refined(self, size: int) -> bool:
        """Return whether a second network pays: for few numbers, and in large collections."""
        return not self.hidden and (size < SMALL or self.loss_ == MULTINOMIAL)

    def _refine(self, rows: Any, size: int, session: Session) -> History:
        """Train the second network: its codes have the neighborhoods of the first one's."""
        codes = self._latents_of(rows, np.arange(rows.shape[0]))
        pairs = _pairs(codes - codes.mean(dim=0), WIDER * self.neighbors)
        first, last = self.network_, self.history_[-1]["epoch"] if self.history_ else 0
        plane = size <= PLANE
        sizes = (WIDTH, FIRST, size) if plane else (WIDTH, size)
        network = TextNetwork(self.n_features_in_, sizes, "tanh", bounded=False, loss=self.loss_)
        network.load_first_layer(first)
        self.network_ = network
        level = min(self.noise_level, 0.5 if plane else 0.6)
        task = RefiningTask(network, rows, pairs, noise=self.noise, noise_level=level)
        self._configure(task, RowSource(rows), 3 * EPOCHS if plane else EPOCHS)
        task.batch_size = 512
        task.learning_rate, task.weight_decay = (5e-3, 0.01) if plane else (3e-3, 0.0)
        history = train(task, session, seed=self.random_state)
        if self.loss_ == COSINE:
            everything = np.arange(rows.shape[0])
            network.fit_output(self._latents_of(rows, everything), normalize(rows))
        return [{**entry, "epoch": entry["epoch"] + last} for entry in history]

    def _loss_for(self, rows: Any) -> str:
        low = float(rows.data.min()) if rows.nnz else 0.0
        if self.loss == MULTINOMIAL and low < 0:
            raise ParameterError(
                f"loss 'multinomial' needs weights or counts of words; got values down to {low:g}: "
                "choose loss 'cosine'"
            )
        if self.loss != "auto":
            return self.loss
        return MULTINOMIAL if rows.shape[0] >= TOPICAL_FROM and low >= 0 else COSINE

    def _network(self, sizes: tuple[int, ...]) -> TextNetwork:
        bounded = self.loss_ == MULTINOMIAL if self.bounded is None else self.bounded
        return TextNetwork(
            self.n_features_in_, sizes, self.activation, bounded=bounded, loss=self.loss_
        )

    def _init_from_lsa(self, lsa: LSAEncoder, rows: Any) -> None:
        """Set the first weights, and the usual frequency of each word."""
        directions = torch.from_numpy(np.ascontiguousarray(lsa.components_.T, dtype=np.float32))
        gains = (STEEP, STEEP_OUT) if self.loss_ == MULTINOMIAL else (1.0, 1.0)
        self.network_.init_directions(directions, *gains)
        if self.loss_ == MULTINOMIAL:
            shares = np.asarray(rows.sum(axis=0), dtype=np.float64).ravel()
            shares += 0.01 * max(shares.mean(), SMALLEST_SHARE)  # no word is impossible
            logs = torch.from_numpy(np.log(shares / shares.sum()).astype(np.float32))
            with torch.no_grad():
                self.network_.frequency.copy_(logs)
        else:
            self.network_.frequency.requires_grad_(False)

    def _task(self, rows: Any, pairs: Tensor) -> TextTask:
        by_cosine = self.loss_ == COSINE
        usual = 0.1 if by_cosine else 0.0
        task = TextTask(
            self.network_,
            rows,
            pairs,
            noise=self.noise,
            noise_level=self.noise_level,
            shared=self.shared,
            contrast=usual if self.contrast is None else self.contrast,
            temperature=self.temperature,
        )
        self._configure(task, RowSource(rows), self.epochs or EPOCHS)
        task.batch_size = self.batch_size or (256 if task.samples >= TOPICAL_FROM else 64)
        task.learning_rate = self.learning_rate or (1e-3 if by_cosine else 4e-3)
        task.weight_decay = self.weight_decay
        return task

    @torch.inference_mode()
    def _latents_of(self, rows: Any, chosen: Array) -> Tensor:
        kept = WordRows(rows, order=2)
        parts = np.array_split(chosen, -(-len(chosen) // BATCH))
        return torch.cat([self.network_.encode_sparse(kept.batch(part)) for part in parts])

    @torch.inference_mode()
    def _finalize_on(self, rows: Any) -> None:
        """Look at where the codes of documents lie, and at how long these are."""
        chosen = spread_rows(rows.shape[0], LOOKED_AT)
        self._finalize(self._latents_of(rows, chosen))
        order = 2 if self.loss_ == COSINE else 1
        lengths = WordRows(rows, order=order).lengths(chosen, order)
        self.length_ = float(lengths.mean())

    def _finalize(self, latents: Tensor) -> None:
        super()._finalize(latents)
        # Directions of LSA mean something from the origin; other codes have a middle of their own.
        from_lsa = self.network_.is_linear
        self.center_ = torch.zeros(self.code_size_) if from_lsa else latents.mean(dim=0)

    def encoder_module(self) -> TextEncoderModule:
        """Return the module from rows to (code, latent)."""
        return TextEncoderModule(self.network_, self.center_).eval()

    def decoder_module(self) -> TextDecoderModule:
        """Return the module from latents to rows."""
        return TextDecoderModule(self.network_, self.length_).eval()

    def _modules(self) -> dict[str, nn.Module]:
        return {"network": self.network_}

    def _arrays(self) -> dict[str, Array]:
        return {"centre": self.center_.numpy()}

    def _layout(self) -> dict[str, Any]:
        return {
            **super()._layout(),
            "loss": self.loss_,
            "sizes": self.network_.sizes,
            "activation": self.network_.activation,
            "bounded": self.network_.bounded,
            "length": self.length_,
        }

    def _rebuild(self, layout: Mapping[str, Any], state: Mapping[str, Array]) -> None:
        self.loss_, self.length_ = layout["loss"], layout["length"]
        self.center_ = torch.from_numpy(np.array(state["centre"]))
        self.code_size_ = len(self.center_)
        self.network_ = TextNetwork(
            self.n_features_in_,
            layout["sizes"],
            layout["activation"],
            bounded=layout["bounded"],
            loss=self.loss_,
        ).eval()


def _pairs(codes: Tensor, neighbors: int) -> Tensor:
    """Return the nearest others of each row by cosine, (n, neighbors)."""
    return nearest(functional.normalize(codes, dim=1), neighbors)
