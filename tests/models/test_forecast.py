"""The forecast program: how a series is read, what it is compared with, faults, and what a run leaves."""

import json

import numpy as np
import pytest
import real_data

import minigrad as mg
from minigrad.data import Series
from minigrad.models import forecast
from minigrad.models.forecast import faults, observed
from minigrad.models.forecast.observed import KINDS, Observed, Scaling
from minigrad.training.trainer import Trainer

pytest.importorskip("safetensors")
pytest.importorskip("sklearn")
image = pytest.importorskip("matplotlib.image")


def years(count, start="1700"):
    return np.datetime64(start) + np.arange(count)


def waves(count=300):
    """Positive values with a period of about eleven steps, and some noise."""
    rng = np.random.default_rng(0)
    return 60 + 40 * np.sin(2 * np.pi * np.arange(count) / 11) + rng.normal(0, 3, count)


@pytest.fixture
def made_up(monkeypatch):
    """The program finds a made-up series for each data set."""
    monkeypatch.setattr(observed, "fetch", lambda name: name)
    monkeypatch.setattr(observed, "read_series", lambda name: Series(years(300), waves()))


# --- the series -------------------------------------------------------------------------------------------------------


def test_gaps_are_filled_with_lines_and_no_forecast_about_or_from_one_is_scored():
    values = np.arange(300.0)
    values[[250, 251]] = np.nan
    seen = Observed("sunspots", Series(years(300), values))
    np.testing.assert_allclose(seen.values, np.arange(300.0))
    assert (~seen.measured).sum() == 2
    scored = seen.scored(2, seen.test, 300)
    assert scored[:, 0].sum() == 67 - 3  # 250 and 251, and 252, which the line to it has told
    assert not scored[249:252, 0].any()
    assert scored[248].tolist() == [True, False]
    assert scored[298].tolist() == [True, False]  # 300 is after the end


@pytest.mark.parametrize(("name", "measured", "test"), [("sunspots", 309, 67), ("co2", 2284 - 59, 228)])
def test_the_real_series_end_in_a_test_part_without_gaps(monkeypatch, name, measured, test):
    real_data.provide(monkeypatch, f"series/{name}.csv")
    seen = Observed(name)
    assert seen.measured.sum() == measured
    assert seen.scored(1, seen.test, len(seen.values)).sum() == test


@pytest.mark.parametrize("name", KINDS)
def test_predicted_changes_give_the_values_back(name):
    values, horizon = waves(80)[:, None], 3
    scaling = Scaling.fit(KINDS[name], values[:, 0], horizon)
    targets = scaling.targets(values)
    assert targets.shape == (80, 1, 3)
    back = scaling.values(values, targets)
    for k in range(horizon):
        np.testing.assert_allclose(back[: 79 - k, :, k], values[k + 1 :], rtol=1e-5)
        assert np.isnan(back[79 - k :, :, k]).all()
    assert np.nanstd(targets, axis=0) == pytest.approx(np.ones((1, 3)), rel=1e-3)


@pytest.mark.parametrize("name", KINDS)
def test_what_the_network_reads_knows_nothing_of_what_is_to_come(name):
    values = waves(120)[:, None]
    scaling = Scaling.fit(KINDS[name], values[:, 0], 1)
    x = scaling.inputs(years(120), values)
    assert x.shape == (120, 1, scaling.features)
    values[60:] += 50
    np.testing.assert_array_equal(scaling.inputs(years(120), values)[:60], x[:60])


def test_the_level_of_a_growing_series_is_measured_from_the_last_values():
    line = np.arange(200.0)[:, None]
    scaling = Scaling(False, 52, False, 0.0, 1.0, [1.0])
    np.testing.assert_allclose(scaling.level(line)[51:], 51 / 2)


def test_the_season_is_that_of_the_next_time():
    months = np.datetime64("1999-01") + np.arange(24)
    scaling = Scaling(False, 0, True, 0.0, 1.0, [1.0])
    sine, cosine = scaling.inputs(months, np.ones((24, 1)))[:, 0, 2:4].T
    assert sine[11] == 0  # December: January comes
    assert cosine[11] == 1
    assert cosine[5] == pytest.approx(-1, abs=0.01)  # June: July comes


def test_times_must_be_evenly_spaced():
    with pytest.raises(ValueError, match="evenly spaced"):
        observed.spacing(np.array(["1700", "1701", "1703"], "datetime64[Y]"))


