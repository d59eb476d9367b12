"""Near-duplicates: candidate pairs, a threshold, groups."""
