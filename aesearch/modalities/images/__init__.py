"""Pictures: pixels."""
