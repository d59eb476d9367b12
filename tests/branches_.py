"""Finds code that asks which kind of data it has, where only `aesearch.modalities` should know."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

KINDS = {"images", "texts", "vectors"}
NAMES = {"IMAGES", "TEXTS", "VECTORS"}
# Classes that only one kind has; their names at ae6142a are among them.
CLASSES = {
    *("TextCorpus", "PictureCorpus", "TextDataset", "ImageDataset", "VectorDataset"),
    *("TextIndex", "TextHit", "SparseRows", "TextFeatures", "ImageFeatures"),
}


def is_kind(node: ast.AST) -> bool:
    """Whether an expression is the name of a kind."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value in KINDS
    return isinstance(node, ast.Name) and node.id in NAMES


def _asks(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):  # kind == IMAGES, features["kind"] != "texts"
        sides = [node.left, *node.comparators]
        return any(map(is_kind, sides)) and all(
            isinstance(operator, ast.Eq | ast.NotEq | ast.Is | ast.IsNot) for operator in node.ops
        )
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance":
        return bool({name.id for name in _names(node.args[1])} & CLASSES)
    if isinstance(node, ast.Dict):  # a table by kind
        return sum(key is not None and is_kind(key) for key in node.keys) >= 2
    if isinstance(node, ast.Subscript):  # and what is taken out of one
        return is_kind(node.slice) and not isinstance(node.ctx, ast.Store)
    return False


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (name for name in ast.walk(node) if isinstance(name, ast.Name))


def branches(package: Path) -> list[str]:
    """Each place as ``file:line``, in the modules of a package less its ``modalities``."""
    found = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name.startswith("modalities/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{name}:{node.lineno}" for node in ast.walk(tree) if _asks(node)]  # type: ignore[attr-defined]
    return found
