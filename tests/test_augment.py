"""Distortions: what they change, and what they must leave."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from aesearch.encoders.training.augment import augmenter, family_of, glyph, photo, table


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def strokes(count: int = 200) -> np.ndarray:
    """White corner brackets on black: unlike their mirror image."""
    pictures = np.zeros((count, 32, 32, 1), dtype=np.uint8)
    pictures[:, 8:24, 10:13] = 255
    pictures[:, 21:24, 10:20] = 255
    return pictures


def as_tensor(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def test_family_of_strokes_is_glyph_whatever_the_ground_and_the_channels() -> None:
    assert family_of(strokes()) == "glyph"
    assert family_of(255 - strokes()) == "glyph"
    assert family_of(strokes().repeat(3, axis=3)) == "glyph"


def test_family_of_colour_or_of_grey_scenes_is_photo() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), dtype=np.uint8)
    assert family_of(noise) == "photo"
    assert family_of(noise[..., :1]) == "photo"
    red = strokes().repeat(3, axis=3)
    red[..., 1:] = 0
    assert family_of(red) == "photo"


def test_family_of_solid_grey_things_on_a_flat_ground_is_object() -> None:
    things = np.full((50, 32, 32, 1), 255, dtype=np.uint8)
    things[:, 6:26, 8:24] = np.linspace(40, 200, 16, dtype=np.uint8)[:, None]
    assert family_of(things) == "object"
    assert family_of(255 - things) == "object"


def test_family_of_digits_is_glyph_however_small_or_large_they_are_kept() -> None:
    digits = (load_digits().images[:300] * 255 / 16).astype(np.uint8)[..., None]
    assert family_of(digits) == "glyph"
    assert family_of(digits.repeat(4, axis=1).repeat(4, axis=2)) == "glyph"


@pytest.mark.parametrize(
    ("family", "channels"), [("photo", 3), ("photo", 1), ("object", 1), ("glyph", 1)]
)
def test_views_have_the_wanted_side_stay_in_range_and_differ(family: str, channels: int) -> None:
    x = torch.rand(16, channels, 32, 32)
    augment = augmenter(family, 24)
    first, second = augment(x), augment(x)
    assert first.shape == (16, channels, 24, 24)
    assert first.min() >= -1e-6
    assert first.max() <= 1 + 1e-6
    assert (first - second).abs().mean() > 0.02


def test_the_seed_decides_the_view() -> None:
    x = torch.rand(8, 3, 32, 32)
    torch.manual_seed(5)
    first = photo(x, 32)
    torch.manual_seed(5)
    torch.testing.assert_close(photo(x, 32), first, rtol=0, atol=0)


def likeness(views: Tensor, model: Tensor) -> Tensor:
    a, b = views.flatten(1), model.flatten(1)
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))


def test_photos_are_mirrored_half_of_the_time_and_glyphs_never() -> None:
    # Light on the left: only a mirror image has it on the right.
    ramp = torch.linspace(1, 0, 32).expand(400, 1, 32, 32).contiguous()
    slope = photo(ramp, 32).mean(dim=(1, 2))
    mirrored = (slope[:, 0] < slope[:, -1]).float().mean()
    assert 0.4 < mirrored < 0.6
    x = as_tensor(strokes())
    views = glyph(x, 32)
    assert (likeness(views, x) > likeness(views, x.flip(3))).float().mean() > 0.9


def test_glyphs_keep_their_ground_and_their_strokes() -> None:
    x = as_tensor(strokes())
    views = glyph(x, 32)
    assert views[:, :, :3, -3:].mean() < 0.02
    ink = views.mean(dim=(1, 2, 3)) / x.mean()
    assert 0.6 < ink.median() < 1.6
    assert glyph(1 - x, 32)[:, :, :3, -3:].mean() > 0.7


def test_photo_views_are_parts_of_the_picture() -> None:
    flat = torch.tensor([0.8, 0.5, 0.3]).view(1, 3, 1, 1).expand(300, 3, 32, 32).contiguous()
    views = photo(flat, 24)
    assert views.std(dim=(2, 3)).max() < 1e-4  # nothing from outside shows
    colours = views.mean(dim=(2, 3))
    assert colours.std(dim=0).min() > 0.03
    kept_order = (colours[:, 0] > colours[:, 2]).float().mean()
    grey = ((colours[:, 0] - colours[:, 2]).abs() < 0.02).float().mean()
    assert kept_order > 0.7
    assert 0.1 < grey < 0.35


def test_tables_exchange_a_fifth_of_their_numbers_within_columns() -> None:
    x = torch.arange(100.0)[None].expand(64, 100) * 10 + torch.rand(64, 100)
    view = table(x.view(64, 1, 10, 10)).view(64, 100)
    assert (view.round(decimals=-1) - x.round(decimals=-1)).abs().max() <= 10
    changed = ((view - x).abs() > 0.15).float().mean()
    assert 0.1 < changed < 0.25
