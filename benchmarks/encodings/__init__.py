"""Which detector of encodings is right how often: 40 languages, 60, 200 and 1,000 bytes."""
