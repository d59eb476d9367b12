"""Turns of threads: one at a time, and no waiting for those of which nothing comes any more."""

from __future__ import annotations

import time
from contextlib import suppress
from itertools import takewhile
from threading import Thread, current_thread
from weakref import WeakSet

TURN = 0.01  # seconds between looks of a thread whether it is its turn

left_behind: WeakSet[Thread] = WeakSet()  # threads that are inside a library and do not return


class OneAtATime:
    """Threads do something one after the other, and wait for none that is left behind.

    Nor for one of which a forked child has but the name. Who waits goes past those; nobody takes
    away another's place, so that an exception raised in a thread finds no more than its own to
    give up.
    """

    def __init__(self) -> None:
        self._line: list[Thread] = []

    def __enter__(self) -> None:
        me = current_thread()
        try:
            self._line.append(me)
            while self._is_behind(me):
                time.sleep(TURN)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        with suppress(ValueError):
            self._line.remove(current_thread())

    def _is_behind(self, me: Thread) -> bool:
        before = takewhile(lambda thread: thread is not me, tuple(self._line))
        return any(thread.is_alive() and thread not in left_behind for thread in before)
