"""The denoising autoencoder for documents: what `auto` learns from texts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from aesearch.encoders import losses
from aesearch.encoders.base import BATCH, Array, Encoder, Floats
from aesearch.encoders.baselines import LSAEncoder
from aesearch.encoders.batches import spread_rows
from aesearch.encoders.bodies import ACTIVATIONS
from aesearch.encoders.export import export
from aesearch.encoders.neighbours import nearest
from aesearch.encoders.parameters import require_number, require_one_of, require_whole
from aesearch.encoders.text_network import (
    COSINE,
    MULTINOMIAL,
    SparseRows,
    TextDecoderModule,
    TextEncoderModule,
    TextNetwork,
)
from aesearch.encoders.training import History, Session, Task, train
from aesearch.errors import ParameterError
from aesearch.prior import Prior

LOSSES = ("auto", COSINE, MULTINOMIAL)
COMPONENTS = 150  # of the LSA in which neighbours are found, and which weights start from
TOPICAL_FROM = 4_000  # documents, from which on there is enough to model how often words occur
# How much the singular vectors are scaled up where a softmax follows: its logits are of that size.
STEEP, STEEP_OUT = 4.0, 4.0
SMALLEST_SHARE = 1e-9
LOOKED_AT = 20_000  # rows for the centre of the codes and where they lie


class TextTask(Task):
    """Show each document with most of its words left out; it, or a neighbour, is the target."""

    name = "textencoder"
    patience = None  # the loss of what has words left out is no measure of success

    def __init__(self, network: TextNetwork, X: Any, pairs: Tensor, chosen: TextEncoder) -> None:
        self.module = self.network = network
        by_cosine = network.loss == COSINE
        self.rows = SparseRows(X, order=2)
        self.targets = SparseRows(X, order=2 if by_cosine else 1)
        self.pairs, self.chosen = pairs, chosen
        self.samples = X.shape[0]
        usual = 0.1 if by_cosine else 0.0
        self.contrast = usual if chosen.contrast is None else chosen.contrast
        self.learning_rate = chosen.learning_rate or (1e-3 if by_cosine else 4e-3)

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return "reconstruction" and "agreement"."""
        # Turning the large matrices to half precision would take longer than it saves.
        with torch.autocast(self.device.type, enabled=False):
            return self._losses(rows)

    def _losses(self, rows: Tensor) -> dict[str, Tensor]:
        chosen = self.chosen
        own = rows.numpy()
        picked = torch.randint(self.pairs.shape[1], (len(rows), 1))
        near = self.pairs[rows].gather(1, picked)[:, 0].numpy()
        other = np.where(torch.rand(len(rows)).numpy() < chosen.shared, near, own)
        latents = self.network.encode_bags(self._dropped(own))
        terms = {"reconstruction": self.network.reconstruction(latents, self.targets.batch(other))}
        if self.contrast:
            views = self.network.encode_bags(self._dropped(other))
            agreed = losses.agreement(latents, views, chosen.temperature)
            terms["agreement"] = self.contrast * agreed
        return terms

    def _dropped(self, rows: Array) -> Any:
        entries = int((self.rows.starts[rows + 1] - self.rows.starts[rows]).sum())
        chance = torch.rand(entries + len(rows)).numpy()
        return self.rows.batch(rows, 1 - self.chosen.dropped, chance)


