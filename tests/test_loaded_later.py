"""What `import minigrad` leaves for later: that it does, and that nobody notices."""

import os
import subprocess
import sys

import pytest

import minigrad as mg

CORE = {"advice", "backends", "concurrency", "dtypes", "engine", "moved", "ops", "primitives", "tensors"}


def printed(code, cwd):
    """What a fresh Python prints that runs this code."""
    done = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded_by(code, cwd):
    """The modules of minigrad that a fresh Python has loaded after this code; old addresses of modules are none."""
    files = "name for name, module in sys.modules.items() if getattr(module, '__spec__', None)"
    names = printed(f"{code}; import sys; print(*({files}))", cwd).split()
    return {name.removeprefix("minigrad.") for name in names if name.startswith("minigrad.")}


def test_a_bare_import_loads_the_core_alone(tmp_path):
    loaded = loaded_by("import minigrad", tmp_path)
    assert {name.partition(".")[0] for name in loaded} == CORE
    assert not loaded & {"advice.answers", "advice.parts", "engine.custom", "ops.sets"}


@pytest.mark.parametrize(
    "code",
    [
        "import minigrad as mg; mg.nn.LSTM(2, 3); mg.optim.Adam; mg.random.normal((2,))",
        "from minigrad import nn, optim, random; nn.LSTM(2, 3)",
        "import minigrad.nn as nn, minigrad.optim.lr_scheduler; nn.init.zeros_, minigrad.optim.lr_scheduler.StepLR",
        "import minigrad as mg; mg.Tape is mg.inspect.observe.Tape or 1 / 0",
        "from minigrad.nn.recurrent import LSTM; import minigrad as mg; callable(mg.recompute) or 1 / 0",
        "import minigrad.autograd; import minigrad as mg; mg.grad is minigrad.autograd.grad or 1 / 0",
        "import minigrad as mg; mg.ctc.__name__ == 'minigrad.functional.ctc' or 1 / 0",
        "from minigrad import *; grad, nn.LSTM, Tape, recompute, tensor([1.0]).sum()",
        "import minigrad; help(minigrad.nn.Linear), help('minigrad')",
        "import pickle, minigrad as mg; pickle.loads(pickle.dumps([mg.sum, mg.Tape, mg.grad, mg.unique_all]))",
        "import importlib, minigrad; importlib.reload(minigrad); minigrad.nn.Linear(1, 1)",
        "import pickle; from minigrad.tensors.tensor import Tensor; pickle.loads(pickle.dumps(Tensor([1.0]))).sum()",
    ],
)
def test_names_are_found_by_every_way_to_ask(code, tmp_path):
    printed(code, tmp_path)


def test_threads_may_ask_at_the_same_time(tmp_path):
    code = """
import sys, threading
sys.setswitchinterval(1e-5)
import minigrad as mg
wrong = []
def ask(names, start=threading.Barrier(8)):
    start.wait()
    for name in names:
        try:
            getattr(mg, name)
            mg.nn.LSTM, mg.optim.Adam, mg.functional.softmax
        except Exception as error:
            wrong.append(repr(error))
names = ["nn", "optim", "random", *(name for names in mg.LATER.values() for name in names.split())]
names.remove("bfloat16")
threads = [threading.Thread(target=ask, args=(names[i:] + names[:i],)) for i in range(0, 16, 2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(wrong)
"""
    assert printed(code, tmp_path) == "[]"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_loads_for_itself(tmp_path):
    code = """
import os, minigrad as mg
child = os.fork()
if not child:
    mg.manual_seed(0)
    os._exit(0 if mg.nn.Linear(2, 1)(mg.random.normal((3, 2))).shape == (3, 1) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "minigrad.nn" in __import__("sys").modules)
"""
    assert printed(code, tmp_path) == "0 False"


def test_what_is_loaded_later_can_be_replaced(monkeypatch):
    monkeypatch.delitem(vars(mg), "grad", raising=False)
    monkeypatch.setattr(mg, "grad", 3)
    assert mg.grad == 3
    monkeypatch.undo()
    assert mg.grad is mg.autograd.grad


def test_a_part_that_fails_to_load_says_so(monkeypatch):
    monkeypatch.delitem(vars(mg), "metrics", raising=False)
    monkeypatch.setitem(sys.modules, "minigrad.metrics", None)
    with pytest.raises(ImportError, match=r"minigrad\.metrics"):
        mg.metrics
