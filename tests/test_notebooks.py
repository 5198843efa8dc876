"""What a notebook shows, in a real kernel: the example in docs/, and a training that is interrupted."""

import threading
import time

import pytest
from notebooks import executed
from project import ROOT

nbformat = pytest.importorskip("nbformat")
jupyter_client = pytest.importorskip("jupyter_client")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")

EXAMPLE = ROOT / "docs" / "notebooks" / "unrolled.ipynb"


def kinds(notebook):
    """For each cell of code: what its outputs are made of."""
    return [
        [sorted(output.get("data", {output.output_type: ""})) for output in cell.outputs][:1]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def test_the_example_runs_and_shows_what_it_says(tmp_path):
    pytest.importorskip("pygraphviz")
    notebook = executed(EXAMPLE, tmp_path)
    text = "text/plain"
    assert kinds(notebook) == [
        [[text]],  # a module
        [["image/svg+xml", text]],  # a picture
        [["text/html", text]],  # a tape
        [["text/html", text]],  # a gradient flow
        [["image/png", text]],  # a figure
        [["text/html", text]],  # the page
        [["stream"]],  # a training
        [["text/html", text]],  # its metrics
    ]
    assert all(output.get("name") != "stderr" for cell in notebook.cells for output in cell.get("outputs", []))
    shown = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "step 200/200 | loss " in shown
    assert "(held out)" in shown
    assert (tmp_path / "cell.html").exists()


def test_the_example_holds_what_it_shows_and_is_small():
    notebook = nbformat.read(EXAMPLE, as_version=4)
    nbformat.validate(notebook)
    assert all(shown for shown in kinds(notebook))
    assert EXAMPLE.stat().st_size < 300_000


@pytest.fixture
def kernel(tmp_path):
    """Runs code in a kernel and returns what it prints; `during` is called at each piece of text."""
    manager, client = jupyter_client.manager.start_new_kernel(kernel_name="python3", cwd=str(tmp_path))

    def run(code, during=lambda text: None):
        text, sent = "", client.execute(code)
        end = time.monotonic() + 120
        while time.monotonic() < end:
            message = client.get_iopub_msg(timeout=120)
            if message["parent_header"].get("msg_id") != sent:
                continue
            content = message["content"]
            if message["msg_type"] == "status" and content["execution_state"] == "idle":
                return text
            text += content.get("text", "") + "\n".join(content.get("traceback", []))
            during(text)
        raise TimeoutError(text)

    run.interrupt = manager.interrupt_kernel
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_interrupting_the_kernel_keeps_what_was_learned(kernel, tmp_path):
    kernel(
        "import minigrad as mg\n"
        "from minigrad import nn\n"
        "from minigrad.training import Settings, Task, fit\n"
        "def task(settings):\n"
        "    model = nn.Linear(1, 1)\n"
        "    return Task(settings, model, lambda x: (model(x) ** 2).mean(), [mg.ones((4, 1))])\n"
    )
    interrupted = []

    def interrupt(text):
        if "step 1/" in text and not interrupted:
            interrupted.append(threading.Timer(2.5, kernel.interrupt))  # what is a second old is kept
            interrupted[0].start()

    said = kernel("metrics = fit(Settings(out='out', steps=10_000_000), task)", during=interrupt)
    assert "interrupted after" in said
    assert "Traceback" not in said
    assert kernel("print(metrics['finished'], metrics['steps'] == len(metrics['curve']) > 0)") == "False True\n"
    assert (tmp_path / "out" / "model.safetensors").exists()
