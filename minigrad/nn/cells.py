"""Recurrent cells, written as ordinary operations.

A cell is a module whose `forward(x_t, state) -> (output, state)` computes one time step; a state of None means zeros.
`Recurrent` unrolls any such module. What backpropagation through time needs is on the tape: no cell has a backward
pass of its own.

Weights are PyTorch's: `weight_ih` (gates * H, F), `weight_hh` (gates * H, H), `bias_ih` and `bias_hh` (gates * H,),
with the gates in the order i, f, g, o (LSTM) and r, z, n (GRU), all uniform over +-1 / sqrt(H) at first. So the
weights of `torch.nn.LSTMCell` and the like load unchanged.

Symbols: B sequences in a batch, F features of an input, H hidden features; x_t (B, F), h_t and c_t (B, H); s is the
sigmoid function, * the product by elements.
"""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..ops.creation import zeros
from ..ops.elementwise import relu, sigmoid, tanh
from ..ops.shaping import split
from ..random import Generator
from ..record import describe
from ..tensor import Parameter, Tensor
from . import init
from .layers import check_size
from .module import Module


class Cell(Module):
    """A cell in two parts: what depends on the input alone, and what needs the state.

    A subclass defines `project` and `step`; `forward` puts them together. `Recurrent` then projects the inputs of all
    time steps in one product, which is faster than a product for each step. A cell that cannot be cut in two is any
    `Module` with a `forward(x_t, state)`; so is a subclass that overrides `forward`.
    """

    def project(self, x: Tensor) -> Tensor:
        """The part of the work that depends on the input alone.

        Must treat leading axes alike: x is (B, F) for one time step, or (T, B, F) for all of them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define project()")

    def step(self, projected_t: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One time step, from what `project` made of its input (without the time axis) and the state (or None)."""
        raise NotImplementedError(f"{type(self).__name__} does not define step()")

    def forward(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One time step.

        Args:
            x_t: (B, F).
            state: what the step before returned; None for zeros.

        Returns (output, state).
        """
        if x_t.ndim != 2:
            raise ValueError(f"{type(self).__name__} takes the input (B, F) of one time step, not {describe(x_t)}")
        return self.step(self.project(x_t), state)


class StandardCell(Cell):
    """What the three cells below share: two weights and two biases, each for `gates` blocks of H features."""

    gates: int

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True) -> None:
        super().__init__()
        self.input_size = check_size(type(self).__name__, "input_size", input_size)
        self.hidden_size = check_size(type(self).__name__, "hidden_size", hidden_size)
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(zeros((rows, input_size)))
        self.weight_hh = Parameter(zeros((rows, hidden_size)))
        self.bias_ih = Parameter(zeros((rows,))) if bias else None
        self.bias_hh = Parameter(zeros((rows,))) if bias else None
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound, generator)

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first step: zeros (B, H), of the weights' dtype and backend."""
        w = self.weight_hh
        return zeros((batch_size, self.hidden_size), w.dtype, backend=w.backend)

    def project(self, x: Tensor) -> Tensor:
        # Both biases at once: added to the projection of all steps, the second one costs nothing within a step.
        bias = None if self.bias_ih is None or self.bias_hh is None else self.bias_ih + self.bias_hh
        return self._product(x, bias)

    def _product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        if x.shape[-1:] != (self.input_size,):
            raise ValueError(f"{type(self).__name__}: expected {self.input_size} input features, got {describe(x)}")
        return F.linear(x, self.weight_ih, bias)

    def _checked(self, state: Any, batch_size: int) -> Tensor:
        """One tensor of the state. Without this a state of batch size 1 would be broadcast silently."""
        if not isinstance(state, Tensor) or state.shape != (batch_size, self.hidden_size):
            given = describe(state) if isinstance(state, Tensor) else f"a {type(state).__name__}"
            raise ValueError(
                f"{type(self).__name__}: a state tensor must be of shape {(batch_size, self.hidden_size)}, got {given}"
            )
        return state

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")


class RNNCell(StandardCell):
    """The simple recurrent cell of Elman (Finding structure in time, 1990).

        h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)

    With nonlinearity="relu", relu in place of tanh. The state is h_t. Raises ValueError for another nonlinearity.
    """

    gates = 1

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh") -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
        super().__init__(input_size, hidden_size, bias)
        self.nonlinearity = nonlinearity

    def step(self, projected_t: Tensor, state: Any) -> tuple[Tensor, Tensor]:
        n = projected_t.shape[0]
        h = self.initial_state(n) if state is None else self._checked(state, n)
        activation = tanh if self.nonlinearity == "tanh" else relu
        h = activation(projected_t + F.linear(h, self.weight_hh))
        return h, h

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.nonlinearity == "tanh" else f", {self.nonlinearity}")


class LSTMCell(StandardCell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997) with forget gates (Gers et al. 2000).

        i_t = s(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)
        f_t = s(W_if x_t + b_if + W_hf h_{t-1} + b_hf)
        g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
        o_t = s(W_io x_t + b_io + W_ho h_{t-1} + b_ho)
        c_t = f_t * c_{t-1} + i_t * g_t
        h_t = o_t * tanh(c_t)

    The state is (h_t, c_t), the output h_t.
    """

    gates = 4

    def initial_state(self, batch_size: int) -> tuple[Tensor, Tensor]:
        """The state before the first step: h and c, zeros (B, H), of the weights' dtype and backend."""
        return super().initial_state(batch_size), super().initial_state(batch_size)

    def step(self, projected_t: Tensor, state: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        n = projected_t.shape[0]
        if state is None:
            h, c = self.initial_state(n)
        elif isinstance(state, tuple) and len(state) == 2:
            h, c = self._checked(state[0], n), self._checked(state[1], n)
        else:
            raise ValueError(f"LSTMCell: the state is a pair (h, c), not a {type(state).__name__}")
        i, f, g, o = split(projected_t + F.linear(h, self.weight_hh), 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h, (h, c)


class GRUCell(StandardCell):
    """The gated recurrent unit (Cho et al. 2014), with the reset gate after the product, as in cuDNN and PyTorch.

        r_t = s(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
        z_t = s(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
        n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))
        h_t = (1 - z_t) * n_t + z_t * h_{t-1}

    The state is h_t.
    """

    gates = 3

    def project(self, x: Tensor) -> Tensor:
        return self._product(x, self.bias_ih)  # b_hh cannot join it: r_t multiplies its last block

    def step(self, projected_t: Tensor, state: Any) -> tuple[Tensor, Tensor]:
        n = projected_t.shape[0]
        h = self.initial_state(n) if state is None else self._checked(state, n)
        x_r, x_z, x_n = split(projected_t, 3, axis=1)
        h_r, h_z, h_n = split(F.linear(h, self.weight_hh, self.bias_hh), 3, axis=1)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        new = tanh(x_n + r * h_n)
        h = new + z * (h - new)  # one operation less than (1 - z) * new + z * h
        return h, h
