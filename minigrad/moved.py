"""Where modules were before they moved into folders: files that were pickled then name them by it."""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

# The old module -> the one that has its names now. Files name no others: only these hold what can be pickled.
MOVED = {
    "activations": "functional.activations",
    "array_api": "tensors.array_api",
    "batch_norm": "functional.batch_norm",
    "copies": "tensors.copies",
    "ctc": "functional.ctc",
    "custom": "engine.custom",
    "explain": "inspect.explain",
    "losses": "functional.losses",
    "nn.cells": "nn.recurrent.cells",
    "nn.packing": "nn.recurrent.packing",
    "nn.stack": "nn.recurrent.stack",
    "nn.topologies": "nn.recurrent.topologies",
    "nn.truncated": "nn.recurrent.truncated",
    "observe": "inspect.observe",
    "recompute": "recomputing",
    "recording": "engine.recording",
    "scope": "engine.scope",
    "tensor": "tensors.tensor",
}


class Moved(ModuleType):
    """A module at its old address: its names are found where they are now, when they are asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what looks through all modules does not load them
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        package, _, old = self.__name__.partition(".")
        return getattr(import_module(f"{package}.{MOVED[old]}"), name)


def answer_at_old_places(package: str) -> None:
    """Let imports find the modules of a package at their old addresses.

    They do not become attributes of the package, as modules that Python looks up would: `minigrad.tensor` stays the
    function.
    """
    for old in MOVED:
        sys.modules.setdefault(f"{package}.{old}", Moved(f"{package}.{old}"))
