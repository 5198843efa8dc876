"""How the kernels of the Numba backend are compiled: when, how often, to what, and where the result is kept."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from numba import njit, types
from numba_against_numpy import CALLS, LAYOUTS, NUMBA, check_call, random

from minigrad.backends.numba import compile as numba_compile

KERNELS = vars(NUMBA.kernels)
PACKAGE = Path(numba_compile.__file__).parents[2]

# --- when -----------------------------------------------------------------------------------------------------------


def compiled():
    return sum(len(kernel.dispatcher.signatures) for kernel in KERNELS.values())


def test_layouts_do_not_compile_again():
    """A kernel is compiled for a float type, not for each layout: what is unusual is copied or falls back."""
    x, g = random(40, 30), random(40, 30, seed=1)
    for name in CALLS:
        check_call(name, x, g)
    before = compiled()
    for layout in LAYOUTS.values():
        for name in CALLS:
            CALLS[name](NUMBA, layout(x), layout(g), -1)
    assert compiled() == before


def test_a_kernel_refuses_types_that_it_is_not_made_for():
    entries = numba_compile.Kernel(lambda x, out: None, "grid grid", divisible=True).entries
    for dtype in (np.float16, np.int32, np.int64, bool, ">f4"):
        x = np.zeros((2, 2), dtype)
        assert entries[x.dtype](x, x) is False


def test_numba_is_imported_only_when_asked_for():
    code = "import sys, minigrad; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- to what --------------------------------------------------------------------------------------------------------

# How many loops of a kernel, at least, work on several numbers at a time.
VECTOR_LOOPS = {
    "sigmoid": 1,
    "erf": 1,
    "sigmoid_vjp": 1,
    "tanh_vjp": 1,
    "dropout": 1,
    "softmax": 3,
    "softmax_vjp": 2,
    "log_softmax": 3,
    "log_softmax_vjp": 2,
    "logsumexp": 2,
    "cross_entropy": 3,
    "cross_entropy_vjp": 4,
    "standardize": 3,
    "layer_norm": 4,
    "layer_norm_vjp": 4,
    "in_range": 1,
    "add_rows": 1,
    "sgd": 1,
    "sgd_momentum": 1,
    "adam": 1,
}
WITHOUT = {"one_hot": "writes one number a row"}
WITHOUT_FLOATS = {"in_range"}


def test_every_kernel_is_in_one_of_the_tables():
    assert sorted(KERNELS) == sorted([*VECTOR_LOOPS, *WITHOUT])


@pytest.mark.parametrize("name", VECTOR_LOOPS)
def test_loops_became_vector_instructions(name):
    """The loops that LLVM vectorised, as it names them; what they call is vector code too, not the C library's."""
    fresh = njit(**numba_compile.OPTIONS)(KERNELS[name].function)  # what comes from the disk cannot be inspected
    fresh.compile(KERNELS[name].signature(types.float32))
    (code,) = fresh.inspect_llvm().values()
    blocks = re.findall(r"^vector\.body[\w.]*:.*?(?=^\S)", code, re.MULTILINE | re.DOTALL)
    loops = [block for block in blocks if re.search(r"<\d+ x (float|i32|i64)>", block)]
    assert len(loops) >= VECTOR_LOOPS[name]
    called = set(re.findall(r'call[^@\n]*@"?([\w.]+)', "\n".join(loops)))
    assert all(re.fullmatch(r"llvm\.[\w.]+\.v\d+\w+", function) for function in called), called
    if platform.machine().lower() in ("x86_64", "amd64") and name not in WITHOUT_FLOATS:
        (assembly,) = fresh.inspect_asm().values()
        assert re.search(r"\bv?(add|mul|sub|div|fn?m(add|sub)\d+)ps\b", assembly)


# --- where the result is kept -----------------------------------------------------------------------------------------

