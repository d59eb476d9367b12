"""Codes, encoder and FAISS file for use without aesearch."""
