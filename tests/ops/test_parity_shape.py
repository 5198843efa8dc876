"""Functions that change shapes, against PyTorch: the same numbers in another order, and their gradients."""

import numpy as np
import pytest
from parity import TF, compare, rng_for, torch

import minigrad as mg

# name -> (ours, theirs, shapes of the inputs)
REARRANGING = {
    "reshape": (lambda x: mg.reshape(x, (3, -1)), lambda x: torch.reshape(x, (3, -1)), [(2, 3)]),
    "flatten": (lambda x: mg.flatten(x, 1, 2), lambda x: torch.flatten(x, 1, 2), [(2, 3, 4, 1)]),
    "flatten 0-d": (mg.flatten, torch.flatten, [()]),
    "permute_dims": (lambda x: mg.permute_dims(x, (2, 0, 1)), lambda x: torch.permute(x, (2, 0, 1)), [(2, 3, 4)]),
    "moveaxis": (lambda x: mg.moveaxis(x, 0, -1), lambda x: torch.moveaxis(x, 0, -1), [(2, 3, 4)]),
    "moveaxis of two": (
        lambda x: mg.moveaxis(x, (0, 1), (2, 0)),
        lambda x: torch.moveaxis(x, (0, 1), (2, 0)),
        [(2, 3, 4)],
    ),
    "swapaxes": (lambda x: mg.swapaxes(x, 0, -1), lambda x: torch.swapaxes(x, 0, -1), [(2, 3, 4)]),
    "expand_dims": (lambda x: mg.expand_dims(x, -1), lambda x: torch.unsqueeze(x, -1), [(2, 3)]),
    "squeeze": (mg.squeeze, torch.squeeze, [(1, 2, 1)]),
    "squeeze one": (lambda x: mg.squeeze(x, -1), lambda x: torch.squeeze(x, -1), [(1, 2, 1)]),
    "broadcast_to": (lambda x: mg.broadcast_to(x, (2, 3)), lambda x: torch.broadcast_to(x, (2, 3)), [(2, 1)]),
    "broadcast_tensors": (mg.broadcast_tensors, torch.broadcast_tensors, [(2, 1), (3,)]),
    "concat": (lambda *xs: mg.concat(xs, -1), lambda *xs: torch.concat(xs, -1), [(2, 1), (2, 0), (2, 3)]),
    "stack": (lambda *xs: mg.stack(xs, 1), lambda *xs: torch.stack(xs, 1), [(2, 3), (2, 3)]),
    "unstack": (lambda x: mg.unstack(x, 1), lambda x: torch.unbind(x, 1), [(2, 3)]),
    "split": (lambda x: mg.split(x, 3, 1), lambda x: torch.chunk(x, 3, 1), [(2, 6)]),
    "split by sizes": (lambda x: mg.split(x, (1, 0, 2)), lambda x: torch.split(x, (1, 0, 2)), [(3, 2)]),
    "flip": (lambda x: mg.flip(x, (0, 1)), lambda x: torch.flip(x, (0, 1)), [(2, 3)]),
    "roll": (lambda x: mg.roll(x, (1, -2), (0, 1)), lambda x: torch.roll(x, (1, -2), (0, 1)), [(2, 3)]),
    "roll flat": (lambda x: mg.roll(x, 2), lambda x: torch.roll(x, 2), [(2, 3)]),
    "pad": (lambda x: mg.pad(x, ((1, 0), (0, 2)), 5), lambda x: TF.pad(x, (0, 2, 1, 0), value=5), [(2, 3)]),
    "tile": (lambda x: mg.tile(x, (2, 1, 3)), lambda x: torch.tile(x, (2, 1, 3)), [(2, 3)]),
    "tile less": (lambda x: mg.tile(x, (2,)), lambda x: torch.tile(x, (2,)), [(2, 3)]),
    "repeat": (lambda x: mg.repeat(x, 3, axis=0), lambda x: torch.repeat_interleave(x, 3, 0), [(2, 3)]),
    "repeat flat": (lambda x: mg.repeat(x, 2), lambda x: torch.repeat_interleave(x, 2), [(2, 3)]),
    "repeat by counts": (
        lambda x: mg.repeat(x, mg.tensor([2, 0, 1]), axis=1),
        lambda x: torch.repeat_interleave(x, torch.tensor([2, 0, 1]), 1),
        [(2, 3)],
    ),
    "tril": (lambda x: mg.tril(x, -1), lambda x: torch.tril(x, -1), [(2, 3, 3)]),
    "triu": (lambda x: mg.triu(x, 1), lambda x: torch.triu(x, 1), [(3, 4)]),
    "astype": (lambda x: mg.astype(x, "float64"), lambda x: x.to(torch.float64), [(2, 3)]),
}


@pytest.mark.parametrize("name", REARRANGING)
def test_rearranging(name, dtype):
    ours, theirs, shapes = REARRANGING[name]
    rng = rng_for(name)
    compare(ours, theirs, [rng.standard_normal(s) for s in shapes], dtype, name=name)


def test_broadcast_shapes():
    assert mg.broadcast_shapes((2, 1), (3,), ()) == tuple(torch.broadcast_shapes((2, 1), (3,), ()))


def test_split_counts_pieces_where_pytorch_gives_their_size():
    x = np.arange(6.0)
    assert [len(p) for p in mg.split(mg.tensor(x), 3)] == [2, 2, 2]
    assert [len(p) for p in torch.split(torch.tensor(x), 3)] == [3, 3]
