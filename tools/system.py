"""What this machine offers: versions, backends, linear algebra, threads. For `minigrad info`, and bug reports."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
from typing import Any

import numpy as np

import minigrad as mg
from minigrad.backends import REGISTRY, missing_backends
from minigrad.extras import install

from .bench import THREAD_VARIABLES

OPTIONAL = ("numba", "graphviz", "pygraphviz", "matplotlib", "rich", "safetensors", "typer", "torch")


def describe() -> list[tuple[str, str]]:
    """Names and facts, in the order in which a reader would ask."""
    facts = [
        ("minigrad", mg.__version__),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("NumPy", np.__version__),
        ("platform", platform.platform()),
        ("processor cores", str(_cores())),
    ]
    missing = missing_backends()
    for name in REGISTRY:
        reason = missing.get(name)
        facts.append((f"backend {name}", "available" if reason is None else "missing: " + " ".join(reason.split())))
    facts += [] if "cupy" in missing else _gpus()
    facts += [("BLAS", _blas()), *_threads()]
    facts += [(name, _version(name)) for name in OPTIONAL]
    return facts


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus() -> list[tuple[str, str]]:
    """Each GPU by the name of its backend."""
    first: Any = mg.get_backend("cupy")
    backends: list[Any] = [first, *(mg.get_backend(f"cupy:{i}") for i in range(1, first.device_count()))]
    return [(f"GPU {b.name}", ", ".join(f"{k} {v}" for k, v in b.describe().items())) for b in backends]


def _blas() -> str:
    """The library of linear algebra that NumPy was built with."""
    config = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {}) if isinstance(config, dict) else {}
    return " ".join(str(blas[key]) for key in ("name", "version") if blas.get(key)) or "unknown"


def _threads() -> list[tuple[str, str]]:
    """How many threads the libraries use, as far as that can be known."""
    facts = [("threads", f"{mg.get_num_threads()} in kernels of the numba backend")]
    facts += [(name, os.environ[name]) for name in THREAD_VARIABLES if name in os.environ]
    if importlib.util.find_spec("threadpoolctl") is None:
        return [*facts, ("threads", f"unknown: {install('numba')}")]
    pools = importlib.import_module("threadpoolctl").threadpool_info()
    for pool in pools:
        library = f"{pool['internal_api']} {pool.get('version') or ''}"
        facts.append(("threads", f"{pool['num_threads']} in {library.rstrip()}"))
    return facts


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
