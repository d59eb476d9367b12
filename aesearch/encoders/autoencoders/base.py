"""The shared form of the encoders that are one network, trained by gradient descent."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any, ClassVar

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
from aesearch.encoders.layers.likelihood import LOSSES, Likelihood, loss_for
from aesearch.encoders.parameters import Above, AtLeast, AtMost, OneOf, Weight
from aesearch.encoders.sparse import canonical, is_sparse
from aesearch.encoders.torch_encoder import FEW, LOOKED_AT, TrainedEncoder
from aesearch.encoders.training.data import (
    Batches,
    ImageSource,
    RowSource,
    spread_rows,
)
from aesearch.encoders.training.noise import noise_of
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Epochs
from aesearch.encoders.training.trainer import History, train
from aesearch.types import Array

EPOCHS = Epochs(shown=1_000_000, fewest=20, most=200)
# As floats, all at once: 200 MB.
FEWEST_LOOKED_AT, VALUES_LOOKED_AT = 1_000, 50_000_000
FEWEST_VALIDATED = 8
STEPS, SMALLEST_BATCH = 16, 16  # of an epoch, and of a step, where samples are few
MOST_VALIDATED = 5_000


@dataclass(eq=False, repr=False)
class Autoencoder(TrainedEncoder):
    """What the trained encoders have in common; each of them adds its network.

    Parameters
    ----------
    loss : {"auto", "squared", "cross-entropy", "multinomial"}, default="auto"
        "squared" (a Gaussian likelihood) for any numbers; "cross-entropy" (Bernoulli) for values
        in 0..1; "multinomial" for counts, such as those of words. "auto" takes cross-entropy for
        pictures of ink on a ground, multinomial for sparse tables of whole numbers, else squared.
    shift : int, default=0
        Pictures are also shown, and decoded, moved by up to so many pixels: more to learn from.
        In the last tenth of the training they are shown as they are.
    epochs : int, optional
        How often each sample is seen; by default about a million samples in all, and between 20
        and 200 times.
    batch_size : int, default=256
        Samples per step; fewer in a small collection, so that an epoch has 16 steps.
    learning_rate : float, default=0.001
        Peak rate of AdamW: it rises over the first 3 % of the training, and falls as a cosine.
    weight_decay : float, default=1e-4
        Decoupled decay of AdamW.
    validation : float, default=0.05
        Share of the samples that is held out: the state that is best there is kept, and
        training ends when it gets no better. 0 trains on all, to the end.

    Attributes
    ----------
    history_ : list of dict
        Each term of the loss, and the validation loss, per epoch, as JSON holds them.
    loss_ : str
        The loss that was taken.
    network_ : Network

    See Also
    --------
    TrainedEncoder : noise, the seed, and what else all trained encoders have.
    """

    task_type: ClassVar[type[NetworkTask]] = NetworkTask

    _: KW_ONLY
    loss: Annotated[str, OneOf("auto", *LOSSES)] = "auto"
    shift: Annotated[int, AtLeast(0)] = 0
    batch_size: Annotated[int, AtLeast(2)] = 256
    learning_rate: Annotated[float, Above(0)] = 1e-3
    weight_decay: Weight = 1e-4
    validation: Annotated[float, AtLeast(0), AtMost(0.5)] = 0.05

    @abstractmethod
    def _network(self, likelihood: Likelihood, shape: tuple[int, ...]) -> Network:
        """Make the untrained network for samples of `shape`."""

    def _fit(self, X: Array, y: object, session: Session) -> None:
        if is_sparse(X):
            X = canonical(X)
        labels = self._encode_labels(y, X.shape[0])
        source: Batches = RowSource(X) if self.image_shape_ is None else ImageSource(X)
        self.network_ = self._network(self._likelihood_for(X, source), source.shape)
        self.history_ = self._train(source, labels, session)
        self._finalize(self._some_latents(source))

    def _likelihood_for(self, X: Array, source: Batches) -> Likelihood:
        """Choose the loss, and look at the scale of the samples: of a sparse table, of all."""
        if is_sparse(X):
            self.loss_ = loss_for(self.loss, X, images=False)
            return Likelihood(self.loss_, source.shape).fit(X)
        most = min(LOOKED_AT, max(FEWEST_LOOKED_AT, VALUES_LOOKED_AT // self.n_features_in_))
        looked_at = source.batch(spread_rows(source.count, most))
        images = self.image_shape_ is not None
        self.loss_ = loss_for(self.loss, looked_at[:FEW], images=images)
        return Likelihood(self.loss_, source.shape).fit(looked_at)

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
        rows, held_out = np.sort(order[kept:]), np.sort(order[:kept])
        noise = noise_of(self.noise, self.noise_level)
        shift = self.shift if self.image_shape_ else 0
        task = self.task_type(self.network_, source, rows, held_out, labels, noise, shift)
        task.name = type(self).__name__.lower()
        self._configure(task, source, self.epochs or EPOCHS.of(source.count))
        task.batch_size = min(self.batch_size, max(SMALLEST_BATCH, task.samples // STEPS))
        task.learning_rate, task.weight_decay = self.learning_rate, self.weight_decay
        # With nothing held out there is nothing that a longer training could spoil.
        task.patience = max(10, task.epochs // 4) if kept else task.epochs
        return task

    def _some_latents(self, source: Batches) -> Tensor:
        """Encode samples that are spread over all."""
        rows = spread_rows(source.count, LOOKED_AT)
        step = BATCH if self.image_shape_ else rows_at_once(self.n_features_in_)
        parts = np.array_split(rows, -(-len(rows) // step))
        return torch.cat([self._latents(source, part) for part in parts])

    def _finalize(self, latents: Tensor) -> None:
        super()._finalize(latents)
        self.center_ = latents.mean(dim=0)

    @torch.inference_mode()
    def _latents(self, source: Batches, rows: Array) -> Tensor:
        return self.network_.encode(self.network_.likelihood.inputs(source.batch(rows)))

    def encoder_module(self) -> nn.Module:
        """Return the module from stored pictures (uint8), or rows (float32), to (code, latent)."""
        images = self.image_shape_ is not None
        return EncoderModule(self.network_, self.center_, images=images).eval()

    def decoder_module(self) -> nn.Module:
        """Return the module from latents to pictures in 0..255, or to rows."""
        return DecoderModule(self.network_, images=self.image_shape_ is not None).eval()

    def _modules(self) -> dict[str, nn.Module]:
        return {"network": self.network_}

    def _arrays(self) -> dict[str, Array]:
        return {"centre": self.center_.numpy()}

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "loss": self.loss_}

    def _rebuild(self, layout: Mapping[str, Any], state: Mapping[str, Array]) -> None:
        self.loss_ = layout["loss"]
        shape: tuple[int, ...] = (self.n_features_in_,)
        if self.image_shape_ is not None:
            height, width, channels = self.image_shape_
            shape = (channels, height, width)
        self.network_ = self._network(Likelihood(self.loss_, shape), shape).eval()
        self.center_ = torch.from_numpy(np.array(state["centre"]))
        self.code_size_ = len(self.center_)
