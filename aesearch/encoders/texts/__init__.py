"""The default for documents: a denoising autoencoder that begins as LSA."""
