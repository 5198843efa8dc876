"""What the folders of runs tell: read from logs and metrics, also those that are not whole, or of something else."""

import json
import os
import socket
import subprocess
import sys

import pytest
from watched import HOSTILE, Remember, settings

from minigrad.training.fitting import fit
from minigrad.training.live import report, saved
from minigrad.training.watchers import Watcher

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    monkeypatch.setattr("minigrad.training.keeping.results.plot_curve", lambda path, *_: path.touch())


class Looks(Watcher):
    flow = True


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The lines that a run of 24 steps, with 4 validations, leaves."""
    out = tmp_path_factory.mktemp("run")
    fit(settings(out), Remember, [Looks()])
    return (out / "log.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def left(folder, lines, **files):
    """A folder that was left with this log, and other files."""
    folder.mkdir(exist_ok=True)
    (folder / "log.jsonl").write_text("".join(lines), encoding="utf-8")
    for name, content in files.items():
        (folder / name.replace("_json", ".json")).write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_a_run_that_has_finished(tmp_path):
    metrics = fit(settings(tmp_path, lr=0.02), Remember, [Looks()])
    run = saved.read(tmp_path)
    assert (run.program, run.state, run.said) == ("remember", "finished", "finished after 24 steps")
    assert (run.step, run.steps, run.measure, run.unit) == (24, 24, "error", "error")
    assert run.seconds == metrics["seconds"]
    assert run.settings["lr"] == 0.02
    assert run.best == pytest.approx(min((v["error"], v["step"]) for v in metrics["validations"]), rel=1e-5)
    page = run.page
    assert page["loss"] == pytest.approx(metrics["curve"], rel=1e-5)
    assert page["norm"] == pytest.approx(metrics["gradient_norm"], rel=1e-5)
    assert page["rate"] == [0.02] * 24
    assert page["steps"] == list(range(1, 25))
    assert [v["step"] for v in page["validations"]] == [6, 12, 18, 24]
    assert page["validations"][0]["example"] == f"one\n  two {HOSTILE}"
    assert [len(state["norms"]) for state in page["validations"][0]["flow"]] == [5, 5]
    json.dumps(page, allow_nan=False)


def test_a_loss_in_another_unit(tmp_path):
    metrics = fit(settings(tmp_path), type("Scaled", (Remember,), {"scale": 3.0}))
    (tmp_path / "metrics.json").rename(tmp_path / "gone")
    assert saved.read(tmp_path).page["loss"] == pytest.approx(metrics["curve"], rel=1e-5)


@pytest.mark.parametrize(
    "end", ["", '{"step": 13, "lo', '{"step": 13, "epoch": 1, "loss": 0.5, "gradi\xff', "note\n[1]\n"]
)
def test_a_log_that_was_cut_off_counts_as_far_as_it_goes(end, log, tmp_path):
    cut = [line for line in log if json.loads(line)["step"] <= 12]
    run = saved.read(left(tmp_path, [*cut, end]))
    assert (run.state, run.step, run.steps) == ("broken off", 12, 24)
    assert len(run.page["loss"]) == len(run.page["norm"]) == 12
    assert [v["step"] for v in run.page["validations"]] == [6, 12]
    assert run.best[1] in (6, 12)


def test_who_works_in_the_folder_is_still_running(log, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for process, host, state in [
        (os.getpid(), socket.gethostname(), "running"),
        (gone.pid, socket.gethostname(), "broken off"),
        (gone.pid, "elsewhere", "running"),
    ]:
        left(tmp_path, log[:-1])
        (tmp_path / saved.OWNER).write_text(json.dumps({"process": process, "host": host}))
        assert saved.read(tmp_path).state == state
    assert saved.read(left(tmp_path, log)).state == "finished"


def test_metrics_of_an_older_run_are_not_those_of_this_one(log, tmp_path):
    old = {"settings": {}, "validations": [], "curve": [9.0] * 24, "gradient_norm": [9.0] * 24, "steps": 24}
    run = saved.read(left(tmp_path, log, metrics_json=old))
    assert 9.0 not in run.page["loss"]


def test_metrics_alone_are_a_run_too(tmp_path):
    """As runs were left before their logs said what they are of."""
    fit(settings(tmp_path), Remember)
    (tmp_path / "log.jsonl").unlink()
    run = saved.read(tmp_path)
    assert (run.program, run.state, run.step, run.steps, run.best) == ("", "finished", 24, 24, None)
    assert [v["step"] for v in run.page["validations"]] == [6, 12, 18, 24]


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["my notes\n"],
        ['{"step": 1, "loss": 2.0}\n'],
        ['{"step": "one", "began": 3}\n'],
        ['{"step": 0, "began": 3, "settings": 4}\n'],
        ['{"step": 0, "began": "x", "judged": []}\n', '{"step": 1, "loss": 1.0, "seconds": "long"}\n'],
    ],
)
def test_what_is_no_run_is_passed_over(lines, tmp_path):
    left(tmp_path, lines, metrics_json={"accuracy": 1.0})
    assert saved.find(tmp_path) == []


def test_runs_are_found_wherever_they_are_in_a_folder(log, tmp_path):
    first = json.loads(log[0])
    for name, began in (("b", "2026-01-02"), ("a", "2026-01-03"), ("deep/c", "2026-01-01")):
        (tmp_path / name).mkdir(parents=True)
        left(tmp_path / name, [json.dumps(first | {"began": began}) + "\n", *log[1:]])
    runs = saved.find(tmp_path)
    assert [run.folder.name for run in runs] == ["c", "b", "a"]
    assert report.names_of(runs) == [os.path.join("deep", "c"), "b", "a"]
    assert report.names_of(runs[:1]) == [str(tmp_path / "deep" / "c")]
    with pytest.raises(NotADirectoryError, match="there is no folder"):
        saved.find(tmp_path / "nowhere")


def test_long_curves_are_thinned_out(tmp_path, monkeypatch):
    monkeypatch.setattr(saved, "MOST_POINTS", 5)
    monkeypatch.setattr("minigrad.training.watchers.LOG_LINES", 3)
    metrics = fit(settings(tmp_path, steps=25), Remember)
    page = saved.read(tmp_path).page
    assert page["steps"] == [1, 6, 8, 11, 16, 21, 24, 25]  # every fifth, and those of the log
    assert page["loss"] == pytest.approx([metrics["curve"][n - 1] for n in page["steps"]], rel=1e-5)
    assert [n for n, rate in zip(page["steps"], page["rate"]) if rate is not None] == [8, 16, 24, 25]


def test_what_is_compared_is_of_one_program_and_one_unit(log, tmp_path):
    first = json.loads(log[0])
    for name, changes in {
        "a": {"settings": {"lr": 0.1, "out": "a", "hidden": 8, "steps": 1}},
        "b": {"settings": {"lr": 0.2, "out": "b", "hidden": 8, "steps": 2, "new": None}},
        "c": {"program": "other"},
        "d": {"unit": "bits"},
    }.items():
        left(tmp_path / name, [json.dumps(first | changes) + "\n", *log[1:]])
    groups = report.grouped(saved.find(tmp_path))
    assert [[run.folder.name for run in group] for group in groups] == [["c"], ["d"], ["a", "b"]]
    assert report.differing(groups[2]) == ["lr"]


def test_a_page_needs_a_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no run in"):
        report.write(tmp_path)


# --- what is left beside the results ----------------------------------------------------------------------------------


def test_the_page_is_among_the_results(tmp_path):
    metrics = fit(settings(tmp_path), Remember)
    assert "report.html" in metrics["files"]
    assert '"said":"finished after 24 steps"' in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("error", [ValueError("no more"), KeyboardInterrupt(), SystemExit(1)])
def test_a_training_that_fails_leaves_a_page_too(error, tmp_path):
    class Fails(Remember):
        def results(self):
            if not isinstance(error, ValueError):
                raise error
            return {}

        def loss(self, batch):
            self.count = getattr(self, "count", 0) + 1
            if self.count == 9 and isinstance(error, ValueError):
                raise error
            return super().loss(batch)

    with pytest.raises(type(error)):
        fit(settings(tmp_path), Fails)
    said = "no more" if isinstance(error, ValueError) else "finished after 24 steps"
    assert f'"said":"{said}"' in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_metrics_are_shown_in_short(tmp_path):
    metrics = fit(settings(tmp_path), Remember)
    lines = repr(metrics).splitlines()
    assert len(lines) == len(metrics)
    assert max(map(len, lines)) <= 120
    assert f"curve          24 values, the last: {metrics['curve'][-1]:.6g}" in lines
    assert any(line.startswith("settings       out ") for line in lines)
    assert HOSTILE not in metrics._repr_html_()
    assert json.loads(json.dumps(metrics)) == metrics
