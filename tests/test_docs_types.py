"""The Python of the README and of docs/, and the public types, under mypy --strict."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TYPE_TESTS = ROOT / "tests" / "type_tests"


def write_modules(folder: Path) -> list[Path]:
    """Write each block of Python as a module of its own, its lines where they are in the page."""
    written = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.M | re.S):
            above = text.count("\n", 0, block.start(1))
            name = re.sub(r"\W", "_", str(page.relative_to(ROOT).with_suffix("")))
            path = folder / f"{name}_{above + 1}.py"
            path.write_text("\n" * above + block[1], encoding="utf-8")
            written.append(path)
    return written


def test_python_of_the_pages_and_public_types_pass_mypy(tmp_path: Path) -> None:
    written = write_modules(tmp_path)
    assert len(written) > 15
    assert {path.name.partition("_")[0] for path in written} == {"README", "docs"}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *written, *TYPE_TESTS.glob("*.py")],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_reads_the_types_of_the_package(tmp_path: Path) -> None:
    """A wrong use is an error: the joints of the package are no Any."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "import aesearch\n"
        "from aesearch.encoders import Nothing\n"
        "with aesearch.open('x') as index:\n"
        "    print(index.search('x', k='five'))\n"
        "    print(index.search('x')[0].snippet.text)\n"
        "    print(index.nothing)\n"
        "print(aesearch.nothing, Nothing)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", wrong], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert re.findall(r":(\d): error: .*\[([\w-]+)\]", done.stdout) == [
        ("2", "attr-defined"), ("4", "arg-type"), ("5", "union-attr"), ("6", "attr-defined"),
        ("7", "attr-defined"),
    ]  # fmt: skip
