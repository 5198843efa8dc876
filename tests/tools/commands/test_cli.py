"""The command line, as a user meets it: output, exit statuses, and no tracebacks."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import minigrad
from minigrad import data
from minigrad.tools import cli

pytest.importorskip("typer")
pytest.importorskip("safetensors")

TINY = ["--steps", "3", "--hidden", "8", "--embedding", "4", "--batch", "2", "--length", "8"]


def run(*arguments, cwd, status=0, **environment):
    """Run `minigrad` in a folder; check its exit status; return what it writes.

    In this process, as starting one takes longer than most commands: that the module starts, and how streams of other
    encodings are met, has tests of its own.
    """
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(cwd)
        for name, value in ({"NO_COLOR": "1", "COLUMNS": "120"} | environment).items():
            patch.setenv(name, value)
        found = cli.main([*map(str, arguments)])
    told, failed = (stream.buffer.getvalue().decode() for stream in (out, err))
    assert found == status, told + failed
    assert "Traceback" not in failed
    return told, failed


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a text and a trained model."""
    path = tmp_path_factory.mktemp("cli")
    (path / "text.txt").write_text("abcd efgh\n" * 40, encoding="utf-8")
    out, _ = run("train", "char-lm", "--text", "text.txt", "--out", "model", *TINY, cwd=path)
    assert "bits/char" in out
    for name in ("loss.png", "graph.svg", "model.safetensors", "metrics.json", "sample.txt"):
        assert os.path.join("model", name) in out
    return path


def test_help_everywhere(tmp_path):
    expected = {
        (): ["train", "sample", "graph", "info", "bench"],
        ("train",): ["char-lm"],
        ("train", "char-lm"): [
            "--text",
            "--steps",
            "--seed",
            "--backend",
            "--hidden",
            "--out",
            "default: 0.006",
            "--resume",
        ],
        ("sample",): ["--length", "--temperature", "--prime", "--seed"],
        ("graph",): ["--length", "--steps", "--depth", "--show", "--gradients", "--format", "--out"],
    }
    for command, words in expected.items():
        out, _ = run(*command, "--help", cwd=tmp_path)
        assert all(word in out for word in words), command
        assert "--no-" not in out


def test_version(tmp_path):
    assert run("--version", cwd=tmp_path)[0].strip() == f"minigrad {minigrad.__version__}"


