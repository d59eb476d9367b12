"""The default encoder of pictures: a convolutional autoencoder whose codes agree across views."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from aesearch.encoders.closed.described import Described
from aesearch.encoders.closed.fusion import (
    DESCRIPTIONS,
    DescriptionGraph,
    Projected,
    described,
    join,
    projected,
    rebuilt,
)
from aesearch.encoders.closed.weights import Weighing, check_weights, weights_of
from aesearch.encoders.contrastive.former import FUSIONS, FormerGraph
from aesearch.encoders.contrastive.fusion import (
    DecoderGraph,
    LearnedFeatures,
    solve_linear_part,
    view_side,
)
from aesearch.encoders.contrastive.task import (
    AgreementNetwork,
    AgreementTask,
    DecoderTask,
)
from aesearch.encoders.labels import label_groups
from aesearch.encoders.layers.blocks import ContourGrid, Decoder, ResidualBackbone, unit
from aesearch.encoders.layers.patches import SMALLEST_SIDE, Backbone, PatchBackbone
from aesearch.encoders.layers.projection import principal
from aesearch.encoders.parameters import Above, AtLeast, Count, OneOf, Weight
from aesearch.encoders.torch_encoder import FEW, LOOKED_AT, TrainedEncoder
from aesearch.encoders.training.augment import augmenter, family_of
from aesearch.encoders.training.data import (
    Batches,
    Source,
    blocks,
    source_of,
    spread_rows,
)
from aesearch.encoders.training.device import autocast
from aesearch.encoders.training.neighbors import trusted_neighbors
from aesearch.encoders.training.noise import noise_of
from aesearch.encoders.training.session import Session
from aesearch.encoders.training.task import Epochs, Task
from aesearch.encoders.training.trainer import History, train
from aesearch.types import Array

BRANCH_SIZE = 64  # of codes by which neighbors are found
PARTS = ("learned", *DESCRIPTIONS)
# Of the strongest description: flat from 1 to 1.4 in the mean of seven sets, digits want more and
# coins less (docs/development/training.md).
COUNTS = {"learned": 1.2}
MIRRORED = ("photo", "object")  # families whose views are mirrored too
FAMILIES = ("auto", "photo", "object", "glyph", "table")
DECODER_SHARE = 0.12  # of the time
FUSION_SHARE = 0.04  # encoding all and solving for the projections, between the two phases
SMALLEST_VARIANCE = 1e-9
LEARNED_FROM = 5_000  # samples for the projections that only serve to find neighbors
FEWEST_NEIGHBORS, MOST_NEIGHBORS = 4, 100
SAMPLES_PER_NEIGHBOR = 1_200
NETWORKS: Mapping[str, type[Backbone]] = {"patches": PatchBackbone, "pixels": ResidualBackbone}
RATES = {"patches": 6e-3, "pixels": 2e-3}
# By pairs of views, whatever the number of pictures.
MOST_EPOCHS = 120
EPOCHS = Epochs(shown=320_000, fewest=8, most=MOST_EPOCHS)
DECODER_EPOCHS = Epochs(shown=80_000, fewest=8, most=40)


@dataclass(eq=False, repr=False)
class AgreementEncoder(TrainedEncoder):
    """Convolutional autoencoder trained so that augmented views of a picture get one code.

    Learned together: two views of a picture, or of neighbors, agree; its contours can be told from
    any view; and, where that is wanted, the clean picture can be decoded. The
    learned features are joined with those of `descriptions` (contours, thumbnail, colors, patches),
    each weighted for the collection, and projected to `code_size` numbers. What is near by the
    descriptions alone teaches the network from its first step. A decoder is then fitted to the
    final codes.

    Parameters
    ----------
    code_size : int, default=64
        Dimensions of a code; fewer where the samples span fewer dimensions.
    network : {"patches", "pixels"}, default="patches"
        What the first layer sees: whitened patches, and the maps after it are few; or pixels, with
        filters that are learned, which takes twice as long. Tables and pictures below 16
        pixels have "pixels".
    width : int, default=32
        Channels of the first maps; the last have 4 times as many on patches, 8 times on pixels.
    epochs : int, optional
        How often each picture is seen; by default about 320,000 pairs of views in all, and
        between 8 and 120 times.
    batch_size : int, default=256
        Pictures per step, two views each.
    augment : {"auto", "photo", "object", "glyph", "table"}, default="auto"
        Family of augmentations; "auto" tells from the pictures (see `family_of`).
    temperature : float, default=0.3
        Of the agreement: lower ranks the nearest finer, higher gathers groups.
    reconstruction : float, default=0
        Weight of decoding the clean picture while the network is trained. The decoder is fitted
        afterwards in any case.
    noise : {"gaussian", "mask", "dropout"}, optional
        Further corruption of the views; see `noise_of`.
    noise_level : float, default=0.3
    neighbors : int, optional
        How many neighbors count as further views; by default one in 1,200 pictures, 4 to 100.
    weights : mapping of str to float, optional
        How much what is learned, contours, thumbnail, colors and patches count, such as
        ``learned:1,contours:.5``; what is not named counts nothing. By default told from the
        collection, as `descriptions` does: by labels where `fit` gets them.
    random_state : int, default=0
        Seed; without a time budget the result is the same on the same machine.

    Attributes
    ----------
    code_size_ : int
        Dimensions of a code.
    family_ : str
        Family of augmentations that was used.
    network_ : str
        What the first layer sees.
    weights_from_ : {"parameters", "labels", "neighbors"}
        What told the weights.
    history_ : list of dict
        Losses per epoch, as JSON holds them.
    reconstruction_error_ : float
        Mean squared error of the decoder on the samples it was fitted to, pixels in 0..1.

    References
    ----------
    G. Hinton and R. Salakhutdinov, Reducing the dimensionality of data with neural networks,
    Science 2006. T. Chen et al., SimCLR, ICML 2020. D. Dwibedi et al., NNCLR, ICCV 2021.
    H. Jegou and O. Chum, Negative evidences and co-occurences in image retrieval: the benefit of
    PCA and whitening, ECCV 2012.
    """

    may_use_labels: ClassVar[bool] = True

    _: KW_ONLY
    network: Annotated[str, OneOf(*NETWORKS)] = "patches"
    width: Count = 32
    batch_size: Count = 256
    augment: Annotated[str, OneOf(*FAMILIES)] = "auto"
    temperature: Annotated[float, Above(0)] = 0.3
    reconstruction: Weight = 0.0
    neighbors: Annotated[int | None, AtLeast(0)] = None
    weights: Annotated[Mapping[str, float] | None, AtLeast(0)] = None

    def check_parameters(self) -> None:
        """Check the parameters; see `Encoder.check_parameters`."""
        super().check_parameters()
        check_weights(self.weights, PARTS)

    def _fit(self, X: Array, y: object, session: Session) -> None:
        started = time.perf_counter()
        source = source_of(X)
        sample = source.batch(spread_rows(source.count, FEW))
        self.family_ = self._family_of(sample) if self.augment == "auto" else self.augment
        rows = spread_rows(source.count, LOOKED_AT)
        found = session.described or Described()
        layers, parts = found.of(source, self._names(), self.random_state, rows)
        neighbors, labels = self._neighbors_in(source.count), label_groups(y, source.count)
        fixed = self._fixed_codes(layers, parts, source) if neighbors else None
        session = session.after(time.perf_counter() - started)
        variance = float((sample - sample.mean(dim=0)).square().mean()) + SMALLEST_VARIANCE
        small = self.image_shape_ is None or source.side < SMALLEST_SIDE
        self.network_ = "pixels" if small else self.network
        backbone = self._backbone(source, sample)
        learned = LearnedFeatures(backbone, source.side, self.family_ in MIRRORED)
        self.history_ = self._train_backbone(learned, fixed, source, variance, session)
        backbone.eval()
        layers = {"learned": learned, **layers}
        parts = {**projected({"learned": learned}, source, rows), **parts}
        known = None if labels is None else labels[rows]
        weigh = Weighing(self.weights, known, self.code_size, COUNTS)
        graph, latents = join(layers, parts, source, self.code_size, weigh)
        self.encoder_: DescriptionGraph | FormerGraph = graph
        self.weights_from_ = weigh.told_from
        self._finalize(latents)
        self.history_ += self._train_decoder(latents, rows, source, variance, session)

    def _names(self) -> list[str]:
        """Descriptions that teach, and may count; cells of a table have no contours, nor colors."""
        return ["thumbnail"] if self.image_shape_ is None else list(DESCRIPTIONS)

    @torch.inference_mode()
    def _fixed_codes(
        self,
        layers: Mapping[str, nn.Module],
        parts: Mapping[str, Projected],
        source: Source,
    ) -> Tensor:
        """Codes of all samples by what needs no training, of length 1."""
        graph, latents = join(layers, parts, source, BRANCH_SIZE, weights_of)
        if len(latents) == source.count:  # all of them, and described once
            return unit(latents)
        every = blocks(np.arange(source.count))
        return unit(torch.cat([graph.latents(source.batch(part)) for part in every]))

    def _family_of(self, sample: Tensor) -> str:
        """Tell the family of augmentations from a sample."""
        if self.image_shape_ is None:
            return "table"
        return family_of((sample.permute(0, 2, 3, 1) * 255).numpy())

    def _backbone(self, source: Source, sample: Tensor) -> Backbone:
        """Make the backbone, which scales what it sees as a sample is scaled."""
        backbone = NETWORKS[self.network_](source.channels, source.side, self.width)
        backbone.mean.copy_(sample.mean(dim=(0, 2, 3), keepdim=True))
        spread = sample.std(dim=(0, 2, 3), keepdim=True)
        backbone.scale.copy_(1 / spread.clamp(min=0.05))
        if isinstance(backbone, PatchBackbone):
            backbone.whiten(sample)
        return backbone

    def _train_backbone(
        self,
        learned: LearnedFeatures,
        fixed: Tensor | None,
        source: Source,
        variance: float,
        session: Session,
    ) -> History:
        neighbors = self._neighbors_in(source.count)
        find = None
        if fixed is not None:
            find = partial(self._find_neighbors, learned, fixed, source, neighbors)
        task = AgreementTask(
            self._network(learned.backbone, source, neighbors),
            source,
            augmenter(self.family_, view_side(source.side)),
            temperature=self.temperature,
            weights={"reconstruction": self.reconstruction, "contours": 1.0},
            variance=variance,
            find_neighbors=find,
            noise=noise_of(self.noise, self.noise_level),
        )
        self._configure(task, source, self.epochs or EPOCHS.of(source.count))
        task.learning_rate = RATES[self.network_]
        phase = session.phase(0.0, 1 - DECODER_SHARE - FUSION_SHARE)
        return train(task, phase, seed=self.random_state)

    def _neighbors_in(self, count: int) -> int:
        """How many neighbors of each of so many samples count as further views."""
        usual = min(MOST_NEIGHBORS, max(FEWEST_NEIGHBORS, count // SAMPLES_PER_NEIGHBOR))
        return min(usual if self.neighbors is None else self.neighbors, count - 1)

    def _network(self, backbone: Backbone, source: Source, neighbors: int) -> AgreementNetwork:
        contours = None if self.family_ == "table" else ContourGrid(source.side, 8)
        decoder = Decoder(self.code_size, source.channels, source.side, self.width)
        network = AgreementNetwork(
            backbone, decoder, self.code_size, contours, source.count, neighbors
        )
        return network.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def _find_neighbors(
        self,
        learned: LearnedFeatures,
        fixed: Tensor,
        source: Source,
        wanted: int,
        trained: bool,
    ) -> Tensor:
        """Neighbors of each sample, as `AgreementTask` wants: by what needs no training, at first.

        Once something has been learned, they are near by both.
        """
        if not trained:
            return trusted_neighbors(fixed, wanted, source.count)
        learned.eval()
        with autocast(torch.device("cpu")):
            few = described(learned, source, spread_rows(source.count, LEARNED_FROM))
            mean, matrix = principal(few, BRANCH_SIZE, 0.5)
            rows = blocks(np.arange(source.count))
            parts = [(learned(source.batch(part)).float() - mean) @ matrix for part in rows]
        codes = unit(torch.cat([fixed, unit(torch.cat(parts).float())], dim=1))
        return trusted_neighbors(codes, wanted, source.count)

    def _train_decoder(
        self, latents: Tensor, rows: Array, source: Source, variance: float, session: Session
    ) -> History:
        latents = latents.clone()  # made in inference mode, which autograd refuses
        decoder = Decoder(self.code_size_, source.channels, source.side, self.width)
        decoder.latent_mean.copy_(latents.mean(dim=0))
        decoder.latent_scale.copy_(1 / latents.std(dim=0).clamp(min=1e-6))
        solve_linear_part(decoder, latents, rows, source)
        task = DecoderTask(
            decoder.to(memory_format=torch.channels_last),
            latents,
            rows,
            source,
            variance,
        )
        self._configure(task, source, self.epochs or DECODER_EPOCHS.of(len(rows)))
        task.weight_decay = 1e-4
        history = train(task, session.phase(1 - DECODER_SHARE, 1.0), seed=self.random_state)
        self.decoder_ = decoder
        with torch.inference_mode():
            looked_at = spread_rows(len(rows), FEW)
            gap = decoder(latents[looked_at]).clamp(0, 1) - source.batch(rows[looked_at])
        self.reconstruction_error_ = float(gap.square().mean())
        return [{"phase": "decoder", **entry} for entry in history]

    def _configure(self, task: Task, source: Batches, epochs: int) -> None:
        super()._configure(task, source, epochs)
        task.batch_size = self.batch_size
        task.patience = max(30, epochs // 3)

    def encoder_module(self) -> nn.Module:
        """Return the module from stored pictures (uint8), or rows (float32), to (code, latent)."""
        return self.encoder_

    def decoder_module(self) -> nn.Module:
        """Return the module from latents to pictures in 0..255, or to rows."""
        table = None
        if self.image_shape_ is None:
            table = self.encoder_.low, self.encoder_.width
        return DecoderGraph(self.decoder_, table).eval()

    def _modules(self) -> dict[str, nn.Module]:
        return {"encoder": self.encoder_, "decoder": self.decoder_}

    def weights_of_parts(self) -> dict[str, float]:
        """Return how much each description counts, and what was learned."""
        found: dict[str, float] = self.encoder_.layout().get("weights", {})
        return found

    def _layout(self) -> dict[str, Any]:
        return {
            **super()._layout(),
            **self.encoder_.layout(),
            "weights_from": self.weights_from_,
            "family": self.family_,
            "network": self.network_,
            "reconstruction_error": self.reconstruction_error_,
        }

    def _rebuild(self, layout: Mapping[str, Any], state: Mapping[str, Array]) -> None:
        self.family_ = layout["family"]
        self.weights_from_ = layout.get("weights_from", "")
        self.reconstruction_error_ = layout["reconstruction_error"]
        self.code_size_ = layout["sizes"][-1]
        channels, side, columns = self._form()
        self.network_ = layout.get("network", "pixels")
        backbone: Backbone
        if "weights" in layout:
            backbone = NETWORKS[self.network_](channels, side, self.width)
            learned = LearnedFeatures(backbone, side, self.family_ in MIRRORED)
            self.encoder_ = rebuilt(layout, self._form(), {"learned": learned})
        else:
            backbone = ResidualBackbone(channels, side, self.width)
            fusion = FUSIONS[self.family_]
            self.encoder_ = FormerGraph(
                backbone, channels, side, fusion, layout["sizes"], columns
            ).eval()
        self.decoder_ = Decoder(self.code_size_, channels, side, self.width).eval()
        for module in (backbone, self.decoder_):
            module.to(memory_format=torch.channels_last)  # as in training: the same last digits
