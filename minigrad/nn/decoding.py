"""Sequences from a model that predicts the next token: greedy search, sampling, beam search.

The model is a function `step(tokens, state) -> (logits, state)`: it takes the tokens (B,) of one time step, integers,
and a state, and gives the scores (B, V) of the tokens that may follow, and the state after them. A state is None, or a
tree of tensors (`minigrad.tree`) that have the batch on the axis `state_axis`: 0, or 1 for what nn.LSTM and the like
return. For a language model around an nn.LSTM, given characters (T, B):

    def step(tokens, state):
        logits, state = model(tokens[None], state)
        return logits[0], state

Nothing here is recorded. Symbols: B sequences in a batch, V tokens of the vocabulary, W hypotheses of a beam, T time
steps. A function takes `start`, the token (an integer for all sequences, or integers (B,)) that is fed first and is
no part of the result; a text to be continued is fed to the model beforehand, all but its last token. Whether the model
knows the token `start` is for the model to say: it may be one that is only ever fed, V or more.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes, random, tree
from ..backends import default_backend
from ..engine.recorded import describe
from ..engine.recording import no_grad
from ..functional import log_softmax
from ..ops.arguments import as_tensor
from ..ops.elementwise import exp, where
from ..ops.indexing import argsort, take, take_along_axis
from ..ops.reductions import argmax, cumulative_sum
from ..ops.reductions import max as _max
from ..random import Generator
from ..tensors.tensor import Tensor
from .layers import check_size

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


class Decoded(NamedTuple):
    """What `greedy` and `sample` return, as NumPy arrays.

    Attributes:
        tokens: (T, B); T is at most the length asked for, less if all sequences have ended before.
        log_probs: (B,), the log-probabilities, in nats, that the model gives to the sequences.
        lengths: (B,), the tokens of each sequence, its end included; what follows them is the end token again.
    """

    tokens: np.ndarray
    log_probs: np.ndarray
    lengths: np.ndarray


class Hypotheses(NamedTuple):
    """What `beam` returns, as NumPy arrays; for each sequence the best hypothesis comes first.

    Attributes:
        tokens: (T, B, W).
        scores: (B, W), falling: the log-probabilities divided by the length penalty. Where there are fewer possible
            sequences than W they are -inf, and the tokens mean nothing.
        log_probs: (B, W), in nats.
        lengths: (B, W), the tokens of each hypothesis, its end included; what follows them is the end token again.
    """

    tokens: np.ndarray
    scores: np.ndarray
    log_probs: np.ndarray
    lengths: np.ndarray


def filtered(logits: Any, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None) -> Tensor:
    """The log-probabilities (..., V) to sample from: a distribution made narrower, -inf for tokens left out.

    Args:
        logits: scores (..., V).
        temperature: they are divided by it. Less than 1 prefers likely tokens; 0 leaves the likeliest alone.
        top_k: keep this many of the likeliest tokens (Fan et al., Hierarchical neural story generation, 2018).
        top_p: then keep the smallest set of likeliest tokens that has at least this probability together (nucleus
            sampling: Holtzman et al., The curious case of neural text degeneration, 2020).

    Among equally likely tokens the first ones are kept. Raises ValueError for a temperature that is negative or
    not finite, a top_k that is no integer >= 1, and top_p outside 0 < p <= 1.
    """
    _check_filter(temperature, top_k, top_p)
    x = as_tensor(logits)
    if temperature == 0:
        best = argmax(x, axis=-1, keepdims=True)
        places = Tensor(np.arange(x.shape[-1]), backend=x.backend)
        return where(places == best, 0.0, -math.inf).astype(x.dtype)
    if temperature != 1:
        x = (x - _max(x, axis=-1, keepdims=True)) / temperature  # at most 0: a low temperature cannot overflow
    x = log_softmax(x)
    if top_k is None and top_p is None:
        return x
    order = argsort(x.detach(), axis=-1, descending=True)
    rank = argsort(order, axis=-1)
    if top_k is not None:
        x = log_softmax(where(rank < top_k, x, -math.inf))
    if top_p is not None:
        likelier = cumulative_sum(exp(take_along_axis(x, order)), axis=-1, include_initial=True)[..., :-1]
        x = log_softmax(where(take_along_axis(likelier < top_p, rank), x, -math.inf))
    return x


def sampled(
    step: Step,
    start: Any,
    state: Any = None,
    *,
    end: int | None = None,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
    state_axis: int = 0,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Tokens (B,) and their log-probabilities (B,), time step by time step, as they are drawn.

    They are drawn from the model's distribution, or from a narrower one; the log-probabilities are the model's. The
    stream ends when all sequences have; without an `end` it does not.

    Args:
        step: the model, see above.
        start: the first token to be fed; an integer, or integers (B,).
        state: the state before it. With an integer `start` it tells the batch size, which is 1 without a state.
        end: the token that ends a sequence; None if there is no such token.
        temperature, top_k, top_p: see `filtered`.
        generator: the source of random numbers, by default that of the logits' backend.
        state_axis: the axis of the batch in the tensors of the state.

    Raises ValueError for settings out of range, an `end` that is not one of the V tokens, logits of another shape than
    (B, V), and logits that are no distribution (a NaN or +inf among them, or all -inf); TypeError for tokens that are
    not integers and for a step that returns no pair.
    """
    _check_filter(temperature, top_k, top_p)
    _check_end(end)

    def choose(logits: Tensor) -> Tensor:
        if temperature == 0:
            return argmax(logits, axis=-1)
        return random.categorical(exp(filtered(logits, temperature, top_k, top_p)), generator)

    return _stream(step, _first_tokens(start, state, state_axis), state, end, choose)


