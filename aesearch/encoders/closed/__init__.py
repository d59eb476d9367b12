"""Codes in closed form: learned from the collection, and nothing trained."""
