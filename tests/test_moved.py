"""Files that were pickled before modules moved into folders, and imports of that time, find what they name."""

import pickle
import subprocess
import sys

import pytest

import minigrad as mg
from minigrad import nn
from minigrad.moved import MOVED

# What a file could name, at the place where it was.
NAMED = {
    "minigrad.activations softmax": mg.functional.softmax,
    "minigrad.explain explain": mg.explain,
    "minigrad.losses cross_entropy": mg.functional.cross_entropy,
    "minigrad.nn.cells LSTMCell": nn.LSTMCell,
    "minigrad.nn.recurrent Recurrent": nn.Recurrent,
    "minigrad.nn.stack GRU": nn.GRU,
    "minigrad.nn.topologies EncoderDecoder": nn.EncoderDecoder,
    "minigrad.nn.truncated truncated_bptt": nn.truncated_bptt,
    "minigrad.observe AnomalyError": mg.AnomalyError,
    "minigrad.recompute recompute": mg.recompute,
    "minigrad.recording no_grad": mg.no_grad,
    "minigrad.scope scope": mg.scope,
    "minigrad.tape GraphError": mg.GraphError,
    "minigrad.tensor Parameter": mg.Parameter,
    "minigrad.tensor Tensor": mg.Tensor,
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_finds_classes_and_functions_where_they_were(name):
    module, attribute = name.split()
    assert pickle.loads(f"c{module}\n{attribute}\n.".encode()) is NAMED[name]


def test_a_module_that_was_pickled_before_is_the_same():
    mg.manual_seed(0)
    lstm = nn.LSTM(2, 3)
    stored = pickle.dumps(lstm, protocol=2)
    for new, old in {b"tensors.copies": b"copies", b"tensors.tensor": b"tensor", b"nn.recurrent.": b"nn."}.items():
        assert b"minigrad." + new in stored
        stored = stored.replace(b"minigrad." + new, b"minigrad." + old)
    stored = stored.replace(b"minigrad.nn.unrolling", b"minigrad.nn.recurrent")
    again, x = pickle.loads(stored), mg.random.normal((4, 1, 2))
    assert (again(x)[0] == lstm(x)[0]).all()


def test_old_places_load_nothing_and_hide_nothing(tmp_path):
    code = (
        f"import inspect, sys, minigrad as mg; names = {list(MOVED)}; before = len(sys.modules)\n"
        "for name in names: __import__(f'minigrad.{name}')\n"
        "inspect.getmodule(lambda: 0)\n"
        "assert len(sys.modules) == before\n"
        "assert mg.tensor(1.0).item() == 1.0 and mg.recompute(mg.exp, mg.zeros(1)).item() == 1.0\n"
        "with mg.scope('here'): assert callable(mg.explain)\n"
        "from minigrad.nn.cells import LSTMCell\n"
        "assert LSTMCell is mg.nn.LSTMCell\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_was_never_there_is_not_found():
    with pytest.raises(ImportError, match=r"cannot import name 'nothing' from 'minigrad\.tensor'"):
        exec("from minigrad.tensor import nothing")
    with pytest.raises(ImportError, match=r"minigrad\.elsewhere"):
        __import__("minigrad.elsewhere")
