"""The benchmark runs, compares like with like, and writes what it measured."""

import importlib.util
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import minigrad as mg
from minigrad.tools.bench import environment, main
from minigrad.tools.bench.frameworks import OTHERS, Settings, by_hand, load, on_minigrad
from minigrad.tools.bench.gpu import Device, rows
from minigrad.tools.bench.gpu_check import slug
from minigrad.tools.bench.groups import modules, recompute
from minigrad.tools.bench.groups.bandwidth import rate
from minigrad.tools.bench.groups.cells import left_out
from minigrad.tools.bench.groups.memory import saved_bytes
from minigrad.tools.bench.groups.operations import arrays, words_and_gradient
from minigrad.tools.bench.harness import (
    Contender,
    Disagreement,
    Figure,
    Row,
    Target,
    check,
    compare,
    measure,
    rounds_for,
    summary,
)
from minigrad.tools.bench.language_model import CELLS, LOSS_TOLERANCE, problem
from minigrad.tools.bench.layers import MODULES, padded, sentences
from minigrad.tools.bench.peak import available
from minigrad.tools.bench.report import heading, report, table, write_json
from minigrad.tools.bench.run import GROUPS

ORDINARY = "PyTorch ordinary operations"
TINY = (3, 4, 6, 7)  # B, T, H, V


def figure(median):
    return Figure(median, median, median, 3)


def made_up_row():
    figures = {"minigrad (numba)": figure(2.0), "PyTorch": figure(4.0), "slow": figure(10.0)}
    aims = [Target("minigrad (numba)", "PyTorch", 0.6), Target("minigrad (numba)", "slow", 0.1)]
    return Row("group", "work", "ms", figures, "PyTorch", [*aims, Target("minigrad (numba)", "absent", 1.0)])


# --- figures ----------------------------------------------------------------------------------------------------------


def test_figures_are_medians_and_quartiles():
    assert summary([4.0, 1.0, 2.0, 3.0, 100.0]) == Figure(3.0, 2.0, 4.0, 5)
    assert summary([2.0]) == Figure(2.0, 2.0, 2.0, 1)


