"""What `draw` draws: tensors, tapes, graphs and modules; parts of them, and their gradients."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.tools import draw
from minigrad.tools.graph import build
from minigrad.tools.graph.trace import record, sample_input


def labels(picture):
    return {node.label for node in picture.view.nodes}


# --- sources ----------------------------------------------------------------------------------------------------------


class Scaler(nn.Module):
    """A module that changes a buffer, draws random numbers and returns nested outputs."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(mg.ones(3))
        self.register_buffer("mean", mg.zeros(3))

    def forward(self, x, *, scale=2.0):
        self.mean = self.mean * 0.5 + x.mean(axis=0).detach()
        y = mg.functional.dropout(x * self.weight, 0.5, self.training)
        return {"scaled": (y * scale, [y.exp()])}


def test_a_tensor_a_list_a_tape_and_a_graph():
    x = mg.ones(3).requires_grad_()
    with mg.Tape() as tape:
        a, b = mg.exp(x), mg.tanh(x)
    assert labels(draw(a)) == {"leaf", "exp"}
    for source in ([a, b], (a, b), tape, build([a, b])):
        assert labels(draw(source)) == {"leaf", "exp", "tanh"}


@pytest.mark.parametrize("source", ["loss", 1.0, None, np.ones(3), [1.0]])
def test_what_cannot_be_drawn_says_what_can(source):
    with pytest.raises(TypeError, match="Tensor, a list of them, a Tape, a Graph or a Module, not"):
        draw(source)


# What a module of the library reads is known.
MODULES = {
    "linear": lambda: nn.Linear(3, 4),
    "embedding": lambda: nn.Embedding(5, 4),
    "norm": lambda: nn.LayerNorm(4),
    "cell": lambda: nn.GRUCell(3, 4),
    "recurrent": lambda: nn.Recurrent(nn.LSTMCell(3, 4)),
    "batch first": lambda: nn.Recurrent(nn.LSTMCell(3, 4), batch_first=True),
    "rnn": lambda: nn.RNN(3, 4, batch_first=True),
    "lstm": lambda: nn.LSTM(3, 4, 2),
    "gru": lambda: nn.GRU(3, 4, bidirectional=True),
    "peephole": lambda: nn.PeepholeLSTM(3, 4),
    "float64": lambda: nn.LSTM(3, 4).to("float64"),
    "sequential": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)),
    "tagger": lambda: nn.SequenceTagger(nn.GRU(3, 4), 2),
    "classifier": lambda: nn.SequenceClassifier(nn.GRU(3, 4), 2, nn.Embedding(9, 3)),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_are_run_on_zeros(name):
    module = MODULES[name]()
    steps = {p.step for n in draw(module, steps=None, gradients=True).graph.nodes for p in n.scope} - {None}
    recurrent = any(isinstance(part, (nn.Recurrent, nn.RecurrentStack)) for part in module.modules())
    assert steps == (set(range(6)) if recurrent else set())


def test_the_stand_in_for_inputs():
    assert sample_input(nn.LSTM(3, 4)).shape == (6, 2, 3)
    assert sample_input(nn.LSTM(3, 4, batch_first=True)).shape == (2, 6, 3)
    assert sample_input(nn.Embedding(5, 4)).shape == (6, 2)
    assert sample_input(nn.LSTM(3, 4).to("float64")).dtype == np.dtype("float64")


@pytest.mark.parametrize("module", [Scaler(), nn.Tanh(), nn.Sequential(), nn.Recurrent(nn.Sequential())])
def test_other_modules_need_inputs(module):
    with pytest.raises(ValueError, match=r"what a \w+ reads is not known: .* inputs=\(x,\)"):
        draw(module)


def test_inputs_of_a_module():
    lstm = nn.LSTM(3, 4)
    state = mg.ones((1, 2, 4)), mg.ones((1, 2, 4))
    picture = draw(lstm, inputs=(mg.ones((9, 2, 3)), state), steps=1, depth=2)
    assert "cell × 9" in labels(picture)
    assert labels(draw(lstm, inputs=mg.ones((4, 1, 3)), steps=1, depth=2)) >= {"cell × 4"}


def test_inputs_of_the_wrong_kind():
    with pytest.raises(TypeError, match=r"as in inputs=\(x,\), not a int"):
        draw(nn.Linear(3, 4), inputs=3)
    with pytest.raises(TypeError, match="inputs are for a module, not for a Tensor"):
        draw(mg.ones(3).requires_grad_().sum(), inputs=(mg.ones(3),))


@pytest.mark.parametrize("gradients", [False, True])
def test_a_module_is_as_it_was_after_it_was_drawn(gradients):
    module = nn.Sequential(Scaler(), nn.Identity())[0]
    module.weight.grad = mg.ones(3) * 7.0
    mg.manual_seed(3)
    expected = mg.random.normal((4,)).tolist()
    mg.manual_seed(3)
    draw(module, inputs=(mg.ones((2, 3)),), gradients=gradients)
    assert mg.random.normal((4,)).tolist() == expected
    assert module.weight.grad.tolist() == [7.0] * 3
    assert module.mean.tolist() == [0.0] * 3
    assert module.training


def test_buffers_changed_in_place_are_as_they_were():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(mg.ones(2))
            self.register_buffer("calls", mg.zeros(()))

        def forward(self, x):
            with mg.no_grad():
                self.calls.copy_(self.calls + 1.0)
            return x * self.weight

    module = Counter()
    draw(module, inputs=(mg.ones(2),))
    assert module.calls.item() == 0.0


def test_earlier_calls_are_no_time_steps():
    linear = nn.Linear(3, 4)
    for _ in range(5):
        linear(mg.ones((1, 3)))
    assert not any(p.step for n in draw(linear).graph.nodes for p in n.scope)


