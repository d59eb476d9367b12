"""The figures and tables of the literature, drawn again: one module for each group of steps."""
