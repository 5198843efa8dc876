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

from ... import functional as F
from ...engine.recorded import describe
from ...ops.arguments import one_of
from ...ops.creation import zeros
from ...ops.elementwise import relu, sigmoid, tanh
from ...ops.shaping import split, unstack
from ...random import Generator
from ...tensors.tensor import Parameter, Tensor
from .. import init
from ..layers import check_probability, check_size
from ..module import Module


class Cell(Module):
    """A cell in parts: what depends on the input alone, what on the parameters alone, and what needs the state.

    A subclass defines `project` and `step`, and `constants` and `first_state` if it needs them; `forward` puts them
    together. `Recurrent` then projects the inputs of all time steps in one product, which is faster than a product for
    each step, and asks for the constants and the first state once. A cell that cannot be cut up is any `Module` with a
    `forward(x_t, state)`; so is a subclass that overrides `forward`.
    """

    def project(self, x: Tensor) -> Tensor:
        """The part of the work that depends on the input alone.

        Must treat leading axes alike: x is (B, F) for one time step, or (T, B, F) for all of them.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define project()")

    def constants(self) -> tuple[Any, ...]:
        """What is the same in all steps of a sequence: parts of a weight, or a weight with some elements dropped."""
        return ()

    def first_state(self, state: Any, batch_size: int) -> Any:
        """The state that the first step gets, from the one that was given to the cell (None for none): the same."""
        return state

    def step(self, projected_t: Tensor, state: Any, *constants: Any) -> tuple[Tensor, Any]:
        """One time step.

        Args:
            projected_t: what `project` made of the input, without the time axis.
            state: what the step before returned; at first, what `first_state` returned.
            constants: what `constants` returned.

        Returns (output, state).
        """
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
        return self.step(self.project(x_t), self.first_state(state, x_t.shape[0]), *self.constants())


class StandardCell(Cell):
    """What the cells below share: two weights and two biases, each for `gates` blocks of H features.

    Args:
        input_size, hidden_size: F and H.
        bias: whether there are biases.
        recurrent_dropout: in training, the probability of a zero in W_hh, drawn once for a sequence: the same elements
            are zero in each of its steps (weight dropping, Merity et al. 2018).
    """

    gates: int
    gate_names: tuple[str, ...] = ()  # of the blocks, in their order
    state_names: tuple[str, ...] = ("h",)

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, recurrent_dropout: float = 0.0) -> None:
        super().__init__()
        self.input_size = check_size(type(self).__name__, "input_size", input_size)
        self.hidden_size = check_size(type(self).__name__, "hidden_size", hidden_size)
        self.recurrent_dropout = check_probability(type(self).__name__, recurrent_dropout)
        rows = self.gates * hidden_size
        self.weight_ih = Parameter(zeros((rows, input_size)))
        self.weight_hh = Parameter(zeros((rows, hidden_size)))
        self.bias_ih = Parameter(zeros((rows,))) if bias else None
        self.bias_hh = Parameter(zeros((rows,))) if bias else None
        self._add_parameters()
        self.reset_parameters()

    def _add_parameters(self) -> None:
        """For cells that have more parameters than these."""

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for p in self.parameters():
            init.uniform_(p, -bound, bound, generator)

    def initial_state(self, batch_size: int) -> Any:
        """The state before the first step: zeros (B, H), of the weights' dtype and backend."""
        w = self.weight_hh
        zero = [zeros((batch_size, self.hidden_size), w.dtype, backend=w.backend) for _ in self.state_names]
        return zero[0] if len(zero) == 1 else tuple(zero)

    def project(self, x: Tensor) -> Tensor:
        # Both biases at once: added to the projection of all steps, the second one costs nothing within a step.
        return self._product(x, _sum(self.bias_ih, self.bias_hh))

    def constants(self) -> tuple[Any, ...]:
        return (F.dropout(self.weight_hh, self.recurrent_dropout, self.training),)

    def _product(self, x: Tensor, bias: Tensor | None) -> Tensor:
        if x.shape[-1:] != (self.input_size,):
            raise ValueError(f"{type(self).__name__}: expected {self.input_size} input features, got {describe(x)}")
        return F.linear(x, self.weight_ih, bias)

    def first_state(self, state: Any, batch_size: int) -> Any:
        """The state, zeros if None. Without the check a state of batch size 1 would be broadcast silently."""
        if state is None:
            return self.initial_state(batch_size)
        single = len(self.state_names) == 1
        if not single and not (isinstance(state, tuple) and len(state) == len(self.state_names)):
            names = ", ".join(self.state_names)
            raise ValueError(f"{type(self).__name__}: the state is a pair ({names}), not a {type(state).__name__}")
        for part in (state,) if single else state:
            if not isinstance(part, Tensor) or part.shape != (batch_size, self.hidden_size):
                given = describe(part) if isinstance(part, Tensor) else f"a {type(part).__name__}"
                wanted = (batch_size, self.hidden_size)
                raise ValueError(f"{type(self).__name__}: a state tensor must be of shape {wanted}, got {given}")
        return state

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias_ih is not None else ", bias=False")
        return text + (f", recurrent_dropout={self.recurrent_dropout:g}" if self.recurrent_dropout else "")


