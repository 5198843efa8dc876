"""How gradients flow through time: the norm of dL/dh_t for every time step t, of every state on a tape.

    with mg.Tape() as tape:
        loss = model.loss(x, y)
    loss.backward()
    print(gradient_flow(tape, model))

No cell knows of it. A state is what one time step hands on to another: an edge of the graph between two steps of one
time axis, found as for drawings. The tape has the norm of the gradient of everything that was recorded. Norms that fall
by a factor with each step back mean vanishing gradients, norms that grow exploding ones (Bengio, Simard and Frasconi,
Learning long-term dependencies with gradient descent is difficult, 1994; Pascanu, Mikolov and Bengio, On the difficulty
of training recurrent neural networks, 2013).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from minigrad import Tape, nn

from ...inspect.aligned import aligned
from ...inspect.markup import html_table
from ..files import number
from .states import State, find_states, module_of, names_of, state_names, stepped


class GradientFlow(Mapping[str, np.ndarray]):
    """The norms of dL/dh_t by the name of the state; `print` shows them as a table.

    Each value is an array over t = 0, 1, ... of the Euclidean norm of the gradient of the whole tensor h_t (B, H), not
    of one for each sequence. It is 0 where the loss does not depend on h_t, and NaN for a step that is not on the tape.
    """

    def __init__(self, norms: Mapping[str, np.ndarray], reverse: frozenset[str] = frozenset()) -> None:
        self._norms = {name: np.asarray(values, np.float64) for name, values in norms.items()}
        self.reverse = frozenset(reverse)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._norms[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._norms)

    def __len__(self) -> int:
        return len(self._norms)

    def per_step(self, name: str) -> float:
        """The factor by which a norm changes with each step back, in the geometric mean over all steps.

        Back is against the order of computation: to larger t where the network reads in reverse. The factor is NaN if
        there is only one step, or if the norm at either end is 0.
        """
        norms = self._norms[name][:: -1 if name in self.reverse else 1]
        norms = norms[~np.isnan(norms)]
        if len(norms) < 2 or not norms[0] > 0 or not norms[-1] > 0:
            return math.nan
        return math.exp((math.log(norms[0]) - math.log(norms[-1])) / (len(norms) - 1))

    def plain(self) -> list[dict[str, Any]]:
        """The norms of each state, and `per_step` as "back", as lists and numbers of six digits; None for NaN."""
        return [
            {"name": name, "norms": [number(x) for x in norms.tolist()], "back": number(self.per_step(name))}
            for name, norms in self.items()
        ]

    def __str__(self) -> str:
        return self.table()

    def table(self, width: int | None = None) -> str:
        """The table as text, in blocks of so many characters at most."""
        return aligned(self._rows(), width)

    def _rows(self) -> list[list[str]]:
        """The table, its first row the names of the columns: five time steps, and the factor."""
        longest = max(map(len, self.values()), default=0)
        times = sorted({max(0, round(i * (longest - 1) / 4)) for i in range(5)})
        rows = [["|dL/dh_t|", *(f"t={t}" for t in times), "each step back"]]
        for name, norms in self.items():
            shown = ["" if t >= len(norms) or np.isnan(norms[t]) else f"{norms[t]:.2e}" for t in times]
            factor = self.per_step(name)
            rows.append([name, *shown, "" if math.isnan(factor) else f"x {factor:.4f}"])
        return rows

    def __repr__(self) -> str:
        return f"<GradientFlow of {', '.join(self)}>"

    def _repr_html_(self) -> str:
        """What a notebook shows: the table. `minigrad.tools.gradflow.plot_flow` draws it."""
        head, *rows = self._rows()
        return html_table(head, rows, head[:1])


def gradient_flow(tape: Tape, model: nn.Module | None = None) -> GradientFlow:
    """The norm of dL/dh_t for every time step and every state on a tape, after `loss.backward()`.

    Args:
        tape: what was recorded. Steps inside `recompute` run again in backward: keep the tape open until after it.
        model: gives the parts of a state their names, if its cells have `state_names`, such as ("h", "c"), in the
            order in which a time step reads them. Without it the parts are named after the operations that compute
            them. A state of one part is `h`.

    dL/dh_t is the whole derivative: by what later steps make of h_t, and by the output of step t. If each step has a
    loss of its own, they hide how little comes from far away: take the loss of the last step alone.

    With `lengths`, h_t has the rows of the sequences that have a step t; in reverse, all begin at the last step of the
    longest one, and t counts down from there. A loop without `nn.Recurrent` that calls no module has no time steps on
    the tape; `mg.scope("cell", step=t)` declares them.

    Raises TypeError for what is no Tape. Raises ValueError if the tape is empty, if no time step hands on a state, if
    there are no gradients, or if those of recomputed steps were not seen.
    """
    if not isinstance(tape, Tape):
        raise TypeError(f"gradient_flow looks at a Tape, not at a {type(tape).__name__}")
    states = find_states(graph := stepped(tape), tape)
    if not states:
        raise ValueError(
            "no time step on this tape hands a state on to another: it takes nn.Recurrent, a module that is called "
            "again and again, or mg.scope(name, step=t) around each step, over two steps or more"
        )
    nodes = graph.by_id()
    reached = [s for s in states if any(nodes[i].grad_norm is not None for i in s.nodes.values())]
    _check_seen(tape, states, reached)
    names = names_of(reached, state_names(model))
    norms = {}
    for name, state in zip(names, reached, strict=True):
        norms[name] = np.full(max(state.nodes) + 1, np.nan)
        for t, i in state.nodes.items():
            norms[name][t] = nodes[i].grad_norm or 0.0
    return GradientFlow(norms, frozenset(name for name, state in zip(names, reached, strict=True) if state.reverse))


def _check_seen(tape: Tape, states: list[State], reached: list[State]) -> None:
    """Raise ValueError if there are no gradients at all, or none inside of what was recomputed."""
    seen = {module_of(state) for state in reached}  # a step that runs again has the same name
    hidden = [where for state in states if (where := module_of(state)) not in seen]
    if hidden and any(entry.node.name == "recompute" and entry.grad_norm is not None for entry in tape):
        raise ValueError(
            f"the steps of {', '.join(dict.fromkeys(hidden))} are recomputed in backward: call loss.backward() while "
            "the tape is open, or measure without recompute"
        )
    if not reached:
        raise ValueError("no state on this tape has a gradient: call loss.backward() on what depends on the states")
