"""What this machine is good at, and how it likes its memory."""

from __future__ import annotations

import contextlib
import ctypes
import math
import sys
import time
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch.nn import functional

WORTH_IT = 1.3  # times faster bfloat16 must be to be used


@lru_cache
def bfloat16_pays() -> bool:
    """Measure once whether this processor multiplies bfloat16 clearly faster than float32."""
    x, weight = torch.ones(64, 32, 16, 16), torch.ones(32, 32, 3, 3)  # draws no random numbers
    kinds = (torch.float32, torch.bfloat16)
    inputs = [
        (x.to(kind).contiguous(memory_format=torch.channels_last), weight.to(kind))
        for kind in kinds
    ]
    seconds = [math.inf] * 2
    for _ in range(12):  # taking turns, so that another program disturbs both alike
        for which, (pictures, filters) in enumerate(inputs):
            start = time.perf_counter()
            functional.conv2d(pictures, filters, padding=1)
            seconds[which] = min(seconds[which], time.perf_counter() - start)
    return seconds[0] > WORTH_IT * seconds[1]


@contextlib.contextmanager
def memory_kept() -> Iterator[None]:
    """Keep freed memory in the process while training.

    glibc returns large blocks to the system at once and gets them back page by page, zeroed:
    measured, a fifth to a half of the time of a step.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    library = ctypes.CDLL(None)
    trim, most = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    if not hasattr(library, "mallopt"):
        yield
        return
    library.mallopt(trim, 1 << 30)
    library.mallopt(most, 0)
    try:
        yield
    finally:
        library.mallopt(trim, 128 << 10)
        library.mallopt(most, 65536)
        if hasattr(library, "malloc_trim"):
            library.malloc_trim(0)