def test_the_package_runs_as_the_command(tmp_path):
    command = [sys.executable, "-m", "minigrad", "graph", "unknown"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("minigrad: ")


def test_info(tmp_path):
    out, _ = run("info", cwd=tmp_path)
    for word in (
        minigrad.__version__,
        "Python",
        "NumPy",
        "backend numpy",
        "available",
        "backend cupy",
        "BLAS",
        "threads",
    ):
        assert word in out


def test_training_writes_metrics(folder):
    metrics = json.loads((folder / "model" / "metrics.json").read_text())
    assert metrics["finished"]
    assert metrics["settings"]["hidden"] == 8


def test_training_goes_on_where_it_stopped(folder):
    first = (folder / "model" / "metrics.json").read_text()
    command = ("train", "char-lm", "--out", "model", "--resume")
    assert "has finished after 3 steps" in run(*command, cwd=folder)[0]
    assert (folder / "model" / "metrics.json").read_text() == first
    assert "going on after step 3 of 4" in run(*command, "--steps", "4", cwd=folder)[0]
    again = json.loads((folder / "model" / "metrics.json").read_text())
    assert again["curve"][:3] == json.loads(first)["curve"]
    assert again["settings"]["hidden"] == 8


def test_sampling_repeats_with_a_seed(folder):
    arguments = ("sample", "model", "--length", "30", "--prime", "abc", "--temperature", "1")
    first, second, third = (run(*arguments, "--seed", seed, cwd=folder)[0] for seed in (1, 1, 2))
    assert first == second != third
    assert first.startswith("abc")
    assert len(first) == 3 + 30 + 1


def test_sampling_from_the_likeliest_characters(folder):
    likeliest = run("sample", "model", "--length", "20", "--temperature", "0", cwd=folder)[0]
    assert run("sample", "model", "--length", "20", "--top-k", "1", cwd=folder)[0] == likeliest
    assert run("sample", "model", "--length", "20", "--top-p", "0.001", cwd=folder)[0] == likeliest


def test_data_sets_are_listed_and_fetched(tmp_path):
    out, _ = run("data", cwd=tmp_path)
    assert all(name in out for name in data.names())
    _, error = run("data", "sunspots", cwd=tmp_path, status=1, MINIGRAD_DATA=str(tmp_path))
    assert os.path.join("series", "sunspots.csv") in error
    _, error = run("data", "sunpots", cwd=tmp_path, status=1)
    assert "there is no data set 'sunpots'; there are tiny_shakespeare, sunspots" in error


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("length", [400, 20_000])  # less and more than what is kept before it is written
def test_sampling_into_a_pipe_that_closes(folder, length, unbuffered):
    command = f"{sys.executable} -m minigrad.tools.cli sample model --length {length} | head -c 20"
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    result = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert len(result.stdout) <= 20
    assert result.stderr == ""


@pytest.mark.parametrize("format", ["svg", "png", "dot", "json", "html"])
def test_graph(folder, format):
    out, _ = run("graph", "char-lm", "--steps", "4", "--depth", "3", "--format", format, cwd=folder)
    assert out.strip() == f"char-lm.{format}"
    assert (folder / out.strip()).stat().st_size > 1000


def test_graph_of_a_trained_model(folder):
    run("graph", "char-lm", "--model", "model", "--length", "50", "--steps", "3", "--out", "trained.dot", cwd=folder)
    dot = (folder / "trained.dot").read_text(encoding="utf-8")
    assert "47 steps" in dot
    assert "weight_ih_l0 32×4" in dot


def test_graph_of_both_passes_with_repeats_folded_and_gradients(folder):
    options = ["--steps", "1", "--depth", "3", "--show", "both", "--gradients", "--title", "Both", "--out", "both.dot"]
    run("graph", "char-lm", *options, cwd=folder)
    dot = (folder / "both.dot").read_text(encoding="utf-8")
    assert dot.count("cell × 6") >= 2
    assert "∂stack" in dot
    assert "gradient norm" in dot


@pytest.mark.parametrize(("steps", "shown"), [("all", range(12)), ("2", [0, 11]), ("0,3,-1", [0, 3, 11])])
def test_graph_of_chosen_steps(folder, steps, shown):
    run("graph", "char-lm", "--length", "12", "--steps", steps, "--depth", "3", "--out", "all.dot", cwd=folder)
    dot = (folder / "all.dot").read_text(encoding="utf-8")
    assert [t for t in range(12) if f"<i>t</i> = {t}>" in dot] == list(shown)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "char-lm", "--text", "nothing.txt"], "there is no file nothing.txt"),
        (["train", "char-lm", "--text", "."], "is a directory"),
        (["train", "char-lm", "--text", "text.txt", "--out", "text.txt"], "for the results: text.txt is a file"),
        (["train", "char-lm", "--text", "text.txt", "--out", "text.txt/out"], "for the results: text.txt is a file"),
        (
            ["graph", "adding", "--model", "model"],
            "its format is 'minigrad char-lm 2', not 'minigrad adding 1'; minigrad",
        ),
        (["train", "char-lm", "--text", "text.txt", "--batch", "900"], "too short"),
        (["train", "char-lm", "--steps", "0"], "--steps must be at least 1"),
        (["train", "char-lm", "--backend", "abacus"], "unknown backend 'abacus'"),
        (["train", "char-lm", "--out=model", "--resume", "--seed=1"], "--seed was 0, not 1"),
        (["train", "char-lm", "--text=text.txt", "--out=model"], "model holds a run that has finished after"),
        (["train", "char-lm", "--cell", "cnn"], "--cell is one of rnn, lstm"),
        (["sample", "nowhere"], "train char-lm"),
        (["sample", "text.txt"], "not a safetensors file"),
        (["sample", "model", "--prime", "Ω"], "'Ω'"),
        (["graph", "unknown"], "there are char-lm"),
        (["graph", "char-lm", "--format", "gif"], "svg, png, pdf, dot, json"),
        (["graph", "char-lm", "--show", "sideways"], "show is one of forward, backward, both, not 'sideways'"),
        (["graph", "char-lm", "--out", "text.txt/folder.dot"], "cannot write text.txt: it is a file, not a folder"),
    ],
)
def test_errors_are_one_line(folder, arguments, message):
    _, err = run(*arguments, cwd=folder, status=1)
    assert err.startswith("minigrad: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["fly"],
        ["train"],
        ["train", "unknown"],
        ["graph"],
        ["train", "char-lm", "--steps", "many"],
        ["sample", "--length", "0"],
        ["graph", "char-lm", "--steps", "0"],
        ["graph", "char-lm", "--steps", "0,one"],
    ],
)
def test_wrong_usage_has_status_2(folder, arguments):
    out, err = run(*arguments, cwd=folder, status=2)
    assert "Usage" in out + err


def test_debug_shows_the_traceback():
    with pytest.raises(ValueError, match="there are char-lm"):
        cli.main(["--debug", "graph", "unknown"])


def test_without_typer(tmp_path):
    code = "import sys; sys.modules['typer'] = None; from minigrad.tools.cli import main; sys.exit(main(['info']))"
    result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "pip install" in result.stderr
    assert "[models]" in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_module_runs_by_itself(folder):
    result = subprocess.run(
        [sys.executable, "-m", "minigrad.models.char_lm", "--text", "nothing"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stderr == "minigrad: there is no file nothing\n"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are not sent like this on Windows")
def test_interrupting_a_training(folder, interruptible):
    command = [sys.executable, "-u", "-m", "minigrad.tools.cli", "train", "char-lm", "--text", "text.txt"]
    command += ["--out", "interrupted", *TINY, "--steps", "1000000"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("step 1/"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "writing what there is" in out
    assert err.strip() == "minigrad: interrupted"
    assert (folder / "interrupted" / "model.safetensors").is_file()


def test_bench_gets_its_arguments(monkeypatch):
    from minigrad.tools import bench

    seen = []
    monkeypatch.setattr(bench, "main", lambda argv: seen.append(argv) or 3)
    assert cli.main(["bench", "--quick", "--json", "x", "--help"]) == 3
    assert seen == [["--quick", "--json", "x", "--help"]]
