"""Random mutations of all kinds of input, through reading, indexing and querying."""
