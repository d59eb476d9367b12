"""Encoders and baselines of one collection, side by side: what `aesearch compare` does.

    tasks.py, judgements.py  ->  methods.py, baselines.py  ->  metrics.py  ->  work.py  ->  table.py
    what is asked, and           who answers: scores of        arrays in,      results     rows, and
    what is right                all items                     numbers out     on disk     a verdict

`run.py` goes through them step by step; a run that was stopped goes on from the last step.
"""
