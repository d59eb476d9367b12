"""What an index can generate: pictures out of codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from aesearch.errors import ContentError
from aesearch.inference.encoder import FrozenEncoder
from aesearch.inference.generate import decode, interpolate, plane, reconstruct, sample
from aesearch.ingest.differences import source_of
from aesearch.modalities.images.pixels import Content, ImageFeatures
from aesearch.sources.folder import read_file
from aesearch.types import Array, Floats, Pixels

if TYPE_CHECKING:
    from aesearch.inference.frechet import SampleDistance
    from aesearch.storage.folder import IndexFolder


class Generator:
    """What an index can generate, as ``index.generate``.

    Pictures come as uint8 arrays of shape (n, height, width, channels), in the size that the
    encoder works with; ``PIL.Image.fromarray`` makes a picture of each with 3 channels.

    Examples
    --------
    >>> with aesearch.open("images") as index:      # doctest: +SKIP
    ...     pictures = index.generate.sample(16, seed=1)
    ...     between = index.generate.interpolate("cats/1.jpg", "dogs/7.jpg", steps=10)
    ...     copies, errors = index.generate.reconstruct(["photo.png"])
    """

    def __init__(self, folder: IndexFolder) -> None:
        self._folder = folder

    @property
    def _encoder(self) -> FrozenEncoder:
        return self._folder.snapshot().encoder

    @property
    def _features(self) -> ImageFeatures:
        return cast(ImageFeatures, self._folder.snapshot().features)

    @property
    def groups(self) -> tuple[str, ...]:
        """The classes that can be sampled; empty where the encoder has learned none."""
        return self._encoder.prior.names

    def sample(self, count: int = 1, *, seed: int = 0, group: str | None = None) -> Array:
        """Return new pictures, drawn at random; see :func:`sample`."""
        return sample(self._encoder, count, seed=seed, group=group)

    def plane(
        self, across: int = 0, down: int = 1, *, steps: int = 8, group: str | None = None
    ) -> Array:
        """Return a grid of pictures over two numbers of the code; see :func:`plane`."""
        return plane(self._encoder, across, down, steps=steps, group=group)

    def decode(self, latents: Array) -> Array:
        """Return the pictures of latent codes, shape (n, code_size); see :func:`decode`."""
        return decode(self._encoder, latents)

    def interpolate(self, first: Content, second: Content, *, steps: int = 8) -> Array:
        """Return pictures on the way from one picture to another; see :func:`interpolate`.

        Parameters
        ----------
        first, second : path, key, bytes, PIL image or ndarray
            As `search` takes them, or keys of items; where a file has this name too, it is meant.
        steps : int

        Raises
        ------
        ContentError
            If one is neither a file nor an item, or cannot be read as a picture.
        """
        ends = [self.pixels(content) for content in (first, second)]
        return interpolate(self._encoder, *ends, steps=steps)

    def reconstruct(self, contents: Sequence[Content]) -> tuple[Array, Floats]:
        """Return what pictures become when encoded and decoded, and the mean squared errors.

        Parameters
        ----------
        contents : sequence of path, key, bytes, PIL image or ndarray
            As `interpolate` takes them.

        Raises
        ------
        ContentError
            If one cannot be read as a picture.
        """
        features = self._features
        pixels = [self.pixels(content) for content in contents]
        stacked = np.stack(pixels) if pixels else np.empty((0, *features.shape), dtype=np.uint8)
        return reconstruct(self._encoder, stacked)

    def distance(self, *, seed: int = 0) -> SampleDistance | None:
        """Return how near samples come to the real pictures; see `frechet.sample_distance`."""
        from aesearch.inference.frechet import sample_distance

        return sample_distance(self._encoder, self._folder.store.codes()[1], seed=seed)

    def pixels(self, content: Content) -> Pixels:
        """Return a picture as the encoder takes it, (height, width, channels).

        Parameters
        ----------
        content : path, key, bytes, PIL image or ndarray
            As `interpolate` takes it.

        Raises
        ------
        ContentError
            If it is neither a file nor an item, or no picture; the message names it.
        """
        name = f"{content}: " if isinstance(content, str | Path) else ""
        if isinstance(content, str) and not Path(content).exists():
            if not self._folder.ids_of([content]):
                raise ContentError(f"{name}neither a file nor an item of {self._folder.name}")
            content = self._content_of(content)
        try:
            if isinstance(content, str | Path):
                content = read_file(content)
            pixels: Pixels = self._features.transform(content)
            return pixels
        except ContentError as error:
            raise ContentError(f"{name}{error}") from error

    def _content_of(self, key: str) -> Content:
        """Return the file of an item, or the small picture kept of one that was added by hand."""
        if self._folder.is_tabular and key not in self._folder.added_contents():
            return source_of(self._folder).read(key)
        path = self._folder.path_of(key)
        if path.exists():
            return path
        return self._folder.added_contents().get(key, path)