def test_contenders_take_turns_in_changing_order():
    calls = []
    measure({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=20, warm_up=1)
    assert calls[:3] == ["a", "b", "c"]  # to warm up
    rounds = [tuple(calls[i : i + 3]) for i in range(3, 63, 3)]
    assert all(sorted(r) == ["a", "b", "c"] for r in rounds)
    assert len(set(rounds)) > 3


def test_rounds_stay_within_their_bounds():
    assert rounds_for({"a": lambda: None}, seconds=10.0, rounds=(5, 60)) == 60
    assert rounds_for({"a": lambda: None}, seconds=0.0, rounds=(5, 60)) == 5


def test_the_first_call_is_told_apart():
    figures, notes = compare({"a": Contender(lambda: 1.0)}, seconds=0.0)
    assert figures["a"].first is not None
    assert figures["a"].runs == 7
    assert notes == []


# --- contenders have to agree -----------------------------------------------------------------------------------------


def test_contenders_that_disagree_are_refused():
    check({"a": [1.0, 2.0], "b": [1.0, 2.0 + 1e-6], "floor": None}, 1e-5)
    with pytest.raises(Disagreement, match=r"b differs from a by up to 0\.001"):
        check({"a": [1.0, 2.0], "b": [1.0, 2.001]}, 1e-5)
    with pytest.raises(Disagreement, match="b has results of shape"):
        check({"a": [1.0, 2.0], "b": [1.0]}, 1e-5)
    with pytest.raises(Disagreement):
        check({"a": [1.0, 2.0], "b": [1.0, float("nan")]}, 1e-5)


def test_wrong_gradients_are_noticed_by_the_second_loss(monkeypatch):
    work = problem("LSTM", *TINY)
    right = {name: [step(), step()] for name, step in by_hand.training_steps(work).items()}
    monkeypatch.setattr(by_hand, "RATE", 0.9 * by_hand.RATE)  # as if all gradients were ten per cent too small
    wrong = {f"wrong {name}": [step(), step()] for name, step in by_hand.training_steps(work).items()}
    with pytest.raises(Disagreement):
        check(right | wrong, LOSS_TOLERANCE)


def test_a_contender_that_fails_is_noted_but_minigrad_must_run():
    def broken():
        raise ValueError("no compiler\nin a second line")

    figures, notes = compare({"other": Contender(broken), "a": Contender(lambda: None)}, seconds=0.0)
    assert list(figures) == ["a"]
    assert notes == ["other failed: ValueError: no compiler"]
    with pytest.raises(ValueError, match="no compiler"):
        compare({"minigrad (numpy)": Contender(broken)}, seconds=0.0)


@pytest.mark.parametrize("cell", CELLS)
def test_frameworks_that_are_installed_train_alike(cell):
    work = problem(cell, *TINY)
    # tinygrad compiles each kernel in a process of its own: one cell has to do
    settings = load(quick=False, threads=1, wanted=[name for name in OTHERS if name != "tinygrad" or cell == "RNN"])
    steps = by_hand.training_steps(work) | settings.contenders("training_steps", work)
    losses = {name: [step(), step()] for name, step in steps.items()}
    assert {"NumPy by hand", "minigrad (numpy)", "minigrad nn (numpy)"} <= set(losses)
    check(losses, LOSS_TOLERANCE)
    for first, second in losses.values():
        assert abs(second - first) > 100 * LOSS_TOLERANCE  # the step did something that can be seen


@pytest.mark.parametrize("name", MODULES)
def test_recurrent_modules_find_the_same_gradients_as_pytorch(name):
    pytest.importorskip("torch")
    found = modules.contenders(load(quick=True, threads=1, wanted=["torch"]), name, (3, 4, 5))
    expected = "PyTorch ordinary operations" if name in ("PeepholeLSTM", "GRU, reset before") else "PyTorch nn."
    assert sum(other.startswith(expected) for other in found) == 1
    for contender in found.values():
        contender.run()
    check({other: contender.result() for other, contender in found.items()}, 1e-5)


def test_padded_batches_hold_each_sentence_once():
    found = sentences(5, 3, 20)
    batches = padded(found, 2)
    assert [len(batch.lengths) for batch in batches] == [2, 2, 1]
    kept = [batch.inputs[:n, b] for batch in batches for b, n in enumerate(batch.lengths)]
    for x, (expected, _) in zip(kept, found, strict=True):
        np.testing.assert_array_equal(x, expected)
    for batch in batches:
        assert batch.inputs.shape == batch.gradient.shape == (max(batch.lengths), len(batch.lengths), 3)
        for b, n in enumerate(batch.lengths):
            assert not batch.inputs[n:, b].any()
            assert not batch.gradient[n:, b].any()  # no gradient comes from padding


def test_sentences_are_as_long_as_written_ones():
    lengths = [len(x) for x, _ in sentences(500, 1, 56)]
    assert 19 < np.mean(lengths) < 23
    assert min(lengths) >= 1
    assert max(lengths) <= 56


@pytest.mark.parametrize("how", recompute.HOW)
def test_saved_bytes_grow_with_the_length_or_its_square_root(how):
    short, long = (recompute.saved_bytes(how, steps, (2, 3, 4)) for steps in (16, 64))
    assert long / short == (4 if how == "kept" else 2)


def test_rows_of_one_word_are_added_up():
    weight, indices, gradient = words_and_gradient(50, 4, 200)
    expected = np.zeros(weight.shape)
    for row, place in zip(gradient, indices):
        expected[place] += row
    np.testing.assert_allclose(by_hand.summed_rows(gradient, indices, 50), expected, rtol=1e-5, atol=1e-5)


# --- ratios, targets, tables ------------------------------------------------------------------------------------------


def test_ratios_are_to_the_reference():
    row = made_up_row()
    assert row.ratio("minigrad (numba)") == 0.5
    assert row.ratio("minigrad (numba)", "slow") == 0.2
    assert row.ratio("minigrad (numba)", "absent") is None
    assert Row("group", "work", "ms", row.figures).ratio("PyTorch") is None


def test_targets_are_reached_or_not_and_left_out_where_a_contender_is_missing():
    outcomes = made_up_row().outcomes()
    assert [(target.reference, ratio, reached) for target, ratio, reached in outcomes] == [
        ("PyTorch", 0.5, True),
        ("slow", 0.2, False),
    ]


def test_the_table_has_a_column_for_each_reference_and_the_targets_come_first():
    text = report([made_up_row()])
    assert text.startswith("## targets")
    assert "| work | minigrad (numba) | PyTorch | 0.50 | 0.60 | yes |" in text
    assert "| work | minigrad (numba) | slow | 0.20 | 0.10 | no |" in text
    assert "| contender | median | middle half | ratio to PyTorch | ratio to slow |" in text
    assert "| minigrad (numba) | 2 ms | 2 to 2 | 0.50 | 0.20 |" in text
    assert "| PyTorch | 4 ms | 4 to 4 |  | 0.40 |" in text
    assert "absent" not in text


def test_long_first_calls_have_a_column_and_more_cores_than_threads_a_note():
    row = Row("group", "work", "ms", {"compiled": Figure(1.0, 1.0, 1.0, 3, first=12.3, cores=1.9)}, notes=["a note"])
    text = table(row, threads=1)
    assert "| compiled | 1 ms | 1 to 1 | 12.3 s |" in text
    assert "- a note\n- compiled kept 1.9 cores busy" in text
    assert "cores busy" not in table(row, threads=2)


def test_bandwidth_is_highest_where_time_is_lowest():
    assert rate(Figure(2.0, 1.0, 4.0, 3), 8_000_000_000) == Figure(4.0, 2.0, 8.0, 3)


def test_the_heading_names_what_is_absent():
    about = {"processor": "P", "cores": 2, "threads": 1, "python": "3", "versions": {"numpy": "2", "jax": None}}
    text = heading(about, {"jax": "not installed"})
    assert text == "Measured on P, 2 cores, 1 thread(s), with Python 3, numpy 2. Not measured: jax (not installed)."
    assert "numpy 2. Load average before the start: 0.2." in heading(about | {"load": 0.234})


def test_json_has_ratios_and_targets(tmp_path):
    path = tmp_path / "b.json"
    write_json(path, [made_up_row()], {"cores": 2}, {"jax": "not installed"})
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["not measured"] == {"jax": "not installed"}
    (row,) = written["rows"]
    assert row["ratios"]["minigrad (numba)"] == {"PyTorch": 0.5, "slow": 0.2}
    assert [target["reached"] for target in row["targets"]] == [True, False]


def test_what_compiles_too_long_is_said():
    module = SimpleNamespace(compiles_too_long=lambda work: work.steps > 8)
    settings = Settings(others={"tinygrad": module})
    (note,) = left_out(settings, problem("RNN", 2, 9, 4, 5))
    assert note == "tinygrad: left out, 9 unrolled steps may take longer than a minute to compile"
    assert left_out(settings, problem("RNN", 2, 8, 4, 5)) == []


# --- whole runs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_runs_with_minigrad_alone(group):
    # Playwright runs once in a thread, and the browser of other tests may be open in this one.
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: list(GROUPS[group](Settings(quick=True)))).result()
    assert found
    for row in found:
        assert row.group == group
        assert all(f.median > 0 for f in row.figures.values())
        assert table(row)