# --- simple forecasts -------------------------------------------------------------------------------------------------


def test_least_squares_find_the_weights_of_an_autoregression():
    values = [1.0, 2.0]
    rng = np.random.default_rng(0)
    for _ in range(5000):
        values.append(1.2 * values[-1] - 0.5 * values[-2] + 3 + rng.normal())
    weights = observed.fit_autoregression(np.array(values), 2)
    np.testing.assert_allclose(weights, [1.2, -0.5, 3], atol=0.15)


def test_an_autoregression_goes_on_from_its_own_forecasts():
    values = np.array([[1.0], [2.0], [4.0]])
    made = observed.autoregression(np.array([1.0, 1.0, 0.5]), values, 3)
    assert np.isnan(made[0]).all()
    np.testing.assert_allclose(made[1, 0], [3.5, 6.0, 10.0])
    np.testing.assert_allclose(made[2, 0], [6.5, 11.0, 18.0])


def test_the_errors_of_persistence_are_the_changes():
    seen = Observed("sunspots", Series(years(300), waves()))
    rmse = seen.rmse(observed.persistence(seen.values[:, None], 2), seen.test, 300)
    changes = np.diff(waves())[-67:]
    assert rmse[0] == pytest.approx(np.sqrt((changes**2).mean()))


# --- the model --------------------------------------------------------------------------------------------------------


def model(name="sunspots", horizon=1, length=0):
    mg.manual_seed(0)
    scaling = Scaling.fit(KINDS[name], waves(), horizon)
    return forecast.Forecaster(scaling, hidden=4, members=2, length=length)


def test_a_forecast_depends_on_nothing_after_it():
    net, values = model(), waves(60)[:, None]
    before = net.forecasts(years(60), values)
    values[40:] = 0
    np.testing.assert_allclose(net.forecasts(years(60), values)[:40], before[:40], rtol=1e-5)


def test_windows_are_read_as_they_are_alone(monkeypatch):
    monkeypatch.setattr(forecast, "WINDOWS", 7)
    net = model("co2", horizon=3, length=8)
    times, values = years(40), np.stack([waves(40), waves(40)[::-1]], axis=1)
    made = net.forecasts(times, values)
    assert made.shape == (40, 2, 3)
    assert np.isnan(made[:7]).all()
    alone = net.scaling.inputs(times, values)[10:18, 1:]
    changes = net.changes(alone)[0][0]
    np.testing.assert_allclose(made[17, 1], net.scaling.values(values[17, 1:], changes)[0], rtol=1e-5)


@pytest.mark.parametrize("length", [0, 8])
def test_what_comes_after_the_end_is_made_of_forecasts_read_in_turn(length):
    net, known = model("elnino", length=length), Series(years(50), waves(50))
    made = forecast.forecast(net, known, 5)
    values = waves(50)
    for value in made:
        assert net.forecasts(years(len(values)), values[:, None])[-1, 0, 0] == pytest.approx(value, rel=1e-5)
        values = np.append(values, value)


def test_many_values_at_once_are_taken_as_they_are():
    net, known = model(horizon=4, length=8), Series(years(50), waves(50))
    made = forecast.forecast(net, known, 6)
    assert made.shape == (6,)
    np.testing.assert_allclose(made[:4], net.forecasts(*known._replace(values=waves(50)[:, None]))[-1, 0], rtol=1e-5)


def test_series_that_cannot_be_continued():
    with pytest.raises(ValueError, match="reads 8 values before it forecasts; there are 5"):
        forecast.forecast(model(length=8), Series(years(5), waves(5)), 1)
    with pytest.raises(ValueError, match="1 gaps"):
        forecast.forecast(model(), Series(years(3), np.array([1.0, np.nan, 2.0])), 1)


# --- faults -----------------------------------------------------------------------------------------------------------


def test_faults_are_where_they_are_said_to_be():
    values = waves(200)
    rng = np.random.default_rng(0)
    for _ in range(50):
        faulty, what = faults.inject(values, 130, 30.0, rng, lowest=0.0)
        np.testing.assert_array_equal(faulty[what <= 0], values[what <= 0])
        assert (what[:130] == 0).all()
        assert [(what == kind).sum() for kind in (1, 2, 3)] == [1, 8, 12]
        assert faulty[what == 1] == pytest.approx(values[what == 1] + 30)
        assert (faulty[what == 2] == values[np.flatnonzero(what == 2)[0] - 1]).all()
        moved = np.abs(faulty - values)[what == 3]
        assert moved[0] == pytest.approx(2.5)
        assert moved[-1] == pytest.approx(30)
    with pytest.raises(ValueError, match="3 faults need 60 values, not 50"):
        faults.inject(values, 150, 30.0, rng)


