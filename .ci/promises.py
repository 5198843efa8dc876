"""Try what the extras promise where one of them is installed alone, from a wheel: `python promises.py EXTRA`.

What the extra promises has to work. What other extras promise has to fail with a command that installs it.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.extras import install


def command(*words):
    """Run `minigrad WORDS`. Raises ImportError with what it says if it fails."""
    done = subprocess.run(["minigrad", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImportError(done.stderr)
    return done.stdout


def step():
    """A step of training on the default backend: the loss."""
    layer, head = nn.LSTM(3, 4), nn.Linear(4, 2)
    optimizer = optim.Adam([*layer.parameters(), *head.parameters()])
    loss = (head(layer(mg.ones((5, 2, 3)))[0]) ** 2).mean()
    loss.backward()
    optimizer.step()
    return loss


def core():
    from minigrad.tools import draw

    step()
    mg.explain(lambda x, w: mg.tanh(w * x), 0.5, -1.2)
    draw(step(), "graph.html")
    assert Path("graph.html").stat().st_size > 10_000


def numba():
    with mg.use_backend("numba"):
        step()
    mg.set_num_threads(2)


def viz():
    from minigrad.tools import draw

    for name in ("graph.svg", "graph.png"):
        draw(step(), name)
        assert Path(name).stat().st_size > 1000


def plots():
    from minigrad.inspect.figure import figure

    figure(2, 1).savefig("plot.png")


def data():
    from minigrad.data import images, music
    from minigrad.data.audio import log_mel

    images.digit_images()
    music.write_midi("piece.mid", np.ones((4, 88)))
    log_mel(np.zeros(8000), 8000)


def training():
    """Without a library for drawings a training ends well, and the rest of its files are there."""
    command("train", "adding", "--quick", "--out", "adding")
    assert {"model.safetensors", "metrics.json", "loss.png"} <= {path.name for path in Path("adding").iterdir()}
    assert mg.__version__ in command("info")


def tensorboard():
    from minigrad.training.tensorboard import TensorBoard

    TensorBoard(Path("events"))


def bfloat16():
    assert mg.bfloat16 == np.dtype(mg.bfloat16)


# What is promised -> the extras that bring it, of which errors may name any.
PROMISES = {
    numba: {"numba", "all"},
    viz: {"viz", "all"},
    plots: {"viz", "training", "models", "all"},
    data: {"data", "models", "all"},
    training: {"training", "models", "all"},
    tensorboard: {"tensorboard", "all"},
    bfloat16: {"bfloat16"},
}


def refused(promise):
    """What is said instead; None if it works."""
    try:
        promise()
    except (ImportError, mg.BackendError) as error:
        return str(error)
    return None


def main(extra):
    core()
    for promise, extras in PROMISES.items():
        if extra in extras:
            promise()
        else:
            said = refused(promise)
            assert said is not None, f"{promise.__name__} works with the extra {extra} alone: is it right here?"
            assert any(install(name) in said for name in extras), f"no command that installs it: {said}"
    if extra == "core":  # what is advised is what works
        subprocess.run(install("bfloat16"), shell=True, check=True, stdout=subprocess.DEVNULL)
        subprocess.run([sys.executable, "-c", "import minigrad; minigrad.bfloat16"], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
