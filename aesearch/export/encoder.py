"""An encoder in a folder of its own: two ONNX graphs, and the preprocessing of their input.

Nothing of it needs aesearch. Pictures are prepared by a few lines of Pillow; texts by the very
modules that aesearch uses, copied beside the graphs, which need numpy alone.
"""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from aesearch.inference.encoder import DECODER, ENCODER, FrozenEncoder
from aesearch.modalities import modality
from aesearch.modalities.texts.features import TERMS, WEIGHTS

SCORE = "inner product of two codes, their cosine: 1 is the same, higher is closer"
FILES = {
    ENCODER: "from a prepared picture, text or vector to its code",
    DECODER: "from a latent code to the picture, terms or vector that it stands for",
}
TERM_FILES = {
    TERMS: "of each column of the input: a term, a tab, its commonest spelling",
    WEIGHTS: "weight of each term, little-endian float32",
}
WEIGHED = {
    "log-entropy": "log(1 + count) times the weight of the term, rows of unit length",
    "tf-idf": "(1 + log(count)) times the weight of the term, rows of unit length",
    "counts": "how often each term occurs",
}
PACKAGE = "text_input"
# Preprocessing of texts; they use numpy and the standard library.
MODULES = (
    "errors",
    "sparse",
    "types",
    "modalities/texts/features",
    "modalities/texts/stemmer",
    "modalities/texts/stopwords",
    "modalities/texts/tokenizer",
)
START = '''"""How a text becomes the input of encoder.onnx: a part of aesearch, needs only numpy."""

import json
from pathlib import Path

from .features import TextFeatures

_FOLDER = Path(__file__).resolve().parents[1]
_CARD = json.loads((_FOLDER / "export.json").read_text(encoding="utf-8"))
FEATURES = TextFeatures.load(_FOLDER, _CARD["encoder"]["prepare"])


def prepare(texts):
    """Return texts as float32 of shape (n, terms); one without any known word is all zeros."""
    return FEATURES.transform(texts).toarray()
'''


def write_encoder(encoder: FrozenEncoder, folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Copy an encoder and the preprocessing of its input into a folder.

    Parameters
    ----------
    encoder : FrozenEncoder
    folder : Path
        Must exist; its ``export.json``, which the caller writes, must hold the metadata.

    Returns
    -------
    files : dict of str to str
        What each file holds.
    metadata : dict
        Of 'encoder' and 'decoder': file, inputs and outputs with shapes, types and units; of the
        encoder also how its input is prepared.
    """
    features = encoder.manifest.features
    preparation: type[Preparation] = modality(features["kind"]).part("export")
    prepared = preparation(features)
    files = {**FILES, **prepared.files}
    for name in files:
        shutil.copyfile(encoder.folder / name, folder / name)
    files |= prepared.write(folder)
    units_of = {
        "x": prepared.units,
        "code": f"unit length; {SCORE}",
        "latent": "for the decoder alone; not comparable as codes are",
    }
    metadata = {
        part: {"file": name, **_signature(folder / name, units_of)}
        for part, name in (("encoder", ENCODER), ("decoder", DECODER))
    }
    metadata["encoder"]["prepare"] = {**features, **prepared.steps}
    return files, metadata


class Preparation(ABC):
    """Preprocessing of the input of an exported encoder; `Modality.parts` names that of each kind.

    Parameters
    ----------
    features : mapping
        Configuration of the features.
    """

    files: ClassVar[Mapping[str, str]] = {}  # of the encoder's folder, beside the graphs

    def __init__(self, features: Mapping[str, Any]) -> None:
        self.features = features

    @property
    @abstractmethod
    def units(self) -> str:
        """Units of the input."""

    @property
    @abstractmethod
    def steps(self) -> dict[str, str]:
        """Steps of the preprocessing."""

    def write(self, folder: Path) -> dict[str, str]:
        """Write a program that does it, where prose is not enough; the content of each file."""
        return {}


class ImageInput(Preparation):
    """Pictures: a few lines of Pillow."""

    @property
    def _colors(self) -> tuple[str, str]:
        return ("L", "grey") if self.features["channels"] == 1 else ("RGB", "red, green, blue")

    @property
    def units(self) -> str:
        """Height, width and channels."""
        return f"height, width, {self._colors[1]}; 0 to 255"

    @property
    def steps(self) -> dict[str, str]:
        """Pillow's mode, and the steps in prose."""
        side = self.features["side"]
        mode, colors = self._colors
        steps = (
            f"turn upright (EXIF), blend transparency over white, convert to {colors}, squeeze to "
            f"{side} x {side} pixels, bilinear, averaging pixels that fall together, as Pillow does"
        )
        return {"mode": mode, "steps": steps}


class TextInput(Preparation):
    """Documents: the very modules that aesearch uses, copied."""

    files = TERM_FILES

    @property
    def units(self) -> str:
        """One column for each term."""
        weighting = WEIGHED[self.features["weighting"]]
        return f"one column for each line of {TERMS}: {weighting}"

    @property
    def steps(self) -> dict[str, str]:
        """The steps in prose."""
        english = "stop words left out, words to their stems (Porter2); "
        steps = (
            "words in small letters, of scripts without spaces pairs of letters; "
            f"{english if self.features['language'] else ''}{PACKAGE}/ does just that"
        )
        return {"steps": steps}

    def write(self, folder: Path) -> dict[str, str]:
        """Write the package."""
        _write_package(folder / PACKAGE)
        return {f"{PACKAGE}/": "Python: prepare(texts) makes the encoder's input"}


class VectorInput(Preparation):
    """Vectors: a division."""

    @property
    def units(self) -> str:
        """Numbers of a vector."""
        return f"vectors of {self.features['size']} numbers, each of unit length"

    @property
    def steps(self) -> dict[str, str]:
        """The division, in prose."""
        return {"steps": "float32, shape (n, d); divide each row by its Euclidean length"}


def _signature(path: Path, units: dict[str, str]) -> dict[str, Any]:
    """Inputs and outputs of a graph, each with its shape, type and units."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    sides = {"inputs": session.get_inputs(), "outputs": session.get_outputs()}
    return {
        side: {
            value.name: {
                "shape": ["n", *value.shape[1:]],
                "type": re.sub(r"tensor\((.*)\)", r"\1", value.type).replace("float", "float32"),
                "units": units[value.name],
            }
            for value in values
        }
        for side, values in sides.items()
    }


def _write_package(folder: Path) -> None:
    """Write the modules that prepare texts as a package that stands alone.

    They are copied and not written anew: codes must agree with those in the index to the last bit.
    """
    folder.mkdir()
    (folder / "__init__.py").write_text(START, encoding="utf-8")
    for name in MODULES:
        source = resources.files("aesearch").joinpath(f"{name}.py").read_text(encoding="utf-8")
        alone = re.sub(r"from aesearch\.(modalities\.texts\.)?", "from .", source)
        (folder / f"{name.rpartition('/')[2]}.py").write_text(alone, encoding="utf-8")
