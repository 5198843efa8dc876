"""The tape as text: repeats are folded, nothing is lost, and the table fits the terminal."""

import os
import re
from xml.etree import ElementTree

import numpy as np
import pytest

pytest.importorskip("hypothesis")
from conftest import leaf
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.inspect.table import MOST_ROWS, as_html

FOLD = re.compile(r"\.\.\. (?P<which>.*): (?P<lines>\d+) lines, (?P<bytes>\d+) bytes saved(?P<norms>.*)")


def folds(text):
    """(which lines, how many, bytes) of each folded line."""
    return [(m["which"], int(m["lines"]), int(m["bytes"])) for m in FOLD.finditer(text)]


def numbers(text):
    """The line numbers that are shown."""
    return [int(n) for n in re.findall(r"^ *%(\d+) ", text, re.MULTILINE)]


def whole(tape):
    """A folded table, after checking that shown and folded lines are all lines of the tape, with all their bytes."""
    text = tape.table(fold=True, width=120)
    shown = numbers(text)
    assert shown == sorted(set(shown))
    assert len(shown) + sum(lines for _, lines, _ in folds(text)) == len(tape)
    assert sum(tape[n].saved_bytes for n in shown) + sum(saved for _, _, saved in folds(text)) == tape.saved_bytes
    return text


def sequence(steps, features=3):
    return mg.tensor(np.linspace(-1, 1, steps * 2 * features, dtype="float32").reshape(steps, 2, features))


def recorded(module, x):
    with mg.Tape() as tape:
        out = module(x)
        loss = out[0].sum()
    return tape, loss


# --- what is folded ---------------------------------------------------------------------------------------------------


def test_an_lstm_shows_its_first_second_and_last_step():
    tape, _ = recorded(nn.LSTM(3, 4), sequence(100))
    assert len(tape) > 1600
    text = whole(tape)
    assert [which for which, _, _ in folds(text)] == ["t=2 to t=98 like t=1"]
    assert sorted({tape[n].node.scope.steps for n in numbers(text)}) == [(), (0,), (1,), (99,)]
    assert len(text.splitlines()) < 70


def test_a_bidirectional_stack_folds_each_layer_and_direction():
    tape, _ = recorded(nn.LSTM(3, 4, num_layers=2, bidirectional=True), sequence(20))
    ahead, back = "t=2 to t=18 like t=1", "t=17 to t=1 like t=18"
    assert [which for which, _, _ in folds(whole(tape))] == [ahead, back, ahead, back]


def test_a_folded_line_gives_the_range_of_its_gradient_norms():
    tape, loss = recorded(nn.GRU(3, 4), sequence(30))
    assert "grad norm" not in tape.table()
    loss.backward()
    found = FOLD.search(whole(tape))
    hidden = [e.grad_norm for e in tape if e.node.scope.steps and 2 <= e.node.scope.steps[0] <= 28]
    assert found["norms"] == f", grad norm {min(hidden):.4g} to {max(hidden):.4g}"
    assert int(found["lines"]) == len(hidden)


def test_a_hand_written_loop_is_folded_with_what_stands_outside_the_cell():
    x = mg.ones((12, 1, 2), requires_grad=True)
    cell, head = nn.LSTMCell(2, 3), nn.Linear(3, 1)
    with mg.Tape() as tape:
        state, loss = None, 0
        for t in range(12):
            h, state = cell(x[t], state)
            loss = loss + head(h).sum()
    text = whole(tape)
    assert [which for which, _, _ in folds(text)] == ["t=2 to t=10 like t=1"]
    second, last = [[tape[n].node.name for n in numbers(part)] for part in re.split(FOLD, text)[:: FOLD.groups + 1]]
    assert last[0] == "getitem"  # x[t] begins the step, and the sum of the losses ends it
    assert last[-2:] == ["sum", "add"]
    assert second[-len(last) :] == last


def test_calls_of_one_module_are_folded_and_calls_of_different_modules_are_not():
    x, layer = sequence(1), nn.Linear(3, 3)
    with mg.Tape() as tape:
        y = x
        for _ in range(24):
            y = layer(y).tanh()
    assert [which for which, _, _ in folds(whole(tape))] == ["t=1 to t=22 like t=0"]
    tape, _ = recorded(nn.Sequential(*[nn.Linear(3, 3) for _ in range(24)]), x)
    assert folds(whole(tape)) == []


def test_a_loop_without_scopes_is_named_by_its_lines():
    w = leaf(0.5)
    with mg.Tape() as tape:
        h = w * 1
        for _ in range(20):
            h = mg.tanh(h * w)
    assert [(which, lines) for which, lines, _ in folds(whole(tape))] == [("%4 to %39 like %2 to %3", 36)]


def test_repeats_fold_inside_repeats():
    lstm, x = nn.LSTM(3, 4), sequence(20)
    with mg.Tape() as tape:
        for _ in range(6):
            lstm(x)
    found = [which for which, _, _ in folds(whole(tape))]
    assert "t=2 to t=4 like t=1" in found
    assert found.count("t=0,2 to t=0,18 like t=0,1") == 1
    assert len(tape.table().splitlines()) < 250 < 1900 < len(tape)


# --- what is not ------------------------------------------------------------------------------------------------------


