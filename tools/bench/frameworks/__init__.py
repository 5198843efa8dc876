"""What is measured: one module a framework, each with some of these functions.

    chain(arrays, length)               a forward and backward pass through many tiny operations
    training_steps(problem)             training steps of the language model, {name: step}
    recurrent_layer(layer, batch)       a recurrent module alone, forward and backward
    batches(layer, batches, lengths)    the same over batches of padded sequences; one Contender
    cross_entropy(logits, targets)      the loss and its gradient
    embedding_gradient(weight, indices, gradient)
    optimizer_steps(kind, arrays, gradients)

All others return {name: Contender}. A module leaves out what its framework does not have.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from . import on_minigrad

# name -> (module here, package that it needs)
OTHERS = {
    "torch": ("on_torch", "torch"),
    "autograd": ("on_autograd", "autograd"),
    "jax": ("on_jax", "jax"),
    "tinygrad": ("on_tinygrad", "tinygrad"),
}


@dataclass
class Settings:
    """What to measure, as the command line says.

    Attributes:
        quick: fewer repetitions and smaller sizes.
        threads: of every library.
        others: the modules of the frameworks beside minigrad that take part, by name.
        absent: why the others do not.
    """

    quick: bool = False
    threads: int = 1
    others: dict[str, ModuleType] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)

    def contenders(self, function: str, *arguments: Any) -> dict[str, Any]:
        """What `function` returns for these arguments: of minigrad on each backend, and of the others that have it.

        With `quick`, tinygrad is left out, which takes long to compile.
        """
        found: dict[str, Any] = {}
        for backend in on_minigrad.backends() if hasattr(on_minigrad, function) else ():
            found |= getattr(on_minigrad, function)(*arguments, backend)
        for name, module in self.others.items():
            if hasattr(module, function) and not (self.quick and name == "tinygrad"):
                found |= getattr(module, function)(*arguments)
        return found


def load(quick: bool, threads: int, wanted: Sequence[str] | None = None) -> Settings:
    """Import the frameworks that are installed; of `wanted` (names in OTHERS) alone, if that is given."""
    settings = Settings(quick, threads)
    for name, (module, package) in OTHERS.items():
        reason = _why_absent(name, package, wanted)
        if reason is None:
            settings.others[name] = importlib.import_module(f".{module}", __name__)
            if hasattr(settings.others[name], "pin"):
                settings.others[name].pin(threads)
        else:
            settings.absent[name] = reason
    return settings


def _why_absent(name: str, package: str, wanted: Sequence[str] | None) -> str | None:
    if wanted is not None and name not in wanted:
        return "not asked for"
    if importlib.util.find_spec(package) is None:
        return "not installed"
    if name == "tinygrad" and shutil.which(os.environ.get("CC", "clang")) is None:
        return "its CPU device needs clang"
    return None
