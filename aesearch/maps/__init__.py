"""A collection in two dimensions, learned or not."""
