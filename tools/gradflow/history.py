"""The gradient flow at several steps of a training: `FlowHistory`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigrad.training.flow import GradientFlow


class FlowHistory(Mapping[str, np.ndarray]):
    """The norms of dL/dh_t by the name of the state, for each training step that was measured.

        history = FlowHistory()
        for step, (x, y) in enumerate(batches):
            with mg.Tape() if step % 20 == 0 else nullcontext() as tape:
                loss = model.loss(x, y)
            optimizer.zero_grad()
            loss.backward()
            if tape is not None:
                history.add(step, gradient_flow(tape, model))
            optimizer.step()
        plot_history(history, "heat.png")

    Each value is an array (N, T): a row for each of the N training steps in `steps`, a column for each time step t.
    Where a flow lacks a state or has fewer time steps than others, there is NaN.

    Attributes:
        steps: the training steps that were measured, in rising order.
        flows: what was measured there.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.flows: list[GradientFlow] = []

    def add(self, step: int, flow: Mapping[str, Any]) -> None:
        """Note the flow of one training step: a `GradientFlow`, or norms over time by name.

        Raises ValueError if the step does not come after those noted before, or if the flow is empty.
        """
        check_step(step, self.steps, type(self).__name__)
        noted = flow if isinstance(flow, GradientFlow) else GradientFlow(flow)
        if not noted:
            raise ValueError(f"FlowHistory: the flow of step {step} has no state")
        self.steps.append(step)
        self.flows.append(noted)

    @property
    def reverse(self) -> frozenset[str]:
        """The names of the states that go from later time steps to earlier ones."""
        return frozenset[str]().union(*(flow.reverse for flow in self.flows))

    def __getitem__(self, name: str) -> np.ndarray:
        rows = [flow.get(name, np.empty(0)) for flow in self.flows]
        if not any(len(row) for row in rows):
            raise KeyError(name)
        longest = max(map(len, rows))
        return np.stack([np.pad(row, (0, longest - len(row)), constant_values=np.nan) for row in rows])

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for flow in self.flows for name in flow))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<FlowHistory of {', '.join(self) or 'nothing'} at {len(self.steps)} training steps>"


def check_step(step: int, before: list[int], what: str) -> None:
    """Raise ValueError for a training step that does not come after the last one."""
    if before and step <= before[-1]:
        raise ValueError(f"{what}: step {step} comes after step {before[-1]}, which was noted before; steps must rise")