STEP = """
import numpy as np, minigrad as mg
from minigrad import functional as F, nn, optim
mg.use_backend("numba")
head = nn.Linear(4, 5)
optimizer = optim.Adam(head.parameters())
x = mg.tensor(np.ones((3, 4), np.float32))
F.cross_entropy(head(x), mg.tensor(np.zeros(3, int))).backward()
optimizer.step()
stats = [kernel.dispatcher.stats for kernel in vars(mg.get_backend("numba").kernels).values()]
print(sum(sum(s.cache_hits.values()) for s in stats), sum(sum(s.cache_misses.values()) for s in stats))
"""
SIGMOID = """
import numpy as np, minigrad as mg
backend = mg.get_backend("numba")
half = backend.sigmoid(np.zeros((1, 1), np.float32)).item()
print(half, sum(backend.kernels.sigmoid.dispatcher.stats.cache_hits.values()))
"""


def run(code, cwd, cache):
    """What a fresh process prints, in numbers. In `cwd` it finds the package there first."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(cwd), "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return [float(word) for word in result.stdout.split()]


def test_a_second_process_compiles_nothing(tmp_path):
    _, first = run(STEP, tmp_path, tmp_path / "cache")
    assert first > 2
    assert run(STEP, tmp_path, tmp_path / "cache") == [first, 0]


@pytest.fixture
def package(tmp_path):
    """A folder with a copy of the package."""
    shutil.copytree(PACKAGE, tmp_path / "minigrad", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_a_change_in_another_file_than_the_kernels_own_compiles_it_again(package):
    cache = package / "cache"
    assert run(SIGMOID, package, cache) == [0.5, 0]
    assert run(SIGMOID, package, cache) == [0.5, 1]
    functions = package / "minigrad" / "backends" / "numba" / "math.py"
    source = functions.read_text()
    changed = source.replace("choose(x < 0, e, one) / (one + e)", "choose(x < 0, e, one) / (one + one + e + e)")
    assert changed != source
    functions.write_text(changed)
    assert run(SIGMOID, package, cache) == [0.25, 0]
    functions.write_text(source)
    assert run(SIGMOID, package, cache) == [0.5, 1]


def test_without_a_place_to_keep_them_kernels_work(tmp_path):
    (tmp_path / "file").touch()
    assert run(SIGMOID, tmp_path, tmp_path / "file" / "cache") == [0.5, 0]


PLACE = "import minigrad as mg; from minigrad.backends.numba.compile import FOLDER; print(FOLDER)"


def place(cwd, **environment):
    """Where a fresh process keeps compiled code."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | environment
    command = [sys.executable, "-c", PLACE]
    return Path(
        subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    )


@pytest.mark.skipif(sys.platform not in ("linux", "freebsd"), reason="the cache has its folder by XDG's rules there")
def test_they_are_kept_in_the_users_cache_and_not_in_the_package(package):
    cache = package / "cache"
    assert place(package, PYTHONPATH=str(package), XDG_CACHE_HOME=str(cache)).parent == cache / "minigrad"
    assert not list((package / "minigrad").rglob("kernels-*"))
    (package / "file").touch()
    beside = place(package, PYTHONPATH=str(package), XDG_CACHE_HOME=str(package / "file"))
    assert beside.parent == package / "minigrad" / "backends" / "numba" / "__pycache__"


@pytest.mark.skipif(sys.platform not in ("linux", "freebsd"), reason="the cache has its folder by XDG's rules there")
def test_what_nobody_used_for_long_is_removed(tmp_path):
    old, new, other = (tmp_path / "minigrad" / name for name in ("kernels-old", "kernels-new", "data"))
    for folder in (old, new, other):
        (folder / "inside").mkdir(parents=True)
    for folder in (old, other):
        os.utime(folder, (1e9, 1e9))
    place(tmp_path, XDG_CACHE_HOME=str(tmp_path))
    assert (old.exists(), new.exists(), other.exists()) == (False, True, True)
