"""The page of a comparison: methods side by side, in figures, charts and answers."""
