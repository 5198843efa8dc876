"""`mg.save` and `mg.load`: safetensors files with plain data around the tensors, and those of other programs."""

import collections
import errno
import math
import os
import pickle
import stat
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, optim
from minigrad.saving import STATE, pack, unpack, write

safetensors = pytest.importorskip("safetensors.numpy")

Point = collections.namedtuple("Point", "x y")


def same(a, b):
    """Whether two nested things are equal, in kind, type, shape and every bit."""
    if type(a) is not type(b):
        return False
    if isinstance(a, mg.Tensor):
        return a.backend is b.backend and same(a.detach().numpy(), b.numpy())
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or (a != a and b != b)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.safetensors"


def test_a_trained_model_and_its_optimizer_go_on_where_they_were(path, backend):
    def made():
        mg.manual_seed(3)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1))
        return model, optim.AdamW(model.parameters(), lr=0.02)

    def learn(model, optimizer):
        optimizer.zero_grad()
        (model(mg.ones((5, 3)) * mg.arange(5)[:, None]) ** 2).mean().backward()
        optimizer.step()

    model, optimizer = made()
    learn(model, optimizer)
    mg.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 1}, path)
    learn(model, optimizer)
    model_b, optimizer_b = made()
    state = mg.load(path)
    model_b.load_state_dict(state["model"])
    optimizer_b.load_state_dict(state["optimizer"])
    learn(model_b, optimizer_b)
    assert state["step"] == 1
    assert same(model.state_dict(), model_b.state_dict())


@pytest.mark.parametrize("kind", ["module", "state_dict"])
def test_a_module_is_its_state_which_other_programs_find_by_the_same_names(path, kind):
    torch = pytest.importorskip("torch")
    torch_files = pytest.importorskip("safetensors.torch")
    model = nn.LSTM(3, 5)
    mg.save(model if kind == "module" else model.state_dict(), str(path))
    theirs = torch.nn.LSTM(3, 5)
    theirs.load_state_dict(torch_files.load_file(path))
    for name, value in theirs.state_dict().items():
        assert np.array_equal(value.numpy(), model.state_dict()[name].numpy())
    torch_files.save_file(torch.nn.LSTM(3, 5).state_dict(), path)
    model.load_state_dict(mg.load(path))
    assert all(same(value, mg.load(path)[name]) for name, value in model.state_dict().items())


def test_plain_data_comes_back_as_it_was(path):
    state = {
        "lr": 1e-3, "steps": 10**30, "name": "Größe \ud800 \0", "none": None, "on": True,
        "nan": math.nan, "inf": -math.inf,
        3: "three", 2.5: "x", True: "one", None: 0, ("a", 1): [], (): (),
        "nested": [(1, [2.0, {"deep": mg.tensor([1.0, 2.0])}]), {}, ""],
        "ordered": collections.OrderedDict(b=1, a=mg.tensor(2)),
        "point": Point(mg.zeros((2, 0)), "y"),
        "numbers": [np.float64(0.1), np.int8(3), np.bool_(True), np.array([[1, 2]], ">i2").astype("<i2")],
    }  # fmt: skip
    mg.save(state, path)
    assert same(mg.load(path), state)
    for alone in (mg.tensor([1, 2]), 5, "text", None, [], {}):
        mg.save(alone, path)
        assert same(mg.load(path), alone)


@pytest.mark.parametrize(
    "dtype", "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()
)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3)])
def test_tensors_of_every_type_and_shape(path, backend, dtype, shape):
    tensor = mg.tensor((np.arange(math.prod(shape)).reshape(shape) % 2).astype(dtype))
    mg.save({"x": tensor}, path)
    assert same(mg.load(path), {"x": tensor})


