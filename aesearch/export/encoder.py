"""An encoder in a folder of its own: two ONNX graphs, what prepares their input, and what is what.

Nothing of it needs aesearch. Pictures are prepared by a few lines of Pillow; texts by the very
modules that aesearch uses, copied beside the graphs, which need numpy alone.
"""

from __future__ import annotations

import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

from aesearch.inference.encoder import DECODER, ENCODER, FrozenEncoder
from aesearch.modalities import IMAGES
from aesearch.modalities.texts.features import TERMS, WEIGHTS

SCORE = "inner product of two codes, their cosine: 1 is the same, higher is closer"
FILES = {
    ENCODER: "from a prepared picture or text to its code",
    DECODER: "from a latent code to the picture or the terms that it stands for",
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
# From a text to the encoder's input; they use numpy and the standard library.
MODULES = (
    "errors",
    "features/bags",
    "features/stems",
    "features/stopwords",
    "features/texts",
    "features/tokens",
)
START = '''"""How a text becomes the input of encoder.onnx: a part of aesearch, needs only numpy."""

import json
from pathlib import Path

from .texts import TextFeatures

_FOLDER = Path(__file__).resolve().parents[1]
_CARD = json.loads((_FOLDER / "export.json").read_text(encoding="utf-8"))
FEATURES = TextFeatures.load(_FOLDER, _CARD["encoder"]["prepare"])


def prepare(texts):
    """Return texts as float32 of shape (n, terms); one without any known word is all zeros."""
    return FEATURES.transform(texts).toarray()
'''


def write_encoder(encoder: FrozenEncoder, folder: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Copy an encoder and what prepares its input into a folder.

    Parameters
    ----------
    encoder : FrozenEncoder
    folder : Path
        Must exist; its ``export.json``, which the caller writes, must hold the cards.

    Returns
    -------
    files : dict of str to str
        What each file holds.
    cards : dict
        Of 'encoder' and 'decoder': file, inputs and outputs with shapes, types and units; of the
        encoder also how its input is prepared.
    """
    features = encoder.manifest["features"]
    files = dict(FILES)
    if features["kind"] == IMAGES:
        units, prepare = _of_pictures(features)
    else:
        units, prepare = _of_texts(features)
        files |= TERM_FILES
    for name in files:
        shutil.copyfile(encoder.folder / name, folder / name)
    if features["kind"] != IMAGES:
        _write_package(folder / PACKAGE)
        files[f"{PACKAGE}/"] = "Python: prepare(texts) makes the encoder's input"
    units_of = {
        "x": units,
        "code": f"unit length; {SCORE}",
        "latent": "for the decoder alone; not comparable as codes are",
    }
    cards = {
        part: {"file": name, **_signature(folder / name, units_of)}
        for part, name in (("encoder", ENCODER), ("decoder", DECODER))
    }
    cards["encoder"]["prepare"] = {**features, **prepare}
    return files, cards


def _of_pictures(features: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the units of the input, and how a picture becomes it."""
    side = features["side"]
    mode, colours = ("L", "grey") if features["channels"] == 1 else ("RGB", "red, green, blue")
    steps = (
        f"turn upright (EXIF), blend transparency over white, convert to {colours}, squeeze to "
        f"{side} x {side} pixels, bilinear, averaging pixels that fall together, as Pillow does"
    )
    return f"height, width, {colours}; 0 to 255", {"mode": mode, "steps": steps}


def _of_texts(features: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the units of the input, and how a text becomes it."""
    english = "stop words left out, words to their stems (Porter2); "
    steps = (
        "words in small letters, of scripts without spaces pairs of letters; "
        f"{english if features['language'] else ''}{PACKAGE}/ does just that"
    )
    units = f"one column for each line of {TERMS}: {WEIGHED[features['weighting']]}"
    return units, {"steps": steps}


def _signature(path: Path, units: dict[str, str]) -> dict[str, Any]:
    """Return inputs and outputs of a graph, each with its shape, type and units."""
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
        alone = re.sub(r"from aesearch\.(features\.)?", "from .", source)
        (folder / f"{name.rpartition('/')[2]}.py").write_text(alone, encoding="utf-8")
