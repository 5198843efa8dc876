"""States keep their types: a named tuple, or nested dicts, lists and tuples, wherever a state is carried."""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import pytest
from cell_helpers import B, F, H, T, double, sequence

import minigrad as mg
from minigrad import nn, tree
from minigrad.nn import decoding

LENGTHS = [5, 2, 3]


class Memory(NamedTuple):
    h: mg.Tensor
    c: mg.Tensor


class Outer(NamedTuple):
    inner: Memory
    rest: list


# How a state is made of (h, c), and taken apart again.
TYPES = {
    "named tuple": (Memory, tuple),
    "named tuple in a named tuple": (lambda h, c: Outer(Memory(h, c), []), lambda s: s.inner),
    "named tuple in a dict of lists": (lambda h, c: {"a": [Memory(h, c)], "b": ()}, lambda s: s["a"][0]),
    "parts of several kinds": (lambda h, c: Outer(Memory(h, h), [{"c": c}]), lambda s: (s[0].c, s[1][0]["c"])),
    "ordered dict": (lambda h, c: OrderedDict(h=h, c=c), lambda s: (s["h"], s["c"])),
}


class Cell(nn.Module):
    """An LSTM whose state is of some type. It refuses any other."""

    make, parts = TYPES["named tuple"]

    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.lstm = nn.LSTMCell(input_size, hidden_size)

    def forward(self, x_t, state):
        if state is not None:
            assert shape_of(state) == shape_of(self.make(x_t, x_t))
            state = tuple(self.parts(state))
        output, (h, c) = self.lstm(x_t, state)
        return output, self.make(h, c)


def shape_of(state):
    """The types of a state, all the way down."""
    if isinstance(state, mg.Tensor):
        return "tensor"
    keys = list(state) if isinstance(state, dict) else range(len(state))
    return type(state), {key: shape_of(state[key]) for key in keys}


@pytest.fixture(params=TYPES.values(), ids=TYPES)
def cell_type(request):
    make, parts = request.param
    return type("TypedCell", (Cell,), {"make": staticmethod(make), "parts": staticmethod(parts)})


def state_of(kind, *shape):
    return kind.make(sequence(*shape, H, seed=1), sequence(*shape, H, seed=2))


def same(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["alike", "of different lengths"])
@pytest.mark.parametrize("options", [{}, {"reverse": True}, {"recompute": 2}], ids=str)
def test_unrolling(cell_type, options, lengths):
    layer = double(nn.Recurrent(cell_type(F, H), **options))
    plain = double(nn.Recurrent(layer.cell.lstm, **options))
    x = sequence(T, B, F, requires_grad=True)
    outputs, final = layer(x, state_of(cell_type, B), lengths)
    expected, (h, c) = plain(x, (sequence(B, H, seed=1), sequence(B, H, seed=2)), lengths)
    assert shape_of(final) == shape_of(cell_type.make(h, c))
    same([outputs, *cell_type.parts(final)], [expected, h, c])
    gradients = []
    for leaves in ([outputs, *cell_type.parts(final)], [expected, h, c]):
        layer.zero_grad()
        sum((leaf**2).sum() for leaf in leaves).backward()
        gradients.append([p.grad for p in layer.parameters()])
    same(*gradients)


def test_stacks(cell_type):
    class Stack(nn.RecurrentStack):
        pass

    Stack.cell_type = cell_type
    stack = double(Stack(F, H, num_layers=2, bidirectional=True))
    _, final = stack(sequence(T, B, F), state_of(cell_type, 4, B), LENGTHS)
    assert shape_of(final) == shape_of(state_of(cell_type, 4, B))
    assert {leaf.shape for leaf in tree.leaves(final)} == {(4, B, H)}


@pytest.mark.parametrize("k2", [2, 3, 5])
def test_truncated_backpropagation(cell_type, k2):
    layer = double(nn.Recurrent(cell_type(F, H)))
    x = sequence(T, B, F)
    pieces = list(nn.truncated_bptt(layer, x, 3, k2, state=state_of(cell_type, B)))
    whole, final = layer(x, state_of(cell_type, B))
    assert {str(shape_of(state)) for _, _, state in pieces} == {str(shape_of(final))}
    same(cell_type.parts(pieces[-1][2]), cell_type.parts(final))
    same([mg.concat([outputs for _, outputs, _ in pieces])], [whole])


def test_inputs_and_outputs_of_pieces(cell_type):
    """Of truncated backpropagation; inputs may hold arrays too."""

    def model(x, state):
        x = mg.asarray(cell_type.parts(x)[0])
        return cell_type.make(x, x * 2), state

    for x in (state_of(cell_type, T), cell_type.make(np.ones((T, 2)), np.zeros((T, 2)))):
        outputs = [outputs for _, outputs, _ in nn.truncated_bptt(model, x, 2)]
        assert len(outputs) == 3
        assert all(shape_of(part) == shape_of(state_of(cell_type, T)) for part in outputs)


def test_recomputation(cell_type):
    def double_of(state):
        return cell_type.make(*(2 * x for x in cell_type.parts(state)))

    given = tree.map(lambda x: x.requires_grad_(), state_of(cell_type, B))
    made = mg.recompute(double_of, given)
    assert shape_of(made) == shape_of(given)
    sum(leaf.sum() for leaf in tree.leaves(made)).backward()
    assert all(x.grad.numpy().all() for x in cell_type.parts(given))


@pytest.mark.parametrize("search", [decoding.greedy, decoding.sample, decoding.beam])
def test_decoding(cell_type, search):
    cell, head, table = double(cell_type(F, H)), double(nn.Linear(H, 5)), double(nn.Embedding(5, F))

    def step(tokens, state):
        output, state = cell(table(tokens), state)
        return head(output), state

    assert search(step, [0, 1, 2], state_of(cell_type, B), length=4).tokens.shape[:2] == (4, B)


def test_states_made_from_vectors(cell_type):
    class Stack(nn.RecurrentStack):
        pass

    Stack.cell_type = cell_type
    decoder = nn.SequenceDecoder(Stack(F, H, num_layers=2), 5, vector_size=3, start=0, end=1)
    vectors = mg.ones((B, 3))
    assert shape_of(decoder.initial_state(vectors)) == shape_of(state_of(cell_type, 2, B))
    decoder.loss(vectors, np.ones((T, B), np.int64), LENGTHS, teacher_forcing=0.5).backward()
    assert decoder.beam(vectors, length=3).tokens.shape[1:] == (B, 4)  # all may have ended before
