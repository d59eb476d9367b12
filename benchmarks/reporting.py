"""What the benchmarks tell: progress, the machine, and tables."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("numpy", "faiss-cpu", "onnxruntime", "pillow", "scikit-learn", "torch", "click")


def machine() -> str:
    """Describe processor, load and library versions in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    load = f"load {os.getloadavg()[0]:.1f}, " if hasattr(os, "getloadavg") else ""
    threads = os.environ.get("OMP_NUM_THREADS")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    limit = f"OMP_NUM_THREADS={threads}, " if threads else ""
    return (
        f"{os.cpu_count()} cores ({model}), {load}{limit}"
        f"{platform.system()}, Python {platform.python_version()}, {versions}"
    )


def command() -> str:
    """Return the command line that runs this benchmark again."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = f"python -m {spec.name.removesuffix('.__main__')}" if spec else Path(sys.argv[0]).name
    return " ".join([program, *sys.argv[1:]])


def say(text: str) -> None:
    """Tell on stderr what goes on."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def stage_progress(every: float = 15.0) -> Callable[[str, float, float], None]:
    """Return a progress callback that writes a line at each new stage and now and then."""
    last: dict[str, float] = {}

    def progress(stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        if stage not in last or now - last[stage] >= every:
            last[stage] = now
            say(f"{stage}: {done:,.0f} of {total:,.0f}")

    return progress


def training_progress(name: str, every: float = 20.0) -> Callable[[float, dict[str, float]], None]:
    """Return a callback that writes a line now and then."""
    last = time.monotonic()

    def progress(done: float, terms: dict[str, float]) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            losses = ", ".join(f"{term} {value:.2f}" for term, value in terms.items())
            say(f"{name}: {done:.0%}, {losses}")

    return progress


def show(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    notes: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """Print results as a markdown table with lines below it, or all of it as JSON."""
    document = {"title": title, "command": command(), "machine": machine(), **notes}
    if as_json:
        print(json.dumps({**document, "rows": list(rows)}, indent=1))
        return
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print(f"\n{title}\n\n| {' | '.join(columns)} |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print(f"| {' | '.join(_written(row.get(name, '')) for name in columns)} |")
    print()
    for name, value in {**notes, "command": document["command"]}.items():
        print(f"* {name}: {_written(value)}")
    print(f"* machine: {document['machine']}")


def _written(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
