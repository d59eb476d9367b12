"""An index inside the pipelines of other packages: scikit-learn, LangChain, Haystack.

Each is a file of its own, and imports its package when it is imported itself.
"""
