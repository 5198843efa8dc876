"""Unrolling cells over time: `Recurrent` for any cell, and PyTorch's RNN, LSTM and GRU as compositions of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from .. import functional as F
from ..ops.reductions import as_tensor
from ..ops.shaping import concat, permute_dims, stack, unstack
from ..record import describe
from ..scope import local
from ..tape import gc_paused
from ..tensor import Tensor
from .cells import Cell, GRUCell, LSTMCell, RNNCell, StandardCell
from .layers import check_probability, check_size
from .module import Module


class Recurrent(Module):
    """Any cell, unrolled over the first axis of its input.

    Args:
        cell: a module with `forward(x_t, state) -> (output, state)`, where x_t is (B, F), the output a tensor, and the
            state anything: a tensor, or tuples of tensors. It gets None as its first state if none is given.
        reverse: go from the last time step to the first. Outputs stay in the order of the inputs.
        batch_first: inputs are (B, T, F) and outputs (B, T, H).

    Called with x (T, B, F) and optionally an initial state, it returns the outputs (T, B, H) and the final state. The
    work of each step is recorded in a scope of its own, numbered by its time step from 0.

    Raises ValueError for another number of axes and for T = 0, TypeError for a cell that returns no pair.
    """

    def __init__(
        self, cell: Callable[..., tuple[Tensor, Any]], reverse: bool = False, batch_first: bool = False
    ) -> None:
        super().__init__()
        if not callable(cell):
            raise TypeError(f"Recurrent unrolls a cell, a module with forward(x_t, state), not a {type(cell).__name__}")
        self.cell = cell
        self.reverse = reverse
        self.batch_first = batch_first

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, Any]:
        x = time_major(x, self.batch_first, "Recurrent")
        compute, x = self._prepared(x)
        steps = len(x)
        outputs: list[Any] = [None] * steps
        now = local.now
        outer = now.scope
        try:
            with gc_paused():
                for t in reversed(range(steps)) if self.reverse else range(steps):
                    now.scope = outer.child(None, step=t)
                    outputs[t], state = self._pair(compute(x[t], state))
        finally:
            now.scope = outer
        return stack(outputs, axis=1 if self.batch_first else 0), state

    def _pair(self, result: Any) -> tuple[Tensor, Any]:
        if type(result) is not tuple or len(result) != 2:
            name = type(self.cell).__name__
            raise TypeError(f"{name} must return a pair (output, state), not a {type(result).__name__}")
        return result

    def _prepared(self, x: Tensor) -> tuple[Callable[[Tensor, Any], Any], Tensor]:
        """What to call in each step, and the inputs of all steps.

        A cell in two parts gets the inputs of all steps projected at once, unless it is watched by hooks or overrides
        `forward`: then it is called as a whole, and what it does there happens.
        """
        cell = self.cell
        if isinstance(cell, Cell) and type(cell).forward is Cell.forward and not (cell._hooks or cell._pre_hooks):
            return partial(cell._in_scope, cell.step), cell._in_scope(cell.project, x)
        return cell, x

    def extra_repr(self) -> str:
        return ", ".join(f"{name}=True" for name in ("reverse", "batch_first") if getattr(self, name))


class RecurrentStack(Module):
    """What RNN, LSTM and GRU share: layers of `Recurrent` around standard cells, under PyTorch's parameter names.

    The cells are no registered sub-modules. Their parameters are registered here, as `weight_ih_l0`, `bias_hh_l1`,
    `weight_hh_l0_reverse`; cells and stack hold the same objects.
    """

    cell_type: type[StandardCell]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        self.input_size = check_size(type(self).__name__, "input_size", input_size)
        self.hidden_size = check_size(type(self).__name__, "hidden_size", hidden_size)
        self.num_layers = check_size(type(self).__name__, "num_layers", num_layers)
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = check_probability(type(self).__name__, dropout)
        self.bidirectional = bidirectional
        self._layers: list[list[Recurrent]] = []
        self._owners: dict[str, tuple[Module, str]] = {}
        directions = (False, True) if bidirectional else (False,)
        for i in range(num_layers):
            size = hidden_size * len(directions) if i else input_size
            cells = [self.cell_type(size, hidden_size, bias, **cell_options) for _ in directions]
            self._layers.append([Recurrent(cell, reverse) for cell, reverse in zip(cells, directions)])
            for cell, layer in zip(cells, self._layers[-1]):
                suffix = f"l{i}_reverse" if layer.reverse else f"l{i}"
                layer._name_scope(suffix)
                for name, parameter in cell.named_parameters():
                    self._owners[f"{name}_{suffix}"] = cell, name
                    setattr(self, f"{name}_{suffix}", parameter)

    def __setattr__(self, name: str, value: Any) -> None:
        cell, local_name = vars(self).get("_owners", {}).get(name, (None, ""))
        if cell is not None:  # a parameter that is replaced (to share it, for example) is the cell's from now on
            setattr(cell, local_name, value)
        super().__setattr__(name, value)

    def reset_parameters(self, generator: Any = None) -> None:
        """Draw the parameters anew: uniform over +-1 / sqrt(H)."""
        for layer in self._all_layers():
            layer.cell.reset_parameters(generator)  # type: ignore[attr-defined]

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, Any]:
        """Run all layers.

        Args:
            x: (T, B, F), or (B, T, F) with batch_first.
            state: the initial state of all layers, zeros if None: h_0 (D * layers, B, H), where D is 2 if
                bidirectional and 1 otherwise; for an LSTM the pair (h_0, c_0). Order: layer 0, layer 0 reversed, ...

        Returns the outputs (T, B, D * H), or (B, T, D * H) with batch_first, and the final state, shaped like `state`.
        """
        x = time_major(x, self.batch_first, type(self).__name__)
        starts = iter(self._states_of_layers(state, x.shape[1]))
        finals = []
        for i, directions in enumerate(self._layers):
            if i > 0:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for layer in directions:
                output, final = layer(x, next(starts))
                outputs.append(output)
                finals.append(final)
            x = outputs[0] if len(outputs) == 1 else concat(outputs, axis=2)
        return permute_dims(x, (1, 0, 2)) if self.batch_first else x, joined(finals)

    def _all_layers(self) -> list[Recurrent]:
        return [layer for directions in self._layers for layer in directions]

    def _states_of_layers(self, state: Any, batch_size: int) -> list[Any]:
        """The initial states of the single layers. Raises ValueError for wrong shapes."""
        n = len(self._all_layers())
        if state is None:
            return [None] * n
        shape = (n, batch_size, self.hidden_size)
        pair = self.cell_type is LSTMCell
        parts = state if pair else (state,)
        if not isinstance(parts, tuple) or len(parts) != 1 + pair or any(_shape(s) != shape for s in parts):
            given = ", ".join(describe(s) for s in state) if isinstance(state, (tuple, list)) else describe(state)
            wanted = f"the pair (h_0, c_0), each of shape {shape}" if pair else f"h_0 of shape {shape}"
            raise ValueError(f"{type(self).__name__}: the initial state must be {wanted}; got {given}")
        singles = [unstack(s) for s in parts]
        return list(zip(*singles)) if pair else list(singles[0])

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        text += "" if self.bias else ", bias=False"
        text += f", dropout={self.dropout:g}" if self.dropout else ""
        return text + "".join(f", {name}=True" for name in ("batch_first", "bidirectional") if getattr(self, name))


class RNN(RecurrentStack):
    """Layers of `RNNCell`, with the parameters, inputs and outputs of `torch.nn.RNN`.

    Args:
        input_size, hidden_size: F and H.
        num_layers: how many layers; each reads the outputs of the one before it.
        nonlinearity: "tanh" or "relu".
        bias: whether there are biases.
        batch_first: inputs and outputs are (B, T, ...). States are not affected.
        dropout: in training, the probability of a zero in what one layer passes to the next (Zaremba et al. 2014).
        bidirectional: a second cell in each layer reads backward; outputs are joined (Schuster and Paliwal 1997).
    """

    cell_type = RNNCell

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, *, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, nonlinearity=nonlinearity, **options)


class LSTM(RecurrentStack):
    """Layers of `LSTMCell`, with the parameters, inputs and outputs of `torch.nn.LSTM`. Arguments as in `RNN`."""

    cell_type = LSTMCell


class GRU(RecurrentStack):
    """Layers of `GRUCell`, with the parameters, inputs and outputs of `torch.nn.GRU`. Arguments as in `RNN`."""

    cell_type = GRUCell


def time_major(x: Any, batch_first: bool, kind: str) -> Tensor:
    """The input as (T, B, F). Raises ValueError for another number of axes, or if there is no time step."""
    x = as_tensor(x)
    axes = "(B, T, F)" if batch_first else "(T, B, F)"
    if x.ndim != 3:
        raise ValueError(f"{kind}: the input must have the axes {axes}, got {describe(x)}")
    if batch_first:
        x = permute_dims(x, (1, 0, 2))
    if not x.shape[0]:
        raise ValueError(f"{kind}: there is no time step in an input {axes} of shape {x.shape}")
    return x


def joined(states: Sequence[Any]) -> Any:
    """States of several layers as one, tensor by tensor: a list of (h, c) becomes (all h, all c)."""
    if isinstance(states[0], tuple):
        return tuple(joined(parts) for parts in zip(*states))
    return stack(states)


def _shape(x: Any) -> Any:
    return x.shape if isinstance(x, Tensor) else None
