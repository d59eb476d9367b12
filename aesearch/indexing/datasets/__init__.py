"""What was read of a collection, one class for each kind of data."""
