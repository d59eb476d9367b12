"""A writer is killed at many points; the index is at its old or its new revision, and whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")


@pytest.fixture
def quick_disk(tmp_path: Path) -> Iterator[Path]:
    """A place in memory where there is one: SIGKILL loses nothing that the system has."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path.resolve()
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="aesearch-") as folder:
        yield Path(folder).resolve()


@pytest.mark.parametrize(
    ("name", "most", "timed"),
    [("first", 14, 2), ("update", 18, 3), ("add", 18, 2), ("remove", 18, 2)],
)
def test_killed_anywhere(name: str, most: int, timed: int, quick_disk: Path) -> None:
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    script = Path(__file__).with_name("killing_.py")
    done = subprocess.run(
        [sys.executable, str(script), name, str(quick_disk), str(most), str(timed)],
        env={**os.environ, **one_thread},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    report = json.loads(done.stdout)
    assert report["trials"] >= 15
    # In the order of the steps there is one turning point: before it the old one, then the new.
    before = "none" if name == "first" else "old"
    assert [key for key, _ in report["runs"]] == [before, "new"], report