def test_scores_that_know_the_faults_find_all_of_them_and_random_ones_a_few():
    rng = np.random.default_rng(0)
    what = np.stack([faults.inject(waves(500), 100, 30.0, rng)[1] for _ in range(20)], axis=1)
    best = faults.detection((what > 0).astype(float), what, 0.5)
    assert best["false_alarms"] == 0
    assert best["drift"] == {"auc": 1.0, "values": 1.0, "faults": 1.0}
    chance = faults.detection(rng.random(what.shape), what, 0.99)
    assert chance["false_alarms"] == pytest.approx(0.01, abs=0.005)
    assert chance["drift"]["auc"] == pytest.approx(0.5, abs=0.1)


def test_small_errors_to_the_same_side_are_unexpected():
    errors = np.random.default_rng(0).normal(size=(1000, 1))
    usual = np.arange(1000) < 900
    scores = faults.unexpected(errors, usual)
    assert scores[:900].max() < 5
    errors[950:970] += 1.5
    drifted = faults.unexpected(errors, usual)
    np.testing.assert_array_equal(drifted[:950], scores[:950])
    assert drifted[955:970].mean() > scores[955:970].mean() + 1.5


# --- training ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["forecast", "vector"])
def test_it_learns_a_wave(made_up, task):
    mg.manual_seed(0)
    settings = forecast.Settings(quick=True, task=task, horizon=3)
    trainer = Trainer(forecast.Task(settings))
    trainer.train()
    seen = trainer.task.observed
    made = {name: f(seen.values[:, None]) for name, f in trainer.task.forecasters().items()}
    rmse = {name: seen.rmse(f, seen.test, 300) for name, f in made.items()}
    assert len(rmse["network"]) == (1 if task == "forecast" else 3)
    assert rmse["network"][0] < 0.6 * rmse["persistence"][0]


def test_it_learns_nothing_from_what_is_held_out(made_up, monkeypatch):
    task = forecast.Task(forecast.Settings(quick=True))
    changed = waves()
    changed[task.observed.validation :] = 0
    monkeypatch.setattr(observed, "read_series", lambda name: Series(years(300), changed))
    other = forecast.Task(forecast.Settings(quick=True))
    x, y = next(task.batches(0))
    for a, b in zip((x, y), next(other.batches(0)), strict=True):
        np.testing.assert_array_equal(a, b)
    assert np.isfinite(y).all()
    assert x.shape[:2] == y.shape[:2] == (40, 16)
    assert len(np.unique(x[0, :, 0])) == 16


def test_a_run_leaves_a_model_numbers_and_a_picture(made_up, tmp_path):
    metrics = forecast.train(forecast.Settings(quick=True, steps=4, out=tmp_path))
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    results = metrics["results"]
    assert set(results["rmse"]["test"]) == {"network", "persistence", "AR(9)", "AR(9) of roots"}
    assert results["scored"]["test"] == [67]
    assert set(results["faults"]["AR(9)"]) == {"threshold", "false_alarms", *faults.FAULTS}
    assert image.imread(tmp_path / "forecast.png").ndim == 3
    net = forecast.load(tmp_path)
    made = net.forecasts(years(300), waves()[:, None])
    seen = Observed("sunspots")
    assert seen.rmse(made, seen.test, 300) == pytest.approx(results["rmse"]["test"]["network"])


def test_settings_that_do_not_fit(made_up):
    with pytest.raises(ValueError, match=r"^length=130 and 8 steps ahead do not fit into the 133 values of sunspots"):
        forecast.Task(forecast.Settings(task="vector", length=130))
    with pytest.raises(ValueError, match=r"^series is one of sunspots, co2, elnino"):
        forecast.Settings(series="tides")


def test_it_can_be_drawn():
    assert forecast.unrolled(forecast.untrained("lstm"), 3).shape == ()
    assert forecast.unrolled(forecast.untrained(), 1).shape == ()
