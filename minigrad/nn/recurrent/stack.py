"""Layers of recurrent cells: `RecurrentStack` for any cell, and RNN, LSTM, PeepholeLSTM and GRU as cases of it."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

from ... import functional as F
from ... import tree
from ...engine.recorded import describe
from ...ops.arguments import one_of
from ...ops.shaping import concat, permute_dims, stack
from ...tensors.tensor import Tensor
from ..layers import check_probability, check_size
from ..module import Module
from .cells import GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell, StandardCell
from .unrolling import Recurrent, time_major


class RecurrentStack(Module):
    """Layers of `Recurrent` around cells of one type: a subclass says which, as `cell_type`.

        class LayerNormLSTM(nn.RecurrentStack):
            cell_type = LayerNormLSTMCell

    Args:
        input_size, hidden_size: F and H. Cells are made by `cell_type(input_size, hidden_size, **cell_options)`, and
            their outputs are (B, H).
        num_layers: how many layers; each reads the outputs of the one before it.
        bias: whether there are biases; cells get `bias=False` if not.
        batch_first: inputs and outputs are (B, T, ...). States are not affected.
        dropout: in training, the probability of a zero in what one layer passes to the next (Zaremba et al. 2014).
        variational: this dropout has the same mask in each step of a sequence (Gal and Ghahramani 2016).
        bidirectional: a second cell in each layer reads backward (Schuster and Paliwal 1997).
        merge: how the outputs of the two directions are put together: "concat" (2 * H features) or "sum" (H).
        residual: each layer after the first adds its input to its output (He et al. 2016; Wu et al. 2016).
        recompute: as in `Recurrent`.
        cell_options: for the cells, such as `recurrent_dropout`.

    The parameters of standard cells are called as in PyTorch: `weight_ih_l0`, `bias_hh_l1`, `weight_hh_l0_reverse`.
    These cells are no registered sub-modules; cells and stack hold the same parameters. Layers of other cells are
    sub-modules `l0`, `l0_reverse`, ...

    Raises ValueError for settings out of range.
    """

    cell_type: Any

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        variational: bool = False,
        bidirectional: bool = False,
        merge: str = "concat",
        residual: bool = False,
        recompute: bool | int = False,
        **cell_options: Any,
    ) -> None:
        super().__init__()
        kind = type(self).__name__
        self.input_size = check_size(kind, "input_size", input_size)
        self.hidden_size = check_size(kind, "hidden_size", hidden_size)
        self.num_layers = check_size(kind, "num_layers", num_layers)
        one_of(merge, ("concat", "sum"), f"{kind}: merge")
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = check_probability(kind, dropout)
        self.variational = variational
        self.bidirectional = bidirectional
        self.merge = merge
        self.residual = residual
        self._layers: list[list[Recurrent]] = []
        self._owners: dict[str, tuple[Module, str]] = {}
        if not bias:
            cell_options["bias"] = False
        for i in range(num_layers):
            cells = [self.cell_type(self._width(i), hidden_size, **cell_options) for _ in range(1 + bidirectional)]
            self._layers.append([Recurrent(cell, bool(d), recompute=recompute) for d, cell in enumerate(cells)])
            for layer in self._layers[-1]:
                self._register(layer, f"l{i}_reverse" if layer.reverse else f"l{i}")

    def _width(self, layer: int) -> int:
        """How many features a layer reads; after the last one, how many the stack returns."""
        both = 2 if self.bidirectional and self.merge == "concat" else 1
        return self.hidden_size * both if layer else self.input_size

    @property
    def output_size(self) -> int:
        """How many features the outputs have: H, or 2 * H for two directions side by side."""
        return self._width(self.num_layers)

    def _register(self, layer: Recurrent, name: str) -> None:
        cell: Any = layer.cell
        if not isinstance(cell, StandardCell):
            setattr(self, name, layer)
            return
        layer._name_scope(name)
        for local_name, parameter in cell.named_parameters():
            self._owners[f"{local_name}_{name}"] = cell, local_name
            setattr(self, f"{local_name}_{name}", parameter)

    def __setattr__(self, name: str, value: Any) -> None:
        cell, local_name = vars(self).get("_owners", {}).get(name, (None, ""))
        if cell is not None:  # a parameter that is replaced (to share it, for example) is the cell's from now on
            setattr(cell, local_name, value)
        super().__setattr__(name, value)

    def cells(self) -> list[Any]:
        """The cells of all layers: layer 0, layer 0 reversed, layer 1, ..."""
        return [layer.cell for layer in self._all_layers()]

    def reset_parameters(self, generator: Any = None) -> None:
        """Draw the parameters anew, as the cells do."""
        for cell in self.cells():
            cell.reset_parameters(generator)

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        """Run all layers.

        Args:
            x: (T, B, F), or (B, T, F) with batch_first.
            state: the initial state of all layers, zeros if None: h_0 (D * layers, B, H), where D is 2 if
                bidirectional and 1 otherwise; for an LSTM the pair (h_0, c_0). Order: layer 0, layer 0 reversed, ...
                For other cells, the state of a cell with such an axis in front of each tensor.
            lengths: how many steps each sequence has, if they differ; see `Recurrent`.

        Returns the outputs (T, B, output_size), or (B, T, output_size) with batch_first, and the final state, shaped
        like `state`.
        """
        x = time_major(x, self.batch_first, type(self).__name__)
        starts = iter(self._states_of_layers(state, x.shape[1]))
        finals = []
        for i, directions in enumerate(self._layers):
            if i > 0:
                x = F.dropout(x, self.dropout, self.training, shared_axes=0 if self.variational else ())
            outputs = []
            for layer in directions:
                if isinstance(layer.cell, StandardCell):  # which train() and eval() do not reach
                    layer.cell.training = self.training
                output, final = layer(x, next(starts), lengths)
                outputs.append(output)
                finals.append(final)
            merged = self._merged(outputs)
            x = merged + x if self.residual and i > 0 else merged
        final = tree.map(lambda *parts: stack(parts), *finals)
        return permute_dims(x, (1, 0, 2)) if self.batch_first else x, final

    def _merged(self, outputs: list[Tensor]) -> Tensor:
        if len(outputs) == 1:
            return outputs[0]
        return concat(outputs, axis=2) if self.merge == "concat" else outputs[0] + outputs[1]

    def _all_layers(self) -> list[Recurrent]:
        return [layer for directions in self._layers for layer in directions]

    def _states_of_layers(self, state: Any, batch_size: int) -> list[Any]:
        """The initial states of the single layers. Raises ValueError for wrong shapes."""
        n = len(self._all_layers())
        if state is None:
            return [None] * n
        names = getattr(self.cell_type, "state_names", None)
        lead = (n, batch_size, self.hidden_size) if names else (n, batch_size)
        parts = tree.leaves(state)
        fits = bool(parts) and all(part.shape[: len(lead)] == lead for part in parts)
        if names and len(names) == 1:
            fits = fits and isinstance(state, Tensor)
        elif names:
            fits = fits and isinstance(state, tuple) and len(state) == len(parts) == len(names)
        if not fits:
            given = ", ".join(describe(s) for s in state) if isinstance(state, (tuple, list)) else describe(state)
            if not names:
                wanted = f"tensors whose first axes are {lead}"
            elif len(names) == 1:
                wanted = f"{names[0]}_0 of shape {lead}"
            else:
                wanted = f"the pair ({', '.join(f'{name}_0' for name in names)}), each of shape {lead}"
            raise ValueError(f"{type(self).__name__}: the initial state must be {wanted}; got {given}")
        return [tree.map(itemgetter(i), state) for i in range(n)]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        text += "" if self.bias else ", bias=False"
        text += f", dropout={self.dropout:g}" if self.dropout else ""
        flags = ("batch_first", "variational", "bidirectional", "residual")
        text += "".join(f", {name}=True" for name in flags if getattr(self, name))
        return text + (f", merge={self.merge!r}" if self.merge != "concat" else "")


class RNN(RecurrentStack):
    """Layers of `RNNCell`, with the parameters, inputs and outputs of `torch.nn.RNN`.

    Arguments as in `RecurrentStack`, and those of the cell: `nonlinearity` ("tanh" or "relu"), `recurrent_dropout`.
    """

    cell_type = RNNCell


class LSTM(RecurrentStack):
    """Layers of `LSTMCell`, with the parameters, inputs and outputs of `torch.nn.LSTM`.

    Arguments as in `RecurrentStack`, and `recurrent_dropout`.
    """

    cell_type = LSTMCell


class PeepholeLSTM(RecurrentStack):
    """Layers of `PeepholeLSTMCell`. Arguments as in `RecurrentStack`, and `recurrent_dropout`."""

    cell_type = PeepholeLSTMCell


class GRU(RecurrentStack):
    """Layers of `GRUCell`, with the parameters, inputs and outputs of `torch.nn.GRU`.

    Arguments as in `RecurrentStack`, and those of the cell: `reset_after` (PyTorch has True), `recurrent_dropout`.
    """

    cell_type = GRUCell