def test_a_module_is_recorded_under_no_grad_too():
    with mg.no_grad():
        assert len(record(nn.Linear(3, 4))) > 0


def test_nested_outputs_are_all_drawn():
    picture = draw(Scaler(), inputs=(mg.ones((2, 3)),), depth=9)
    assert sum(n.kind == "output" for n in picture.view.nodes) == 2


def test_a_module_without_gradients():
    with pytest.raises(ValueError, match="no gradients to show"):
        draw(nn.Linear(3, 4).requires_grad_(False), gradients=True)
    with pytest.raises(ValueError, match="tape is empty"):
        draw(nn.Linear(3, 4).requires_grad_(False))


def test_the_gradients_of_a_module_are_those_of_the_sum_of_its_outputs():
    linear = nn.Linear(3, 4)
    x = mg.ones((2, 3))
    graph = draw(linear, inputs=(x,), gradients=True).graph
    linear(x).sum().backward()
    norms = {n.label: n.grad_norm for n in graph.nodes}
    assert norms["weight"] == pytest.approx(np.linalg.norm(linear.weight.grad.numpy()))
    assert norms["linear"] == pytest.approx(np.sqrt(8))


# --- parts ------------------------------------------------------------------------------------------------------------


def encoder_decoder():
    with mg.Tape() as tape:
        x = mg.ones((2, 3))
        w, v = mg.ones((3, 3)).requires_grad_(), mg.ones((3, 3)).requires_grad_()
        code = mg.tanh(x @ w)
        answer = mg.exp(code @ v)
        loss = answer.sum() + (v * v).mean()
    return tape, x, code, loss, {"w": w, "v": v}


def test_the_path_between_two_tensors():
    tape, x, code, loss, names = encoder_decoder()
    # a parameter that is read once is a badge of what reads it
    path = draw(tape, start=code, end=loss, names=names)
    assert [n.label for n in path.view.nodes] == ["tanh", "matmul", "exp", "sum", "add"]
    assert labels(draw(tape, start=x, end=code)) == {"constant", "matmul", "tanh"}
    assert labels(draw(tape, end=code, names=names)) == {"constant", "matmul", "tanh"}
    assert "multiply" not in labels(draw(loss, start="w", names=names))
    assert "multiply" in labels(draw(loss, start="v", names=names))
    assert labels(draw(build(tape, names), start="v")) >= {"multiply", "matmul"}


def test_paths_through_a_module():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)), mg.ones((2, 3))
    whole = [n.label for n in draw(model, inputs=(x,), start=x, depth=9).view.nodes]
    assert whole == ["constant", "linear", "tanh", "linear"]
    assert [n.label for n in draw(model, inputs=(x,), start="2.weight", depth=9).view.nodes] == ["linear"]


def test_the_whole_graph_is_in_json_whatever_is_drawn():
    tape, _, code, loss, _ = encoder_decoder()
    assert len(draw(tape, start=code, end=loss, show="backward").graph.nodes) == len(tape)


def test_the_backward_pass_of_a_path():
    tape, _, code, loss, names = encoder_decoder()
    picture = draw(tape, start=code, end=loss, show="backward", names=names)
    assert [n.label for n in picture.view.nodes] == ["∂add", "∂sum", "∂exp", "∂matmul", "∂tanh"]


def test_paths_that_are_not_there():
    tape, x, code, loss, names = encoder_decoder()
    with pytest.raises(ValueError, match="there is no path from the start to the end"):
        draw(tape, start=loss, end=code)
    with pytest.raises(ValueError, match="the tensor start has no part in what is drawn"):
        draw(loss, start=x)
    with pytest.raises(ValueError, match="no parameter 'u' was used; there are: v, w"):
        draw(loss, end="u", names=names)
    with pytest.raises(TypeError, match="end is a tensor or the name of a parameter, not a int"):
        draw(loss, end=3)
    with pytest.raises(ValueError, match="a Graph does not know tensors"):
        draw(build(loss), start=code)


# --- gradients and passes ---------------------------------------------------------------------------------------------


def test_gradients_of_a_tape_have_widths_and_colours():
    with mg.Tape() as tape:
        loss = nn.RNN(3, 4)(mg.ones((6, 2, 3)))[0].sum()
    with pytest.raises(ValueError, match="backward"):
        draw(tape, gradients=True)
    loss.backward()
    assert draw(tape, gradients=True).dot != draw(tape).dot


@pytest.mark.parametrize("show", ["forward", "backward", "both"])
@pytest.mark.parametrize("steps", [None, 1, 3, (0, -1)])
def test_all_passes_and_steps_can_be_drawn(show, steps):
    picture = draw(nn.LSTM(3, 4, bidirectional=True), steps=steps, show=show, gradients=True, title="An LSTM")
    assert picture.to_bytes("dot").startswith(b"digraph")
    assert picture.title == "An LSTM"


def test_derivatives_of_a_module_have_norms():
    picture = draw(nn.Linear(3, 4), show="backward")
    assert all(n.grad_norm is not None for n in picture.view.nodes)


@pytest.mark.parametrize("source", [nn.LSTM(3, 4), mg.ones(3).requires_grad_().sum()])
def test_a_page_follows_from_the_suffix(tmp_path, source):
    picture = draw(source, tmp_path / "graph.html", steps=1, title="A <page>")
    text = (tmp_path / "graph.html").read_text(encoding="utf-8")
    assert text.lower().startswith("<!doctype html>")
    assert "A &lt;page&gt;" in text
    assert picture.to_bytes("html").decode() == text
