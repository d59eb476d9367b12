"""What is counted, in the form of Prometheus: requests, latency, queue, sizes, revisions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from aesearch.errors import AesearchError

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from aesearch.service.limits import Queue
    from aesearch.service.shelf import Shelf

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All that is counted of one server."""

    def __init__(self, shelf: Shelf, queue: Queue) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "aesearch_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "aesearch_request_seconds",
            "Time from a request to the end of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.registry.register(_State(shelf, queue))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; what no route takes is counted together."""
        route, method = route or "other", method if method in METHODS else "other"
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All of it, as it is now."""
        return generate_latest(self.registry)


class _State(Collector):
    """Sizes and revisions of the indexes, and the queue, at the time when they are asked for."""

    def __init__(self, shelf: Shelf, queue: Queue) -> None:
        self._shelf, self._queue = shelf, queue

    def describe(self) -> Iterator[Metric]:
        """Nothing: what there is may change."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """What there is now."""
        queue = GaugeMetricFamily("aesearch_queries", "Queries by state.", labels=["state"])
        queue.add_metric(["running"], self._queue.running)
        queue.add_metric(["waiting"], self._queue.waiting)
        items = GaugeMetricFamily("aesearch_index_items", "Items.", labels=["index"])
        revisions = GaugeMetricFamily("aesearch_index_revision", "Revision.", labels=["index"])
        up = GaugeMetricFamily("aesearch_index_up", "Whether it opens.", labels=["index"])
        for name in self._shelf.places():
            opens = 0
            with suppress(AesearchError, OSError), self._shelf.lease(name) as index:
                items.add_metric([name], len(index))
                revisions.add_metric([name], index.revision.number)
                opens = 1
            up.add_metric([name], opens)
        yield from (queue, items, revisions, up)
