"""The benchmark runs, compares like with like, and writes what it measured."""

import json

from minigrad.tools.bench import main
from minigrad.tools.bench.harness import Figure, Row, measure, summary, table


def test_figures_are_medians_and_quartiles():
    assert summary([4.0, 1.0, 2.0, 3.0, 100.0]) == Figure(3.0, 2.0, 4.0, 5)


def test_contenders_take_turns():
    calls = []
    measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=3, warm_up=1)
    assert "".join(calls) == "ab" + "ababab"


def test_ratios_are_to_the_reference():
    figures = {"minigrad (numpy)": Figure(2.0, 2.0, 2.0, 3), "PyTorch": Figure(4.0, 4.0, 4.0, 3)}
    row = Row("group", "work", "ms", figures, "PyTorch", "<= 1.0")
    assert row.ratio("minigrad (numpy)") == 0.5
    assert "| work | minigrad (numpy) | 2 ms | 2 to 2 | 0.50 | <= 1.0 |" in table([row])
    assert Row("group", "work", "ms", figures).ratio("PyTorch") is None


def test_a_run_writes_json_and_a_table(tmp_path):
    data, page = tmp_path / "b.json", tmp_path / "b.md"
    assert main(["--quick", "--only", "overhead", "--json", str(data), "--markdown", str(page)]) == 0
    written = json.loads(data.read_text(encoding="utf-8"))
    assert written["machine"]["threads"] == 1
    (row,) = written["rows"]
    assert row["figures"]["minigrad (numpy)"]["median"] > 0
    assert "minigrad (numpy)" in page.read_text(encoding="utf-8")


def test_an_unknown_group_is_refused(capfd):
    assert main(["--only", "nothing"]) == 2
    assert "no group 'nothing'; there are overhead, lstm, length, import" in capfd.readouterr().err
