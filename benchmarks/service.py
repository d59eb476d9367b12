"""The service against the library that it serves: overhead, load, start.

    python -m benchmarks.service overhead [--items 5000] [--requests 1000]
    python -m benchmarks.service load [--clients 32] [--seconds 60]
    python -m benchmarks.service abuse [--examples 50] [--connections 500]
    python -m benchmarks.service start [--indexes 10] [--items 10000]

Each over vectors drawn at random, served by ``aesearch serve`` in a process of its own, and asked
by ``http.client`` of the standard library, which keeps its connection. **overhead**: the median
time of ``POST search`` by key less that of `Index.similar` here, one client. **load**: clients are
threads of one more process; beside their requests a second stands what as many threads as the
server has get of the library. **abuse**: schemathesis over all routes. **start**: until
``/readyz``.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import numpy as np

from aesearch.engines.threads import workers
from aesearch.indexing.build import build
from aesearch.search.index import Index

SIZE = 64
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
PATIENCE = 35  # seconds, a little more than half a request may take
WARM = 50  # requests that are not counted


def make(root: Path, items: int, name: str = "vectors") -> Path:
    """Make an index of vectors, and return its folder."""
    rows = np.random.default_rng(0).normal(size=(items, SIZE)).astype(np.float32)
    build(rows, root / name, budget=0).close()
    return root / name


@contextmanager
def served(*places: Path) -> Iterator[tuple[str, int, int]]:
    """Serve indexes; the host, the port and the id of the process."""
    command = [sys.executable, "-m", "aesearch", "serve", "--port", "0", "--quiet"]
    with subprocess.Popen(
        [*command, *map(str, places)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip())
        try:
            yield str(address.hostname), int(address.port or 0), process.pid
        finally:
            process.terminate()


def asker(host: str, port: int, name: str, keys: list[str]) -> Callable[[int], int]:
    """What sends one search by key, and returns its status."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    headers = {"Content-Type": "application/json"}

    def ask(number: int) -> int:
        body = json.dumps({"like": [{"key": keys[number % len(keys)]}], "k": 10})
        connection.request("POST", f"/v1/indexes/{name}/search", body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    return ask


def times(do: Callable[[int], Any], count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Seconds of each call."""
    for number in range(WARM):
        do(number)
    taken = []
    for number in range(count):
        started = time.perf_counter()
        do(number)
        taken.append(time.perf_counter() - started)
    return np.array(taken)


def keys_of(place: Path) -> list[str]:
    """The keys of an index."""
    with Index(place) as index:
        return [item.key for item in index.items()]


def cpu_of(process: int) -> float:
    """Seconds of CPU that a process has used; Linux alone tells."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / 100


@click.group()
def main() -> None:
    """Measure the service."""


@main.command()
@click.option("--items", default=5000, show_default=True)
@click.option("--requests", default=1000, show_default=True)
def overhead(items: int, requests: int) -> None:
    """Of one client, beside the library in this process."""
    with tempfile.TemporaryDirectory() as folder:
        place = make(Path(folder), items)
        keys = keys_of(place)
        with Index(place) as index:
            own = times(lambda n: index.similar(keys[n % len(keys)], 10), requests)
        with served(place) as (host, port, _):
            theirs = times(asker(host, port, place.name, keys), requests)
    for name, taken in (("library", own), ("service", theirs)):
        half, most = np.quantile(taken, [0.5, 0.99]) * 1000
        print(f"{name:<10} median {half:.2f} ms, p99 {most:.2f} ms")
    print(f"{'overhead':<10} median {(np.median(theirs) - np.median(own)) * 1000:.2f} ms")


@main.command()
@click.option("--items", default=100_000, show_default=True)
@click.option("--clients", default=32, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
def load(items: int, clients: int, seconds: float) -> None:
    """Of many clients, beside the library in as many threads as the server has."""
    with tempfile.TemporaryDirectory() as folder:
        place = make(Path(folder), items)
        keys = keys_of(place)
        with Index(place) as index:
            own, _ = _together(
                [lambda n: bool(index.similar(keys[n % len(keys)], 10))] * workers(), seconds
            )
        with served(place) as (host, port, process):
            before = cpu_of(process)
            command = [sys.executable, "-m", "benchmarks.service", "ask", host, str(port)]
            sent = [place.name, str(items), str(clients), str(seconds)]
            done = subprocess.run([*command, *sent], capture_output=True, text=True, check=True)
            used = cpu_of(process) - before
    told = json.loads(done.stdout)
    rate = told["answers"] / seconds
    print(f"library    {len(own) / seconds:.0f} a second, {workers()} threads")
    print(f"service    {rate:.0f} a second, {clients} clients: {rate / (len(own) / seconds):.2f}")
    print(f"           median {told['median']:.1f} ms, p99 {told['p99']:.1f} ms")
    print(f"           {used / told['answers'] * 1000:.2f} ms of CPU a request")
    print(f"           statuses {told['statuses']}")


def _together(
    askers: list[Callable[[int], Any]], seconds: float
) -> tuple[list[float], Counter[str]]:
    """Seconds of each call by as many threads as there are askers, and what they returned."""
    taken: list[float] = []
    seen: Counter[str] = Counter()
    end = time.perf_counter() + seconds

    def run(place: int, ask: Callable[[int], Any]) -> None:
        number = place * 7919
        while (started := time.perf_counter()) < end:
            seen[str(ask(number))] += 1
            taken.append(time.perf_counter() - started)
            number += 1

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(askers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, seen


@main.command(hidden=True)
@click.argument("host")
@click.argument("port", type=int)
@click.argument("name")
@click.argument("items", type=int)
@click.argument("clients", type=int)
@click.argument("seconds", type=float)
def ask(host: str, port: int, name: str, items: int, clients: int, seconds: float) -> None:
    """Be the clients of `load`."""
    keys = [str(number) for number in range(items)]
    taken, seen = _together([asker(host, port, name, keys) for _ in range(clients)], seconds)
    half, most = np.quantile(taken, [0.5, 0.99]) * 1000
    print(json.dumps({"answers": len(taken), "median": half, "p99": most, "statuses": dict(seen)}))


@main.command()
@click.option("--items", default=1000, show_default=True)
@click.option("--examples", default=50, show_default=True, help="Of each route.")
@click.option("--connections", default=500, show_default=True)
def abuse(items: int, examples: int, connections: int) -> None:
    """Of requests that schemathesis draws, beside connections that send half of one."""
    with tempfile.TemporaryDirectory() as folder:
        place = make(Path(folder), items)
        with served(place) as (host, port, _):
            halves = [socket.create_connection((host, port)) for _ in range(connections)]
            for one in halves[::2]:
                one.sendall(b"POST /v1/indexes/vectors/search HTTP/1.1\r\nHost: 127.0.0.1\r\n")
            for one in halves[::4]:
                one.sendall(b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{")
            described = f"http://{host}:{port}/openapi.json"
            command = ["schemathesis", "run", described, "--phases", "fuzzing,coverage"]
            command += ["-c", ",".join(CHECKS), "--max-examples", str(examples)]
            code = subprocess.run([*command, "--generation-deterministic"], check=False).returncode
            time.sleep(PATIENCE)
            ended = sum(_has_ended(one) for one in halves)
            status = asker(host, port, place.name, keys_of(place))(0)
    print(f"schemathesis ended with {code}; a search has status {status}")
    print(f"{ended} of {connections} half-sent requests were ended by the server")


def _has_ended(connection: socket.socket) -> bool:
    """Whether the server has closed a connection, perhaps after an answer."""
    connection.settimeout(5)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        pass
    return True


@main.command()
@click.option("--indexes", default=10, show_default=True)
@click.option("--items", default=10_000, show_default=True)
def start(indexes: int, items: int) -> None:
    """Of a server with several indexes, until it says that it is ready."""
    with tempfile.TemporaryDirectory() as folder:
        places = [make(Path(folder), items, f"vectors{number}") for number in range(indexes)]
        started = time.perf_counter()
        with served(*places) as (host, port, _):
            address = time.perf_counter() - started
            status = 0
            while status != 200:
                connection = http.client.HTTPConnection(host, port, timeout=60)
                connection.request("GET", "/readyz")
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            print(f"address after {address:.2f} s, ready {time.perf_counter() - started:.2f} s")


if __name__ == "__main__":
    main()