def test_bfloat16(path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([1.5, -2.0, 3e38], ml_dtypes.bfloat16)
    mg.save([array, array[0]], path)
    assert same(mg.load(path), [array, array[0]])


def test_tensors_that_lie_in_memory_in_another_way(path, backend):
    x = mg.tensor(np.arange(12.0, dtype="float32").reshape(3, 4))
    parameter = nn.Parameter(mg.ones(3))
    state = {
        "turned": x.T, "part": x[::2, 1:], "backward": mg.flip(x, 0), "wide": mg.broadcast_to(x[0], (2, 4)),
        "same": x, "again": x, "view": x.reshape(12), "needs": parameter, "computed": parameter * 2,
    }  # fmt: skip
    expected = {name: tensor.detach().numpy().copy() for name, tensor in state.items()}
    mg.save(state, path)
    loaded = mg.load(path)
    assert list(loaded) == list(state)
    for name, tensor in loaded.items():
        assert same(tensor.numpy(), np.ascontiguousarray(expected[name]))
        assert not tensor.requires_grad
    loaded["same"].fill_(0)
    assert same(loaded["again"].numpy(), expected["again"])  # two that shared memory are two


def test_tensors_go_to_the_backend_that_is_asked_for(path):
    x = mg.ones(2)
    mg.save(x, path)
    assert mg.load(path, backend="numba").backend is mg.get_backend("numba")
    with mg.use_backend("numba"):
        assert mg.load(path).backend is mg.get_backend("numba")
    with pytest.raises(ValueError, match="'tpu'"):
        mg.load(path, backend="tpu")


def test_names_that_read_alike_are_kept_apart(path):
    state = {"a": {"b": mg.zeros(1)}, "a.b": mg.ones(1), "__metadata__": mg.ones(2), "\ud800": mg.ones(3),
             1: mg.ones(4), "1": mg.ones(5), "": mg.ones(6)}  # fmt: skip
    mg.save(state, path)
    assert same(mg.load(path), state)


def test_the_same_state_is_the_same_file(tmp_path):
    for name in "ab":
        mg.save({"x": mg.arange(3), "y": list(range(20)), "z": mg.ones(2)}, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


class Strange:
    pass


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"a": [1, {2}]}, "cannot hold a.1, a set: it holds tensors"),
        (Strange(), "cannot hold this, a Strange"),
        ({"model": nn.Linear(1, 1)}, r"cannot hold model, a Linear; give its state_dict\(\)"),
        (b"bytes", "cannot hold this, a bytes"),
        (collections.defaultdict(list), "a defaultdict"),
        ([np.array(["text"])], "cannot hold 0, a ndarray"),
        ({mg.tensor(1): 2}, "a Tensor, as a key in a dictionary: keys are"),
        ({"a": {frozenset(): 1}}, "a frozenset, as a key in a"),
    ],
)
def test_what_a_file_cannot_hold_is_said_before_the_old_one_is_lost(path, state, words):
    mg.save("old", path)
    with pytest.raises(TypeError, match=words):
        mg.save(state, path)
    assert mg.load(path) == "old"
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_what_holds_itself(path):
    state = []
    state.append(state)
    with pytest.raises(ValueError, match="nested too deeply, or holds itself"):
        mg.save(state, path)


# --- files of other kinds ---------------------------------------------------------------------------------------------


def test_files_that_are_something_else(path, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"there is no file {path}"):
        mg.load(path)
    with pytest.raises(IsADirectoryError, match="is a folder, not a file"):
        mg.load(tmp_path)
    for content, words in [
        (b"", "is not a safetensors file, or damaged"),
        (b"something else entirely", "is not a safetensors file"),
        (pickle.dumps({"a": 1}), "looks like a pickle, which runs code"),
    ]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=words):
            mg.load(path)
    np.savez(tmp_path / "x.npz", a=np.ones(2))
    np.save(tmp_path / "x.npy", np.ones(2))
    for name in ("x.npz", "x.npy"):
        with pytest.raises(ValueError, match=r"numpy\.load reads it"):
            mg.load(tmp_path / name)
    with pytest.raises(TypeError, match="a str or a Path, not a int"):
        mg.load(3)


def test_a_file_of_torch_save_says_how_to_convert_it(path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.ones(2)}, path)
    with pytest.raises(ValueError, match=r"a file of torch\.save, a pickle.*safetensors\.torch\.save_file"):
        mg.load(path)


def test_pytorchs_files_of_every_type(path):
    torch = pytest.importorskip("torch")
    torch_files = pytest.importorskip("safetensors.torch")
    torch_files.save_file({"half": torch.ones(2).half(), "n": torch.tensor(3), "none": torch.zeros(0, 2)}, path)
    loaded = mg.load(path)
    assert same(loaded["half"].numpy(), np.ones(2, "float16"))
    assert (loaded["n"].item(), loaded["none"].shape) == (3, (0, 2))
    torch_files.save_file({"x": torch.zeros(2, dtype=torch.float8_e4m3fn)}, path)
    with pytest.raises(ValueError, match="'x' has numbers of type F8_E4M3, which NumPy does not know"):
        mg.load(path)
    torch_files.save_file({"x": torch.zeros(2, dtype=torch.complex64)}, path)
    with pytest.raises(TypeError, match="'x' cannot be a tensor"):
        mg.load(path)


