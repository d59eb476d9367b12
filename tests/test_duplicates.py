"""Near-duplicates: what is found, what is kept apart, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collections_ import state_of
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

import aesearch
from aesearch.duplicates import images
from aesearch.duplicates.descriptors import gradient_features, mirrored_features
from aesearch.duplicates.groups import EXACT, MIRRORED, NEAR, Survey, find, survey
from aesearch.duplicates.packing import mirrored, pack, views
from aesearch.duplicates.pairs import Pairs, joined, unique_pairs
from aesearch.duplicates.perturb import perturbed_copy
from aesearch.duplicates.registration import STEPS, Album, agreement
from aesearch.errors import ParameterError

FASTEST = aesearch.Settings(encoder="pca")
SCENES = 70


def scene(seed: int, size: tuple[int, int] = (192, 144)) -> Image.Image:
    """A picture with a structure of its own: shapes of many sizes, blurred a little."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(int(c) for c in rng.integers(60, 200, 3)))
    draw = ImageDraw.Draw(picture)
    for number in range(40):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        wide, high = rng.uniform(8, 60, 2)
        colour = tuple(int(c) for c in rng.integers(0, 255, 3))
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape((x - wide / 2, y - high / 2, x + wide / 2, y + high / 2), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(1))


def cropped(picture: Image.Image, share: float = 0.9) -> Image.Image:
    width, height = picture.size
    return picture.crop((0, 0, round(width * share), round(height * share)))


def captioned(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    width, height = copy.size
    ImageDraw.Draw(copy).rectangle((0, round(height * 0.88), width, height), fill="black")
    return copy


COPIES = {
    "crop": cropped,
    "caption": captioned,
    "light": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "small": lambda picture: picture.resize((96, 72), Image.Resampling.LANCZOS),
}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn and measure with fewer copies, where how many are found is not what is asked."""
    monkeypatch.setattr(images, "FEWEST", 240)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes, a copy of each kind of some of them, one mirrored, one copied byte for byte."""
    root = tmp_path_factory.mktemp("scenes")
    for seed in range(SCENES):
        scene(seed).save(root / f"{seed:03}.png")
    for seed, (name, change) in enumerate(COPIES.items()):
        change(scene(seed)).save(root / f"{seed:03}-{name}.jpg", quality=60)
    scene(10).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / "010-mirrored.png")
    (root / "020-same.png").write_bytes((root / "020.png").read_bytes())
    return root


@pytest.fixture(scope="module")
def place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("indexes") / "scenes"
    aesearch.build(folder, path, FASTEST).close()
    return path


@pytest.fixture(scope="module")
def found(folder: Path, place: Path) -> Survey:
    before = state_of(folder)
    with aesearch.open(place) as index:
        result = survey(index)
    assert state_of(folder) == before
    return result


def test_each_copy_is_found_with_its_original(found: Survey) -> None:
    near = {tuple(sorted(group.keys)) for group in found.of(NEAR)}
    assert near == {(f"{n:03}-{name}.jpg", f"{n:03}.png") for n, name in enumerate(COPIES)}


def test_the_largest_picture_stands_for_its_group(found: Survey) -> None:
    group = next(group for group in found.of(NEAR) if "003-small.jpg" in group.keys)
    first, small = group.members
    assert (first.key, first.pixels, first.score) == ("003.png", (192, 144), 1)
    assert (small.pixels, small.exact) == ((96, 72), False)
    assert group.score == small.score < 1


def test_mirrored_copies_are_apart(found: Survey) -> None:
    assert [sorted(group.keys) for group in found.of(MIRRORED)] == [["010-mirrored.png", "010.png"]]
    assert found.of(MIRRORED)[0].mirrored


def test_exact_copies_are_told_as_such(found: Survey) -> None:
    (group,) = found.of(EXACT)
    assert group.keys == ["020-same.png", "020.png"]
    assert group.members[1].exact


def test_what_is_to_be_expected_is_told(found: Survey) -> None:
    sure = found.calibration
    assert sure is not None
    assert sure.copies > 100
    assert sure.found > 0.85
    assert sure.false_pairs is not None
    assert sure.false_pairs < 1
    assert 0.5 < sure.threshold < 1
    assert found.items == SCENES + len(COPIES) + 2


@pytest.mark.usefixtures("quick")
def test_a_threshold_given_is_kept(place: Path) -> None:
    with aesearch.open(place) as index:
        result = survey(index, threshold=0.9999)
    assert result.calibration is not None
    assert result.calibration.threshold == 0.9999
    assert not result.of(NEAR)
    assert result.of(EXACT)


