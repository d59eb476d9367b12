"""What this machine is good at, and how it likes its memory."""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import sys
import time
from collections.abc import Iterator
from functools import lru_cache

import torch
from torch.nn import functional

from aesearch.errors import ParameterError

DEVICE_VARIABLE = "AESEARCH_DEVICE"
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
        for which, (images, filters) in enumerate(inputs):
            start = time.perf_counter()
            functional.conv2d(images, filters, padding=1)
            seconds[which] = min(seconds[which], time.perf_counter() - start)
    return seconds[0] > WORTH_IT * seconds[1]


def training_device() -> torch.device:
    """Return where to train: CUDA or MPS if there is one, else the processor.

    The environment variable AESEARCH_DEVICE, such as "cpu" or "cuda:1", decides otherwise.
    """
    wanted = os.environ.get(DEVICE_VARIABLE)
    if wanted:
        try:
            device = torch.device(wanted)
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise ParameterError(
                f"{DEVICE_VARIABLE} is '{wanted}', which cannot be used ({reason}); "
                "unset it, or set it to cpu"
            ) from error
        return device
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def autocast(device: torch.device) -> torch.autocast:
    """Return the context that multiplies in bfloat16 where that pays."""
    if device.type == "cpu":
        pays = bfloat16_pays()
    else:
        pays = device.type == "cuda" and torch.cuda.is_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=pays)


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
