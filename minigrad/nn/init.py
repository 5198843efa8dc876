"""Initial values of parameters, by the names and definitions of `torch.nn.init`.

Each function fills a tensor in place, without recording it, and returns the tensor; `recurrent_` fills the recurrent
cells of a module. Random ones take a `generator`; without one they use the default generator of the tensor's backend,
which `minigrad.manual_seed` sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import random
from ..advice.missing import on_missing
from ..engine.recorded import wrap
from ..engine.recording import no_grad
from ..ops.arguments import one_of
from ..ops.creation import zeros
from ..ops.shaping import concat
from ..random import Generator
from ..tensors.tensor import Tensor
from .module import Module
from .utils import with_cells

_GAINS = {
    **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor that keeps the size of signals through a nonlinearity.

    Args:
        nonlinearity: "linear", "conv1d" to "conv3d", "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
        param: the negative slope of "leaky_relu", 0.01 if left out.

    Raises ValueError for another name.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"no gain is known for {nonlinearity!r}; there are {', '.join(_GAINS)}, leaky_relu")
    return _GAINS[nonlinearity]


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Every element `val`."""
    return _fill(tensor, tensor.backend.full(tensor.shape, val, tensor.dtype))


def zeros_(tensor: Tensor) -> Tensor:
    """Every element 0."""
    return constant_(tensor, 0)


def ones_(tensor: Tensor) -> Tensor:
    """Every element 1."""
    return constant_(tensor, 1)