def test_a_run_writes_json_and_a_table(tmp_path, capfd):
    data, page = tmp_path / "b.json", tmp_path / "b.md"
    chosen = [name for name in ("torch", "autograd") if importlib.util.find_spec(name)]
    arguments = ["--quick", "--only", "overhead", "--frameworks", ",".join(chosen)]
    assert main([*arguments, "--json", str(data), "--markdown", str(page)]) == 0
    capfd.readouterr()
    written = json.loads(data.read_text(encoding="utf-8"))
    assert written["machine"]["threads"] == 1
    assert written["not measured"]["jax"] == "not asked for"
    (row,) = written["rows"]
    assert row["figures"]["minigrad (numpy)"]["median"] > 0
    assert ("PyTorch eager" in row["figures"]) == ("torch" in chosen)
    assert "minigrad (numpy)" in page.read_text(encoding="utf-8")


def test_an_unknown_group_or_framework_is_refused(capfd):
    assert main(["--only", "nothing"]) == 2
    assert f"no group 'nothing'; there are {', '.join(GROUPS)}" in capfd.readouterr().err
    assert main(["--frameworks", "torch,caffe"]) == 2
    assert "no framework 'caffe'; beside minigrad there are torch, autograd, jax, tinygrad" in capfd.readouterr().err
    assert main(["--json", "no/such/folder.json"]) == 2
    assert "cannot write no/such/folder.json: no folder no/such" in capfd.readouterr().err


