"""Measurements of aesearch on real data; each module that has a `main` prints a table."""
