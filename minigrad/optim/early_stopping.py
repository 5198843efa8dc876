"""When to stop: a held-out metric has not improved for a while."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class EarlyStopping:
    """Watch a metric of held-out data, and say when it has stopped improving (Prechelt 1998).

        stopping = EarlyStopping(patience=5)
        for epoch in range(100):
            ...
            if stopping.step(held_out_loss):
                keep(model)  # the best so far
            if stopping.stop:
                break

    Args:
        patience: after this many values in a row without an improvement `stop` is true; at least 1. `math.inf`: never.
        mode: "min" if the metric should fall, "max" if it should rise.
        min_delta: an improvement is a change of more than this, in the metric's unit. NaN never is one.

    Attributes:
        best: the best value so far, infinite before the first.
        best_step: at which call of `step` it came, counted from 1; 0 before.
        stop: whether patience has run out.

    Raises ValueError for another mode, for a patience below 1 and for a negative min_delta.
    """

    def __init__(self, patience: float = 10, mode: str = "min", min_delta: float = 0.0) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"EarlyStopping: mode is 'min' or 'max', not {mode!r}")
        if not patience >= 1:
            raise ValueError(f"EarlyStopping: patience must be >= 1, not {patience!r}")
        if not min_delta >= 0:
            raise ValueError(f"EarlyStopping: min_delta must be >= 0, not {min_delta!r}")
        self.patience, self.mode, self.min_delta = patience, mode, min_delta
        self.best = math.inf if mode == "min" else -math.inf
        self.steps = self.best_step = 0

    def __repr__(self) -> str:
        best = f"best {self.best:.6g} in step {self.best_step}" if self.best_step else "no best value yet"
        return f"<EarlyStopping, patience {self.patience}: {best}, {self.steps - self.best_step} steps ago>"

    @property
    def stop(self) -> bool:
        """Whether the last `patience` values were none of them the best."""
        return self.steps - self.best_step >= self.patience

    def step(self, metric: Any) -> bool:
        """Judge a new value, a number or a tensor with one element. Returns whether it is the best so far."""
        value = float(metric)
        self.steps += 1
        improvement = self.best - value if self.mode == "min" else value - self.best
        if improvement > self.min_delta:
            self.best, self.best_step = value, self.steps
            return True
        return False

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs to go on, as plain data."""
        return {"best": self.best, "best_step": self.best_step, "steps": self.steps}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was called."""
        self.best = float(state_dict["best"])
        self.best_step, self.steps = int(state_dict["best_step"]), int(state_dict["steps"])