class RNNCell(StandardCell):
    """The simple recurrent cell of Elman (Finding structure in time, 1990).

        h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)

    With nonlinearity="relu", relu in place of tanh. The state is h_t. Raises ValueError for another nonlinearity.
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", **options: Any
    ) -> None:
        one_of(nonlinearity, ("tanh", "relu"), "RNNCell: nonlinearity")
        super().__init__(input_size, hidden_size, bias, **options)
        self.nonlinearity = nonlinearity

    def step(self, projected_t: Tensor, h: Any, *constants: Any) -> tuple[Tensor, Tensor]:
        (weight_hh,) = constants
        activation = tanh if self.nonlinearity == "tanh" else relu
        h = activation(projected_t + F.linear(h, weight_hh))
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
    gate_names = ("i", "f", "g", "o")
    forget_gate = 1  # the place of its block among the gates
    state_names = ("h", "c")

    def step(self, projected_t: Tensor, state: Any, *constants: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        (weight_hh,) = constants
        h, c = state
        i, f, g, o = split(projected_t + F.linear(h, weight_hh), 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        return h, (h, c)


class PeepholeLSTMCell(LSTMCell):
    """An LSTM whose gates also see the cell state (Gers and Schmidhuber, Recurrent nets that time and count, 2000).

        i_t = s(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi + p_i * c_{t-1})
        f_t = s(W_if x_t + b_if + W_hf h_{t-1} + b_hf + p_f * c_{t-1})
        g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)
        c_t = f_t * c_{t-1} + i_t * g_t
        o_t = s(W_io x_t + b_io + W_ho h_{t-1} + b_ho + p_o * c_t)
        h_t = o_t * tanh(c_t)

    Each unit sees its own cell only: the weights of the peepholes are the rows p_i, p_f, p_o of `weight_peephole`
    (3, H). The state is (h_t, c_t), the output h_t.
    """

    def _add_parameters(self) -> None:
        self.weight_peephole = Parameter(zeros((3, self.hidden_size)))

    def constants(self) -> tuple[Any, ...]:
        return (*super().constants(), *unstack(self.weight_peephole))

    def step(self, projected_t: Tensor, state: Any, *constants: Any) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        weight_hh, p_i, p_f, p_o = constants
        h, c = state
        i, f, g, o = split(projected_t + F.linear(h, weight_hh), 4, axis=1)
        c = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * tanh(g)
        h = sigmoid(o + p_o * c) * tanh(c)
        return h, (h, c)


class GRUCell(StandardCell):
    """The gated recurrent unit, in both forms that were published. The state is h_t.

        r_t = s(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)
        z_t = s(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)
        n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))     if reset_after
        n_t = tanh(W_in x_t + b_in + W_hn (r_t * h_{t-1}) + b_hn)     otherwise
        h_t = (1 - z_t) * n_t + z_t * h_{t-1}

    Args:
        input_size, hidden_size, bias: as in the other cells.
        reset_after: True (the default) applies the reset gate after the product, as the first version of the paper,
            cuDNN and PyTorch do; False before it, as its last version does (Cho et al. 2014, arXiv 1406.1078).
    """

    gates = 3
    gate_names = ("r", "z", "n")

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, reset_after: bool = True, **options: Any
    ) -> None:
        super().__init__(input_size, hidden_size, bias, **options)
        self.reset_after = reset_after

    def project(self, x: Tensor) -> Tensor:
        # With reset_after, b_hh cannot join b_ih: r_t multiplies its last block.
        return self._product(x, self.bias_ih) if self.reset_after else super().project(x)

    def constants(self) -> tuple[Any, ...]:
        (weight_hh,) = super().constants()
        if self.reset_after:
            return (weight_hh,)
        return weight_hh[: 2 * self.hidden_size], weight_hh[2 * self.hidden_size :]

    def step(self, projected_t: Tensor, h: Any, *constants: Any) -> tuple[Tensor, Tensor]:
        x_r, x_z, x_n = split(projected_t, 3, axis=1)
        if self.reset_after:
            h_r, h_z, h_n = split(F.linear(h, constants[0], self.bias_hh), 3, axis=1)
            r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
            new = tanh(x_n + r * h_n)
        else:
            weight_rz, weight_n = constants
            h_r, h_z = split(F.linear(h, weight_rz), 2, axis=1)
            r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
            new = tanh(x_n + F.linear(r * h, weight_n))
        h = new + z * (h - new)  # one operation less than (1 - z) * new + z * h
        return h, h

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")


def _sum(x: Tensor | None, y: Tensor | None) -> Tensor | None:
    return None if x is None or y is None else x + y
