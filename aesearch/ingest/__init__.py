"""Content into an existing index: decode, add, remove, sync."""
