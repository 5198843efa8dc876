"""Nothing is left out: every public function that PyTorch has too is compared with it in a file test_parity_*.py."""

from pathlib import Path

from parity import TF, torch
from test_parity_elementwise import BINARY, INTEGER, UNARY
from test_parity_losses import LOSSES
from test_parity_reductions import REDUCTIONS

import minigrad as mg
import minigrad.functional as F

# Public names that PyTorch has and that other tests compare with it or that have no numbers to compare.
ELSEWHERE = {
    "Tensor": "a class",
    "bool": "a type",
    "empty": "its values do not matter",
    "empty_like": "its values do not matter",
    "enable_grad": "test_tape_recording",
    "no_grad": "test_tape_recording",
    "is_grad_enabled": "test_tape_recording",
    "from_dlpack": "test_tensor_values",
    "grad": "test_autograd; in PyTorch a module",
    "imag": "test_array_api; PyTorch has it for complex numbers alone",
    "load": "test_saving",
    "save": "test_saving",
    "manual_seed": "test_random",
    "get_num_threads": "test_threads",
    "set_num_threads": "test_threads",
    "set_float32_matmul_precision": "test_backends",
}


def test_every_function_that_pytorch_has_is_compared():
    source = "\n".join(path.read_text() for path in sorted(Path(__file__).parent.rglob("test_parity_*.py")))
    for namespace, theirs, prefix in ((mg, (torch, TF), "mg."), (F, (TF,), "F.")):
        for name in dir(namespace):
            f = getattr(namespace, name)
            if name.startswith("_") or not callable(f) or not any(hasattr(t, name) for t in theirs):
                continue
            compared = name in UNARY or name in BINARY or name in REDUCTIONS or name in INTEGER or name in LOSSES
            public = name in F.__all__ if namespace is F else True
            assert (
                not public or compared or name in ELSEWHERE or f"{prefix}{name}" in source or f'"{name}"' in source
            ), name
