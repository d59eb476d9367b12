"""What changes an index of a service: jobs, which are waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from aesearch.client.sending import Part
from aesearch.client.service import Service, problem
from aesearch.errors import ServiceError
from aesearch.types import Progress, silent

SOONEST, LATEST = 0.02, 1.0  # seconds between looks at a job
MOST, LARGEST = 1000, 24 << 20  # items, and characters of their contents, that are sent at once


def ended(service: Service, job: Mapping[str, Any], progress: Progress = silent) -> dict[str, Any]:
    """Wait for a job; where that is interrupted, it is cancelled.

    Parameters
    ----------
    service : Service
    job : mapping
        As the service told of it.
    progress : callable

    Returns
    -------
    dict
        Its result.

    Raises
    ------
    AesearchError
        As it failed; ServiceError if somebody cancelled it.
    """
    pause = SOONEST
    try:
        while job["ended_at"] is None:
            time.sleep(pause)
            pause = min(2 * pause, LATEST)
            job = service.get("v1", "jobs", job["id"])
            progress(job["stage"] or job["does"], job["done"], job["total"])
    except KeyboardInterrupt:
        service.delete("v1", "jobs", job["id"])
        raise
    if job["state"] == "failed":
        raise problem(job["problem"], job["problem"]["status"])
    if job["state"] != "done":
        raise ServiceError(f"the job {job['id']} ({job['does']}) was {job['state']}")
    result: dict[str, Any] = job["result"]
    return result


def portions(items: Mapping[str, Part]) -> Iterator[dict[str, Part]]:
    """Items in portions that a service takes at once."""
    portion: dict[str, Part] = {}
    size = 0
    for key, part in items.items():
        own = sum(len(value) for value in part.values() if isinstance(value, str | list))
        if portion and (len(portion) == MOST or size + own > LARGEST):
            yield portion
            portion, size = {}, 0
        portion[key] = part
        size += own
    if portion:
        yield portion
