"""What takes long: one job after the other, with progress, and a way to stop it.

What reads a source, or trains, runs in a process of its own (`aesearch.service.worker`), so that
searches go on beside it; what adds and removes a few items, in a thread.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from aesearch.errors import AesearchError
from aesearch.service import models
from aesearch.service.problems import TellingError, as_problem
from aesearch.types import Progress

Does = Literal["add", "remove", "sync", "index", "duplicates", "map"]
State = Literal["waiting", "running", "done", "failed", "cancelled"]
REMEMBERED = 200  # jobs that have ended
PATIENCE = 60  # seconds for a worker that is told to stop, until it is killed
log = logging.getLogger("aesearch.service")


class Stopped(KeyboardInterrupt):
    """A job was cancelled: what runs ends as it does at Ctrl-C, and loses nothing."""


@dataclass
class _Job:
    """One job; its fields are read and written with the lock of `Jobs`."""

    does: Does
    index: str
    work: Callable[[_Job, Progress], dict[str, Any]]
    about: str = ""
    id: str = field(default_factory=lambda: uuid4().hex)
    state: State = "waiting"
    stage: str = ""
    done: float = 0.0
    total: float = 0.0
    result: dict[str, Any] | None = None
    problem: models.Problem | None = None
    created_at: float = field(default_factory=time.time)
    ended_at: float | None = None
    version: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def told(self) -> models.Job:
        return models.Job.model_validate(self, from_attributes=True)


class Jobs:
    """The jobs of one server.

    Parameters
    ----------
    most : int
        Jobs that wait at most.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._jobs: dict[str, _Job] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, "job")

    def add(self, does: Does, index: str, work: Callable[[Progress], dict[str, Any]]) -> models.Job:
        """Let a thread do something, when it is its turn; `work` calls its progress often.

        Raises
        ------
        TellingError
            429 if too many wait.
        """
        return self._put(_Job(does, index, lambda _, progress: work(progress)))

    def add_worker(self, does: Does, index: str, about: str = "", **asked: Any) -> models.Job:
        """Let a process do something; see `aesearch.service.worker`, and `find` on `about`."""

        def work(job: _Job, progress: Progress) -> dict[str, Any]:
            return _in_process(job, progress, does, asked)

        return self._put(_Job(does, index, work, about))

    def find(self, does: Does, index: str, about: str) -> models.Job | None:
        """The latest such job that was not in vain."""
        with self._lock:
            for job in reversed(self._jobs.values()):
                same = (job.does, job.index, job.about) == (does, index, about)
                if same and job.state not in ("failed", "cancelled"):
                    return job.told()
        return None

    def _put(self, job: _Job) -> models.Job:
        with self._lock:
            if sum(one.state == "waiting" for one in self._jobs.values()) >= self._most:
                raise TellingError(429, f"{self._most} jobs wait already", later=60)
            self._jobs[job.id] = job
            ended = [one.id for one in self._jobs.values() if one.ended_at is not None]
            for id in ended[: max(0, len(ended) - REMEMBERED)]:
                del self._jobs[id]
            told = job.told()
        self._pool.submit(self._run, job)
        return told

    def waits(self, does: Does, index: str) -> bool:
        """Whether such a job waits already."""
        with self._lock:
            return any(
                (one.does, one.index, one.state) == (does, index, "waiting")
                for one in self._jobs.values()
            )

    def all(self) -> list[models.Job]:
        """All that are remembered, the latest first."""
        with self._lock:
            return [job.told() for job in reversed(self._jobs.values())]

    def get(self, id: str) -> models.Job:
        """One job.

        Raises
        ------
        TellingError
            404 if there is none of this id.
        """
        return self.seen(id)[1]

    def seen(self, id: str) -> tuple[int, models.Job]:
        """One job, and a number that changes when it does."""
        with self._lock:
            job = self._of(id)
            return job.version, job.told()

    def cancel(self, id: str) -> models.Job:
        """Let a job stop; one that has ended stays as it is."""
        with self._lock:
            job = self._of(id)
            job.stopping.set()
            if job.state == "waiting":
                self._end(job, "cancelled")
            return job.told()

    def _of(self, id: str) -> _Job:
        if id not in self._jobs:
            raise TellingError(404, "there is no such job; those that ended long ago are forgotten")
        return self._jobs[id]

    def _run(self, job: _Job) -> None:
        with self._lock:
            if job.state != "waiting":
                return
            job.state, job.version = "running", job.version + 1

        def progress(stage: str, done: float, total: float) -> None:
            if job.stopping.is_set():
                raise Stopped
            with self._lock:
                job.stage, job.done, job.total = stage, float(done), float(total)
                job.version += 1

        try:
            result = job.work(job, progress)
        except Stopped:
            with self._lock:
                self._end(job, "cancelled")
        except Exception as error:
            with self._lock:
                job.problem = as_problem(error)
                self._end(job, "failed")
        else:
            with self._lock:
                job.result = result
                self._end(job, "done")
        log.info("job %s: %s of %s is %s", job.id, job.does, ascii(job.index), job.state)

    def _end(self, job: _Job, state: State) -> None:
        job.state, job.ended_at, job.version = state, time.time(), job.version + 1

    def close(self) -> None:
        """Stop all: what runs loses nothing, and goes on the next time."""
        with self._lock:
            for job in self._jobs.values():
                job.stopping.set()
        self._pool.shutdown(wait=True, cancel_futures=True)


def _in_process(job: _Job, progress: Progress, does: Does, asked: dict[str, Any]) -> dict[str, Any]:
    """Let a worker do it; it stops where its standard input is closed."""
    command = [sys.executable, "-m", "aesearch.service.worker"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps({"does": does, **asked}) + "\n")
        worker.stdin.flush()
        threading.Thread(target=_stop, args=(job, worker), daemon=True).start()
        last: dict[str, Any] = {}
        for line in worker.stdout:
            last = json.loads(line)
            if "stage" in last and not job.stopping.is_set():
                progress(last["stage"], last["done"], last["total"])
    if "result" in last:
        result: dict[str, Any] = last["result"]
        return result
    if job.stopping.is_set():
        raise Stopped
    if "problem" in last:
        raise WorkerError(models.Problem(**last["problem"]))
    raise RuntimeError(f"the process of a job ended with {worker.returncode}")


def _stop(job: _Job, worker: subprocess.Popen[str]) -> None:
    """Tell a worker to stop when its job is to; kill it where it does not."""
    while worker.poll() is None and not job.stopping.wait(0.2):
        pass
    if worker.poll() is None and worker.stdin is not None:
        worker.stdin.close()
        try:
            worker.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            worker.kill()


class WorkerError(AesearchError):
    """What a worker said of its error."""

    def __init__(self, problem: models.Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem
