"""What all training programs do around their own steps: the backend, Ctrl-C, the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import minigrad as mg

from .settings import S


class Run(Protocol):
    """One training run, on the default backend."""

    def introduction(self) -> str:
        """What is going to happen, in a line."""

    def learn(self) -> None:
        """Take all steps."""

    def done(self) -> int:
        """How many steps were taken."""

    def write(self) -> list[Path]:
        """Write the results, and return their paths."""

    def metrics(self) -> dict[str, Any]:
        """What happened, as plain data."""


def conduct(settings: S, start: Callable[[S], Run]) -> dict[str, Any]:
    """Make a run, let it learn, and write what it leaves; also when it is interrupted by Ctrl-C after some steps.

    Returns the metrics. Raises what the run raises, and BackendError.
    """
    settings = settings.resolved()
    with mg.use_backend(settings.backend), mg.set_num_threads(settings.threads):
        run = start(settings)
        print(run.introduction())
        try:
            run.learn()
        except KeyboardInterrupt:
            if not run.done():
                raise
            print(f"\ninterrupted after {run.done()} of {settings.steps} steps; writing what there is")
        for path in run.write():
            print(path)
        return run.metrics()
