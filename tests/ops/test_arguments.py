"""Counts, sizes and positions: integers are taken, floats and truth values refused, and what is meant is said."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, random

V, M, I = mg.tensor([1.0, 2.0, 3.0]), mg.ones((2, 3)), mg.tensor([0, 2, 1])
NUMBER, NOTHING = mg.tensor(2.0), mg.zeros((0, 3))

REFUSED = {
    "a fraction of a size": (lambda: mg.zeros(2.5), TypeError, "a shape: an integer is expected, not 2.5"),
    "a truth value as a size": (lambda: mg.ones((True, 2)), TypeError, "not True"),
    "a word as a size": (lambda: mg.zeros("ab"), TypeError, "not 'ab'"),
    "a fraction of a number": (lambda: mg.linspace(0, 1, 2.5), TypeError, "linspace: num"),
    "a negative number": (lambda: mg.linspace(0, 1, -1), ValueError, "linspace: num.*>= 0"),
    "truth values at distances": (lambda: mg.linspace(0, 1, 3, dtype=bool), TypeError, "linspace: truth values"),
    "truth values in steps": (lambda: mg.arange(2, dtype=bool), TypeError, "arange: truth values"),
    "no end": (lambda: mg.arange(float("inf")), ValueError, "arange: there are no numbers from 0 to inf"),
    "a negative matrix": (lambda: mg.eye(-1), ValueError, "eye: n"),
    "a diagonal in between": (lambda: mg.eye(2, k=0.5), TypeError, "eye: k"),
    "repeated a fraction of times": (lambda: mg.repeat(V, 2.0), TypeError, "repeat: counts.*not 2.0"),
    "fractions as counts": (lambda: mg.repeat(V, [1.0, 2.0, 3.0]), TypeError, "not 1.0"),
    "truth values as counts": (lambda: mg.repeat(V, [True, False, True]), TypeError, "not True"),
    "negative counts": (lambda: mg.repeat(V, mg.tensor([1, -1, 1])), ValueError, "repeat: counts are >= 0"),
    "too few counts": (lambda: mg.repeat(V, [1, 2]), ValueError, r"counts \[1, 2\] do not fit axis 0"),
    "a table of counts": (lambda: mg.repeat(V, [[1, 2, 3]]), TypeError, "integer"),
    "two shifts of one axis": (lambda: mg.roll(M, (1, 2), axis=0), ValueError, "not equally many"),
    "one shift in a tuple for two axes": (lambda: mg.roll(M, (1,), axis=(0, 1)), ValueError, "not equally many"),
    "two shifts of all": (lambda: mg.roll(M, (1, 2)), ValueError, "not equally many"),
    "shifted in between": (lambda: mg.roll(M, 1.5), TypeError, "roll: shift"),
    "tiles of a fraction": (lambda: mg.tile(V, (2.0,)), TypeError, "tile"),
    "tiles of less than nothing": (lambda: mg.tile(V, (-1,)), ValueError, "tile"),
    "padding in between": (lambda: mg.pad(M, 1.5), TypeError, "pad: widths"),
    "padding by truth": (lambda: mg.pad(M, True), TypeError, "pad: widths"),
    "a fraction among integers": (lambda: mg.pad(I, 1, value=1.5), TypeError, "no fractions"),
    "pieces of a fraction": (lambda: mg.split(V, [1, 2.0]), TypeError, "split"),
    "true pieces": (lambda: mg.split(M, True), TypeError, "split"),
    "half of the largest": (lambda: mg.topk(V, 1.5), TypeError, "topk: k"),
    "a triangle of a vector": (lambda: mg.tril(V), ValueError, r"tril: a matrix.*\(3,\)"),
    "a triangle of a number": (lambda: mg.triu(NUMBER), ValueError, r"triu: a matrix.*\(\)"),
    "a triangle in between": (lambda: mg.tril(M, 0.5), TypeError, "tril: k"),
    "axes the wrong way round": (lambda: mg.flatten(M, 1, 0), ValueError, "flatten: axis 1.*comes after axis 0"),
    "an axis squeezed twice": (lambda: mg.squeeze(mg.ones((1, 2)), (0, 0)), ValueError, "twice"),
    "one axis as an order": (lambda: mg.permute_dims(M, 1), ValueError, "not an order of 2 axes"),
    "half a difference": (lambda: mg.diff(V, n=1.5), TypeError, "diff: n"),
    "axes without a tuple": (lambda: M.sum(0, 1), TypeError, "sum: keepdims is True or False, not 1.*into a tuple"),
    "the type where NumPy has it": (lambda: mg.prod(M, 0, "float64"), TypeError, "keepdims is.*not 'float64'"),
    "a mean over two axes": (lambda: M.mean(0, 1), TypeError, "keepdims"),
    "a place in two axes": (lambda: mg.argmax(M, 0, 1), TypeError, "argmax: keepdims"),
    "the type of running sums": (lambda: mg.cumulative_sum(V, 0, "float64"), TypeError, "sum: include_initial is"),
    "the kind of NumPy's sorting": (lambda: mg.sort(V, -1, "stable"), TypeError, "argsort: descending is.*'stable'"),
    "NumPy's order of a difference": (lambda: mg.diff(M, 1, 0), TypeError, "positional"),
    "PyTorch's order of a vector's norm": (lambda: mg.linalg.vector_norm(M, 1), TypeError, "positional"),
    "PyTorch's order of a matrix's norm": (lambda: mg.linalg.matrix_norm(M, 1), TypeError, "positional"),
    "NumPy's flags of membership": (lambda: mg.isin(V, V, True), TypeError, "positional"),
    "between two diagonals": (lambda: mg.diagonal(M, offset=0.5), TypeError, "diagonal: offset"),
    "an axis moved from in between": (lambda: mg.moveaxis(M, 0.5, 1), TypeError, "moveaxis: source"),
    "half an axis contracted": (lambda: mg.tensordot(V, V, axes=0.5), TypeError, "tensordot: axes"),
    "a true contraction": (lambda: mg.tensordot(V, V, axes=True), TypeError, "tensordot: axes"),
    "letters that are a tensor": (lambda: mg.einsum(V, "i->i"), TypeError, "einsum: the subscripts.*not a Tensor"),
    "no shape at all": (lambda: mg.reshape(M, None), TypeError, "reshape: an integer is expected, not None"),
    "indices of a number": (lambda: mg.nonzero(NUMBER), ValueError, "nonzero: a tensor without axes"),
    "classes that are fractions": (lambda: mg.one_hot(V, 4), TypeError, "one_hot: indices must be integers"),
    "a fraction of classes": (lambda: mg.one_hot(I, 3.0), TypeError, "one_hot: n"),
    "classes of nothing": (lambda: mg.one_hot(mg.zeros(0, "int64")), ValueError, "do not tell how many classes"),
    "less than no classes": (lambda: mg.one_hot(I, -2), ValueError, "one_hot: the number of classes"),
    "a permutation of a fraction": (lambda: random.permutation(2.5), TypeError, "permutation: n"),
    "a negative permutation": (lambda: random.permutation(-1), ValueError, "permutation: n"),
    "integers from a fraction": (lambda: random.randint(0.5, 2), TypeError, "randint: low"),
    "integers as fractions": (lambda: random.randint(0, 2, dtype="float32"), TypeError, "randint.*integers"),
    "no deviation": (lambda: random.normal(std=float("nan")), ValueError, "standard deviation.*nan"),
    "numbers up to infinity": (lambda: random.uniform((), low=0, high=float("inf")), ValueError, "to inf"),
    "a true seed": (lambda: random.Generator(True), ValueError, "seed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()


ACCEPTED = {
    "one count for all": (lambda: mg.repeat(V, mg.tensor([2])), [1, 1, 2, 2, 3, 3]),
    "a count as a tensor": (lambda: mg.repeat(V, mg.tensor(2)), [1, 1, 2, 2, 3, 3]),
    "counts as a NumPy array": (lambda: mg.repeat(V, np.array([0, 1, 2], "uint8")), [2, 3, 3]),
    "counts of nothing": (lambda: mg.repeat(mg.zeros(0), []), []),
    "one shift of two axes": (lambda: mg.roll(mg.tensor([[1, 2], [3, 4]]), 1, axis=(0, 1)), [[4, 3], [2, 1]]),
    "a shift as a tensor": (lambda: mg.roll(V, mg.tensor(1)), [3, 1, 2]),
    "a shift of one axis in a tuple": (lambda: mg.roll(V, (1,), axis=0), [3, 1, 2]),
    "classes that the data tells": (lambda: mg.one_hot(I), [[1, 0, 0], [0, 0, 1], [0, 1, 0]]),
    "as PyTorch spells it": (lambda: mg.one_hot(mg.tensor(1), -1), [0, 1]),
    "a shape as a tensor": (lambda: mg.reshape(V, mg.tensor([3, 1])), [[1], [2], [3]]),
    "a size as a tensor": (lambda: mg.zeros(mg.tensor(2)), [0, 0]),
    "a shape of one size": (lambda: mg.broadcast_to(NUMBER, 2), [2, 2]),
    "tiles as a number": (lambda: mg.tile(V, 2), [1, 2, 3, 1, 2, 3]),
    "the indices of nothing": (lambda: mg.nonzero(NOTHING)[1], []),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted(name, host_backend):
    call, wanted = ACCEPTED[name]
    assert call().tolist() == wanted


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
@pytest.mark.parametrize("lengths", [[], np.zeros(0), np.zeros(0, "int64")])
def test_lengths_of_no_sequences(kind, lengths, backend):
    layer = kind(2, 3, num_layers=2, bidirectional=True)
    x = mg.zeros((4, 0, 2), requires_grad=True)
    outputs, state = layer(x, lengths=lengths)
    wanted_outputs, wanted_state = layer(x)
    assert outputs.shape == wanted_outputs.shape == (4, 0, 6)
    assert [s.shape for s in mg.tree.leaves(state)] == [s.shape for s in mg.tree.leaves(wanted_state)]
    outputs.sum().backward()
    assert x.grad.shape == x.shape
    with pytest.raises(ValueError, match="0 sequences"):
        layer(x, lengths=[1])
