"""Model files: weights with what is needed to rebuild the model, in the safetensors format."""

import json

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.training import files

safetensors = pytest.importorskip("safetensors.numpy")

FORMAT = "minigrad toy 1"


class Toy(nn.Module):
    """Weights of several shapes and types, one of them not in C order."""

    def __init__(self, size=3):
        super().__init__()
        self.scale = nn.Parameter(mg.tensor(2.5))
        self.weight = nn.Parameter(mg.tensor(np.arange(2.0 * size).reshape(2, size).T.astype("float64")))
        self.register_buffer("count", mg.tensor([7], dtype="int64"))


def test_a_model_comes_back(tmp_path, backend):
    model = Toy(4)
    with mg.no_grad():
        model.weight.copy_(model.weight * 3)
    files.save(model, tmp_path / "model.safetensors", FORMAT, {"size": 4})
    for place in (tmp_path, tmp_path / "model.safetensors"):
        back = files.load(place, FORMAT, lambda about: Toy(**about))
        assert back.weight.backend.name == backend
        for name, tensor in model.state_dict().items():
            found = back.state_dict()[name]
            assert found.dtype == tensor.dtype
            np.testing.assert_array_equal(found.numpy(), tensor.numpy(), strict=True)


def test_the_same_model_is_the_same_file(tmp_path):
    for name in ("a", "b"):
        files.save(Toy(), tmp_path / name, FORMAT, {"size": 3, "more": list(range(20))})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_file_can_be_read_without_minigrad(tmp_path):
    files.save(Toy(), tmp_path / "file", FORMAT, {"size": 3})
    arrays = safetensors.load_file(tmp_path / "file")
    np.testing.assert_array_equal(arrays["weight"], Toy().weight.detach().numpy())
    with safetensors.safe_open(tmp_path / "file", framework="numpy") as file:
        assert json.loads(file.metadata()["minigrad"]) == {"format": FORMAT, "about": {"size": 3}}


def test_no_model_another_model_and_no_model_file(tmp_path):
    build = lambda about: Toy(**about)
    with pytest.raises(FileNotFoundError, match="make one with: minigrad train toy"):
        files.load(tmp_path, FORMAT, build)
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match="not a safetensors file"):
        files.load(path, FORMAT, build)
    safetensors.save_file({"x": np.zeros(2)}, path)
    with pytest.raises(ValueError, match="its format is None"):
        files.load(path, FORMAT, build)
    files.save(Toy(), path, "minigrad other 1", {"size": 3})
    with pytest.raises(ValueError, match="not what minigrad toy writes: its format is 'minigrad other 1'"):
        files.load(path, FORMAT, build)


def test_a_file_that_does_not_fit_its_own_description(tmp_path):
    build = lambda about: Toy(about["size"])
    files.save(Toy(), tmp_path / "file", FORMAT, {"width": 3})
    with pytest.raises(ValueError, match="does not say what is needed to rebuild its model: KeyError"):
        files.load(tmp_path / "file", FORMAT, build)
    files.save(Toy(), tmp_path / "file", FORMAT, {"size": 5})
    with pytest.raises(ValueError, match=r"weight has shape \(5, 2\) here and \(3, 2\)"):
        files.load(tmp_path / "file", FORMAT, build)
    whole = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(whole[:-8])
    with pytest.raises(ValueError, match="damaged"):
        files.load(tmp_path / "file", FORMAT, build)


def test_what_is_not_plain_data_is_refused_before_the_old_file_is_lost(tmp_path):
    files.save(Toy(), tmp_path / "file", FORMAT, {"size": 3})
    with pytest.raises(TypeError, match="set"):
        files.save(Toy(), tmp_path / "file", FORMAT, {"size": {3}})
    assert files.load(tmp_path / "file", FORMAT, lambda about: Toy(**about))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
