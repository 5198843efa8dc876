"""A path may be given as text, wherever one may be given."""

import ast
import json

import numpy as np
import pytest
from project import ROOT

import minigrad as mg
from minigrad import data, nn, training
from minigrad.tools import draw, plot_flow
from minigrad.training import Settings, Task, Trainer, files

pytest.importorskip("safetensors")


def written(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def a_task():
    model = nn.Linear(1, 1)
    return Task(Settings(steps=1), model, lambda x: (model(x) ** 2).mean(), [mg.ones((1, 1))])


READ = {
    "read_text": (data.read_text, "text"),
    "read_sentences": (data.read_sentences, "text"),
    "read_pairs": (lambda path: data.read_pairs(path, path), "text"),
    "read_series": (data.read_series, "year,x\n1900,1\n"),
    "read_labelled": (data.read_labelled, "text,label\na,b\n"),
    "read_chorales": (data.read_chorales, json.dumps({"train": [[[60]]], "valid": [[[60]]], "test": [[[60]]]})),
    "given_texts": (lambda path: list(data.given_texts([path])), "text"),
    "given_files": (lambda path: data.given_files([path], (".txt",), "files"), "text"),
}


@pytest.mark.parametrize("name", READ)
def test_readers_take_text(tmp_path, name):
    read, content = READ[name]
    path = written(tmp_path / "file.txt", content)
    assert str(read(str(path))) == str(read(path))


WRITE = {
    "save": lambda path: mg.save([mg.ones(2)], path),
    "training.save": lambda path: training.save(nn.Linear(1, 1), path, "minigrad toy 1", {}),
    "draw": lambda path: draw((mg.ones(2, requires_grad=True) * 2).sum(), path, "dot"),
    "Picture.save": lambda path: draw((mg.ones(2, requires_grad=True) * 2).sum()).save(path, "dot"),
    "plot_flow": lambda path: plot_flow({"h": np.ones(3)}, path),
    "Log": lambda path: training.watchers.Log(path)._write(["{}"]),
}


@pytest.mark.parametrize("name", WRITE)
def test_writers_take_text(tmp_path, name):
    if name == "plot_flow":
        pytest.importorskip("matplotlib")
    WRITE[name](str(tmp_path / "file"))
    assert (tmp_path / "file").stat().st_size > 0


def test_files_that_are_read_again(tmp_path):
    pytest.importorskip("mido")
    path = str(tmp_path / "piece.mid")
    data.write_midi(path, np.eye(3, 88))
    assert data.read_midi(path).shape == (3, 88)
    mg.save(3, str(tmp_path / "x"))
    assert mg.load(str(tmp_path / "x")) == 3
    files.save(nn.Linear(1, 1), str(tmp_path / "model.safetensors"), "minigrad toy 1", {})
    for place in (tmp_path, tmp_path / "model.safetensors"):
        assert training.load(str(place), "minigrad toy 1", lambda about: nn.Linear(1, 1))
        assert files.kind(str(place)) == "toy"


def test_a_trainer_takes_text(tmp_path):
    trainer = Trainer(a_task(), str(tmp_path))
    trainer.train()
    trainer.finish(str(tmp_path))
    assert {"model.safetensors", "metrics.json", "log.jsonl"} <= {path.name for path in tmp_path.iterdir()}
    assert str(Settings(out=str(tmp_path)).out) == str(tmp_path)


# What is called with a path by the library itself, and defined by its users; and what the command line makes paths of.
CALLED = {"write", "next_commands"}


def public_functions(tree):
    """Functions of a module and methods of its classes, but for those with an underscore."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and node.name[0] != "_":
            yield from public_functions(node)
        elif isinstance(node, ast.FunctionDef) and (node.name[0] != "_" or node.name == "__init__"):
            yield node


@pytest.mark.parametrize(
    "room", ["minigrad/data", "minigrad/inspect", "minigrad", "minigrad/training", "models", "tools"]
)
def test_no_public_function_takes_paths_alone(room):
    inner = {"commands", "bench", "keeping", "live"}  # what the command line and trainings call
    paths = (ROOT / room).glob("*.py") if room == "minigrad" else (ROOT / room).rglob("*.py")
    wrong = [
        f"{path.relative_to(ROOT)}: {function.name}({argument.arg})"
        for path in paths
        if not inner & set(path.parts) and path.name not in ("checkpoints.py", "size.py", "command.py", "writing.py")
        for function in public_functions(ast.parse(path.read_text(encoding="utf-8")))
        if function.name not in CALLED
        for argument in (*function.args.args, *function.args.kwonlyargs)
        if argument.annotation is not None and ast.unparse(argument.annotation) in ("Path", "Path | None")
    ]
    assert wrong == []
