"""Encoders in closed form: PCA, LSA, thumbnails, raw pixels."""
