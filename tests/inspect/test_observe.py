"""Looking at the tape while it is written: Tape as a table, and detect_anomaly."""

import math
import re
import threading
import weakref

import numpy as np
import pytest
from conftest import leaf

import minigrad as mg
from minigrad import nn

# --- looking at the tape ----------------------------------------------------------------------------------------------


def test_the_table_is_a_wengert_list():
    x, w = leaf(1.0, 2.0, dtype="float32"), leaf(3.0, 4.0, dtype="float32")
    with mg.Tape() as tape:
        with mg.scope("layer", step=2):
            y = mg.tanh(w * x)
        loss = (y * mg.tensor([1.0, 0.0])).sum()
    rows = [line.split() for line in str(tape).splitlines()]
    assert rows[0] == ["line", "scope", "operation", "inputs", "shape", "dtype", "saved", "bytes"]
    assert set(str(tape).splitlines()[1]) == {"-"}
    assert rows[2:] == [
        ["%0", "leaf", "2", "float32"],
        ["%1", "leaf", "2", "float32"],
        ["%2", "layer", "@", "t=2", "multiply", "%0", "%1", "2", "float32"],
        ["%3", "layer", "@", "t=2", "tanh", "%2", "2", "float32", "8"],
        ["%4", "constant", "2", "float32"],
        ["%5", "multiply", "%3", "%4", "2", "float32", "8"],
        ["%6", "sum", "%5", "scalar", "float32"],
    ]
    loss.backward()
    rows = [line.split() for line in str(tape).splitlines()]
    assert rows[0][-2:] == ["grad", "norm"]
    assert rows[-1][-1] == "1"
    assert tape[5].grad_norm == pytest.approx(2**0.5)
    assert tape[0].grad_norm == pytest.approx(np.linalg.norm(w.grad.numpy()))
    assert tape[4].grad_norm is None
    assert (len(tape), [e.number for e in tape]) == (7, list(range(7)))
    assert tape[3].inputs == (2,)
    assert repr(tape) == f"<Tape of 7 lines, {tape.saved_bytes} bytes saved>"
    assert repr(tape[2]).startswith("<%2: multiply float32[2] in layer @ t=2 from %0, %1, grad norm ")


def test_a_tape_counts_each_saved_array_once():
    x = mg.ones(100, requires_grad=True)
    with mg.Tape() as tape:
        y = mg.exp(x)  # keeps y: 400 bytes
        z = y * y  # keeps y again: nothing new
        z.reshape(10, 10) * mg.exp(x).reshape(10, 10)  # keeps z, through a view; the new exp is kept already
    assert [e.saved_bytes for e in tape] == [0, 400, 0, 0, 400, 0, 400]
    assert tape.saved_bytes == 1200


def test_a_tape_counts_constants_that_are_kept():
    x, c = mg.ones(100, requires_grad=True), mg.ones(100)
    with mg.Tape() as tape:
        x * c
        x + c
        x * c
    assert [e.saved_bytes for e in tape if e.node.name == "multiply"] == [400, 0]
    assert tape.saved_bytes == 400


def test_numbers_stand_where_they_are_read_and_dots_for_what_was_left_out():
    x = leaf(1.0)
    with mg.Tape() as tape:
        2 * x
        1 / x - 0.125
        mg.clip(x, None, 3.0)
    rows = [line.split() for line in str(tape).splitlines()[3:]]
    assert [row[1:-2] for row in rows] == [
        ["multiply", "2", "%0"],
        ["divide", "1", "%0"],
        ["subtract", "%2", "0.125"],
        ["clip", "%0", ".", "3"],
    ]


def test_the_arrays_of_an_index_have_lines():
    x = leaf(1.0, 2.0, 3.0)
    with mg.Tape() as tape:
        x[mg.tensor([0, 2, 2])] + x[1]
    rows = [line.split() for line in str(tape).splitlines()[3:]]
    assert [row[1:] for row in rows] == [
        ["constant", "3", "int64"],
        ["getitem", "%0", "%1", "3", "float64"],
        ["getitem", "%0", "scalar", "float64"],
        ["add", "%2", "%3", "3", "float64"],
    ]


def test_tapes_nest_and_see_their_own_thread_only():
    x = leaf(1.0)
    with mg.Tape() as outer:
        x * 1
        with mg.Tape() as inner:
            x * 2
        thread = threading.Thread(target=lambda: x * 3)
        thread.start()
        thread.join()
    x * 4
    assert (len(outer), len(inner)) == (3, 2)


def test_a_tape_sees_the_recorded_backward_pass():
    x = leaf(2.0)
    with mg.Tape() as tape:
        y = mg.tanh(x)
        forward = len(tape)
        y.backward(create_graph=True)
    names = [e.node.name for e in tape][forward:]
    assert "multiply" in names
    assert all(e.node.scope.backward for e in list(tape)[forward:] if e.node.primitive)


