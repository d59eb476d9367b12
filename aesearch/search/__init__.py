"""A query to hits: dense, hybrid, BM25, fusion, explanation."""
