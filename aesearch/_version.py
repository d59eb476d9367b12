"""The version, where everything may read it without the door of the package."""

__version__ = "0.1.0"
