"""Trained modules as ONNX."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn


@torch.no_grad()  # the same graph in two thirds of the time: nothing is traced for gradients
def export(module: nn.Module, example: Tensor, path: Path, name: str, outputs: list[str]) -> None:
    """Write `module` as ONNX, for any number of samples, in one file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own deprecations
        torch.onnx.export(
            module,
            (example,),
            str(path),
            input_names=[name],
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
            dynamo=True,
            verbose=False,
            external_data=False,
        )
    _without_traces(path)


def _without_traces(path: Path) -> None:
    """Take out of a graph where in which file it was traced.

    An exported encoder would tell where its owner keeps it, and have another fingerprint there.
    """
    model = onnx.load(str(path))
    graph = model.graph
    named = (*graph.node, *graph.value_info, *graph.initializer, *graph.input, *graph.output)
    for part in (model, graph, *model.functions, *named):
        del part.metadata_props[:]
        part.doc_string = ""
    onnx.save(model, str(path))
