"""The layers of the package: nothing imports upward, and searching imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aesearch"
LAYERS = [
    {"errors", "plurals"},
    {"sources", "features", "prior", "frozen", "records", "store", "engines", "settings", "layout"}
    | {"tables", "tabular", "text_rows", "passages", "hits", "words", "hybrid", "explaining"},
    {"locking", "ingest", "writer", "opening", "verification", "facts", "sync", "index", "kinds"}
    | {"generation", "frechet", "passage_codes", "spoken", "asking", "text_index"}
    | {"exporting", "portable_encoder"},
    {
        "encoders",
        "evaluation",
        "corpus",
        "hybrid_check",
        "choices",
        "candidates",
        "deciding",
        "preparing",
        "contenders",
        "trainer",
        "builder",
        "mapping",
        "planes",
    }
    | {"comparing", "near", "duplicates"},
    {"reports", "cli", "server", "pipelines", "__main__"},
]
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}
TRAINING = {"torch", "torchvision", "sklearn", "scipy"}
DRAWING = {"matplotlib", "rich"}  # only for what is drawn, and loaded when it is
TRAINERS = {"encoders", "builder", "planes", "pipelines"}  # those that may import them
MODULES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere, less those only for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_upward(path: Path) -> None:
    part = part_of(path)
    if part == "__init__":  # the public names, resolved when they are used
        return
    assert part in RANKS, f"{part} is in no layer: add it to LAYERS"
    for name in imported(path):
        head, _, rest = name.partition(".")
        other = rest.partition(".")[0]
        if head == "aesearch" and other in RANKS:
            assert RANKS[other] <= RANKS[part], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_training_side_knows_torch_and_scikit_learn(path: Path) -> None:
    if part_of(path) not in TRAINERS:
        assert not {name.partition(".")[0] for name in imported(path)} & TRAINING


@pytest.mark.parametrize(
    "modules",
    [
        "aesearch, aesearch.encoders, aesearch.sources.folder, aesearch.storage.database, aesearch.errors",
        "aesearch.engines.faiss, aesearch.inference.encoder, aesearch.modalities.images.pixels",
        "aesearch.search.index, aesearch.engines.faiss, aesearch.inference.encoder, aesearch.modalities.images.pixels",
        "aesearch.inference.generate, aesearch.inference.frechet, aesearch.reports.plots, aesearch.reports.tiles",
        "aesearch.cli.generate, aesearch.cli.manage, aesearch.cli.query",
    ],
)
def test_searching_imports_nothing_heavy(modules: str) -> None:
    code = (
        f"import sys; import {modules}; print(*sorted({TRAINING | DRAWING!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""
