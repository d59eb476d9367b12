"""Typed search as users get it, beside bm25s, latent semantic analysis and gensim."""