def _stream(
    step: Step, tokens: Tensor, state: Any, end: int | None, choose: Callable[[Tensor], Tensor]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    done = np.zeros(len(tokens), dtype=bool)
    for t in count():
        if done.all():
            return
        with no_grad():  # not around the loop: what the caller does with a token is none of this generator's business
            logits, state = _stepped(step, tokens, state, end)
            known = log_softmax(logits)
            _check_rows(np.isnan(known[:, 0].numpy()), t)
            drawn = choose(logits)
            log_probs = take_along_axis(known, drawn[:, None])[:, 0].numpy().astype(np.float64)
            chosen = drawn.numpy()
            if end is not None:
                chosen, log_probs = np.where(done, end, chosen), np.where(done, 0.0, log_probs)
                done = done | (chosen == end)
            tokens = Tensor(chosen, dtype="int64", backend=drawn.backend)
        yield chosen.copy(), log_probs


def sample(
    step: Step, start: Any, state: Any = None, length: int = 100, *, end: int | None = None, **options: Any
) -> Decoded:
    """Sequences of at most `length` tokens, drawn token by token. Arguments, options and errors as in `sampled`."""
    check_size("sample", "the length of sequences", length)
    steps = list(islice(sampled(step, start, state, end=end, **options), length))
    tokens = np.stack([tokens for tokens, _ in steps])
    return Decoded(tokens, np.sum([log_probs for _, log_probs in steps], axis=0), _lengths(tokens, end))


def greedy(
    step: Step, start: Any, state: Any = None, length: int = 100, *, end: int | None = None, state_axis: int = 0
) -> Decoded:
    """Sequences of the likeliest token at each step; the first of equally likely ones. Arguments as in `sampled`."""
    return sample(step, start, state, length, end=end, temperature=0.0, state_axis=state_axis)


def beam(
    step: Step,
    start: Any,
    state: Any = None,
    length: int = 100,
    *,
    end: int | None = None,
    width: int = 4,
    length_penalty: float = 0.0,
    state_axis: int = 0,
) -> Hypotheses:
    """The best sequences that a beam search finds.

    After each step the `width` likeliest hypotheses are kept; one that has ended keeps its place (Sutskever et al.
    2014). So width 1 is greedy search, and a width of V**length is a search through all sequences.

    Args:
        step, start, state, length, end, state_axis: as in `sample`. The model sees a batch of B * width.
        width: the number of hypotheses W.
        length_penalty: alpha. In the end hypotheses of n tokens are ranked by log-probability / ((5 + n) / 6)**alpha
            (Wu et al., Google's neural machine translation system, 2016): more than 0 favours long ones.

    Raises ValueError and TypeError as `sample` does, ValueError also for a width that is no integer >= 1.
    """
    check_size("beam", "the length of sequences", length)
    check_size("beam", "width", width)
    _check_end(end)
    with no_grad():
        first = _first_tokens(start, state, state_axis)
        batch = len(first)
        rows = np.arange(batch)[:, None]
        tokens, state = _picked((first, 0), (state, state_axis), at=np.repeat(np.arange(batch), width))
        history = np.empty((0, batch, width), dtype=np.int64)
        log_probs = np.full((batch, width), -np.inf)
        log_probs[:, 0] = 0.0  # all hypotheses are the same at first: one of them counts
        done = np.zeros((batch, width), dtype=bool)
        while len(history) < length and not (done | (log_probs == -np.inf)).all():
            logits, state = _stepped(step, tokens, state, end)
            following = log_softmax(logits).numpy().astype(np.float64).reshape(batch, width, -1)
            _check_rows(np.isnan(following[:, :, 0]).any(axis=1), len(history))
            parents, chosen, log_probs = _best(following, log_probs, done, end)
            history = np.concatenate([history[:, rows, parents], chosen[None]])
            done = done[rows, parents] if end is None else (chosen == end) & (log_probs > -np.inf)
            tokens = Tensor(chosen.reshape(-1), dtype="int64", backend=logits.backend)
            (state,) = _picked((state, state_axis), at=(rows * width + parents).reshape(-1))
    lengths = _lengths(history, end)
    scores = log_probs / ((5 + lengths) / 6) ** length_penalty
    order = np.argsort(-scores, axis=1, kind="stable")
    return Hypotheses(history[:, rows, order], scores[rows, order], log_probs[rows, order], lengths[rows, order])


def _best(
    following: np.ndarray, log_probs: np.ndarray, done: np.ndarray, end: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The hypotheses to go on with, each (B, W): which one it continues, by which token, and its log-probability.

    `following` (B, W, V) are the log-probabilities of the next tokens.
    """
    batch, width = log_probs.shape
    totals = log_probs[:, :, None] + following
    if end is not None:  # one that has ended goes on by its end, at no cost
        totals[done] = -np.inf
        totals[done, end] = log_probs[done]
    ranks = totals.copy()
    if end is not None:
        ranks[done, end] = np.inf  # it keeps its place
    best = np.stack([_largest(row, width) for row in ranks.reshape(batch, -1)])
    parents, chosen = np.divmod(best, following.shape[-1])
    return parents, chosen, np.take_along_axis(totals.reshape(batch, -1), best, axis=1)


def _largest(values: np.ndarray, n: int) -> np.ndarray:
    """Where the n largest are, in falling order; of equal ones the first. Without sorting all of them."""
    least = np.partition(values, len(values) - n)[len(values) - n]
    places = np.flatnonzero(values >= least)
    return places[np.argsort(-values[places], kind="stable")[:n]]


# --- shared -----------------------------------------------------------------------------------------------------------


def _first_tokens(start: Any, state: Any, state_axis: int) -> Tensor:
    """The tokens (B,) to feed first, on the backend of the state."""
    leaves = tree.leaves(state)
    backend = leaves[0].backend if leaves else start.backend if isinstance(start, Tensor) else default_backend()
    tokens = start if isinstance(start, Tensor) else Tensor(start, backend=backend)
    if tokens.dtype.kind not in "iu":
        raise TypeError(f"the tokens to start with must be integers, not {tokens.dtype}")
    if tokens.size and int(tokens.min().item()) < 0:
        raise ValueError(f"the tokens to start with must be >= 0, not {tokens.min().item()}")
    for leaf in leaves:
        if not -leaf.ndim <= state_axis < leaf.ndim:
            raise ValueError(f"the state has {describe(leaf)}, which lacks the axis {state_axis} of the batch")
        if leaf.shape[state_axis] != (len(tokens) if tokens.ndim else leaves[0].shape[state_axis]):
            raise ValueError(
                f"the state has {describe(leaf)}: its axis {state_axis} is not the batch of the tokens to start with, "
                f"{describe(tokens)}; see state_axis"
            )
    if tokens.ndim == 0:
        batch = leaves[0].shape[state_axis] if leaves else 1
        return Tensor(np.full(batch, tokens.item()), dtype="int64", backend=backend)
    if tokens.ndim != 1 or not len(tokens):
        raise ValueError(f"the tokens to start with must be an integer or of shape (B,), not {describe(tokens)}")
    return tokens


def _stepped(step: Step, tokens: Tensor, state: Any, end: int | None) -> tuple[Tensor, Any]:
    result = step(tokens, state)
    if type(result) is not tuple or len(result) != 2:
        raise TypeError(f"step must return a pair (logits, state), not a {type(result).__name__}")
    logits = result[0]
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(tokens) or not logits.shape[1]:
        given = describe(logits) if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise ValueError(f"step must return logits ({len(tokens)}, V) for {len(tokens)} tokens, not {given}")
    if not dtypes.is_float(logits.dtype):
        raise TypeError(f"step must return logits, real numbers, not {describe(logits)}")
    if end is not None and end >= logits.shape[1]:
        raise ValueError(f"the end token {end} is not one of the {logits.shape[1]} tokens that step gives logits for")
    return result


def _check_rows(bad: Any, t: int) -> None:
    """Raise ValueError if a sequence has logits whose log-softmax is NaN, given which ones (B,) do."""
    if bad.any():
        raise ValueError(
            f"step gave logits from which no token can be chosen, for sequence {int(bad.argmax())} of {len(bad)}, at "
            f"token {t} (counted from 0): there is a NaN or +inf among them, or all are -inf"
        )


def _picked(*trees: tuple[Any, int], at: np.ndarray) -> list[Any]:
    """Trees of tensors, each with the axis of its batch, with the entries `at` of the batch."""
    return [tree.map(lambda x: take(x, at, axis), t) for t, axis in trees]  # noqa: B023


def _lengths(tokens: np.ndarray, end: int | None) -> np.ndarray:
    """How many tokens (T, ...) there are up to the first `end`, included."""
    ended = tokens == end
    return np.where(ended.any(axis=0), ended.argmax(axis=0) + 1, len(tokens))


def _check_end(end: int | None) -> None:
    if end is not None and (isinstance(end, bool) or not hasattr(end, "__index__") or end < 0):
        raise ValueError(f"the end token must be an integer >= 0 or None, not {end!r}")


def _check_filter(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 <= temperature < math.inf:
        raise ValueError(f"a temperature is at least 0 and finite, not {temperature}")
    if top_k is not None:
        check_size("filtered", "top_k", top_k)
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, not {top_p}")
