"""The shared form of the encoders that are one network, trained by gradient descent."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn

from aesearch.encoders.autoencoders.network import (
    DecoderModule,
    EncoderModule,
    Labels,
    Network,
    NetworkTask,
)
from aesearch.encoders.base import BATCH, rows_at_once
from aesearch.encoders.layers.likelihood import LOSSES, Units, loss_for
from aesearch.encoders.parameters import Above, AtLeast, AtMost, Count, OneOf, Weight
from aesearch.encoders.sparse import is_sparse, tidied
from aesearch.encoders.torch_encoder import ModuleEncoder, arrays_of, load_arrays, packed, unpacked
from aesearch.encoders.training.data import (
    Batches,
    PictureSource,
    RowSource,
    signature_of,
    spread_rows,
)
from aesearch.encoders.training.noise import NOISES, check_noise, noise_of
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.trainer import History, train
from aesearch.inference.prior import Prior
from aesearch.types import Array, Floats

SAMPLES_SHOWN = 1_000_000  # in all epochs of a default training
FEWEST_EPOCHS, MOST_EPOCHS = 20, 200
LOOKED_AT = 20_000  # samples for means, spreads and where the codes lie
# As floats, all at once: 200 MB.
FEWEST_LOOKED_AT, VALUES_LOOKED_AT = 1_000, 50_000_000
FEWEST_VALIDATED = 8
STEPS, SMALLEST_BATCH = 16, 16  # of an epoch, and of a step, where samples are few
MOST_VALIDATED = 5_000


@dataclass(eq=False, repr=False)
class Autoencoder(ModuleEncoder):
    """What the trained encoders have in common; each of them adds its network.

    Parameters
    ----------
    code_size : int, default=64
        Numbers in a code.
    loss : {"auto", "squared", "cross-entropy", "multinomial"}, default="auto"
        "squared" (a Gaussian likelihood) for any numbers; "cross-entropy" (Bernoulli) for values
        in 0..1; "multinomial" for counts, such as those of words. "auto" takes cross-entropy for
        pictures of ink on a ground, multinomial for sparse tables of whole numbers, else squared.
    noise : {"gaussian", "mask", "dropout"}, optional
        Distortion of the input, whose clean form is the target: a denoising autoencoder.
    noise_level : float, default=0.3
        Standard deviation of the Gaussian, in 0..1 or in standard deviations of the data, or the
        share of values set to 0.
    shift : int, default=0
        Pictures are also shown, and decoded, moved by up to so many pixels: more to learn from.
        In the last tenth of the training they are shown as they are.
    epochs : int, optional
        How often each sample is seen; by default about a million samples in all, and between 20
        and 200 times.
    batch_size : int, default=256
        Samples per step; fewer in a small collection, so that an epoch has 16 steps.
    learning_rate, weight_decay : float
        Peak rate and decoupled decay of AdamW.
    validation : float, default=0.05
        Share of the samples that is not trained on: the state that is best there is kept, and
        training ends when it gets no better. 0 trains on all, to the end.
    random_state : int, default=0
        Seed; without a time budget the result is the same on the same machine.

    Attributes
    ----------
    history_ : list of dict
        Each term of the loss, and the validation loss, per epoch, as JSON holds them.
    loss_ : str
        The loss that was taken.
    network_ : Network
    """

    task_type: ClassVar[type[NetworkTask]] = NetworkTask

    code_size: Count = 64
    _: KW_ONLY
    loss: Annotated[str, OneOf("auto", *LOSSES)] = "auto"
    noise: Annotated[str | None, OneOf(*NOISES)] = None
    noise_level: Weight = 0.3
    shift: Annotated[int, AtLeast(0)] = 0
    epochs: Count | None = None
    batch_size: Annotated[int, AtLeast(2)] = 256
    learning_rate: Annotated[float, Above(0)] = 1e-3
    weight_decay: Weight = 1e-4
    validation: Annotated[float, AtLeast(0), AtMost(0.5)] = 0.05
    random_state: Annotated[int, AtLeast(0)] = 0

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        check_noise(self.noise, self.noise_level)

    @abstractmethod
    def _network(self, units: Units, shape: tuple[int, ...]) -> Network:
        """Make the untrained network for samples of `shape`."""

    def fit(self, X: Array, y: object = None, *, session: Session | None = None) -> Self:
        """Train on `X`.

        Parameters
        ----------
        X : ndarray, or CSR matrix where `accepts_sparse`
            uint8 pictures (n, height, width, 1 or 3), which may be a memory map and is read batch
            by batch, or a table of floats (n, features). Of a sparse one no more than a batch is
            ever filled in.
        y : array-like of shape (n,), optional
            Classes; ignored by encoders that do not learn from them.
        session : Session, optional
            Time budget, progress, checkpoints; by default none of them.

        Raises
        ------
        ParameterError
            Before training begins, if a parameter is wrong or does not fit the data.
        """
        self.check_parameters()
        X = self._validated(X, reset=True)
        if is_sparse(X):
            X = tidied(X)
        labels = self._encode_labels(y, X.shape[0])
        source: Batches = RowSource(X) if self.picture_shape_ is None else PictureSource(X)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.random_state)
            units = self._units(X, source)
            self.network_ = self._network(units, source.shape)
            self.history_ = self._train(source, labels, session or Session())
            self._finalize(source)
        return self

    def _units(self, X: Array, source: Batches) -> Units:
        """Choose the loss, and look at the scale of the samples: of a sparse table, of all."""
        if is_sparse(X):
            self.loss_ = loss_for(self.loss, X, pictures=False)
            return Units(self.loss_, source.shape).fit(X)
        most = min(LOOKED_AT, max(FEWEST_LOOKED_AT, VALUES_LOOKED_AT // self.n_features_in_))
        looked_at = source.batch(spread_rows(source.count, most))
        pictures = self.picture_shape_ is not None
        self.loss_ = loss_for(self.loss, looked_at[:2_000], pictures=pictures)
        return Units(self.loss_, source.shape).fit(looked_at)

    def _encode_labels(self, y: object, count: int) -> Labels:
        """Return the class of each sample as a number, -1 where it is not known or not used."""
        return np.full(count, -1, dtype=np.int64)

    def _train(self, source: Batches, labels: Labels, session: Session) -> History:
        return train(self._task(source, labels), session, seed=self.random_state)

    def _task(self, source: Batches, labels: Labels) -> NetworkTask:
        """Return the training of the whole network."""
        order = np.random.default_rng(self.random_state).permutation(source.count)
        kept = min(int(self.validation * source.count), MOST_VALIDATED)
        kept = kept if kept >= FEWEST_VALIDATED else 0
        rows, validated = np.sort(order[kept:]), np.sort(order[:kept])
        noise = noise_of(self.noise, self.noise_level)
        shift = self.shift if self.picture_shape_ else 0
        task = self.task_type(self.network_, source, rows, validated, labels, noise, shift)
        task.name = type(self).__name__.lower()
        task.epochs = self.epochs or int(
            np.clip(SAMPLES_SHOWN // source.count, FEWEST_EPOCHS, MOST_EPOCHS)
        )
        task.batch_size = min(self.batch_size, max(SMALLEST_BATCH, task.samples // STEPS))
        task.learning_rate, task.weight_decay = self.learning_rate, self.weight_decay
        # With nothing kept out there is nothing that a longer training could spoil.
        task.patience = max(10, task.epochs // 4) if kept else task.epochs
        task.signature = signature_of(self.get_params(), source)
        return task

    def _finalize(self, source: Batches) -> None:
        """Look at where the codes lie once the network is trained."""
        rows = spread_rows(source.count, LOOKED_AT)
        step = BATCH if self.picture_shape_ else rows_at_once(self.n_features_in_)
        parts = np.array_split(rows, -(-len(rows) // step))
        latents = torch.cat([self._latents(source, part) for part in parts])
        self.code_size_ = latents.shape[1]
        self.centre_ = latents.mean(dim=0)
        self.prior_ = self._prior(latents.numpy())

    @torch.inference_mode()
    def _latents(self, source: Batches, rows: Array) -> Tensor:
        return self.network_.encode(self.network_.units.inputs(source.batch(rows)))

    def _prior(self, latents: Floats) -> Prior:
        """Return where codes are drawn from, given those of the samples."""
        return Prior.fitted(latents)

    def encoder_module(self) -> nn.Module:
        """Return the module from stored pictures (uint8), or rows (float32), to (code, latent)."""
        pictures = self.picture_shape_ is not None
        return EncoderModule(self.network_, self.centre_, pictures=pictures).eval()

    def decoder_module(self) -> nn.Module:
        """Return the module from latents to pictures in 0..255, or to rows."""
        return DecoderModule(self.network_, pictures=self.picture_shape_ is not None).eval()

    def _layout(self) -> dict[str, Any]:
        """Return what `load_state` must know beside the arrays, as JSON holds it."""
        return {
            "picture_shape": self.picture_shape_,
            "features": self.n_features_in_,
            "loss": self.loss_,
            "history": self.history_,
        }

    def state(self) -> dict[str, Array]:
        """Return all learned arrays by name; "layout" holds the JSON that `load_state` needs."""
        arrays = {**arrays_of(network=self.network_), **self.prior_.state()}
        return {**arrays, "centre": self.centre_.numpy(), "layout": packed(self._layout())}

    def load_state(self, state: dict[str, Array]) -> Self:
        """Become the encoder that `state` was taken from; parameters must be the same."""
        self._restore(unpacked(state))
        if self.picture_shape_ is None:
            shape: tuple[int, ...] = (self.n_features_in_,)
        else:
            height, width, channels = self.picture_shape_
            shape = (channels, height, width)
        self.network_ = self._network(Units(self.loss_, shape), shape).eval()
        load_arrays(state, network=self.network_)
        self.centre_ = torch.from_numpy(np.array(state["centre"]))
        self.code_size_ = len(self.centre_)
        self.prior_ = Prior.from_state(state)
        return self

    def _restore(self, layout: dict[str, Any]) -> None:
        """Take back what `_layout` gave."""
        shape = layout["picture_shape"]
        self.picture_shape_ = None if shape is None else tuple(shape)
        self.n_features_in_ = layout["features"]
        self.loss_, self.history_ = layout["loss"], layout["history"]
