"""A source becomes an index: preflight, datasets, baselines, training, selection."""
