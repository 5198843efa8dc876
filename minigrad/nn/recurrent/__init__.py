"""Recurrent networks: cells as ordinary operations, their unrolling over time, layers of them, and what they read.

Start with `cells` and `unrolling` (`Recurrent`: any cell, over time); then `stack` (layers: LSTM, GRU, ...), `packing`
(sequences of different lengths), `truncated` (BPTT in pieces) and `topologies` (taggers, encoders, decoders).
"""

from .cells import Cell, GRUCell, LSTMCell, PeepholeLSTMCell, RNNCell
from .stack import GRU, LSTM, RNN, PeepholeLSTM, RecurrentStack
from .topologies import EncoderDecoder, SequenceClassifier, SequenceDecoder, SequenceEncoder, SequenceTagger
from .truncated import truncated_bptt
from .unrolling import Recurrent

__all__ = [
    # cells
    "Cell", "GRUCell", "LSTMCell", "PeepholeLSTMCell", "RNNCell",
    # over time
    "GRU", "LSTM", "PeepholeLSTM", "RNN", "Recurrent", "RecurrentStack", "truncated_bptt",
    # what is read and written
    "EncoderDecoder", "SequenceClassifier", "SequenceDecoder", "SequenceEncoder", "SequenceTagger",
]  # fmt: skip