# --- NaN --------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_says_where_a_nan_came_from():
    x = leaf(-1.0)
    with (
        mg.detect_anomaly(),
        mg.scope("decoder"),
        mg.scope("attention", step=17),
        pytest.raises(mg.AnomalyError) as error,
    ):
        mg.log(x)
    place = r"mg\.log\(x\) \(inspect/test_observe\.py:\d+, in test_\w+\)"
    assert re.fullmatch(rf"NaN from log in decoder\.attention @ t=17: {place}; x is -1", str(error.value))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_says_which_gradient_is_nan():
    """sqrt at 0 has an infinite slope, and infinity times the gradient 0 is NaN: in the rule of sqrt, not elsewhere."""
    x = leaf(0.0, 4.0)
    with mg.detect_anomaly():
        with mg.scope("norm"):
            y = mg.sqrt(x)
        loss = (y * 0).sum()
    with pytest.raises(mg.AnomalyError) as error:
        loss.backward()
    place = r"mg\.sqrt\(x\) \(inspect/test_observe\.py:\d+, in test_\w+\)"
    assert re.fullmatch(rf"NaN from the gradient of sqrt to x in norm: {place}", str(error.value))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_says_which_of_several_operations_of_a_line_it_was():
    y = leaf(3.0, 5.0)
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r": mg\.log\(y - 4\) \(.*; x is from -1 to 1$"):
        mg.log(y) + mg.log(y - 4)
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match=r": mg\.log\(y - 4\) \("):
        ("東京é", mg.log(y - 4))  # columns count bytes
    with mg.detect_anomaly():
        loss = (mg.where(y > 4, mg.sqrt(y - 3), 0) + mg.sqrt(y)).sum()
    with pytest.raises(mg.AnomalyError, match=r"the gradient of sqrt to x in top level: mg\.sqrt\(y - 3\) \("):
        loss.backward()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_says_that_the_data_had_it():
    cell = nn.LSTM(3, 4)
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError) as error:
        cell(mg.full((5, 2, 3), math.nan))
    assert re.search(r"NaN from linear in LSTM\.l0\.cell: F\.linear\(.*; x holds NaN itself$", str(error.value))
    with mg.detect_anomaly(), pytest.raises(mg.AnomalyError, match="x holds NaN itself"):
        exec(compile("mg.exp(x)", "<no file>", "exec"), {"mg": mg, "x": leaf(math.nan)})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_detect_anomaly_leaves_right_results_alone_and_finds_infinity_on_request():
    x = leaf(1.0, 2.0)
    with mg.detect_anomaly():
        loss = (mg.stack([x[0], x[1] * 2]) * 2).sum()
        mg.exp(x * 1000)
        mg.argmax(x)
    loss.backward()
    assert x.grad.tolist() == [2, 4]
    with mg.detect_anomaly(infinity=True), pytest.raises(mg.AnomalyError, match="infinity from exp in top level"):
        mg.exp(x * 1000)
    with mg.detect_anomaly():
        y = mg.exp(leaf(1.0))
        (slope,) = mg.differentiate(y, y, create_graph=True)
    assert slope.item() == 1


def test_detect_anomaly_works_in_recorded_sweeps(without_gc):
    x = leaf(2.0)
    with mg.detect_anomaly():
        y = x**3
        (slope,) = mg.differentiate(y, x, create_graph=True)
        (curve,) = mg.differentiate(slope, x)
    assert (slope.item(), curve.item()) == (12, 12)
    alive = weakref.ref(y)
    array = weakref.ref(y.array)
    del y, slope
    assert (alive(), array()) == (None, None)


# --- details ----------------------------------------------------------------------------------------------------------


def test_details_of_values_and_gradients(backend):
    x = mg.tensor([1.0, -2.0, 4.0], requires_grad=True)
    with mg.Tape(details=True) as tape:
        loss = (x * x).sum()
    loss.backward()
    leaf_line, product, total = tape
    assert leaf_line.value == (-2.0, 1.0, 4.0, pytest.approx(6**0.5), 0)
    assert leaf_line.grad == (-4.0, 2.0, 8.0, pytest.approx(24**0.5), 0)
    assert product.value.max == 16
    assert total.value == (21.0, 21.0, 21.0, 0.0, 0)
    assert product.source.function == "test_details_of_values_and_gradients"
    assert product.source.text == "loss = (x * x).sum()"
    assert leaf_line.source is None


def test_details_leave_out_what_is_not_finite_and_count_it():
    x = mg.tensor([1.0, float("nan"), float("inf"), 3.0], requires_grad=True)
    with mg.Tape(details=True) as tape:
        x + 0.0
        x[:0] * 2.0
        (x * float("nan")).sum()
    assert tape[0].value == (1.0, 2.0, 3.0, 1.0, 2)
    assert tape[2].value is None  # no elements
    assert tape[-1].value is None  # none that is finite


def test_the_line_of_a_module_is_its_own_and_not_the_core_s():
    with mg.Tape(details=True) as tape:
        mg.nn.LSTMCell(2, 3)(mg.ones((1, 2)))
    sources = [entry.source for entry in tape if entry.node.primitive is not None]
    assert all("/minigrad/nn/" in source.file.replace("\\", "/") for source in sources)
    assert any("sigmoid" in source.text for source in sources)


def test_what_backward_records_has_the_line_that_started_it():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.Tape(details=True) as tape:
        (x * x).tanh().sum().backward(create_graph=True)
    lines = {entry.source.text for entry in tape if entry.node.scope.backward and entry.source}
    assert lines == {"(x * x).tanh().sum().backward(create_graph=True)"}


def test_a_tape_without_details_notes_none():
    x = mg.tensor([1.0], requires_grad=True)
    with mg.Tape() as tape:
        (x * x).backward()
    assert [(e.source, e.value, e.grad) for e in tape] == [(None, None, None)] * len(tape)


@pytest.mark.parametrize("size", [0.0, 1e-200, 1e-3, 1.0, 1e200, float("inf")])
def test_the_norm_of_a_gradient_of_any_size(size):
    x = mg.tensor(np.full(4, 1.0), requires_grad=True)
    with mg.Tape() as tape:
        (x * 1.0).backward(mg.tensor(np.full(4, size)))
    assert tape[0].grad_norm == 2 * size


def test_the_norm_of_a_gradient_that_is_no_number():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.Tape() as tape:
        (x * 1.0).backward(mg.tensor([float("nan"), 1.0]))
    assert np.isnan(tape[0].grad_norm)
