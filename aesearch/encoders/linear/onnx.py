"""ONNX graphs of linear encoders, written down node by node.

Trained encoders are exported from torch. A linear one needs a dozen nodes, and not importing
torch lets a new index be searched seconds earlier.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from aesearch.types import Array

OPSET = 18
IR_VERSION = 9  # of the same age as the opset, so that an older onnxruntime reads it
SMALLEST_NORM = 1e-12


def _save(
    path: Path,
    nodes: list[object],
    inputs: list[object],
    outputs: list[object],
    constants: Mapping[str, Array],
) -> None:
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, path.stem, inputs, outputs, tensors)
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def _product(source: str, result: str, matrix: Array | None, constants: dict[str, Array]) -> object:
    """Return the node ``result = source @ matrix``, or ``result = source`` without a matrix."""
    if matrix is None:
        return helper.make_node("Identity", [source], [result])
    constants["matrix"] = matrix.astype(np.float32)
    return helper.make_node("MatMul", [source, "matrix"], [result])


def write_linear_encoder(
    path: Path,
    *,
    image_shape: tuple[int, int, int] | None,
    pool: int,
    offset: Array,
    matrix: Array | None,
) -> None:
    """Write ``latent = (pooled x - offset) @ matrix`` and its unit-length form ``code``.

    Parameters
    ----------
    path : Path
        The .onnx file.
    image_shape : tuple of int or None
        (height, width, channels) of uint8 pictures, or None for a table of float32.
    pool : int
        Side of the squares of pixels that are averaged first.
    offset : ndarray of shape (features,)
    matrix : ndarray of shape (features, code_size), or None
        None leaves the numbers as they are.
    """
    features = len(offset)
    code_size = features if matrix is None else matrix.shape[1]
    node = helper.make_node
    constants: dict[str, Array] = {
        "offset": offset.astype(np.float32),
        "rows": np.array([-1, features], dtype=np.int64),
        "row_axis": np.array([1], dtype=np.int64),
        "smallest": np.array(SMALLEST_NORM, dtype=np.float32),
    }
    if image_shape is None:
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", features])
        nodes = [node("Identity", ["x"], ["pooled"])]
    else:
        x = helper.make_tensor_value_info("x", TensorProto.UINT8, ["n", *image_shape])
        nodes = [
            node("Cast", ["x"], ["pixels"], to=TensorProto.FLOAT),
            node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
            node("AveragePool", ["planes"], ["small"], kernel_shape=[pool] * 2, strides=[pool] * 2),
            node("Transpose", ["small"], ["pooled"], perm=[0, 2, 3, 1]),
        ]
    nodes += [
        node("Reshape", ["pooled", "rows"], ["flat"]),
        node("Sub", ["flat", "offset"], ["centred"]),
        _product("centred", "latent", matrix, constants),
        node("ReduceL2", ["latent", "row_axis"], ["length"], keepdims=1),
        node("Max", ["length", "smallest"], ["safe_length"]),
        node("Div", ["latent", "safe_length"], ["code"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", code_size])
        for name in ("code", "latent")
    ]
    _save(path, nodes, [x], outputs, constants)


def write_linear_decoder(
    path: Path,
    *,
    image_shape: tuple[int, int, int] | None,
    pool: int,
    offset: Array,
    matrix: Array | None,
) -> None:
    """Write ``x = enlarge(latent @ matrix + offset)``, `matrix` of shape (code_size, features)."""
    features = len(offset)
    code_size = features if matrix is None else len(matrix)
    node = helper.make_node
    constants: dict[str, Array] = {
        "offset": offset.astype(np.float32),
    }
    nodes = [_product("latent", "centred", matrix, constants)]
    if image_shape is None:
        shape: list[object] = ["n", features]
        nodes.append(node("Add", ["centred", "offset"], ["x"]))
    else:
        height, width, channels = image_shape
        shape = ["n", height, width, channels]
        small = [-1, height // pool, width // pool, channels]
        constants |= {
            "small_shape": np.array(small, dtype=np.int64),
            "scales": np.array([1, pool, pool, 1], dtype=np.float32),
            "lowest": np.array(0, dtype=np.float32),
            "highest": np.array(255, dtype=np.float32),
        }
        nodes += [
            node("Add", ["centred", "offset"], ["flat"]),
            node("Reshape", ["flat", "small_shape"], ["small"]),
            node(
                "Resize",
                ["small", "", "scales"],
                ["large"],
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            ),
            node("Clip", ["large", "lowest", "highest"], ["x"]),
        ]
    latent = helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["n", code_size])
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    _save(path, nodes, [latent], [x], constants)
