"""What a recurrent network reads and writes: sequences to sequences, to vectors, and from vectors.

    SequenceTagger       a sequence to a sequence of the same length: one answer for each step
    SequenceEncoder      a sequence to a vector; SequenceClassifier: to the scores of classes
    SequenceDecoder      a vector to a sequence, token by token, until it says that this is the end
    EncoderDecoder       a sequence (or an image, anything) to a sequence of another length

Each takes any recurrent stack: nn.LSTM and the like, or an nn.RecurrentStack around a cell of one's own. Sequences are
time-major. `lengths` are B integers from 1 to T: what comes after the end of a sequence has no effect on outputs,
losses and gradients.

Symbols: T time steps, B sequences in a batch, F features of a step, H features of a network's output
(`network.output_size`), V tokens of a vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import dtypes, tree
from ... import functional as F
from ...engine.recorded import describe
from ...engine.recording import no_grad
from ...ops.arguments import as_tensor, one_of
from ...ops.creation import zeros
from ...ops.elementwise import tanh, where
from ...ops.reductions import max as _max
from ...ops.reductions import mean
from ...ops.reductions import sum as _sum
from ...ops.shaping import concat, permute_dims, reshape, split, stack
from ...random import Generator
from ...tensors.tensor import Tensor
from ..decoding import Decoded, Hypotheses, beam, greedy, sample
from ..layers import Embedding, Linear, check_size
from ..module import Module
from ..scheduled_sampling import mixed
from ..utils import evaluating
from .packing import check_lengths

IGNORED = -100  # the class of what does not count, in `functional.cross_entropy`


class SequenceTagger(Module):
    """A sequence to a sequence, aligned: for each step the scores of its class.

        tagger = nn.SequenceTagger(nn.GRU(32, 64, bidirectional=True), classes=5, embedding=nn.Embedding(1000, 32))
        loss = tagger.loss(words, tags, lengths)

    Language models are such, too: the class of a step is the next token, and `state` goes on from batch to batch.

    Args:
        network: a recurrent stack.
        classes: scores of a step, C.
        embedding: what the inputs go through first; None if they are the features (T, B, F) that the network reads.

    Raises TypeError for something else than a stack, ValueError for one with batch_first.
    """

    def __init__(self, network: Module, classes: int, embedding: Module | None = None) -> None:
        super().__init__()
        self.embedding = embedding
        self.network = network
        self.head = Linear(_checked_network(self, network).output_size, classes)

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, Any]:
        """Inputs (T, B, ...) to scores (T, B, C), and the final state."""
        outputs, state = self.network(_embedded(self.embedding, x), state, lengths)
        return self.head(outputs), state

    def loss(self, x: Any, classes: Any, lengths: Any = None) -> Tensor:
        """The mean cross-entropy, in nats, over the steps; classes (T, B) are integers, anything after the end."""
        scores, _ = self(x, None, lengths)
        return F.cross_entropy(scores, filled(classes, lengths, IGNORED, scores.backend))


# --- to a vector ------------------------------------------------------------------------------------------------------


class SequenceEncoder(Module):
    """A sequence to a vector: what the network says in the end, or all along.

        encoder = nn.SequenceEncoder(nn.LSTM(32, 64, bidirectional=True), nn.Embedding(1000, 32), pooling="max")
        vectors = encoder(words, lengths)  # (B, 128)

    Args:
        network: a recurrent stack.
        embedding: as in `SequenceTagger`.
        pooling: "last" takes the output at each sequence's own last step; of the direction that reads backward, that
            is the first one. "mean" and "max" go over all steps of each sequence.

    Raises as `SequenceTagger`; also ValueError for another pooling, and for "last" with directions that are summed,
    whose outputs cannot be told apart.
    """

    def __init__(self, network: Module, embedding: Module | None = None, pooling: str = "last") -> None:
        super().__init__()
        one_of(pooling, ("last", "mean", "max"), "SequenceEncoder: pooling")
        checked = _checked_network(self, network)
        self.both = bool(getattr(checked, "bidirectional", False))
        if pooling == "last" and self.both and checked.merge != "concat":
            raise ValueError("SequenceEncoder: pooling 'last' of two directions needs merge='concat', not 'sum'")
        self.embedding = embedding
        self.network = network
        self.pooling = pooling
        self.output_size = int(checked.output_size)

    def forward(self, x: Any, lengths: Any = None) -> Tensor:
        """Inputs (T, B, ...) to vectors (B, H)."""
        outputs, _ = self.network(_embedded(self.embedding, x), None, lengths)
        if self.pooling == "last":
            return self._last(outputs, lengths)
        if lengths is None:
            return mean(outputs, axis=0) if self.pooling == "mean" else _max(outputs, axis=0)
        steps, batch = outputs.shape[:2]
        count = check_lengths(lengths, steps, batch)
        inside = Tensor(_inside(count, steps)[:, :, None], backend=outputs.backend)
        if self.pooling == "max":
            return _max(where(inside, outputs, -math.inf), axis=0)
        total = _sum(where(inside, outputs, 0.0), axis=0)
        return total / Tensor(count[:, None], dtype=outputs.dtype, backend=outputs.backend)

    def _last(self, outputs: Tensor, lengths: Any) -> Tensor:
        if lengths is None:
            last = outputs[-1]
        else:
            count = check_lengths(lengths, *outputs.shape[:2])
            at = (count - 1, np.arange(len(count)))
            last = outputs[tuple(Tensor(i, backend=outputs.backend) for i in at)]
        if not self.both:
            return last
        half = self.output_size // 2
        return concat([last[:, :half], outputs[0, :, half:]], axis=1)

    def extra_repr(self) -> str:
        return f"pooling={self.pooling!r}"


class SequenceClassifier(Module):
    """A sequence to the scores of classes: `SequenceEncoder`, then a linear layer.

        classifier = nn.SequenceClassifier(nn.GRU(32, 64), classes=2, embedding=nn.Embedding(1000, 32))
        loss = classifier.loss(words, labels, lengths)

    Arguments as in `SequenceEncoder`, and `classes`, the number of scores C.
    """

    def __init__(self, network: Module, classes: int, embedding: Module | None = None, pooling: str = "last") -> None:
        super().__init__()
        self.encoder = SequenceEncoder(network, embedding, pooling)
        self.head = Linear(self.encoder.output_size, classes)

    def forward(self, x: Any, lengths: Any = None) -> Tensor:
        """Inputs (T, B, ...) to scores (B, C)."""
        return self.head(self.encoder(x, lengths))

    def loss(self, x: Any, classes: Any, lengths: Any = None) -> Tensor:
        """The mean cross-entropy, in nats, over the sequences; classes (B,) are integers."""
        return F.cross_entropy(self(x, lengths), classes)


# --- from a vector ----------------------------------------------------------------------------------------------------


class InitialState(Module):
    """A vector to a state that a network may begin with: tanh of a linear map (Cho et al. 2014), for each part of it.

    Args:
        network: a recurrent stack. It runs one step, to see what its state is made of.
        vector_size: features of the vector.

    Raises TypeError for a state with parts that are no real-valued tensors: numbers cannot be made from a vector.
    """

    def __init__(self, network: Module, vector_size: int) -> None:
        super().__init__()
        checked = _checked_network(self, network)
        like = next(iter(network.parameters()))
        with evaluating(network), no_grad():  # dropout would draw random numbers
            _, state = checked(zeros((1, 1, checked.input_size), like.dtype, backend=like.backend))
        _check_state(state)
        self._example = state
        self._shapes = [(leaf.shape[0], *leaf.shape[2:]) for leaf in tree.leaves(state)]
        self.linear = Linear(vector_size, sum(math.prod(shape) for shape in self._shapes))

    def forward(self, vector: Any) -> Any:
        """Vectors (B, vector_size) to a state: tensors (layers, B, ...)."""
        parts = split(tanh(self.linear(vector)), [math.prod(shape) for shape in self._shapes], axis=1)
        return tree.filled(self._example, [_batch_second(part, shape) for part, shape in zip(parts, self._shapes)])


class SequenceDecoder(Module):
    """A vector to a sequence of tokens: it sets the state in which a language model begins.

        decoder = nn.SequenceDecoder(nn.LSTM(32, 64), vocabulary=30, vector_size=128, start=0, end=0)
        loss = decoder.loss(vectors, tokens, lengths, teacher_forcing=0.9)
        words = decoder.beam(vectors, length=20, width=4).tokens[:, :, 0]

    The network reads the token before and the state, and gives scores to each token that may follow; first it reads
    `start`. Sequences to learn from end with `end`, so that the network learns when to stop. Layers such as dropout
    should be in evaluation mode (`eval()`) where sequences are written.

    Args:
        network: a recurrent stack, one direction. Tokens are embedded in as many features as it reads.
        vocabulary: the number of tokens, V, `start` and `end` among them.
        vector_size: features of the vector.
        start, end: the tokens before the first and after the last one; they may be the same.

    Raises as `SequenceTagger`; also ValueError for two directions and for tokens outside the vocabulary.
    """

    def __init__(self, network: Module, vocabulary: int, vector_size: int, *, start: int, end: int) -> None:
        super().__init__()
        checked = _checked_network(self, network)
        if getattr(network, "bidirectional", False):
            raise ValueError("SequenceDecoder: the network must read forward alone: what follows is not known yet")
        for name, token in (("start", start), ("end", end)):
            if not 0 <= token < vocabulary:
                raise ValueError(f"SequenceDecoder: {name} is a token, 0 to {vocabulary - 1}, not {token}")
        self.vocabulary = check_size("SequenceDecoder", "vocabulary", vocabulary)
        self.start, self.end = start, end
        self.initial_state = InitialState(network, vector_size)
        self.embedding = Embedding(vocabulary, checked.input_size)
        self.network = network
        self.head = Linear(checked.output_size, vocabulary)

    def forward(
        self,
        vector: Any,
        tokens: Any,
        lengths: Any = None,
        teacher_forcing: float = 1.0,
        generator: Generator | None = None,
    ) -> Tensor:
        """The scores (T, B, V) of each token, given the ones before it.

        Args:
            vector: (B, vector_size).
            tokens: integers (T, B), the sequences with their ends.
            lengths: of the sequences, their ends included.
            teacher_forcing: the probability that the network sees the true token before, and not one drawn from its
                own scores: scheduled sampling (Bengio et al. 2015), see `nn.scheduled_sampling`.
            generator: the source of random numbers, the default one if None.
        """
        state = self.initial_state(vector)
        tokens = filled(tokens, lengths, self.end, tree.leaves(state)[0].backend)
        first = Tensor(np.full((1, tokens.shape[1]), self.start), dtype=tokens.dtype, backend=tokens.backend)
        if teacher_forcing == 1:
            outputs, _ = self.network(self.embedding(concat([first, tokens[:-1]])), state, lengths)
            return self.head(outputs)
        seen, scores = first[0], []
        for t in range(tokens.shape[0]):
            score, state = self.step(seen, state)
            scores.append(score)
            if t + 1 < tokens.shape[0]:
                seen = mixed(tokens[t], score, teacher_forcing, generator=generator)
        return stack(scores)

    def loss(
        self,
        vector: Any,
        tokens: Any,
        lengths: Any = None,
        teacher_forcing: float = 1.0,
        generator: Generator | None = None,
        label_smoothing: float = 0.0,
    ) -> Tensor:
        """The mean cross-entropy of the tokens, in nats. Arguments as in `forward` and `functional.cross_entropy`."""
        scores = self(vector, tokens, lengths, teacher_forcing, generator)
        return F.cross_entropy(
            scores, filled(tokens, lengths, IGNORED, scores.backend), label_smoothing=label_smoothing
        )

    def step(self, tokens: Any, state: Any) -> tuple[Tensor, Any]:
        """Tokens (B,) to the scores (B, V) of those that may follow, and the new state: a step for `nn.decoding`."""
        outputs, state = self.network(self.embedding(tokens)[None], state)
        return self.head(outputs[0]), state

    # What follows writes sequences for vectors (B, vector_size), of `length` tokens at most: see `nn.decoding`.

    def greedy(self, vector: Any, length: int) -> Decoded:
        """Sequences of the likeliest token at each step."""
        return greedy(self.step, self.start, self._begin(vector), length, end=self.end, state_axis=1)

    def sample(self, vector: Any, length: int, **options: Any) -> Decoded:
        """Sequences drawn at random. Options: temperature, top_k, top_p, generator."""
        return sample(self.step, self.start, self._begin(vector), length, end=self.end, state_axis=1, **options)

    def beam(self, vector: Any, length: int, **options: Any) -> Hypotheses:
        """The best sequences that a beam search finds. Options: width, length_penalty."""
        return beam(self.step, self.start, self._begin(vector), length, end=self.end, state_axis=1, **options)

    def _begin(self, vector: Any) -> Any:
        with no_grad():
            return self.initial_state(vector)


class EncoderDecoder(Module):
    """Something to a sequence, by way of a vector (Cho et al. 2014; Sutskever et al. 2014).

        encoder = nn.SequenceEncoder(nn.GRU(32, 64, bidirectional=True), nn.Embedding(1000, 32))
        decoder = nn.SequenceDecoder(nn.GRU(32, 64), 800, encoder.output_size, start=0, end=1)
        model = nn.EncoderDecoder(encoder, decoder)
        loss = model.loss(words, translated, lengths, translated_lengths)
        found = model.decoder.beam(model.encoder(words, lengths), length=50)

    Args:
        encoder: a module with `encoder(x) -> (B, vector_size)`, and `encoder(x, lengths)` if there are lengths; for
            example a `SequenceEncoder`, or layers that read an image.
        decoder: a `SequenceDecoder` for vectors of that size.
    """

    def __init__(self, encoder: Module, decoder: SequenceDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, x: Any, tokens: Any, lengths: Any = None, token_lengths: Any = None, **options: Any) -> Tensor:
        """The scores (T, B, V) of each token, given x and the tokens before it.

        Args:
            x: what the encoder reads.
            tokens: integers (T, B), the sequences with their ends.
            lengths, token_lengths: of x and of the tokens.
            options: of `SequenceDecoder.forward`: teacher_forcing, generator.
        """
        return self.decoder(self._encoded(x, lengths), tokens, token_lengths, **options)

    def loss(self, x: Any, tokens: Any, lengths: Any = None, token_lengths: Any = None, **options: Any) -> Tensor:
        """The mean cross-entropy of the tokens, in nats. Arguments as in `forward`, options of the decoder's `loss`."""
        return self.decoder.loss(self._encoded(x, lengths), tokens, token_lengths, **options)

    def _encoded(self, x: Any, lengths: Any) -> Tensor:
        return self.encoder(x) if lengths is None else self.encoder(x, lengths)