def test_a_framework_that_is_not_installed_is_absent(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    settings = load(quick=True, threads=1)
    assert settings.others == {}
    assert settings.absent == dict.fromkeys(OTHERS, "not installed")


def test_saved_bytes_are_close_to_what_must_be_kept():
    batch, steps, hidden, vocabulary = 4, 8, 16, 12
    found = saved_bytes(Settings(), problem("LSTM", batch, steps, hidden, vocabulary))["minigrad (numpy)"]
    gates = 4 * batch * steps * 4 * hidden  # bytes of the gates of all steps, in float32
    assert gates < found < 6 * gates


@pytest.mark.skipif(not available(), reason="the memory of a process is read from Linux's /proc")
def test_memory_is_measured_above_what_the_process_has():
    program = (
        "import json, numpy as np; from minigrad.tools.bench.peak import measured;"
        "print(json.dumps(measured(lambda: np.ones(5_000_000).sum())))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert 39e6 < json.loads(done.stdout)["peak"] < 45e6  # the 40 MB of the array


# --- on a GPU ---------------------------------------------------------------------------------------------------------

HOST_RUN = """
import numpy as np
from minigrad.tools.bench.frameworks import load, on_minigrad
from minigrad.tools.bench.gpu import Device, rows
waits = []
torch = load(True, 1, ["torch"]).others.get("torch")
host = "numba" if "numba" in on_minigrad.backends() else None
device = Device("numpy", np, lambda: waits.append(1), host, torch, "cpu")
names = [row.group for row in rows(device, quick=True)]
assert len(waits) > 3, "the device was not waited for"
print(*names)
"""


def test_the_groups_of_the_gpu_run_on_the_host():
    done = subprocess.run(
        [sys.executable, "-c", HOST_RUN], env=environment(1), check=True, capture_output=True, text=True
    )
    expected = ["bandwidth", "overhead", *["cells"] * len(CELLS), "cross-entropy", "embedding", "optimizer"]
    assert done.stdout.split() == expected


def test_minigrad_does_the_same_work_on_every_backend(backend):
    """Among them the stand-in for CuPy: the GPU's benchmark is this code with another name of a backend."""
    xp = mg.get_backend(backend)
    work = problem("LSTM", *TINY)
    steps = by_hand.training_steps(work) | on_minigrad.training_steps(work, backend)
    check({name: [step(), step()] for name, step in steps.items()}, LOSS_TOLERANCE)
    by_hand.products(work, xp.lib, xp.synchronize)["bare matrix products"]()

    logits, targets = np.float32([[1, 2, 3], [3, 1, 0]]), np.array([2, 1])
    weights, indices, gradients = words_and_gradient(6, 4, 5)
    alone = np.float32([[0.5, -1.0]])
    for function, arguments in {
        "chain": (arrays(), 3),
        "cross_entropy": (logits, targets),
        "embedding_gradient": (weights, indices, gradients),
        "optimizer_steps": ("Adam", [alone], [alone]),
    }.items():
        found = getattr(on_minigrad, function)(*arguments, backend) | getattr(on_minigrad, function)(
            *arguments, "numpy"
        )
        for contender in found.values():
            contender.run()
        check({name: contender.result() for name, contender in found.items()}, 1e-4)


def test_the_device_gives_contenders_there_and_on_the_host():
    device = Device("numpy", np, lambda: None)
    assert list(device.contenders("training_steps", problem("RNN", *TINY))) == [
        "minigrad (numpy)",
        "minigrad nn (numpy)",
    ]
    assert next(rows(device, quick=True)).unit == "GB/s"


def test_without_a_gpu_one_line_says_so(tmp_path):
    """Only NumPy, Numba and CuPy are there: no other package may be imported."""
    absent = (
        "typer rich matplotlib graphviz pygraphviz safetensors threadpoolctl jax autograd tinygrad torch cupy".split()
    )
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}));"
        f"from minigrad.tools.bench.gpu_check import main; sys.exit(main(['--out', {str(tmp_path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("gpu-check: no GPU to measure: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_files_are_named_after_the_gpu():
    assert slug("NVIDIA H200") == "nvidia-h200"
    assert slug("Tesla V100-SXM2 (16GB)") == "tesla-v100-sxm2-16gb"


def test_libraries_choose_their_instructions_or_are_limited_alike(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    assert not {"OPENBLAS_CORETYPE", "ATEN_CPU_CAPABILITY"} & set(environment(1))
    limited = environment(1, "avx2")
    assert limited["OPENBLAS_CORETYPE"] == "Haswell"
    assert limited["ATEN_CPU_CAPABILITY"] == "avx2"
    assert "max_isa=AVX2" in limited["XLA_FLAGS"]


def test_a_group_of_many_rows_is_one_table_and_one_target():
    rows = [replace(made_up_row(), name=f"work {i}") for i in range(60)]
    text = report(rows)
    assert text.count("| work 7 | 2 | 4 | 10 | 0.50 | 2.50 |") == 1
    assert "group, the worst of 120: work 0" in text
    assert text.count("### ") == 0
