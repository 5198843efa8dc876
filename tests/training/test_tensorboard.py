"""Event files for TensorBoard, read back with TensorBoard's own reader."""

import json
import re
import sys

import numpy as np
import pytest
from watched import Remember, settings

import minigrad as mg
from minigrad.extras import install
from minigrad.training.fitting import fit

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")
pytest.importorskip("tensorboardX")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


class Doubles(Remember):
    scale = 2.0

    def validate(self):
        return {"error": super().validate()["error"]}


class Stop(BaseException):
    """What ends a run in the middle."""


class Cut(Doubles):
    def example(self):
        text = super().example()
        self.examples = getattr(self, "examples", 0) + 1
        if self.examples == 3:
            raise Stop  # after step 18; the checkpoint is that of step 12
        return text


def read(directory):
    """What TensorBoard would show."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(
        str(directory), size_guidance=dict.fromkeys(accumulator.DEFAULT_SIZE_GUIDANCE, 0)
    )
    return events.Reload()


def scalars(directory, name):
    return [(event.step, event.value) for event in read(directory).Scalars(name)]


def numbered(values):
    return [(i, float(np.float32(value))) for i, value in enumerate(values, 1)]


def test_curves_are_those_of_the_metrics(tmp_path):
    metrics = fit(settings(tmp_path / "out", tensorboard=tmp_path / "events"), Doubles)
    assert scalars(tmp_path / "events", "train/loss") == numbered(metrics["curve"])
    assert scalars(tmp_path / "events", "train/gradient_norm") == numbered(metrics["gradient_norm"])
    assert scalars(tmp_path / "events", "train/lr") == numbered([0.01] * 24)
    measured = [(v["step"], float(np.float32(v["error"]))) for v in metrics["validations"]]
    assert scalars(tmp_path / "events", "held_out/error") == measured


def test_examples_and_settings_are_text_that_is_shown_as_it_is(tmp_path):
    fit(settings(tmp_path / "out", tensorboard=tmp_path / "events"), Doubles)
    events = read(tmp_path / "events")
    texts = [(e.step, e.tensor_proto.string_val[0].decode()) for e in events.Tensors("example/text_summary")]
    assert [step for step, _ in texts] == [6, 12, 18, 24]
    assert texts[0][1].startswith("    one\n      two <img")
    (told,) = events.Tensors("settings/text_summary")
    assert "    steps = 24\n" in told.tensor_proto.string_val[0].decode()


def test_histograms_hold_all_parameters(tmp_path):
    kept = []

    class Kept(Doubles):
        def example(self):
            kept.append({name: p.detach().numpy().copy() for name, p in self.model.named_parameters()})
            return ""

    fit(settings(tmp_path / "out", tensorboard=tmp_path / "events"), Kept)
    events = read(tmp_path / "events")
    assert set(events.Tags()["histograms"]) == {f"parameters/{name}" for name in kept[0]}
    for name in kept[0]:
        for event, parameters in zip(events.Histograms(f"parameters/{name}"), kept, strict=True):
            values, histogram = parameters[name], event.histogram_value
            assert (histogram.num, histogram.min, histogram.max) == (values.size, values.min(), values.max())
            assert histogram.sum == pytest.approx(float(values.sum(dtype=np.float64)))


def test_a_run_that_goes_on_continues_its_curves(tmp_path):
    whole = fit(settings(tmp_path / "whole"), Doubles)
    with pytest.raises(Stop):
        fit(settings(tmp_path / "out", tensorboard=tmp_path / "events"), Cut)
    assert len(scalars(tmp_path / "events", "train/loss")) == 18
    fit(settings(tmp_path / "out", tensorboard=tmp_path / "events", resume=True), Doubles)
    assert scalars(tmp_path / "events", "train/loss") == numbered(whole["curve"])
    assert [step for step, _ in scalars(tmp_path / "events", "held_out/error")] == [6, 12, 18, 24]


def test_a_run_that_starts_anew_replaces_the_older_one(tmp_path):
    fit(settings(tmp_path / "out", tensorboard=tmp_path / "events", seed=1), Doubles)
    again = settings(tmp_path / "out", tensorboard=tmp_path / "events", steps=20, overwrite=True)
    metrics = fit(again, Doubles)
    assert scalars(tmp_path / "events", "train/loss") == numbered(metrics["curve"])


def test_a_failed_run_keeps_what_was_written(tmp_path):
    class Bad(Doubles):
        def loss(self, batch):
            loss = super().loss(batch)
            self.count = getattr(self, "count", 0) + 1
            return loss / 0.0 if self.count == 5 else loss

    with np.errstate(all="ignore"), pytest.raises(ValueError, match="failed in step 5"):
        fit(settings(tmp_path / "out", tensorboard=tmp_path / "events"), Bad)
    assert len(scalars(tmp_path / "events", "train/loss")) == 4


def test_training_computes_the_same_with_event_files(backend, tmp_path):
    alone = fit(settings(tmp_path / "a", backend=backend), Doubles)
    beside = fit(settings(tmp_path / "b", backend=backend, tensorboard=tmp_path / "events"), Doubles)
    assert alone["curve"] == beside["curve"]
    contents = [(tmp_path / name / "model.safetensors").read_bytes() for name in "ab"]
    assert contents[0] == contents[1]


def test_the_settings_of_the_metrics_name_the_directory(tmp_path):
    fit(settings(tmp_path / "out", tensorboard=tmp_path / "events"), Doubles)
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["settings"]["tensorboard"] == str(tmp_path / "events")


def test_without_the_library_the_error_comes_first_and_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=re.escape(install("tensorboard"))):
        fit(settings(tmp_path, tensorboard=tmp_path / "events"), lambda _: pytest.fail("began"))
    assert not (tmp_path / "events").exists()


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        fit(settings(tmp_path, tensorboard=tmp_path / "file"), lambda _: pytest.fail("began"))


def test_parameters_may_have_16_bits(tmp_path):
    class Half(Doubles):
        def __init__(self, settings):
            super().__init__(settings)
            self.model.append(mg.nn.Linear(2, 2).to("float16"))

    fit(settings(tmp_path / "out", steps=2, validations=1, tensorboard=tmp_path / "events"), Half)
    assert "parameters/3.weight" in read(tmp_path / "events").Tags()["histograms"]
