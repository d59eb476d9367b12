"""How many planted copies `aesearch duplicates` finds, among real photos or real messages.

    python -m benchmarks.duplicates [--photos 1200] [--copies 300] [--others OUT.html]
    python -m benchmarks.duplicates --kind documents [--documents 5000] --copies 1000

AESEARCH_DATA names the data folder. The copies are made in a temporary folder. Photos and messages
have near-duplicates of their own: pairs that were not planted are counted as false, and drawn with
--others (of documents: written, as text, the lines that differ), to be looked at.

Beside it, where imagededup is installed: its DHash, on the same files, at its own threshold.
pHash is that of imagededup and of imagehash, written after its definition: the signs of the 8 x 8
lowest coefficients of the cosine transform of 32 x 32 pixels, against their median; a pair is one
of copies up to a Hamming distance, the best of which is told. For documents there are tf-idf and
MinHash, at a fixed threshold and at the best one: duplicate_texts.py.
"""

from __future__ import annotations

import difflib
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

import aesearch
from aesearch.duplicates.groups import EXACT, MIRRORED, NEAR, Survey, survey
from benchmarks.folders import cache_folder, data_folder
from benchmarks.reporting import say, show, stage_progress

Pair = tuple[str, str, bool]
Change = Callable[[Image.Image, np.random.Generator], Image.Image]
QUALITY = 85
FURTHEST = 16  # Hamming distance


def _crop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = picture.size
    x, y = rng.uniform(0, 0.1 * width), rng.uniform(0, 0.1 * height)
    return picture.crop((round(x), round(y), round(x + 0.9 * width), round(y + 0.9 * height)))


