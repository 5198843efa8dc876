"""Ctrl-C, and other requests of the system to end: they wait until a training is between two steps.

A signal that comes in the middle of a step would leave a model of which half is updated. So it is noted, and the
training asks for it between two steps. A second one ends at once.
"""

from __future__ import annotations

import builtins
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

# What may come, how a process treats it that says nothing, and what is said of it. The last is the terminal's end.
SIGNALS = {
    "SIGINT": (signal.default_int_handler, "interrupted"),
    "SIGTERM": (signal.SIG_DFL, "terminated"),
    "SIGHUP": (signal.SIG_DFL, "hung up"),
}
WAITING = b"\nfinishing this step, to go on from there; once more ends at once\n"


class Terminated(SystemExit):
    """The system asks the process to end, and so it does, with the status that a shell reports.

    Attributes:
        signal: the number of the signal. status: of the process.
        said: what has happened, in a word or two.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal, self.status, self.said = number, 128 + number, SIGNALS[signal.Signals(number).name][1]


class Interrupts:
    """Takes the signals over, inside of a `with` statement, if they have no handler of somebody's own.

    It leaves them alone in other threads than the main one, to which Python gives no signals, and in notebooks, whose
    kernel has its own ways; and what the process was started to ignore, as `nohup` does, stays ignored.

    SIGINT raises KeyboardInterrupt, the others `Terminated`: at once, but while they are held.

    Attributes:
        count: how many have come.
        sure: whether nobody else raises KeyboardInterrupt, at any time.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.count, self.sure, self._quiet = 0, False, quiet
        self._held, self._waiting = False, 0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is not threading.main_thread() or getattr(builtins, "__IPYTHON__", False):
            return self
        self.sure = signal.getsignal(signal.SIGINT) in (signal.default_int_handler, signal.SIG_IGN, signal.SIG_DFL)
        for name, (usual, _) in SIGNALS.items():
            number = getattr(signal, name, None)  # Windows has no SIGHUP
            if number is not None and signal.getsignal(number) is usual:
                self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    def _receive(self, number: int, frame: Any) -> None:
        self.count += 1
        if not self._held or self._waiting:
            self._raise(number)
        self._waiting = number
        if number == signal.SIGINT and not self._quiet and sys.stderr is not None:
            with suppress(OSError, ValueError):
                if os.isatty(2):
                    os.write(2, WAITING)  # not print: it may be in the middle of printing already

    def _raise(self, number: int) -> None:
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)

    def check(self) -> None:
        """Raise what waits."""
        if number := self._waiting:
            self._waiting = 0
            self._raise(number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, the first signal waits for `check`; at the end, too."""
        self._held = True
        try:
            yield
        except OSError:
            self.check()  # a terminal that goes away sends a signal, and is not there to be printed on
            raise
        finally:
            self._held = False
        self.check()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Inside of `held`, signals raise at once again."""
        held, self._held = self._held, False
        try:
            self.check()
            yield
        finally:
            self._held = held
