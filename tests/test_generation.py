"""Generating: what comes out for which codes, of an encoder of a real small index."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from collections_ import command, write_pictures
from conftest import make_picture
from PIL import Image
from safetensors.numpy import load_file, save_file

import aesearch
from aesearch.errors import ContentError, DamagedError, ParameterError, UnsupportedError
from aesearch.inference import generate as generation
from aesearch.inference.encoder import WEIGHTS, FrozenEncoder, checksum
from aesearch.inference.manifest import MANIFEST
from aesearch.inference.prior import Prior

N = 36


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("generation").resolve()
    write_pictures(root / "photos", N)
    assert command("index", root / "photos", "--index", root / "ix", "--budget", "0").code == 0
    return root / "ix"


@pytest.fixture
def index(place):
    with aesearch.open(place) as opened:
        yield opened


@pytest.fixture
def encoder(index) -> FrozenEncoder:
    return index.encoder


@pytest.fixture
def classes(encoder) -> FrozenEncoder:
    """An encoder with three classes, each at the codes of one picture and 0.1 wide."""
    latents = encoder.encode_with_latents(three())[1]
    deviations = np.full(encoder.code_size, 0.1, dtype=np.float32)
    encoder.prior = Prior(latents, deviations, ("a", "b", "c"), (0.5, 0.5, 0.0))
    return encoder


def three():
    return np.stack([seen("disks", 0), seen("stripes", 1), seen("squares", 2)])


def seen(kind: str, seed: int):
    return make_picture(kind, seed, 32)


def rounded(decoded):
    return np.clip(np.rint(decoded), 0, 255).astype(np.uint8)


def assert_same_pixels(found, expected):
    """Decoded in other batches, a pixel that is half way may be rounded to either side."""
    assert found.dtype == expected.dtype == np.uint8
    gaps = np.abs(found.astype(int) - expected)
    assert gaps.max() <= 1
    assert gaps.mean() < 0.01


def test_the_prior_is_that_of_the_indexed_pictures(index, encoder):
    pictures = np.stack([index.generate.pixels(item.key) for item in index.items()])
    latents = encoder.encode_with_latents(pictures)[1]
    deviations = encoder.prior.deviations  # of the nine tenths that it was fitted on
    assert (np.abs(encoder.prior.means[0] - latents.mean(axis=0)) < 0.3 * deviations).all()
    np.testing.assert_allclose(deviations, latents.std(axis=0), rtol=0.5)
    assert encoder.prior is encoder.prior


def test_samples_are_decoded_draws_from_the_prior(encoder):
    pictures = generation.sample(encoder, 5, seed=3)
    assert pictures.dtype == np.uint8
    assert_same_pixels(pictures, rounded(encoder.decode(encoder.prior.draw(5, 3))))
    np.testing.assert_array_equal(pictures, generation.sample(encoder, 5, seed=3))
    assert (pictures != generation.sample(encoder, 5, seed=4)).any()


def test_codes_of_samples_follow_the_prior(encoder):
    """PCA decodes and encodes in a line, so codes come back but for what is clipped to 0..255."""
    prior = encoder.prior
    encoder.prior = Prior(prior.means, prior.factor / 4)  # less is clipped
    latents = encoder.encode_with_latents(generation.sample(encoder, 3000))[1]
    np.testing.assert_allclose(
        latents.mean(axis=0), prior.means[0], atol=0.15 * prior.deviations.max() / 4
    )
    first = prior.deviations > prior.deviations.max() / 4
    ratio = latents.std(axis=0)[first] / (prior.deviations[first] / 4)
    np.testing.assert_allclose(ratio, 1, atol=0.12)


def test_samples_of_a_group_are_like_it(classes):
    own = generation.reconstruct(classes, three())[0].astype(int)
    for number, name in enumerate("abc"):
        pictures = generation.sample(classes, 4, group=name).astype(int)
        gaps = np.abs(pictures[:, None] - own).mean(axis=(2, 3, 4))
        assert gaps.argmin(axis=1).tolist() == [number] * 4
    with pytest.raises(ParameterError, match="no group 'd' to draw from; known groups: a, b, c"):
        generation.sample(classes, 4, group="d")
    with pytest.raises(ParameterError, match="count must be 1 to"):
        generation.sample(classes, 0)


def test_the_middle_of_a_plane_is_the_mean_and_its_sides_are_two_deviations(encoder):
    grid = generation.plane(encoder, 2, 0, steps=5)
    assert grid.shape == (5, 5, 32, 32, 3)
    prior = encoder.prior
    assert_same_pixels(grid[2, 2], rounded(encoder.decode(prior.means))[0])
    right, low = prior.means.copy(), prior.means.copy()
    right[0, 2] += 2 * prior.deviations[2]
    low[0, 0] += prior.deviations[0]
    assert_same_pixels(grid[2, 4], rounded(encoder.decode(right))[0])
    assert_same_pixels(grid[3, 2], rounded(encoder.decode(low))[0])


def test_a_plane_of_groups(classes):
    own = generation.reconstruct(classes, three())[0]
    assert_same_pixels(generation.plane(classes, steps=3, group="b")[1, 1], own[1])
    means = classes.prior.means
    grid = generation.plane(classes, steps=3)  # of all: halfway between the two that occur
    assert_same_pixels(grid[1, 1], rounded(classes.decode((means[:1] + means[1:2]) / 2))[0])
    right = (means[:1] + means[1:2]) / 2
    right[0, 0] += 2 * np.hypot(0.1, (means[0, 0] - means[1, 0]) / 2)
    assert_same_pixels(grid[1, 2], rounded(classes.decode(right))[0])
    with pytest.raises(ParameterError, match="no group 'd'"):
        generation.plane(classes, group="d")


@pytest.mark.parametrize(
    ("across", "down", "steps", "words"),
    [
        (0, -1, 4, "down, one of the .* got -1"),
        (999, 1, 4, "across, one of the .* got 999"),
        (3, 3, 4, "two different dimensions of a code; got 3 twice"),
        (0, 1, 1, "steps must be 2 to 100; got 1"),
    ],
)
def test_planes_that_there_are_not(across, down, steps, words, encoder):
    with pytest.raises(ParameterError, match=words):
        generation.plane(encoder, across, down, steps=steps)


def test_a_way_goes_from_one_reconstruction_to_the_other(encoder):
    first, second = three()[:2]
    way = generation.interpolate(encoder, first, second, steps=5)
    ends, _ = generation.reconstruct(encoder, np.stack([first, second]))
    assert_same_pixels(way[[0, -1]], ends)
    latents = encoder.encode_with_latents(np.stack([first, second]))[1]
    middle = encoder.decode(latents.mean(axis=0, keepdims=True))[0]
    assert_same_pixels(way[2], rounded(middle))
    with pytest.raises(ParameterError, match="steps must be 2 to 100; got 101"):
        generation.interpolate(encoder, first, second, steps=101)


def test_reconstructions_and_their_errors(encoder):
    many = np.concatenate([three()] * 30)  # more than one batch
    pictures, errors = generation.reconstruct(encoder, many)
    decoded = encoder.decode(encoder.encode_with_latents(many)[1])
    assert_same_pixels(pictures, rounded(decoded))
    gaps = ((decoded - many) / 255) ** 2
    np.testing.assert_allclose(errors, gaps.mean(axis=(1, 2, 3)), rtol=1e-4)
    codes, same = encoder.errors(many)
    np.testing.assert_allclose(errors, same, rtol=1e-4)
    np.testing.assert_allclose(codes, encoder.encode(many), atol=1e-5)
    pictures, errors = generation.reconstruct(encoder, many[:0])
    assert (pictures.shape, errors.shape) == ((0, 32, 32, 3), (0,))


def test_codes_of_another_size_are_refused(encoder):
    with pytest.raises(ParameterError, match=rf"shape \(n, {encoder.code_size}\); got \(2, 5\)"):
        generation.decode(encoder, np.zeros((2, 5)))


def test_an_index_generates(index, tmp_path, monkeypatch):
    generate, encoder = index.generate, index.encoder
    monkeypatch.chdir(tmp_path)
    for seed, kind in enumerate(("disks", "stripes")):
        Image.fromarray(seen(kind, seed)).save(f"{kind}.png")
    from_keys = generate.interpolate("disks/000.png", "stripes/001.png", steps=4)
    expected = generation.interpolate(encoder, *three()[:2], steps=4)
    assert_same_pixels(from_keys, expected)
    data = Path("stripes.png").read_bytes()
    assert_same_pixels(generate.interpolate(Path("disks.png"), data, steps=4), expected)
    assert_same_pixels(
        generate.interpolate("disks.png", Image.open("stripes.png"), steps=4), expected
    )
    pictures, errors = generate.reconstruct(["disks.png", three()[1]])
    assert_same_pixels(pictures, expected[[0, -1]])
    np.testing.assert_allclose(errors, generation.reconstruct(encoder, three()[:2])[1], rtol=1e-4)
    assert generate.reconstruct([])[0].shape == (0, 32, 32, 3)
    assert_same_pixels(generate.sample(2, seed=5), generation.sample(encoder, 2, seed=5))
    assert_same_pixels(generate.plane(1, 0, steps=2), generation.plane(encoder, 1, 0, steps=2))
    assert_same_pixels(
        generate.decode(encoder.prior.means), rounded(encoder.decode(encoder.prior.means))
    )
    assert generate.groups == ()
    assert generate.distance() is None  # 36 codes of more numbers than half of that


def test_items_without_a_file_and_names_of_nothing(place, tmp_path, monkeypatch):
    copy = Path(shutil.copytree(place, tmp_path / "ix"))
    monkeypatch.chdir(tmp_path)
    with aesearch.open(copy) as index:
        picture = make_picture("disks", 99, 32)
        index.add({"mine": picture})
        np.testing.assert_array_equal(index.generate.pixels("mine"), picture)
        Path("mine").write_text("a file of this name is meant")
        with pytest.raises(ContentError, match="mine: not a picture"):
            index.generate.pixels("mine")
        with pytest.raises(ContentError, match=r"other: neither a file nor an item of ix"):
            index.generate.interpolate("other", "disks/000.png")
        with pytest.raises(ContentError, match=r"gone.png: there is no such file"):
            index.generate.reconstruct([Path("gone.png")])


@pytest.fixture
def folder(place, tmp_path) -> Path:
    return Path(shutil.copytree(next(place.glob("encoder-*")), tmp_path / "encoder"))


def test_an_encoder_of_an_older_version_has_no_prior(folder):
    path = folder / WEIGHTS
    save_file({k: v for k, v in load_file(path).items() if not k.startswith("prior.")}, path)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["checksums"][WEIGHTS] = checksum(path)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    encoder = FrozenEncoder(folder)
    with pytest.raises(UnsupportedError, match=r"older aesearch.*--retrain"):
        generation.sample(encoder)
    assert len(generation.reconstruct(encoder, three())[0]) == 3  # needs none


def test_damaged_weights_are_told(folder):
    path = folder / WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DamagedError, match=r"weights.safetensors is damaged.*--repair"):
        generation.sample(FrozenEncoder(folder))
    path.unlink()
    with pytest.raises(DamagedError, match=r"weights.safetensors cannot be read.*--repair"):
        generation.sample(FrozenEncoder(folder))


@pytest.mark.parametrize("wrong", [10**12, 10**30, 0, -1, 2.5, "4", True, None])
def test_numbers_without_sense_are_refused_by_name(encoder, wrong):
    first, second = three()[:2]
    asked = [
        ("count", lambda: generation.sample(encoder, wrong)),
        ("steps", lambda: generation.plane(encoder, steps=wrong)),
        ("steps", lambda: generation.interpolate(encoder, first, second, steps=wrong)),
        ("down", lambda: generation.plane(encoder, 0, wrong)),
    ]
    for name, ask in asked[: 4 if wrong != 0 else 3]:
        with pytest.raises(ParameterError, match=rf"^{name}.* must be .*; got {wrong!r}$"):
            ask()


def test_at_most_so_many_samples_at_once(encoder):
    with pytest.raises(ParameterError, match=r"^count must be 1 to 100,000; got 100001$"):
        generation.sample(encoder, 100_001)
    assert len(generation.sample(encoder, np.int64(3))) == 3
