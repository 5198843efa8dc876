"""What the live page shows, as plain data: written by the training, read by the threads of the server."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

from ..files import number
from ..flow import GradientFlow
from ..watchers import End, Step, Training, Validation, Watcher, described

AT_ONCE = 20_000  # steps in one answer; the page asks again for the others
RECENT = 100  # steps that the speed is measured over
WATCHING = 3.0  # seconds without a question after which nobody is watching
PREPARING, TRAINING = "preparing", "training"  # states before those of an `End`


class Feed(Watcher):
    """All that happened so far. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run = secrets.token_hex(8)  # tells pages that another training has taken the place of this one
        self._about: dict[str, Any] | None = None
        self._losses: list[float | None] = []
        self._norms: list[float | None] = []
        self._rates: list[float | None] = []
        self._validations: list[dict[str, Any]] = []
        self._state, self._said = PREPARING, ""
        self._now = {"epoch": 0, "seconds": 0.0}
        self._recent: deque[float] = deque(maxlen=RECENT + 1)
        self._begun: tuple[float, int] = (0.0, 0)  # time and step
        self._asked = -math.inf  # when a page asked last
        self._told = threading.Event()  # a page knows how it ended

    # --- the training writes ------------------------------------------------------------------------------------------

    def begin(self, training: Training) -> None:
        """Training begins, or goes on: what was before is shown too, as far as it is known."""
        about = described(training) | {"folder": str(training.settings.out)}
        past = [dict(v) for v in training.validations]
        with self._lock:
            self._about = about
            self._losses = [number(x) for x in training.losses]
            self._norms = [number(x) for x in training.norms]
            self._rates = [None] * training.step
            self._validations = [
                {"step": v.pop("step"), "measures": _numbers(v), "example": "", "flow": None, "note": ""} for v in past
            ]
            self._state = TRAINING
            self._now = {"epoch": training.epoch, "seconds": training.seconds}
            self._recent.append(training.seconds)
            self._begun = time.monotonic(), training.step

    def step(self, step: Step) -> None:
        """A step was taken."""
        with self._lock:
            self._losses.append(number(step.loss))
            self._norms.append(number(step.norm))
            self._rates.append(number(step.rate))
            self._now = {"epoch": step.epoch, "seconds": step.seconds}
            self._recent.append(step.seconds)

    def validation(self, validation: Validation) -> None:
        """The model was measured."""
        flow = validation.flow
        entry = {
            "step": validation.step,
            "measures": _numbers(validation.measures),
            "example": validation.example,
            "flow": flow.plain() if isinstance(flow, GradientFlow) else None,
            "note": flow if isinstance(flow, str) else "",
        }
        with self._lock:
            self._validations.append(entry)

    def end(self, end: End) -> None:
        """No more steps follow."""
        with self._lock:
            self._state, self._said = end.how, end.said
            self._told.clear()

    # --- pages read ---------------------------------------------------------------------------------------------------

    def since(self, steps: int = 0, validations: int = 0) -> dict[str, Any]:
        """What a page does not know yet, as plain data, that has so many steps and validations already."""
        with self._lock:
            self._asked = time.monotonic()
            last = min(len(self._losses), steps + AT_ONCE)
            more = last < len(self._losses)
            if not more and self._state not in (PREPARING, TRAINING):
                self._told.set()
            return {
                "run": self._run,
                "about": self._about,
                "state": self._state,
                "said": self._said,
                "first": steps,
                "loss": self._losses[steps:last],
                "norm": self._norms[steps:last],
                "rate": self._rates[steps:last],
                "first_validation": validations,
                "validations": self._validations[validations:],
                "more": more,
                **self._now,
                "speed": self._speed(),
                "left": self._left(),
            }

    def wait_for_viewers(self, seconds: float) -> None:
        """Wait until an open page has fetched the end, for so long at most; not at all if nobody is watching."""
        if time.monotonic() - self._asked < WATCHING:
            self._told.wait(seconds)

    def _speed(self) -> float | None:
        """Steps a second, of the last ones."""
        taken = len(self._recent) - 1
        return number(taken / max(self._recent[-1] - self._recent[0], 1e-9)) if taken > 0 else None

    def _left(self) -> float | None:
        """Seconds until all steps are taken, validations included, if it goes on as it did."""
        begun, before = self._begun
        taken = len(self._losses) - before
        if self._about is None or self._state != TRAINING or not taken:
            return None
        return number((time.monotonic() - begun) / taken * (self._about["steps"] - len(self._losses)))


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: number(value) for name, value in values.items()}