def loop(steps, odd=None, other=None):
    """tanh(h * w) over and over; in step `odd`, `other` instead of tanh."""
    w = leaf(0.5)
    with mg.Tape() as tape:
        h = w * 2
        for t in range(steps):
            with mg.scope("cell", step=t):
                h = other(h * w) if t == odd else mg.tanh(h * w)
                h = h + 1
    return tape


def test_a_small_tape_is_printed_whole():
    assert len(loop(12)) <= 40 < len(loop(13))
    assert folds(str(loop(12))) == []
    assert folds(str(loop(13))) != []
    assert folds(loop(12).table(fold=True)) != []
    assert numbers(loop(13).table(fold=False)) == list(range(len(loop(13))))
    assert mg.Tape().table().splitlines()[0].startswith("line  scope")


@pytest.mark.parametrize(
    "other",
    [
        lambda h: mg.sigmoid(h),
        lambda h: mg.tanh(mg.exp(h)),
        lambda h: mg.tanh(h.reshape(1)).sum(),
    ],
    ids=["another operation", "one more operation", "another shape"],
)
def test_a_step_that_does_something_else_is_shown(other):
    text = whole(loop(40, odd=17, other=other))
    assert [which for which, _, _ in folds(text)] == ["t=1 to t=15 like t=0", "t=19 to t=38 like t=18"]
    assert "cell @ t=17" in text


def test_a_step_that_reads_another_tensor_is_shown():
    w, v = leaf(0.5), leaf(2.0)
    with mg.Tape() as tape:
        h = w * v
        for t in range(40):
            with mg.scope("cell", step=t):
                h = mg.tanh(h * (v if t == 17 else w))
    text = whole(tape)
    assert "cell @ t=17" in text
    assert len(folds(text)) == 2


def test_slices_of_one_gate_vector_are_no_loop():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    with mg.Tape() as tape:
        for i in range(4):
            x[i]
    assert folds(tape.table(fold=True)) == []


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=60), st.integers(1, 6))
def test_every_line_is_shown_or_counted(calls, times):
    x = leaf(0.5)
    operations = {"a": mg.tanh, "b": mg.square, "c": mg.sigmoid}
    with mg.Tape() as tape:
        y = x
        for _ in range(times):
            for name, step in calls:
                with mg.scope(name, step=step):
                    y = operations[name](y)
    whole(tape)


# --- the width --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100, 120, 200])
@pytest.mark.parametrize("fold", [True, False])
def test_the_table_fits_its_width(width, fold):
    tape, loss = recorded(nn.LSTM(3, 4, num_layers=2, bidirectional=True), sequence(100))
    loss.backward()
    lines = tape.table(fold=fold, width=width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(re.match(r" *%\d+  |\.\.\. | {4}| *line |-+$", line) for line in lines)


def test_the_terminal_gives_the_width_and_without_one_it_is_120(monkeypatch):
    tape, _ = recorded(nn.RNN(3, 4), sequence(60))
    monkeypatch.setenv("COLUMNS", "90")
    assert max(map(len, str(tape).splitlines())) <= 90
    assert str(tape) == tape.table(width=90)

    def no_terminal(*_):
        raise OSError

    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(os, "get_terminal_size", no_terminal)
    assert str(tape) == tape.table(width=120) != tape.table(width=90)


def test_what_is_shortened_keeps_what_tells_most_and_whole_numbers():
    x = leaf(1.0)
    with mg.Tape() as tape, mg.scope("a_long_name_of_a_model"), mg.scope("attention", step=7):
        mg.stack([x * i for i in range(30)])
    row = tape.table(width=80).splitlines()[-1]
    assert re.match(r" *%31  \.\.\.\w+ @ t=7 +stack +%1 %2 (%\d+ )*\.\.\. %30 +30 ", row)
    assert len(row) <= 80


# --- in a notebook ----------------------------------------------------------------------------------------------------


def cells(text):
    """The rows of an HTML table, as its texts; it has to be well formed."""
    return [[cell.text or "" for cell in row] for row in ElementTree.fromstring(text).iter("tr")]


def test_a_notebook_shows_the_lines_that_print_shows():
    tape, loss = recorded(nn.LSTM(3, 4), sequence(100))
    loss.backward()
    head, *rows = cells(tape._repr_html_())
    assert head == ["line", "scope", "operation", "inputs", "shape", "dtype", "saved bytes", "grad norm"]
    assert [int(row[0][1:]) for row in rows if len(row) > 1] == numbers(tape.table(width=1000))
    (repeat,) = [row for row in rows if len(row) == 1]
    assert repeat[0] in tape.table(width=1000)


def test_a_notebook_is_spared_the_middle_of_a_long_tape():
    x = leaf(1.0)
    with mg.Tape() as tape:
        for n in range(400):
            x = mg.tanh(x) if n * n % 7 > 3 else x * float(n)
    rows = cells(as_html(tape.entries, fold=False))
    assert len(rows) == 1 + MOST_ROWS + 1
    assert rows[1 + MOST_ROWS // 2] == [f"... {len(tape) - MOST_ROWS} rows are left out: print(tape) shows them"]


def test_names_are_never_markup():
    with mg.Tape() as tape, mg.scope("<b>&"):
        leaf(1.0) * 2.0
    assert "<b>" not in tape._repr_html_()
    assert cells(tape._repr_html_())[-1][1] == "<b>&"
