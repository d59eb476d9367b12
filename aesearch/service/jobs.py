"""What takes long: one after the other in a thread, with progress, and a way to stop it."""

from __future__ import annotations


class Jobs:
    """The jobs of one server."""

    def close(self) -> None:
        """Wait."""
