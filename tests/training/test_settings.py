"""Settings and the options of the command line: what is given counts, and `--quick` fills in the rest."""

import copy
import dataclasses
import pickle
from pathlib import Path

import pytest

from minigrad.models import PROGRAMS, adding, program
from minigrad.tools import cli
from minigrad.training.settings import option

typer = pytest.importorskip("typer")
from minigrad.tools.commands import build  # noqa: E402, needs typer


@pytest.fixture(scope="module")
def command():
    """The command line, built once for hundreds of calls."""
    return typer.main.get_command(build())


@pytest.fixture
def asked(monkeypatch, command):
    """The settings with which a program is asked to train, for arguments of the command line."""

    def ask(name, *arguments):
        seen = []
        monkeypatch.setattr(program(name), "train", lambda settings: seen.append(settings) or {"finished": True})
        command.main(["train", name, *arguments], standalone_mode=False)
        return seen[0]

    return ask


def other(field, value):
    """A value that a setting has neither by default nor in a quick run."""
    if field.name == "series":
        return __file__  # which has to be there
    if field.metadata["choices"]:
        return next(choice for choice in field.metadata["choices"] if choice != value)
    return {bool: True, int: 77, float: 0.123, str: "elsewhere"}.get(type(value), Path("elsewhere"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_quick_leaves_each_option_that_is_given_as_it_is(name, asked):
    settings = program(name).Settings
    usual, quick = settings(), asked(name, "--quick")
    assert {n: getattr(quick, n) for n in settings.QUICK} == settings.QUICK
    for field in dataclasses.fields(settings):
        default = getattr(usual, field.name)
        if field.name == "quick" or default is None:
            continue
        needs = {"live_port": ["--live"], "season": ["--series", __file__], "trailing": ["--series", __file__]}
        also = needs.get(field.name, []) if name == "forecast" or field.name == "live_port" else []
        for value in [other(field, default)] if default is False else [default, other(field, default)]:
            words = [option(field.name)] if value is True else [option(field.name), str(value)]
            for arguments in (["--quick", *words, *also], [*words, *also, "--quick"]):
                asked_for = asked(name, *arguments)
                assert getattr(asked_for, field.name) == value, arguments
                changed = {n for n in settings.QUICK if getattr(asked_for, n) != settings.QUICK[n]}
                assert changed <= {field.name}


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_quick_options_have_their_defaults(name, asked):
    assert asked(name) == program(name).Settings()


def test_settings_in_python_follow_the_same_rule():
    assert adding.Settings(quick=True).steps == 150
    assert adding.Settings(quick=True, steps=3000).steps == 3000
    assert adding.Settings(quick=True, steps=3000).hidden == 24


def test_what_quick_has_chosen_stays_in_copies():
    quick = adding.Settings(quick=True, steps=3000)
    longer = dataclasses.replace(quick, steps=9)
    assert (longer.steps, longer.hidden, longer.batch) == (9, 24, 32)
    assert copy.deepcopy(quick) == pickle.loads(pickle.dumps(quick)) == quick


def test_a_quick_run_with_an_option_goes_on_with_the_same_options(tmp_path, capsys):
    pytest.importorskip("safetensors")
    pytest.importorskip("matplotlib")
    command = ["train", "adding", "--hidden", "64", "--quick", "--steps", "2", "--length", "4", "--out", str(tmp_path)]
    assert cli.main(command) == 0
    assert cli.main([*command, "--resume", "--steps", "3"]) == 0
    assert "going on after step 2 of 3" in capsys.readouterr().out
