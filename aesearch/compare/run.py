"""A comparison from beginning to end, step by step: what was done is kept and not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from aesearch._version import __version__
from aesearch.compare.baselines import Searcher
from aesearch.compare.cache import FORMAT, StepResult, Work
from aesearch.compare.collection import Collection, open_collection
from aesearch.compare.map import choose_mapped, panels_of
from aesearch.compare.methods import REBUILT, Stage
from aesearch.compare.plan import (
    Step,
    check_forms,
    choose_steps,
    without_untrainable,
)
from aesearch.compare.qrels import Grades, known_qrels, read_qrels, read_queries
from aesearch.compare.results import Comparison, Row, TaskFacts
from aesearch.compare.tasks import COPIES, JUDGEMENTS, LABELS, named, qrels_task
from aesearch.encoders.factory import require_folders
from aesearch.errors import ParameterError, SourceError
from aesearch.evaluation.bootstrap import bootstrap
from aesearch.evaluation.tasks import Rankings, Task, evaluate
from aesearch.indexing.baselines import LSA_WEIGHTINGS, best_weighting
from aesearch.indexing.tasks import keys_of
from aesearch.indexing.train import default_budget
from aesearch.modalities import modality
from aesearch.settings import Settings, parse_seconds, require_number, require_seed
from aesearch.sources.columns import Columns
from aesearch.sources.folder import Folder
from aesearch.storage.layout import write_atomically
from aesearch.storage.places import home
from aesearch.types import Floats, Progress, silent

BOARD = "board.json"
PLACE = ".comparisons"  # in the home; no index is named like this, as hidden folders are no source
LONGEST_BUDGET = 600.0
SAID = 80  # characters of a document

# Of a `Searcher`, those that a row has too.
FACTS = ("title", "form", "size", "learned", "bytes_per_item", "fit_s", "error", "ann_recall")

Results = dict[Step, StepResult | None]
Tasks = dict[str, Task]
Judged = dict[str, Grades] | None


def compare(
    place: str | Path,
    *,
    encoders: Sequence[str] = (),
    code_sizes: Sequence[int] = (64,),
    forms: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    judgements: Path | None = None,
    queries: Path | None = None,
    budget: float | str | None = None,
    seed: int = 0,
    kind: str = "auto",
    columns: Columns | None = None,
    work: Path | None = None,
    mapped: bool = False,
    progress: Progress = silent,
) -> Comparison:
    """Compare encoders and baselines on one collection.

    Held-out items ask, the same as in the check of an index; the training set is searched.

    Parameters
    ----------
    place : str or Path
        A folder or table, or an index: of that the own encoder takes part, as it is.
    encoders : sequence of str, optional
        What is compared; see `plan.choose_steps`. By default the baselines of the kind, and
        what is learned by default.
    code_sizes : sequence of int
    forms : sequence of {'float', 'int8', 'bits', 'hybrid', 'borrowed'}, optional
        How codes are kept; of documents alone, 'hybrid' fuses them with BM25, and by 'borrowed'
        they only say which documents lend each other words, which BM25 then finds. By default all.
    parameters : mapping of str to value, optional
        Of encoders, where they differ from the defaults; see `plan.choose_steps`.
    judgements, queries : Path, optional
        See `qrels`.
    budget : float or str, optional
        Seconds for each training; by default at most ten minutes.
    seed : int
        Of training, of perturbations, and of the resamples.
    kind : {'auto', 'images', 'texts'}
    columns : Columns, optional
        Of a table.
    work : Path, optional
        Where results are kept, so that a run that was stopped goes on; by default a folder in the
        home, for each collection and seed its own.
    mapped : bool, default=False
        Also lay the collection out in two dimensions, by the codes of the best methods.
    progress : callable

    Returns
    -------
    Comparison
        Close it when the report is written.

    Raises
    ------
    SourceError, ParameterError, DamagedError, StorageError
    """
    seed = require_seed(seed)
    seconds = parse_seconds(budget) if isinstance(budget, str) else budget
    if seconds is not None:
        require_number("budget", seconds)
    if seconds is not None and not 0 < seconds < np.inf:
        raise ParameterError(f"budget must be more than 0 seconds; got {budget}")
    if queries is not None and judgements is None:
        raise ParameterError("queries need judgements that say what is right for them")
    if any(size < 1 for size in code_sizes):
        raise ParameterError(f"code sizes must be at least 1; got {list(code_sizes)}")
    qrels = None if judgements is None else read_qrels(judgements)
    asked = {} if queries is None else read_queries(queries)
    collection = open_collection(place, kind, columns)
    try:
        has_own, kind = collection.own is not None, collection.kind
        check_forms(forms, kind)
        steps = choose_steps(encoders, code_sizes, kind, parameters, has_own=has_own, seed=seed)
        count = len(collection.entries)
        steps = without_untrainable(steps, count, kind, named=bool(encoders))
        for step in steps:
            if step.learned:
                require_folders(step.method, collection.labels())
        identity = {
            "collection": collection.digest,
            "kind": kind,
            "seed": seed,
            "judgements": _sum({"judged": qrels, "queries": asked} if qrels else {}),
            "aesearch": __version__,
        }
        mark = _sum({"format": FORMAT, **identity})[:8]
        default = home() / PLACE / f"{collection.name}-{mark}"
        done = Work(work or default, identity)
        seconds = seconds or min(LONGEST_BUDGET, default_budget(len(collection.entries)))
        run = _Run(
            collection, done, steps, forms or modality(kind).code_forms, seconds, seed, progress
        )
        found = run.comparison(qrels, asked)
        if mapped:
            found.panels = panels_of(found, done, progress)
        return found
    except BaseException:
        collection.close()
        raise


class _Run:
    """One comparison on its way."""

    def __init__(
        self,
        collection: Collection,
        work: Work,
        steps: Sequence[Step],
        forms: Sequence[str],
        budget: float,
        seed: int,
        progress: Progress,
    ) -> None:
        self.collection, self.work, self.steps = collection, work, steps
        self.forms, self.budget, self.seed, self.progress = tuple(forms), budget, seed, progress

    def key(self, step: Step, results: Results) -> dict[str, Any]:
        """Return what the results of a step depend on; `results` are those of the steps before."""
        found: dict[str, Any] = {"forms": list(self.forms), "parameters": dict(step.parameters)}
        if step.learned:
            found["budget"] = self.budget
        if step.learned and modality(self.collection.kind).has_words:
            found["weighting"] = _best_weighting(results)
        return found

    def comparison(self, qrels: Judged, queries: dict[str, str]) -> Comparison:
        """Do what is still to be done, and return all of it."""
        results: Results = {}
        for step in self.steps:
            results[step] = self.work.read(step.name, self.key(step, results))
        if None in results.values() or not (self.work.root / BOARD).exists():
            self._do(results, qrels, queries)
        board = json.loads((self.work.root / BOARD).read_text(encoding="utf-8"))
        rows: list[Row] = []
        for step, result in results.items():
            assert result is not None
            for number, facts in enumerate(result.rows):
                prefix = f"{number}/"
                arrays = {
                    name.removeprefix(prefix): array
                    for name, array in result.arrays.items()
                    if name.startswith(prefix)
                }
                rows.append(Row(step.name, step.method, arrays=arrays, **facts))
        tasks = {name: TaskFacts(**facts) for name, facts in board.pop("tasks").items()}
        return Comparison(
            collection=self.collection,
            rows=rows,
            tasks=tasks,
            seed=self.seed,
            budget=self.budget if any(step.learned for step in self.steps) else None,
            work=self.work.root,
            **board,
        )

    def _do(self, results: Results, qrels: Judged, queries: dict[str, str]) -> None:
        dataset = self.collection.read(Settings(seed=self.seed), self.progress)
        if len(dataset) < 2:
            raise SourceError(f"{self.collection.name} holds a single item that can be read")
        shown = dataset.held_out[:: max(1, len(dataset.held_out) // REBUILT)][:REBUILT]
        stage = Stage(
            dataset,
            self.seed,
            self.forms,
            self.work.root,
            self._session,
            self.collection.own,
            self.collection.own_features,
            lambda: _best_weighting(results),
            self.collection.use_of_labels,
            shown,
            choose_mapped(len(dataset), self.seed),
        )
        tasks, unknown = self._tasks(stage, qrels, queries)
        self._write_board(stage, tasks, unknown)
        count = len(self.steps)
        for number, step in enumerate(self.steps):
            self.progress("comparing", number, count)
            # Asked again, because baselines that were just done may have changed what is learned.
            kept = self.work.read(step.name, self.key(step, results))
            results[step] = kept or self._take(step, stage, tasks, results)
        self.progress("comparing", count, count)
        self.work.tidy()

    def _take(self, step: Step, stage: Stage, tasks: Tasks, results: Results) -> StepResult:
        """Take one step, and keep what it found out."""
        result = StepResult()
        before, started = self.work.spent(step.name), time.perf_counter()
        try:
            for row, searcher in enumerate(stage.searchers(step)):
                facts, arrays = measure(searcher, tasks, self.seed)
                facts["fit_s"] += before
                facts["parameters"] = dict(step.parameters)
                result.rows.append(facts)
                result.arrays |= {f"{row}/{name}": a for name, a in arrays.items()}
        except BaseException:
            self.work.spend(step.name, before + time.perf_counter() - started)
            raise
        if step.method == "lsa" and stage.dataset.modality.has_words:
            result.weighting = best_weighting(stage.selection)
        self.work.write(step.name, self.key(step, results), result)
        return result

    def _tasks(self, stage: Stage, qrels: Judged, queries: dict[str, str]) -> tuple[Tasks, int]:
        dataset, selection = stage.dataset, stage.selection
        tasks: Tasks = {COPIES: selection.known_item}
        if qrels is None:
            if selection.same_label is not None:
                tasks[LABELS] = selection.same_label
            return tasks, 0
        kept, unknown = known_qrels(qrels, set(keys_of(dataset)), "the file of judgements")
        tasks[JUDGEMENTS] = qrels_task(dataset, kept, queries, self.seed)
        return tasks, unknown

    def _session(self, step: Step) -> Any:
        from aesearch.encoders.training.session import Session

        stage = f"training {step.name}"
        return Session(
            budget_s=self.budget,
            progress=lambda done, _: self.progress(stage, done * self.budget, self.budget),
            checkpoint=self.work.training(step.name),
        )

    def _write_board(self, stage: Stage, tasks: Tasks, unknown: int) -> None:
        dataset = stage.dataset
        folders = isinstance(self.collection.source, Folder)
        board = {
            "keys": keys_of(dataset),
            "labels": dataset.labels,
            "training": dataset.training,
            "skipped": sum(not file.ignored for file in dataset.skipped),
            "shown": stage.shown.tolist(),
            "mapped": stage.mapped.tolist(),
            "said": [dataset.described(int(row), SAID) for row in stage.mapped],
            "unknown": unknown,
            "tasks": {
                name: {
                    "title": named(name, dataset.kind, folders=folders),
                    "names": task.queries.names,
                    "rows": task.queries.rows.tolist(),
                    "chance": task.chance,
                }
                for name, task in tasks.items()
            },
        }
        write_atomically(self.work.root / BOARD, json.dumps(board).encode())


def measure(searcher: Searcher, tasks: Tasks, seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a method answer all tasks; return a row of the table, and what it says by query."""
    measures: dict[str, dict[str, list[float]]] = {}
    arrays: dict[str, Any] = {}
    spent, asked = 0.0, 0
    for task_name, task in tasks.items():
        found, seconds = answer(searcher, task)
        spent, asked = spent + seconds, asked + len(task.queries)
        values = np.stack(list(found.values.values()), axis=1)
        estimates = zip(found.values, bootstrap(values, seed), strict=True)
        measures[task_name] = {name: estimate.as_list() for name, estimate in estimates}
        arrays |= {f"{task_name}/{name}": own for name, own in found.values.items()}
        arrays[f"{task_name}/nearest"] = found.nearest.astype(np.int32)
        arrays[f"{task_name}/right"] = found.relevant
        if found.curve.shape[1]:
            curve = [estimate.as_list() for estimate in bootstrap(found.curve, seed)]
            arrays[f"{task_name}/curve"] = np.array(curve)
    if searcher.rebuilt is not None:
        arrays["rebuilt"] = searcher.rebuilt
    if searcher.mapped is not None:  # a unit vector needs no more for a picture of it
        arrays["mapped"] = searcher.mapped.astype(np.float16)
    facts = {name: getattr(searcher, name) for name in FACTS}
    facts |= {"query_ms": 1000 * spent / max(1, asked), "measures": measures}
    return facts, arrays


def answer(searcher: Searcher, task: Task) -> tuple[Rankings, float]:
    """Return what a method reaches on a task, and the seconds that its scores took."""
    started = time.perf_counter()
    prepared = searcher.prepare(task.queries)
    spent = time.perf_counter() - started

    def score(block: slice) -> Floats:
        nonlocal spent
        started = time.perf_counter()
        scores = searcher.score(prepared[block])
        spent += time.perf_counter() - started
        return scores

    return evaluate(task, score), spent


def _best_weighting(results: Results) -> str:
    """Return the weighting of words that LSA did best with."""
    found = [result.weighting for result in results.values() if result and result.weighting]
    return found[-1] if found else LSA_WEIGHTINGS[0]


def _sum(value: Any) -> str:
    return xxhash.xxh3_64_hexdigest(json.dumps(value, sort_keys=True).encode())