def _text(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = picture.size
    sheet = picture.copy()
    place = width * 0.1, height * rng.uniform(0.2, 0.7)
    size = max(10, width // 14)
    ImageDraw.Draw(sheet).text(place, "words over a picture", fill="white", font_size=size)
    return sheet


def _turned(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    angle, fill = float(rng.choice([-3, 3])), str(rng.choice(["black", "white"]))
    expand = bool(rng.random() < 0.5)
    return picture.rotate(angle, Image.Resampling.BICUBIC, expand=expand, fillcolor=fill)


def _border(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    width = round(max(picture.size) * rng.uniform(0.03, 0.1))
    return ImageOps.expand(picture, width, "white")


def _half(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    width, height = (max(16, side // 2) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


CHANGES: dict[str, Change] = {
    "JPEG 20": lambda picture, _: picture,
    "half size": _half,
    "crop 10 %": _crop,
    "brighter": lambda picture, _: ImageEnhance.Brightness(picture).enhance(1.4),
    "contrast": lambda picture, _: ImageEnhance.Contrast(picture).enhance(1.5),
    "gray": lambda picture, _: picture.convert("L").convert("RGB"),
    "text": _text,
    "mirrored": lambda picture, _: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned 3°": _turned,
    "border": _border,
}


def plant(files: list[Path], root: Path, folder: Path, copies: int, seed: int) -> dict[Pair, str]:
    """Link the photos into a folder, with copies of some of them; return the pairs, by kind."""
    for path in files:
        link = folder / path.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
    rng = np.random.default_rng(seed)
    planted: dict[Pair, str] = {}
    kinds = list(CHANGES)
    (folder / "copies").mkdir()
    for number, row in enumerate(rng.permutation(len(files))[:copies].tolist()):
        kind = kinds[number % len(kinds)]
        with Image.open(files[row]) as photo:
            changed = CHANGES[kind](photo.convert("RGB"), rng)
        key = f"copies/{number:05}.jpg"
        changed.save(folder / key, quality=20 if kind == "JPEG 20" else QUALITY)
        original = str(files[row].relative_to(root))
        planted[_pair(key, original, mirrored=kind == "mirrored")] = kind
    return planted


def _pair(one: str, other: str, *, mirrored: bool) -> Pair:
    return min(one, other), max(one, other), mirrored


def pairs_of(found: Survey) -> set[Pair]:
    """Return what the groups say: every two of a near group are copies, and have one mirror image.

    A mirrored group names one of each near group, which stands for all of it.
    """
    pairs = set()
    same: dict[str, list[str]] = {}
    for group in found.of(NEAR):
        same |= dict.fromkeys(group.keys, group.keys)
        pairs |= {
            _pair(a, b, mirrored=False) for n, a in enumerate(group.keys) for b in group.keys[:n]
        }
    for group in found.of(MIRRORED):
        first, *others = (same.get(key, [key]) for key in group.keys)
        pairs |= {_pair(a, b, mirrored=True) for other in others for a in first for b in other}
    return pairs


def _cosines(size: int) -> NDArray[np.float64]:
    places = np.arange(size)
    waves: NDArray[np.float64] = np.cos(np.pi * (places + 0.5) * places[:, None] / size)
    return waves


def phashes(paths: list[Path], *, mirrored: bool = False) -> NDArray[np.uint64]:
    """Return the perceptual hashes of pictures: 64 bits each."""
    waves = _cosines(32)[:8]
    bits = np.empty((len(paths), 64), dtype=bool)
    for row, path in enumerate(paths):
        with Image.open(path) as picture:
            grey = picture.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
        pixels = np.asarray(grey, dtype=np.float64)
        low = waves @ (pixels[:, ::-1] if mirrored else pixels) @ waves.T
        bits[row] = (low > np.median(low)).ravel()
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def close_hashes(
    one: NDArray[np.uint64], other: NDArray[np.uint64]
) -> Iterator[tuple[int, int, int]]:
    """Yield row, row and Hamming distance of pairs that are near, in blocks."""
    for row, hash in enumerate(one):
        distances = np.bitwise_count(other ^ hash)
        for near in np.flatnonzero(distances <= FURTHEST).tolist():
            if near > row:
                yield row, near, int(distances[near])


def phash_pairs(folder: Path, keys: list[str]) -> dict[Pair, int]:
    """Return the Hamming distance of all pairs that are near, plain and mirrored."""
    paths = [folder / key for key in keys]
    plain = phashes(paths)
    near: dict[Pair, int] = {}
    for mirrored, queries in ((False, plain), (True, phashes(paths, mirrored=True))):
        for a, b, distance in close_hashes(queries, plain):
            near[_pair(keys[a], keys[b], mirrored=mirrored)] = distance
    return near


def row_of(name: str, pairs: set[Pair], planted: dict[Pair, str]) -> dict[str, Any]:
    """Return a line of the table."""
    hits = pairs & planted.keys()
    # A picture that is its own mirror image is found as a copy in both ways.
    both = {(a, b) for a, b, _ in planted}
    others = {pair for pair in pairs - hits if pair[:2] not in both}
    line: dict[str, Any] = {"method": name}
    for kind in dict.fromkeys(planted.values()):
        own = [pair for pair, its in planted.items() if its == kind]
        line[kind] = sum(pair in hits for pair in own) / max(1, len(own))
    line["recall"] = len(hits) / len(planted)
    line["precision, others false"] = len(hits) / max(1, len(hits) + len(others))
    line["others"] = len(others)
    line["others across folders"] = sum(
        Path(a).parent != Path(b).parent and "copies" not in (a.split("/")[0], b.split("/")[0])
        for a, b, _ in others
    )
    return line


def draw(pairs: list[Pair], folder: Path, out: Path) -> None:
    """Draw pairs side by side, the second as it was compared: mirrored, where it is said."""
    from aesearch.modalities.images.pixels import open_picture
    from aesearch.reports.grid import Group, Tile, write_tiles

    tiles = []
    for number, (a, b, mirrored) in enumerate(pairs, 1):
        one, other = (open_picture(folder / key) for key in (a, b))
        if mirrored:
            other = other.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mark = " mirrored" * mirrored
        for picture, key in ((one, a), (other, b)):
            picture.thumbnail((192, 192))
            tiles.append(Tile(picture, key, f"{number}{mark} {Path(key).name}"))
    write_tiles("Pairs that were not planted", [Group(tiles, 12, "")], out)


def write(pairs: list[Pair], texts: dict[str, str], out: Path) -> None:
    """Write pairs of documents: the lines in which they differ."""
    with out.open("w", encoding="utf-8") as stream:
        for a, b, _ in pairs:
            one, other = (texts[key].splitlines() for key in (a, b))
            changed = list(difflib.unified_diff(one, other, a, b, lineterm="", n=0))
            same = difflib.SequenceMatcher(None, texts[a].split(), texts[b].split(), False)
            print(f"== {same.ratio():.2f} of the words", *changed[:30], sep="\n", file=stream)


def phash_rows(folder: Path, keys: list[str], planted: dict[Pair, str]) -> list[dict[str, Any]]:
    """Return the lines of pHash: the best distance by F1, and the furthest of precision 0.9."""
    say("pHash")
    near = phash_pairs(folder, keys)
    lines = [
        row_of(f"pHash, distance {d}", {p for p, n in near.items() if n <= d}, planted)
        for d in range(0, FURTHEST + 1, 2)
    ]
    best = max(lines, key=_f1)
    sharp = [line for line in lines if line["precision, others false"] >= 0.9]
    return [best, *(line for line in sharp[-1:] if line is not best)]


def imagededup_rows(folder: Path, planted: dict[Pair, str]) -> list[dict[str, Any]]:
    """Return the line of imagededup's DHash, as its users call it; none where it is missing."""
    try:
        from imagededup.methods import DHash
    except ImportError:
        say("imagededup is not installed")
        return []
    started = time.perf_counter()
    found = DHash(verbose=False).find_duplicates(image_dir=folder, recursive=True)
    seconds = time.perf_counter() - started
    mirrored = {pair[:2] for pair in planted if pair[2]}
    ends = {(min(a, b), max(a, b)) for a, others in found.items() for b in others}
    pairs = {(a, b, (a, b) in mirrored) for a, b in ends}
    return [{**row_of("imagededup DHash", pairs, planted), "seconds": seconds}]


def text_rows(texts: dict[str, str], planted: dict[Pair, str]) -> list[dict[str, Any]]:
    """Return the lines of tf-idf and MinHash: at a usual threshold, and at the best by F1."""
    from benchmarks.text_duplicates import BASELINES

    keys, rows = list(texts), []
    for name, (find, usual) in BASELINES.items():
        near = {
            _pair(keys[a], keys[b], mirrored=False): s
            for (a, b), s in find(list(texts.values())).items()
        }
        lines = [
            row_of(f"{name} {t:.2f}", {p for p, s in near.items() if s >= t}, planted)
            for t in (usual, *np.arange(0.4, 1, 0.05))
        ]
        best = max(lines, key=_f1)
        rows += [lines[0], {**best, "method": best["method"] + ", the best"}]
    return rows


@click.command()
@click.option("--kind", type=click.Choice(["photos", "documents"]), default="photos")
@click.option("--photos", default=1_200, help="Photos, at most.")
@click.option("--documents", default=5_000, help="Documents, at most.")
@click.option("--copies", default=300, help="Planted copies.")
@click.option("--alarm", type=float, help="As of aesearch duplicates.")
@click.option("--seed", default=0)
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Data folder.")
@click.option("--cache", type=click.Path(path_type=Path, file_okay=False), help="For scratch.")
@click.option("--others", type=click.Path(path_type=Path), help="Show the pairs not planted.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def main(
    kind: str,
    photos: int,
    documents: int,
    copies: int,
    alarm: float | None,
    seed: int,
    data: Path | None,
    cache: Path | None,
    others: Path | None,
    *,
    as_json: bool,
) -> None:
    """Plant copies, find them, and print the table."""
    pictures = kind == "photos"
    with tempfile.TemporaryDirectory(dir=cache_folder(cache)) as scratch:
        folder = Path(scratch, kind)
        say(f"planting {copies:,} copies among {kind}")
        if pictures:
            root = data_folder(data, "photos")
            files = sorted(path for path in root.rglob("*.jpg") if path.is_file())
            files = [files[n] for n in np.random.default_rng(seed).permutation(len(files))[:photos]]
            planted = plant(files, root, folder, copies, seed)
        else:
            from benchmarks.text_duplicates import plant_texts

            made = plant_texts(data, folder, documents, copies, seed)
            planted = {_pair(a, b, mirrored=False): edit for a, b, edit in made}
        settings = aesearch.Settings(encoder="pca" if pictures else "lsa")
        with aesearch.build(
            folder, Path(scratch, "index"), settings, progress=stage_progress()
        ) as index:
            started = time.perf_counter()
            limits = {} if alarm is None else {"alarm": alarm}
            found = survey(index, **limits, progress=stage_progress())
            seconds = time.perf_counter() - started
            names = {item.id: item.key for item in index.items()}
            texts = {} if pictures else {names[t.id]: t.text for t in index.folder.store.texts()}
        pairs = pairs_of(found)
        rows = [{**row_of("aesearch duplicates", pairs, planted), "seconds": seconds}]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if pictures:
            rows += imagededup_rows(folder, planted)
            rows += phash_rows(folder, list(names.values()), planted)
        else:
            rows += text_rows(texts, planted)
        if others is not None:
            both = {(a, b) for a, b, _ in planted}
            unplanted = sorted(p for p in pairs if p[:2] not in both)
            draw(unplanted, folder, others) if pictures else write(unplanted, texts, others)
    sure = found.calibration
    notes = {
        "seconds of the survey": seconds,
        "peak memory up to its end, MB": peak / (1e6 if sys.platform == "darwin" else 1e3),
        "calibration": str(sure.as_dict() if sure else None),
        "groups": str({name: len(found.of(name)) for name in (EXACT, NEAR, MIRRORED)}),
    }
    title = f"{len(planted):,} copies among {found.items - len(planted):,} {kind}, seed {seed}"
    show(title, rows, notes, as_json=as_json)


def _f1(row: dict[str, Any]) -> float:
    recall, precision = row["recall"], row["precision, others false"]
    return float(2 * recall * precision / max(1e-9, recall + precision))


if __name__ == "__main__":
    main()