@dataclass(eq=False, repr=False)
class TextEncoder(Encoder):
    """Denoising autoencoder for bags of words that starts from latent semantic analysis.

    A document with most of its words left out must give back the whole of it, or of one of its
    nearest neighbours in the space of LSA, and two such remainders should get the same code. The
    first weights are the singular vectors, so that training only improves on LSA.

    Parameters
    ----------
    code_size : int, default=64
        Numbers in a code; fewer where the data have fewer dimensions.
    hidden : tuple of int, default=()
        Units of the layers between words and code.
    activation : str, default="tanh"
        Of these layers.
    bounded : bool or None, default=None
        Whether the code is a hyperbolic tangent; None: with the multinomial loss.
    loss : {"auto", "cosine", "multinomial"}, default="auto"
        "cosine" compares directions and suits few documents; "multinomial" models which words
        occur, and needs thousands. "auto" chooses by their number, 4,000.
    dropped : float, default=0.8
        Share of the words that are left out of what the network sees.
    neighbours : int, default=5
        Nearest documents that a document may have to give back.
    shared : float, default=0.5
        How often it is a neighbour, and not the document itself.
    contrast : float, optional
        Weight of the agreement between two remainders; by default 0.1 with the cosine, else 0.
    temperature : float, default=0.2
        Of that agreement.
    epochs : int, optional
        How often each document is seen; by default 20 to 40 times.
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
    SIGIR 2018 (neighbours). D. Liang, R. Krishnan, M. Hoffman, T. Jebara, Variational autoencoders
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

    code_size: int = 64
    _: KW_ONLY
    hidden: tuple[int, ...] = ()
    activation: str = "tanh"
    bounded: bool | None = None
    loss: str = "auto"
    dropped: float = 0.8
    neighbours: int = 5
    shared: float = 0.5
    contrast: float | None = None
    temperature: float = 0.2
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float = 0.0
    random_state: int = 0

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        require_whole(self, 1, "code_size", "neighbours")
        require_whole(self, 1, "epochs", or_none=True)
        require_whole(self, 2, "batch_size", or_none=True)
        require_whole(self, 0, "random_state")
        require_one_of(self, "loss", LOSSES)
        require_one_of(self, "activation", ACTIVATIONS)
        require_number(self, "dropped", least=0, most=0.99)
        require_number(self, "shared", least=0, most=1)
        require_number(self, "weight_decay", least=0)
        require_number(self, "temperature", above=0)
        if self.contrast is not None:
            require_number(self, "contrast", least=0)
        if self.learning_rate is not None:
            require_number(self, "learning_rate", above=0)

    def fit(self, X: Array, y: object = None, *, session: Session | None = None) -> Self:
        """Train on `X`; `y` is ignored.

        Parameters
        ----------
        X : CSR matrix or ndarray
            Weighted words, (n, terms), a row for each document; or any table, or pictures.
        session : Session, optional
            Time budget, progress, checkpoints; by default none of them.

        Raises
        ------
        ParameterError
            If a parameter is wrong, or does not fit the data.
        """
        self.check_parameters()
        X = self._validated(X, reset=True)
        rows = _rows_of(X)
        self.loss_ = self._loss_for(rows)
        lsa = LSAEncoder(max(COMPONENTS, self.code_size), random_state=self.random_state).fit(rows)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            size = min(self.code_size, lsa.code_size_)
            self.network_ = self._network(size)
            self._start(lsa, rows)
            coded = torch.from_numpy(np.asarray(lsa.transform(rows)))
            pairs = nearest(torch.nn.functional.normalize(coded, dim=1), self.neighbours)
            self.history_: History = train(
                self._task(rows, pairs), session or Session(), seed=self.random_state
            )
        self._settle(rows)
        return self

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

    def _network(self, size: int) -> TextNetwork:
        bounded = self.loss_ == MULTINOMIAL if self.bounded is None else self.bounded
        sizes = (*self.hidden, size)
        return TextNetwork(
            self.n_features_in_, sizes, self.activation, bounded=bounded, loss=self.loss_
        )

    def _start(self, lsa: LSAEncoder, rows: Any) -> None:
        """Set the first weights, and the usual frequency of each word."""
        directions = torch.from_numpy(np.ascontiguousarray(lsa.components_.T, dtype=np.float32))
        gains = (STEEP, STEEP_OUT) if self.loss_ == MULTINOMIAL else (1.0, 1.0)
        self.network_.start(directions, *gains)
        if self.loss_ == MULTINOMIAL:
            shares = np.asarray(rows.sum(axis=0), dtype=np.float64).ravel()
            shares += 0.01 * max(shares.mean(), SMALLEST_SHARE)  # no word is impossible
            logs = torch.from_numpy(np.log(shares / shares.sum()).astype(np.float32))
            with torch.no_grad():
                self.network_.frequency.copy_(logs)
        else:
            self.network_.frequency.requires_grad_(False)

    def _task(self, rows: Any, pairs: Tensor) -> TextTask:
        task = TextTask(self.network_, rows, pairs, self)
        many = task.samples >= TOPICAL_FROM
        task.epochs = self.epochs or (40 if many else 20)
        task.batch_size = self.batch_size or (256 if many else 64)
        task.weight_decay = self.weight_decay
        looked_at = rows[spread_rows(rows.shape[0], 64)]
        digest = hashlib.blake2b(looked_at.data.tobytes(), digest_size=8).hexdigest()
        parameters = json.dumps(self.get_params(), sort_keys=True, default=str)
        task.signature = f"{parameters} {rows.shape} {digest}"
        return task

    @torch.inference_mode()
    def _settle(self, rows: Any) -> None:
        """Look at where the codes lie once the network is trained."""
        kept = SparseRows(rows, order=2)
        chosen = spread_rows(rows.shape[0], LOOKED_AT)
        parts = np.array_split(chosen, -(-len(chosen) // BATCH))
        latents = torch.cat([self.network_.encode_bags(kept.batch(part)) for part in parts])
        self.code_size_ = latents.shape[1]
        # Directions of LSA mean something from the origin; a bounded code has a middle of its own.
        bounded = self.network_.bounded
        self.centre_ = latents.mean(dim=0) if bounded else torch.zeros(self.code_size_)
        lengths = kept.lengths(chosen, 2 if self.loss_ == COSINE else 1)
        self.length_ = float(lengths.mean()) * (255 if self.picture_shape_ else 1)
        self.prior_ = Prior.fitted(latents.numpy())

    def encoder_module(self) -> TextEncoderModule:
        """Return the module from rows, or pictures (uint8), to (code, latent)."""
        return TextEncoderModule(self.network_, self.centre_).eval()

    def decoder_module(self) -> TextDecoderModule:
        """Return the module from latents to rows, or to pictures in 0..255."""
        shape = self.picture_shape_ or (self.n_features_in_,)
        return TextDecoderModule(self.network_, self.length_, shape).eval()

    @torch.inference_mode()
    def _encode(self, X: Array) -> Floats:
        rows = X.toarray() if hasattr(X, "toarray") else np.array(X)
        latents: Floats = self.encoder_module()(torch.from_numpy(rows))[1].numpy()
        return latents

    @torch.inference_mode()
    def _decode(self, latents: Floats) -> Floats:
        decoded: Floats = self.decoder_module()(torch.from_numpy(latents)).numpy()
        return decoded

    def write_graphs(self, folder: Path) -> None:
        """Write ``encoder.onnx`` (x -> code, latent) and ``decoder.onnx`` (latent -> x)."""
        if self.picture_shape_ is None:
            x = torch.zeros(2, self.n_features_in_)
        else:
            x = torch.zeros(2, *self.picture_shape_, dtype=torch.uint8)
        export(self.encoder_module(), x, folder / "encoder.onnx", "x", ["code", "latent"])
        latent = torch.zeros(2, self.code_size_)
        export(self.decoder_module(), latent, folder / "decoder.onnx", "latent", ["x"])

    def state(self) -> dict[str, Array]:
        """Return all learned arrays by name; "layout" holds the JSON that `load_state` needs."""
        arrays = {
            f"network.{name}": np.ascontiguousarray(value.numpy())
            for name, value in self.network_.state_dict().items()
        }
        layout = {
            "picture_shape": self.picture_shape_,
            "features": self.n_features_in_,
            "loss": self.loss_,
            "length": self.length_,
            "history": self.history_,
        }
        packed = np.frombuffer(json.dumps(layout).encode(), dtype=np.uint8)
        return {**arrays, **self.prior_.state(), "centre": self.centre_.numpy(), "layout": packed}

    def load_state(self, state: dict[str, Array]) -> Self:
        """Become the encoder that `state` was taken from; parameters must be the same."""
        layout = json.loads(bytes(state["layout"]))
        shape = layout["picture_shape"]
        self.picture_shape_ = None if shape is None else tuple(shape)
        self.n_features_in_, self.loss_ = layout["features"], layout["loss"]
        self.length_, self.history_ = layout["length"], layout["history"]
        self.centre_ = torch.from_numpy(np.array(state["centre"]))
        self.code_size_ = len(self.centre_)
        self.network_ = self._network(self.code_size_).eval()
        prefix = "network."
        self.network_.load_state_dict(
            {
                name.removeprefix(prefix): torch.from_numpy(np.array(value))
                for name, value in state.items()
                if name.startswith(prefix)
            }
        )
        self.prior_ = Prior.from_state(state)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _rows_of(X: Array) -> Any:
    """Return a table, or pictures in 0..1, as compressed sparse rows."""
    if hasattr(X, "tocsr"):
        return X.tocsr()
    table = X.reshape(len(X), -1)
    return csr_matrix(table / np.float32(255) if X.dtype == np.uint8 else table)