@pytest.mark.parametrize("limits", [{"alarm": 0.0}, {"alarm": 2.0}, {"threshold": 1.5}])
def test_numbers_out_of_range_are_refused(place: Path, limits: dict[str, float]) -> None:
    name = next(iter(limits))
    with aesearch.open(place) as index, pytest.raises(ParameterError, match=name):
        find(index, **limits)


@pytest.mark.usefixtures("quick")
def test_files_gone_or_changed_are_told(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    for seed in range(12):
        scene(seed).save(root / f"{seed}.png")
    cropped(scene(0), 0.95).save(root / "copy.png")
    for name in ("a", "b"):
        scene(50).save(root / f"gone-{name}.png")
    aesearch.build(root, tmp_path / "index", FASTEST).close()
    (root / "gone-a.png").unlink()
    scene(99).save(root / "5.png")
    with aesearch.open(tmp_path / "index") as index:
        result = survey(index)
    assert "no such file" in result.unread["gone-a.png"]
    assert "changed" in result.unread["5.png"]
    assert [group.keys for group in result.of(EXACT)] == [["gone-a.png", "gone-b.png"]]
    assert [sorted(group.keys) for group in result.of(NEAR)] == [["0.png", "copy.png"]]


@pytest.mark.usefixtures("quick")
def test_a_chain_does_not_bring_unlike_pictures_together(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    wide = scene(7, (400, 144))
    for n, left in enumerate(range(0, 209, 26)):  # each shares nearly all with the next
        wide.crop((left, 0, left + 192, 144)).save(root / f"pan-{n}.png")
    for seed in range(20, 40):
        scene(seed).save(root / f"{seed}.png")
    aesearch.build(root, tmp_path / "index", FASTEST).close()
    with aesearch.open(tmp_path / "index") as index:
        groups = find(index, threshold=0.75)
    pans = [[int(k[4]) for k in g.keys] for g in groups if g.keys[0].startswith("pan")]
    assert pans
    assert all(max(numbers) - min(numbers) <= 2 for numbers in pans)
    assert all(len(group.keys) == len(set(group.keys)) for group in groups)


@pytest.mark.parametrize("scenes", [45, 110])
def test_in_small_collections_copies_are_no_less_found(tmp_path: Path, scenes: int) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    for seed in range(scenes):
        scene(seed).save(root / f"{seed:03}.png")
    for share in (0.9, 0.85):
        cropped(scene(0), share).save(root / f"000-{share}.jpg")
    aesearch.build(root, tmp_path / "index", FASTEST).close()
    with aesearch.open(tmp_path / "index") as index:
        (group,) = find(index)
    assert sorted(group.keys) == ["000-0.85.jpg", "000-0.9.jpg", "000.png"]


@pytest.mark.usefixtures("quick")
def test_blank_pictures_of_one_color_are_copies(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    for n, colour in enumerate(("white", "black", "#fefefe")):
        Image.new("RGB", (50, 50), colour).save(root / f"{n}.png")
    with pytest.warns(UserWarning, match="^all 3 pictures look the same"):
        aesearch.build(root, tmp_path / "index", FASTEST).close()
    with aesearch.open(tmp_path / "index") as index:
        (group,) = find(index)
    assert (group.kind, sorted(group.keys)) == (NEAR, ["0.png", "2.png"])


def noisy_frames(root: Path, count: int) -> None:
    """Frames of one scene, with noise of one gray level."""
    root.mkdir()
    rng = np.random.default_rng(0)
    one = np.asarray(scene(3)).astype(int)
    for n in range(count):
        frame = (one + rng.integers(-1, 2, one.shape)).clip(0, 255)
        Image.fromarray(frame.astype(np.uint8)).save(root / f"frame-{n:03}.png")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("others", [0, 30])
def test_frames_of_one_scene_are_one_group_without_comparing_every_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    noisy_frames(tmp_path / "frames", 120)
    for n in range(others):
        scene(100 + n).save(tmp_path / "frames" / f"scene-{n:03}.png")
    compared = 0
    plain = Album.agreement

    def counted(self: Album, first: np.ndarray, *rest: Any) -> dict[int, np.ndarray]:
        nonlocal compared
        compared += len(first)
        return plain(self, first, *rest)

    monkeypatch.setattr(Album, "agreement", counted)
    stages: list[str] = []
    aesearch.build(tmp_path / "frames", tmp_path / "index", FASTEST).close()
    with aesearch.open(tmp_path / "index") as index:
        groups = find(index, progress=lambda stage, _done, _total: stages.append(stage))
    assert [sorted(group.keys) for group in groups] == [[f"frame-{n:03}.png" for n in range(120)]]
    assert compared < 120 * 119 / 2
    assert list(dict.fromkeys(stages))[:2] == ["reading", "finding equal ones"]
    assert stages[-1] == "grouping"


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.rotate(3, Image.Resampling.BICUBIC),
        lambda one: one.rotate(-3, Image.Resampling.BICUBIC, expand=True, fillcolor="white"),
        lambda one: ImageOps.expand(one, 18, "white"),
        lambda one: written_over(one),
    ],
    ids=["turned", "turned whole", "border", "text"],
)
def test_a_changed_picture_still_agrees_with_its_original(
    change: Callable[[Image.Image], Image.Image],
) -> None:
    one = scene(4, (300, 200))
    pairs = [(a, b) for a in views(one) for b in views(change(one))]
    first, second = (np.stack(side) for side in zip(*pairs, strict=True))
    assert agreement(first, second)[FINEST].max() > 0.9


def written_over(picture: Image.Image) -> Image.Image:
    copy = picture.copy()
    ImageDraw.Draw(copy).text((30, 90), "words over it", fill="white", font_size=20)
    return copy


def test_a_part_of_another_color_makes_another_picture() -> None:
    gray = scene(5).convert("L").convert("RGB")
    red, blue = gray.copy(), gray.copy()
    for picture, color in ((red, (200, 20, 20)), (blue, (20, 60, 220))):
        ImageDraw.Draw(picture).rectangle((70, 50, 120, 80), fill=color)
    assert agreement(rows_of(red), rows_of(blue))[FINEST][0] < 0.5


FINEST = max(STEPS)


def rows_of(*pictures: Image.Image) -> np.ndarray:
    return np.stack([pack(picture) for picture in pictures])


def test_agreement_is_that_of_one_picture_only() -> None:
    one = scene(1)
    same = rows_of(*[one] * 5)
    others = rows_of(
        one, cropped(one), captioned(one), scene(2), ImageEnhance.Color(one).enhance(0)
    )
    scores = agreement(same, others)[FINEST]
    assert scores[0] > 0.999
    assert min(scores[1], scores[2]) > 0.85
    assert scores[3] < 0.5
    assert scores[4] > 0.9  # a picture without colours


def test_a_crop_loses_nothing_by_where_its_pixels_fall() -> None:
    scenes = [scene(seed, (320, 240)) for seed in range(8)]
    rng = np.random.default_rng(0)
    crops = []
    for picture in scenes:
        x, y = rng.integers(1, 24, 2).tolist()
        crops.append(picture.crop((x, y, x + 288, y + 216)))
    scores = agreement(rows_of(*scenes), rows_of(*crops))[FINEST]
    assert scores.min() > 0.97


def test_a_recoloured_picture_is_another_one() -> None:
    one = scene(1)
    red, green, blue = one.split()
    scores = agreement(rows_of(one), rows_of(Image.merge("RGB", (blue, red, green))))[FINEST]
    assert scores[0] < 0.8


def test_pairs_given_up_stay_so() -> None:
    album = Album(rows_of(scene(1), scene(2)))
    one, other, plain = np.array([0]), np.array([1]), np.array([False])
    scores = album.agreement(one, other, plain, {16: 0.9})
    assert scores[FINEST][0] == -1
    assert scores[16][0] < 0.9


def test_a_mirrored_description_is_that_of_the_mirrored_picture() -> None:
    rows = rows_of(scene(1), scene(2))
    np.testing.assert_allclose(
        mirrored_features(gradient_features(rows)), gradient_features(mirrored(rows)), atol=1e-5
    )
    np.testing.assert_array_equal(mirrored(mirrored(rows)), rows)


def test_perturbed_copies_are_the_same_for_the_same_seed() -> None:
    one = scene(3)
    first, again, other = (perturbed_copy(one, [n]).tobytes() for n in (1, 1, 2))
    assert first == again
    assert first != other


def test_pairs_are_kept_once() -> None:
    first, second, flipped = unique_pairs(
        np.array([1, 2, 3, 1]), np.array([2, 1, 3, 2]), np.array([False, False, False, True])
    )
    assert (first.tolist(), second.tolist(), flipped.tolist()) == ([1, 1], [2, 2], [False, True])
    pairs = Pairs(first, second, flipped, np.array([0.5, 0.6], np.float32))
    better = Pairs(first[:1], second[:1], flipped[:1], np.array([0.7], np.float32))
    assert joined([pairs, better]).scores.tolist() == pytest.approx([0.7, 0.6])
