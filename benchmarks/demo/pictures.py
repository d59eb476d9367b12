"""Write scikit-learn's handwritten digits as PNG files in folders by class: no download needed."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SIDE = 32
BRIGHTEST = 16  # of scikit-learn's digits


@click.command()
@click.argument("target", type=click.Path(path_type=Path, file_okay=False))
@click.argument("queries", type=click.Path(path_type=Path, file_okay=False))
def main(target: Path, queries: Path) -> None:
    """Write 1,787 pictures into TARGET, a folder per digit, and one of each digit into QUERIES."""
    digits = load_digits()
    last = {int(digit): row for row, digit in enumerate(digits.target)}  # one of each to ask with
    queries.mkdir(parents=True, exist_ok=True)
    for row, (image, digit) in enumerate(zip(digits.images, digits.target.tolist(), strict=True)):
        pixels = np.rint(image * (255 / BRIGHTEST)).astype(np.uint8)
        picture = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        if last[digit] == row:
            picture.save(queries / f"digit-{digit}.png")
            continue
        folder = target / str(digit)
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{row:04d}.png")
    click.echo(
        f"wrote {len(digits.target) - len(last):,} pictures into {target}, "
        f"{len(last)} into {queries}"
    )


if __name__ == "__main__":
    main()
