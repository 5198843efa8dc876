"""`minigrad gradflow`: measure a program's gradients through time, once or during training."""

from dataclasses import replace

import numpy as np
import pytest

import minigrad as mg
from minigrad.models import adding
from minigrad.tools import cli


def command(tmp_path, monkeypatch, *arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")  # tables are as wide as that
    return cli.main(["gradflow", *arguments])


def test_the_command_compares_cells(tmp_path, monkeypatch, capsys):
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    options = ["--steps", "30", "--cell", "rnn", "--cell", "lstm", "--forget-bias", "3", "--out", "flow.png"]
    assert command(tmp_path, monkeypatch, "adding", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        *("rnn", "|dL/dh_t|", "Adder.network.l0 h", "recurrent weights", "network.weight_hh_l0"),
        *("lstm", "|dL/dh_t|", "Adder.network.l0 h", "Adder.network.l0 c", "recurrent weights"),
        *(f"network.weight_hh_l0 {gate}" for gate in "ifgo"),
        "flow.png",
    ]
    assert (tmp_path / "flow.png").exists()
    assert command(tmp_path, monkeypatch, "char-lm", "--steps", "5") == 0
    assert (tmp_path / "char-lm-flow.png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["adding", "--cell", "cnn"], "--cell is one of rnn, lstm, peephole, gru, not 'cnn'"),
        (["char-lm", "--cell", "gru"], "char-lm offers no choice of cells"),
        (["adding", "--cell", "gru", "--model", "x"], "--radius and --train are for untrained models"),
        (["adding", "--train", "3", "--model", "x"], "--radius and --train are for untrained models"),
        (["adding", "--quick"], "--quick is for --train"),
        (["adding", "--model", "nowhere"], "nowhere"),
        (["painting"], "there is no model 'painting'"),
    ],
)
def test_what_the_command_refuses(tmp_path, monkeypatch, capsys, options, message):
    pytest.importorskip("typer")
    assert command(tmp_path, monkeypatch, *options) == 1
    assert message in capsys.readouterr().err


def test_the_command_compares_spectral_radii(tmp_path, monkeypatch, capsys):
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    options = ["--steps", "30", "--cell", "rnn", "--radius", "0.5", "--radius", "1.5", "--out", "radius.png"]
    assert command(tmp_path, monkeypatch, "adding", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("radius ")] == ["radius 0.5", "radius 1.5"]
    found = [line.split()[1] for line in lines if line.startswith("network.weight_hh_l0")]
    assert found == ["0.5000", "1.5000"]
    assert lines[-1] == "radius.png"


def test_training_is_measured_before_between_and_after(tmp_path, monkeypatch, capsys):
    pytest.importorskip("typer")
    pytest.importorskip("matplotlib")
    options = ["--steps", "12", "--train", "7", "--quick", "--cell", "rnn", "--cell", "gru", "--out", "pictures.png"]
    assert command(tmp_path, monkeypatch, "adding", *options) == 0
    lines = capsys.readouterr().out.splitlines()
    kinds = ["", "-heat", "-histograms-rnn", "-ratios-rnn", "-histograms-gru", "-ratios-gru"]
    assert lines[-6:] == [f"pictures{kind}.png" for kind in kinds]
    assert all((tmp_path / line).exists() for line in lines[-6:])
    assert sum(line.startswith("|update| / |parameter|   step 1") for line in lines) == 2


def test_measuring_leaves_training_as_it_is():
    pytest.importorskip("typer")
    from minigrad.tools.gradflow.command import Measures
    from minigrad.training.trainer import Trainer

    settings = replace(adding.Settings(quick=True), steps=4, validations=1)

    def trained(*watchers):
        mg.manual_seed(0)
        task = adding.Task(settings)
        Trainer(task, None, watchers).train()
        return {name: p.detach().numpy() for name, p in task.model.named_parameters()}

    measures = Measures(adding, 8, every=2)
    plain, watched = trained(), trained(measures)
    assert measures.flow_history.steps == [0, 2, 4]
    assert measures.updates.steps == [1, 3]
    assert list(measures.updates) == list(plain)
    for name, values in watched.items():
        np.testing.assert_array_equal(values, plain[name])
        assert all(measures.updates.ratios(name) > 0)
