"""The recurrent networks that programs offer as `--cell`."""

from __future__ import annotations

from collections.abc import Callable

from minigrad import nn

CELLS: dict[str, Callable[..., nn.Module]] = {
    "rnn": nn.RNN,
    "lstm": nn.LSTM,
    "peephole": nn.PeepholeLSTM,
    "gru": nn.GRU,
}
