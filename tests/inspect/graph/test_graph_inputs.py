"""What operations read that no gradient goes to: data, numbers, indices; and the names of inputs and outputs."""

import sys
import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.inspect.graph.variables import names_among, variables_of
from minigrad.tools.graph import build


class Elman(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_xh = nn.Parameter(mg.random.normal((4, 8)))
        self.W_hh = nn.Parameter(mg.random.normal((8, 8)))

    def forward(self, x_t, h):
        return mg.tanh(x_t @ self.W_xh + h @ self.W_hh)


def unrolled(steps=3):
    cell, h = Elman(), mg.zeros((1, 8))
    for x_t in mg.random.normal((steps, 1, 4)):
        h = cell(x_t, h)
    return (h * h).mean()


def inputs_of(graph, label):
    """For each operation of this label the nodes that it reads, in the order of its inputs."""
    nodes = graph.by_id()
    read = {node.id: [] for node in graph.nodes if node.label == label}
    for edge in sorted(graph.edges, key=lambda edge: edge.operand):
        if edge.target in read:
            read[edge.target].append(nodes[edge.source])
    return [*read.values()]


def constants(graph):
    return [node for node in graph.nodes if node.constant]


# --- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after_backward", [False, True])
def test_every_input_of_a_product_is_there(backend, after_backward):
    loss = unrolled()
    if after_backward:
        loss.backward()
    graph = build(loss)
    products = inputs_of(graph, "matmul")
    assert [[(node.kind, node.shape) for node in read] for read in products] == [
        [("data", (1, 4)), ("parameter", (4, 8))],
        [("data", (1, 8)), ("parameter", (8, 8))],
        *[[("data", (1, 4)), ("parameter", (4, 8))], [("operation", (1, 8)), ("parameter", (8, 8))]] * 2,
    ]
    assert {node.dtype for node in constants(graph)} == {"float32"}


def test_a_tape_and_a_tensor_have_the_same_graph(backend):
    with mg.Tape() as tape:
        loss = unrolled()

    def told(graph):
        return sorted((n.kind, n.label, n.name, n.shape, n.dtype, n.detail, n.scope) for n in graph.nodes)

    assert told(build(tape)) == told(build(loss))


def test_an_array_that_is_read_again_in_a_step_is_one_node():
    w = mg.ones((4, 4)).requires_grad_()
    xs, h = mg.ones((2, 4)), mg.zeros(4)
    for t in range(2):
        with mg.scope("cell", step=t):
            x_t = xs[t]
            h = (x_t @ w) * h + mg.tanh(x_t @ w)
    h.sum().backward()
    graph = build(h)
    first, second = ({node.id for read in pair for node in read if node.constant} for pair in _pairs(graph))
    assert len(first) == len(second) == 1
    assert first != second


def _pairs(graph):
    products = inputs_of(graph, "matmul")
    return products[:2], products[2:]


def test_arrays_are_not_kept_for_drawings():
    w = mg.ones(3).requires_grad_()
    added, factor = mg.ones(3), mg.ones((2, 3))
    seen = [weakref.ref(added.array), weakref.ref(factor.array)]
    y = (w + added) * factor
    del added
    assert seen[0]() is None  # no rule reads it
    y.sum().backward()
    del factor
    assert seen[1]() is None
    assert [node.shape for node in constants(build(y))] == [(3,), (2, 3)]


def test_conditions_masks_and_targets_are_inputs():
    x = mg.ones((2, 3)).requires_grad_()
    y = mg.where(mg.ones((2, 3)) > 0, x, mg.zeros(3))
    loss = mg.functional.cross_entropy(y, mg.tensor([0, 2]))
    loss.backward()
    graph = build(loss)
    assert [(n.shape, n.dtype) for (read,) in [inputs_of(graph, "where")] for n in read if n.constant] == [
        ((2, 3), "bool"),
        ((3,), "float32"),
    ]
    assert (2,) in [n.shape for read in inputs_of(graph, "cross_entropy") for n in read if n.constant]


def test_the_arrays_of_an_index_are_inputs():
    table = nn.Embedding(10, 4)
    graph = build(table(mg.tensor([[1, 2, 3]])).sum())
    (read,) = inputs_of(graph, "getitem")
    assert [(node.kind, node.shape, node.dtype) for node in read][1:] == [("data", (1, 3), "int64")]
    x = mg.ones(3).requires_grad_()
    assert not constants(build(x[1] + x[0:2].sum()))


def test_what_a_recomputed_function_reads_is_there_once():
    w, x = mg.ones((3, 3)).requires_grad_(), mg.ones((2, 3))
    closed = mg.ones((1, 3))
    y = mg.recompute(lambda x: mg.tanh(x @ w) * closed, x)
    y.sum().backward()
    assert sorted(node.shape for node in constants(build(y))) == [(1, 3), (2, 3)]


def test_numpy_arrays_are_inputs():
    x = mg.ones(3).requires_grad_()
    y = x * np.ones((2, 3), np.float32)
    y.sum().backward()
    assert [node.shape for node in constants(build(y))] == [(2, 3)]


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_numbers_are_told_with_their_operation():
    x = mg.ones(3).requires_grad_()
    y = mg.clip(mg.maximum(((1 - x) * 0.5 + 1e-8) ** 2 / 3, 0), None, 0.1 + 0.2)
    y.sum().backward()
    details = [(node.label, node.detail) for node in build(y).nodes if node.kind != "data"]
    assert details == [
        ("subtract", "1 - ·"),
        ("multiply", "· * 0.5"),
        ("add", "· + 1e-08"),
        ("pow", "· ** 2"),
        ("divide", "· / 3"),
        ("maximum", "y=0"),
        ("clip", "high=0.3"),
    ]


# --- names ------------------------------------------------------------------------------------------------------------


def name_of(graph, kind="output"):
    return [node.name for node in graph.nodes if node.kind == kind]


def test_an_output_is_called_as_the_variable_that_it_is():
    loss = unrolled()
    assert name_of(build(loss)) == ["loss"]
    assert next(node for node in build(loss).nodes if node.name == "loss").label == "divide"
    with mg.Tape() as tape:
        error = unrolled()
    assert name_of(build(tape)) == ["error"]
    del error
    assert name_of(build(tape)) == [""]


def test_nobody_guesses_among_several_names():
    loss = unrolled()
    other = loss
    assert name_of(build([loss, unrolled()])) == ["", ""]
    del other
    _hidden = loss
    assert name_of(build(loss)) == ["loss"]


def test_data_is_called_as_the_variable_that_it_is():
    w, x = mg.ones((3, 3)).requires_grad_(), mg.ones((2, 3))
    with mg.Tape() as tape:
        loss = (x @ w).sum()
    assert name_of(build(loss), "data") == name_of(build(tape), "data")[::-1] == ["w", "x"]
    x = x + 1  # another tensor
    assert name_of(build(loss), "data") == ["w", ""]
    loss.backward()  # what x was is gone
    assert name_of(build(loss), "data") == ["w", ""]
    assert name_of(build(loss, variables={}), "data") == ["", ""]


def test_constants_take_given_names():
    w, x = mg.ones((3, 3)).requires_grad_(), mg.ones((2, 3))
    assert name_of(build((x @ w).sum(), {"inputs": x, "weights": w}), "data") == ["inputs"]


def test_the_variables_of_a_frame_are_those_that_can_be_read_there():
    kept = np.ones(3)
    names = names_among(variables_of(sys._getframe()))
    assert names[id(kept)] == "kept"
    assert "_pairs" not in variables_of(sys._getframe())