def test_a_damaged_file_is_an_error_wherever_it_is_cut(path):
    mg.save({"x": mg.arange(100)}, path)
    whole = path.read_bytes()
    for cut in (0, 4, 8, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ValueError, match="is not a safetensors file, or damaged"):
            mg.load(path)


@pytest.mark.parametrize(
    "about",
    [
        ["tensor", "y"],
        ["tensor"],
        ["dict", 3],
        ["dict", ["a"]],
        ["code", "x"],
        ["namedtuple", "os", "system", 1],
        [],
        [[]],
    ],
)
def test_a_header_that_says_something_else_is_an_error_and_runs_nothing(path, about):
    write(path, {"x": np.ones(2)}, STATE, about)
    with pytest.raises(ValueError, match="cannot be read"):
        mg.load(path)


def test_a_file_of_a_newer_version_says_so(path):
    write(path, {}, "minigrad state 2", None)
    with pytest.raises(ValueError, match="was written by a newer minigrad"):
        mg.load(path)


def test_the_tensors_of_a_trained_model_are_found(path):
    write(path, {"w": np.ones(2, "float32")}, "minigrad char-lm 2", {"sizes": 3})
    assert same(mg.load(path), {"w": mg.ones(2)})


def test_packed_data_of_older_checkpoints_is_read():
    arrays = {"state.w": np.ones(2, "float32")}
    old = ["dict", ["w", ["tensor", "state.w"]], [3, ["tuple", 1, ["list"]]], ["a", ["array", "state.w"]]]
    assert same(unpack(old, arrays), {"w": mg.ones(2), 3: (1, []), "a": arrays["state.w"]})
    assert pack({"w": mg.ones(2)}, "state", found := {}) == ["dict", ["w", ["tensor", "state.w"]]]
    assert list(found) == ["state.w"]


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real" / "file")
    mg.save(3, link)
    assert link.is_symlink()
    assert mg.load(tmp_path / "real" / "file") == 3
    mg.save(3, os.devnull)
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("missing/file", r"cannot write .*missing/file: there is no folder .*missing; make it first"),
        ("file/inside", r"cannot write .*file/inside: .*file is a file, not a folder"),
        ("folder", "cannot write .*folder: it is a folder; give the path of a file in it"),
        ("x" * 300, "the name is too long"),
    ],
)
def test_errors_of_the_system_say_what_to_do(tmp_path, place, words):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=words) as caught:
        mg.save(3, tmp_path / place)
    assert "Errno" not in str(caught.value)
    assert caught.value.errno
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left on the disk"),
        (errno.EROFS, "mounted read-only"),
        (errno.EACCES, "no permission to write to"),
    ],
)
def test_a_disk_that_refuses_leaves_the_old_file_and_nothing_else(path, monkeypatch, number, words):
    mg.save("old", path)

    def refuse(descriptor):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match=f"cannot write {path}: .*{words}"):
        mg.save("new", path)
    monkeypatch.undo()
    assert mg.load(path) == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_device():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match="cannot write /dev/full: no space is left"):
        mg.save(3, "/dev/full")


def test_without_safetensors_the_error_says_what_to_install(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    with pytest.raises(ImportError, match=r"need safetensors.*\[training\]"):
        mg.save(3, path)


def test_the_header_is_small(path):
    mg.save({"w": mg.zeros(1000)}, path)
    assert struct.unpack("<Q", path.read_bytes()[:8])[0] < 250


def test_keywords_of_torch_are_answered(path):
    mg.save(3, path)
    for keyword, words in (("map_location", "write backend="), ("weights_only", "nothing: a file holds no code")):
        with pytest.raises(TypeError, match=words):
            mg.load(path, **{keyword: "cpu"})
    with pytest.raises(TypeError, match="nothing: a file is no pickle"):
        mg.save(3, path, pickle_module=pickle)
