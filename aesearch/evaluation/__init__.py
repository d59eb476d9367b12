"""Arrays in, numbers out: metrics, tasks, bootstrap, decision.

A task asks, a method scores, `evaluate` gives the values of each metric by query; `decide` compares
two methods on them by the paired bootstrap, `select` chooses the candidate that is published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.evaluation.decision import decide, select
    from aesearch.evaluation.tasks import evaluate

__all__ = ["decide", "evaluate", "select"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(
        __name__,
        {
            "decide": "decision",
            "evaluate": "tasks",
            "select": "decision",
        },
    )
