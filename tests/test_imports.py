"""The rooms of the package: imports go down the list, and searching imports nothing heavy."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "aesearch"
# From the bottom; a room may import itself and what stands above it in this list.
ORDER = (
    "errors",
    "_version",
    "_door",
    "_renamed",
    "types",
    "wording",
    "sparse",
    "engines",
    "settings",
    "evaluation",
    "modalities",
    "sources",
    "inference",
    "encoders",
    "storage",
    "ingest",
    "search",
    "client",
    "indexing",
    "export",
    "integrations",
    "duplicates",
    "originals",
    "maps",
    "compare",
    "reports",
    "service",
    "cli",
    "__main__",
)
RANKS = {room: rank for rank, room in enumerate(ORDER)}
TRAINING = {"torch", "torchvision", "sklearn", "scipy"}
DRAWING = {"matplotlib", "rich", "jinja2"}  # only for what is drawn, and loaded when it is
TRAINERS = {"encoders", "indexing", "maps", "integrations"}  # those that may import them
MODULES = sorted(PACKAGE.rglob("*.py"))
# The handle of a folder and the searcher are one class still.
EXCEPTIONS = {
    (path, name)
    for path in ("inference/generate.py", "ingest/update.py", "storage/info.py")
    for name in ("aesearch.search.index", "aesearch.search.index.Index")
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports anywhere, for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found.add(node.module or "")
            found |= {f"{node.module}.{name.name}" for name in node.names}
        elif isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func):
            found |= {a.value for a in node.args if isinstance(a, ast.Constant)}
    return found


def upward(path: Path) -> set[str]:
    """Names that a file imports from a room below it in `ORDER`."""
    room = room_of(path)
    heads = {name: name.removeprefix("aesearch.").partition(".")[0] for name in imported(path)}
    return {
        name
        for name, other in heads.items()
        if name.startswith("aesearch.") and RANKS.get(other, -1) > RANKS[room]
    }


def test_every_room_has_its_place() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms == set(ORDER)
    assert len([path for path in PACKAGE.glob("*.py") if path.stem[:2] != "__"]) <= 8


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_upward(path: Path) -> None:
    if room_of(path) == "__init__":  # the public names, resolved when they are used
        return
    name = path.relative_to(PACKAGE).as_posix()
    assert {other for other in upward(path) if (name, other) not in EXCEPTIONS} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_training_side_knows_torch_and_scikit_learn(path: Path) -> None:
    if room_of(path) not in TRAINERS:
        assert not {name.partition(".")[0] for name in imported(path)} & TRAINING


@pytest.mark.parametrize(
    "modules",
    [
        "aesearch, aesearch.encoders, aesearch.sources.folder, aesearch.storage.database",
        "aesearch.search.index, aesearch.engines.faiss, aesearch.inference.encoder",
        "aesearch.modalities.images.pixels, aesearch.modalities.texts.features",
        "aesearch.inference.generate, aesearch.inference.frechet",
        "aesearch.reports.training, aesearch.reports.comparison.page, aesearch.reports.map.figure",
        "aesearch.cli.sample, aesearch.cli.info, aesearch.cli.query",
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


def graph() -> dict[str, set[str]]:
    """The modules that each module imports, for type checkers too."""
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in MODULES
    }
    found = {name: imported(path) & set(names) - {name} for name, path in names.items()}
    # 'from package import module' names both; it is the module that is meant.
    return {
        name: {o for o in others if not _is_only_above(o, others)} for name, others in found.items()
    }


def _is_only_above(package: str, others: set[str]) -> bool:
    return any(other.startswith(f"{package}.") for other in others)


def test_there_are_no_circles() -> None:
    left = graph()
    while True:
        free = {name for name, others in left.items() if not others & set(left)}
        if not free:
            break
        left = {name: others for name, others in left.items() if name not in free}
    assert left == {}, "these import one another"