# --- shared -----------------------------------------------------------------------------------------------------------


def filled(tokens: Any, lengths: Any, value: int, backend: Any = None) -> Tensor:
    """Integers (T, B), with `value` after the end of each sequence. Without lengths they stay as they are.

    Raises TypeError for what is no integers, ValueError for other axes and for lengths that do not fit.
    """
    tokens = tokens if isinstance(tokens, Tensor) else Tensor(tokens, backend=backend)
    if tokens.dtype.kind not in "iu":
        raise TypeError(f"tokens and classes are integers, not {tokens.dtype}")
    if tokens.ndim != 2 or not tokens.shape[0]:
        raise ValueError(f"tokens and classes of sequences must have the axes (T, B), got {describe(tokens)}")
    if lengths is None:
        return tokens
    inside = _inside(check_lengths(lengths, *tokens.shape), tokens.shape[0])
    return where(Tensor(inside, backend=tokens.backend), tokens, value)


def _inside(lengths: np.ndarray, steps: int) -> np.ndarray:
    """Which steps are no padding, (T, B)."""
    return np.arange(steps)[:, None] < lengths


def _embedded(embedding: Callable[[Any], Any] | None, x: Any) -> Tensor:
    return as_tensor(x) if embedding is None else embedding(x)


def _checked_network(owner: Module, network: Any) -> Any:
    """The network. Raises TypeError if it is no recurrent stack, ValueError for batch_first."""
    name = type(owner).__name__
    if not isinstance(network, Module) or not hasattr(network, "input_size") or not hasattr(network, "output_size"):
        raise TypeError(f"{name} needs a recurrent stack (nn.LSTM, nn.RecurrentStack, ...), not {network!r}")
    if getattr(network, "batch_first", False):
        raise ValueError(f"{name}: sequences are time-major (T, B, F), and the network has batch_first=True")
    return network


def _batch_second(part: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Rows (B, n * ...) as (n, B, ...)."""
    return permute_dims(reshape(part, (part.shape[0], *shape)), (1, 0, *range(2, len(shape) + 1)))


def _check_state(state: Any) -> None:
    """Raises TypeError for a part of a state that is no real-valued tensor."""
    if isinstance(state, Tensor) and dtypes.is_float(state.dtype):
        return
    if not isinstance(state, (tuple, list, dict)):
        given = describe(state) if isinstance(state, Tensor) else f"a {type(state).__name__}"
        raise TypeError(f"the state that a vector sets is made of real-valued tensors; this network's has {given}")
    for key in tree.keys(state):
        _check_state(state[key])
