"""Encoders and baselines of one collection, side by side: what `aesearch compare` does.

    tasks.py, qrels.py  ->  methods.py, baselines.py  ->  evaluation/   ->  cache.py  ->  results.py
    queries, and what       who answers: scores of        metrics by        results       rows, and
    is relevant             all items                     query             on disk       a decision

`run.py` goes through them step by step; a run that was stopped goes on from the last step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aesearch._door import door

if TYPE_CHECKING:
    from aesearch.compare.run import compare

__all__ = ["compare"]

if not TYPE_CHECKING:
    __getattr__, __dir__ = door(__name__, {"compare": "run"})
