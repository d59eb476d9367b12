"""The family of autoencoders: one base, and what each adds."""