def eye_(tensor: Tensor) -> Tensor:
    """The unit matrix. Raises ValueError unless there are two axes."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_ needs a matrix, this tensor has shape {tensor.shape}")
    return _fill(tensor, tensor.backend.eye(*tensor.shape, dtype=tensor.dtype))


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers spread evenly over a <= x < b."""
    drawn = random.uniform(tensor.shape, low=a, high=b, dtype=tensor.dtype, generator=_generator(tensor, generator))
    return _fill(tensor, drawn.array)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Numbers from the normal distribution. Raises ValueError for a negative standard deviation."""
    drawn = random.normal(tensor.shape, mean=mean, std=std, dtype=tensor.dtype, generator=_generator(tensor, generator))
    return _fill(tensor, drawn.array)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Numbers from the normal distribution, drawn again until they lie in a..b. They are computed on the host.

    Raises ValueError for a standard deviation that is not positive, and unless a < b and a..b has some probability.
    """
    if not std > 0:
        raise ValueError(f"trunc_normal_: std must be > 0, not {std!r}")
    import statistics  # slow to load, and seldom needed

    normal = statistics.NormalDist(mean, std)
    low, high = normal.cdf(a), normal.cdf(b)
    if not low < high:
        raise ValueError(f"trunc_normal_: there is nothing to be drawn between a={a!r} and b={b!r}")
    drawn = random.uniform(tensor.shape, low=low, high=high, dtype="float64", generator=_generator(tensor, generator))
    inside = np.clip(drawn.to("numpy").numpy(), max(low, 5e-324), min(high, 1 - 2**-53)).reshape(-1)
    values = np.array([normal.inv_cdf(p) for p in inside.tolist()]).reshape(tensor.shape)  # Wichura 1988
    return _fill(tensor, np.clip(values, a, b))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Uniform over +-gain * sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    fan_in, fan_out = _fans(tensor, "xavier_uniform_")
    bound = gain * math.sqrt(6 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out)) (Glorot and Bengio 2010)."""
    fan_in, fan_out = _fans(tensor, "xavier_normal_")
    return normal_(tensor, 0.0, gain * math.sqrt(2 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Uniform over +-gain * sqrt(3 / fan) (He et al. 2015).

    Args:
        tensor: a weight (out_features, in_features, ...).
        a: the negative slope of "leaky_relu".
        mode: "fan_in" keeps the size of signals going forward, "fan_out" that of gradients going back.
        nonlinearity: see `calculate_gain`.
        generator: where the numbers come from.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Normal with standard deviation gain / sqrt(fan) (He et al. 2015). Arguments as in `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """A random (semi-)orthogonal matrix times `gain` (Saxe et al. 2014); axes after the first count as one.

    The rows are orthonormal, or the columns if there are fewer of them. The decomposition runs on the host.
    """
    _fans(tensor, "orthogonal_")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    if not rows or not columns:
        return tensor
    drawn = random.normal((max(rows, columns), min(rows, columns)), generator=_generator(tensor, generator))
    q, r = np.linalg.qr(drawn.numpy().astype(np.float64))
    q *= np.sign(np.diag(r))  # without this q is not uniformly distributed (Mezzadri 2007)
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def recurrent_(module: Module, forget_bias: float = 1.0, generator: Generator | None = None) -> Module:
    """What helps recurrent nets to learn, for all standard cells (RNN, LSTM, GRU) in a module; returns the module.

    Input weights become Xavier uniform and recurrent weights orthogonal (Saxe et al. 2014), both gate by gate, so that
    each gate is scaled for itself; the recurrent weights of a simple cell with relu become the unit matrix (Le, Jaitly
    and Hinton 2015). Biases become 0, but for that of an LSTM's forget gate, b_if + b_hf, which is `forget_bias`: 1 or
    more lets memories last from the start (Gers et al. 2000; Jozefowicz et al. 2015). Other parameters stay.

    Raises ValueError if there is no standard cell in the module.
    """
    cells = [part for part in with_cells(module) if _is_standard(part)]
    if not cells:
        raise ValueError(
            f"recurrent_: there is no RNN, LSTM or GRU, nor a cell of one, in this {type(module).__name__}"
        )
    for cell in cells:
        _by_gates(xavier_uniform_, cell.weight_ih, cell.gates, generator)
        if getattr(cell, "nonlinearity", None) == "relu":
            eye_(cell.weight_hh)
        else:
            _by_gates(orthogonal_, cell.weight_hh, cell.gates, generator)
        if cell.bias_ih is None:
            continue
        zeros_(cell.bias_ih)
        zeros_(cell.bias_hh)
        forget_gate = getattr(cell, "forget_gate", None)
        if forget_gate is not None:
            of_gate = np.repeat(np.arange(cell.gates) == forget_gate, cell.bias_ih.shape[0] // cell.gates)
            _fill(cell.bias_ih, of_gate * float(forget_bias))
    return module


def _is_standard(cell: Any) -> bool:
    return hasattr(cell, "gates") and isinstance(getattr(cell, "weight_hh", None), Tensor)


def _by_gates(fill: Callable[..., Tensor], weight: Tensor, gates: int, generator: Generator | None) -> None:
    """Fill the block of each gate by itself."""
    where = weight.backend
    rows = weight.shape[0] // gates
    blocks = [zeros((rows, weight.shape[1]), weight.dtype, backend=where) for _ in range(gates)]
    generator = _generator(weight, generator)
    _fill(weight, concat([fill(block, generator=generator) for block in blocks]).array)


def _fill(tensor: Tensor, values: Any) -> Tensor:
    with no_grad():
        return tensor.copy_(values if isinstance(values, np.ndarray) else wrap(values, tensor.backend))


def _generator(tensor: Tensor, generator: Generator | None) -> Generator:
    return random.default_generator(tensor.backend) if generator is None else generator


def _fans(tensor: Tensor, what: str) -> tuple[int, int]:
    """How many inputs feed one output of a weight (out, in, ...), and how many outputs one input."""
    if tensor.ndim < 2:
        raise ValueError(f"{what} needs a weight with at least two axes, this tensor has shape {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    one_of(mode, ("fan_in", "fan_out"), "kaiming: mode")
    fan = _fans(tensor, "kaiming")[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0


on_missing(__name__)
