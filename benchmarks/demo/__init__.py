"""What `scripts/demo` indexes: made from installed packages, so that nothing is downloaded."""
