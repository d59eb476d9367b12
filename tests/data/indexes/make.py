"""Make one golden index, by the aesearch that is on PYTHONPATH; README.md here says when.

    PYTHONPATH=OLD_CHECKOUT python tests/data/indexes/make.py NAME FOLDER

writes FOLDER/NAME and FOLDER/NAME-source. It must run with every aesearch there ever was: use
nothing but `aesearch.build`, and pass an older one no setting that it does not know.
"""

from __future__ import annotations

import csv
import json
import shutil
import sqlite3
import sys
from contextlib import closing
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import aesearch

PATTERNS = ("columns", "rings", "rows")
TOPICS = {
    "cooking": "soup onion garlic butter flour oven recipe spoon pepper simmer",
    "music": "violin orchestra concert melody piano choir rhythm composer tenor flute",
    "sailing": "boat harbour anchor mast rudder sail tide wind captain deck",
}
FEW, FIT, TRAIN = 12, 36, 132  # items of an index; those that PCA or LSA, and a training, want
LONG = 500  # words of a document that has passages, before its end
AGREEMENT = {"width": 1, "epochs": 16, "batch_size": 22, "augment": "glyph"}
MLP = {"hidden": (12,), "epochs": 30}
COLORS, SIZE = ("blue", "green", "red"), 12  # groups of vectors, and how many numbers each has

# Name: kind of source, items learned from, settings, budget.
INDEXES: dict[str, tuple[str, int, dict[str, Any], str | None]] = {
    "images-1": ("images", FEW, {"code_size": 9, "kind": "flat"}, "0"),
    "images-1-first": ("images", FIT, {"code_size": 16, "form": "int8"}, "0"),
    "images-1-learned": (
        "images",
        TRAIN,
        {"encoder": "mlp", "code_size": 8, "kind": "hnsw", "parameters": MLP},
        None,
    ),
    "images-2": ("images", FEW, {"code_size": 9, "engine": "flat"}, "0"),
    "images-2-learned": (
        "images",
        TRAIN,
        {"encoder": "agreement", "code_size": 8, "parameters": AGREEMENT},
        None,
    ),
    "images-3-closed": ("images", FIT, {"encoder": "descriptions", "code_size": 8}, "0"),
    "images-3-learned": (
        "images",
        TRAIN,
        {
            "encoder": "agreement",
            "code_size": 8,
            "parameters": {**AGREEMENT, "weights": {"learned": 1.0, "contours": 0.5}},
        },
        None,
    ),
    "texts-2": ("texts", FIT, {"code_size": 16}, "0"),
    "texts-2-learned": (
        "texts",
        TRAIN,
        {"encoder": "text", "code_size": 16, "parameters": {"epochs": 3, "refine": False}},
        None,
    ),
    "table-2": ("table", FEW, {"code_size": 16}, "0"),
    "vectors-3": ("vectors", FIT, {"code_size": 6}, "0"),
    "vectors-3-learned": (
        "vectors",
        TRAIN,
        {"encoder": "mlp", "code_size": 6, "parameters": MLP},
        None,
    ),
}


def picture(pattern: str, number: int, side: int = 16) -> Image.Image:
    """Picture number `number` of a pattern: a way from dark to light, and a spot of its own."""
    draw = np.random.default_rng([PATTERNS.index(pattern), number])
    down, right = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    way = {"columns": right, "rings": 0.9 - 2.4 * np.hypot(down, right), "rows": down}[pattern]
    place = draw.uniform(-0.3, 0.3, 2)
    spot = np.hypot(down - place[0], right - place[1]) < 0.2
    pixels = 128 + draw.uniform(150, 200) * way + draw.choice([-50, 50]) * spot
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def text(topic: str, number: int) -> str:
    """Text number `number` of a topic; number 0 is a long one, and ends with three words of it."""
    draw = np.random.default_rng([list(TOPICS).index(topic), number])
    words = TOPICS[topic].split()
    shares = np.full(len(words), 0.3 / len(words))
    shares[(3 * number + np.arange(3)) % len(words)] += 0.7 / 3  # it has its favourites
    chosen = [str(word) for word in draw.choice(words, LONG if number == 0 else 32, p=shares)]
    if number == 0:
        chosen += words[-3:] * (LONG // 6)
    sentences = [" ".join(chosen[at : at + 8]).capitalize() for at in range(0, len(chosen), 8)]
    return ". The ".join(sentences) + ".\n"


def vector(color: str, number: int) -> list[float]:
    """Vector number `number` of a color: the direction of that, and one of its own."""
    group = np.random.default_rng(COLORS.index(color)).standard_normal(SIZE)
    own = np.random.default_rng([COLORS.index(color), number]).standard_normal(SIZE)
    return [round(float(value), 4) for value in 3 * group + own]


def write_source(kind: str, source: Path, count: int) -> None:
    """Write `count` items, the same number of each class."""
    classes = list({"images": PATTERNS, "vectors": COLORS}.get(kind, TOPICS))
    each = count // len(classes)
    items = [(name, number) for name in classes for number in range(each)]
    if kind == "vectors":
        source.mkdir(parents=True, exist_ok=True)
        rows = (
            {"id": f"{name}{n}", "vector": vector(name, n), "label": name, "number": n}
            for name, n in items
        )
        lines = "".join(f"{json.dumps(row)}\n" for row in rows)
        (source / "vectors.jsonl").write_text(lines, encoding="utf-8")
        return
    if kind == "table":
        source.mkdir(parents=True)
        with (source / "notes.csv").open("w", newline="", encoding="utf-8") as stream:
            rows = csv.writer(stream)
            rows.writerow(["id", "topic", "text"])
            rows.writerows((f"{name}{n}", name, text(name, n).strip()) for name, n in items)
        return
    for name, number in items:
        (source / name).mkdir(parents=True, exist_ok=True)
        if kind == "images":
            picture(name, number).save(source / name / f"{number:02}.png", optimize=True)
        else:
            (source / name / f"{number:02}.txt").write_text(text(name, number), encoding="utf-8")


def make(name: str, folder: Path) -> None:
    """Make an index as a user would, of more items at first where it is to learn from them."""
    kind, count, settings, budget = INDEXES[name]
    index, source = folder / name, folder / f"{name}-source"
    for path in (index, source):
        shutil.rmtree(path, ignore_errors=True)
    write_source(kind, source, count)
    place = source / {"table": "notes.csv", "vectors": "vectors.jsonl"}.get(kind, "")
    aesearch.build(place, index, settings, budget=budget).close()
    if count > FEW:
        if kind == "vectors":
            write_source(kind, source, FEW)
        for path in source.rglob("[0-9]*.*"):
            if int(path.stem) >= FEW // 3:
                path.unlink()
        with aesearch.open(index) as made:
            remove = {"remove": True} if "remove" in signature(made.sync).parameters else {}
            made.sync(**remove)
        with closing(sqlite3.connect(index / "items.db")) as database:
            database.execute("VACUUM")  # or the rows of those that left take space
    with aesearch.open(index) as made:
        search: Any = made.search
        if kind in ("texts", "table") and "hybrid" in signature(search).parameters:
            search("garlic soup", hybrid=True)  # leaves the counts of words beside the codes
        assert len(made) == FEW, len(made)
        assert not made.verify()
        print(name, len(made), made.info()["encoder"], made.info()["engine"])


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
