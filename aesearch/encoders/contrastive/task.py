"""What the agreement encoder trains: views that agree, and then a decoder."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from aesearch.encoders.layers.blocks import ContourGrid, Decoder
from aesearch.encoders.layers.patches import Backbone
from aesearch.encoders.training import losses
from aesearch.encoders.training.augment import Augmenter
from aesearch.encoders.training.data import Source
from aesearch.encoders.training.device import training_device
from aesearch.encoders.training.noise import Noise
from aesearch.encoders.training.task import Task
from aesearch.types import Array

DECODED = 64  # pictures of a batch that are also reconstructed
LEARNED_FROM = 0.35  # share of training after which what was learned tells neighbors too
REFRESHES = 3
NEIGHBOR_SHARE = 0.8  # of the pairs, where a picture has a trusted neighbor


class AgreementNetwork(nn.Module):
    """Everything that the first phase trains; of these the encoder keeps only the backbone.

    Parameters
    ----------
    backbone : Backbone
    decoder : Decoder
    code_size : int
        Dimensions between backbone and decoder.
    contours : ContourGrid or None
        Predicted from every view, in its standard form; None where there is no geometry.
    samples, neighbors : int
        Pictures, and how many neighbors each is paired with.
    """

    pairs: Tensor
    refreshes: Tensor

    def __init__(
        self,
        backbone: Backbone,
        decoder: Decoder,
        code_size: int,
        contours: ContourGrid | None,
        samples: int,
        neighbors: int,
    ) -> None:
        super().__init__()
        size = backbone.outputs
        self.backbone = backbone
        self.decoder = decoder
        self.to_code = nn.Linear(size, code_size)
        # Codes are taken before this head: what it discards is what ranking needs.
        self.head = nn.Sequential(
            nn.Linear(size, size, bias=False), nn.BatchNorm1d(size), nn.ReLU(), nn.Linear(size, 128)
        )
        self.contours = contours
        if contours is not None:
            self.to_contours = nn.Linear(size, contours.size)
            self.contour_norm = nn.BatchNorm1d(contours.size, affine=False, momentum=0.01)
        # Buffers, so that a checkpoint has them.
        self.register_buffer("pairs", torch.full((samples, max(1, neighbors)), -1).int())
        self.register_buffer("refreshes", torch.zeros((), dtype=torch.int64))


class AgreementTask(Task):
    """Two augmented views, of one picture or of neighbors, should get codes that agree.

    Beside that the clean picture is reconstructed, which keeps the code decodable, and its
    contours are predicted, which steers a small collection to shape.

    Parameters
    ----------
    network : AgreementNetwork
    source : Source
    augment : callable
    temperature : float
    weights : dict
        Factors of "reconstruction" and "contours".
    variance : float
        Mean squared distance of a pixel from the mean picture.
    find_neighbors : callable or None
        Gives the current neighbors, (samples, k), -1 where there is none to trust; it is told
        whether what has been learned can be trusted.
    noise : callable
        Added to views; the target of reconstruction stays clean.

    References
    ----------
    T. Chen et al., SimCLR, ICML 2020. D. Dwibedi et al., With a little help from my friends:
    nearest-neighbor contrastive learning, ICCV 2021. C. Wei et al., Masked feature prediction
    for self-supervised visual pre-training (contours as target), CVPR 2022.
    """

    name = "agreement"

    def __init__(
        self,
        network: AgreementNetwork,
        source: Source,
        augment: Augmenter,
        *,
        temperature: float,
        weights: dict[str, float],
        variance: float,
        find_neighbors: Callable[[bool], Tensor] | None,
        noise: Noise,
    ) -> None:
        self.noise = noise
        self.module = self.network = network
        self.source, self.augment = source, augment
        self.samples = source.count
        self.device = training_device()
        self.temperature, self.weights, self.variance = temperature, weights, variance
        self.find_neighbors = find_neighbors

    def on_progress(self, progress: float) -> bool:
        """Look for neighbors at first, and at even distances of the second part of training."""
        if self.find_neighbors is None:
            return False
        trained = progress >= LEARNED_FROM
        due = 1
        if trained:
            due += int((progress - LEARNED_FROM) / (1 - LEARNED_FROM) * REFRESHES) + 1
        if due <= int(self.network.refreshes):
            return False
        self.network.refreshes.fill_(due)
        # Neighbors are looked for where the pictures are: on the processor.
        self.network.cpu()
        self.network.pairs.copy_(self.find_neighbors(trained))
        self.network.to(self.device).train()
        return True

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the terms "agreement", "reconstruction" and "contours"."""
        network, count = self.network, len(rows)
        partners = self._partners(rows)
        clean = self.source.batch(rows.numpy())
        other = clean.clone()
        moved = partners != rows
        if moved.any():
            other[moved] = self.source.batch(partners[moved].numpy())
        views = self.noise(self.augment(torch.cat([clean, other]))).to(self.device)
        clean = clean.to(self.device)
        maps = network.backbone(views.contiguous(memory_format=torch.channels_last))
        pooled = maps.mean(dim=(2, 3))
        heads = network.head(pooled)
        terms = {"agreement": losses.agreement(heads[:count], heads[count:], self.temperature)}
        if weight := self.weights.get("reconstruction"):
            decoded = network.decoder(network.to_code(pooled[: min(count, DECODED)]))
            terms["reconstruction"] = weight * losses.reconstruction(
                decoded, clean[:DECODED], self.variance
            )
        if network.contours is not None and (weight := self.weights.get("contours")):
            with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
                target = network.contour_norm(network.contours(clean))
            told = network.to_contours(pooled[:count])
            terms["contours"] = weight * losses.reconstruction(told, target)
        return terms

    def _partners(self, rows: Tensor) -> Tensor:
        """Return for each row itself or one of its neighbors."""
        pairs = self.network.pairs[rows.to(self.device)].cpu()
        pick = torch.randint(pairs.shape[1], (len(rows), 1))
        chosen = pairs.gather(1, pick).squeeze(1).long()
        use = (torch.rand(len(rows)) < NEIGHBOR_SHARE) & (chosen >= 0)
        return torch.where(use, chosen, rows)


class DecoderTask(Task):
    """Reconstruct pictures from the final codes, which do not change any more."""

    name = "decoder"

    def __init__(
        self, decoder: Decoder, latents: Tensor, rows: Array, source: Source, variance: float
    ) -> None:
        self.module = self.decoder = decoder
        self.latents, self.rows, self.source = latents, rows, source
        self.samples = len(rows)
        self.variance = variance
        self.device = training_device()

    def losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the term "reconstruction", a share of the variance of the pictures."""
        clean = self.source.batch(self.rows[rows.numpy()]).to(self.device)
        decoded = self.decoder(self.latents[rows].to(self.device))
        return {"reconstruction": losses.reconstruction(decoded, clean, self.variance)}
