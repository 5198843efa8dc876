"""The spectral radius of recurrent weights, which decides whether gradients vanish or explode.

In a linear network, h_t = W h_{t-1} + ..., the gradient goes back by dL/dh_{t-1} = W^T dL/dh_t. Over many steps its
norm changes by the factor rho with each step: the spectral radius, the largest absolute value of W's eigenvalues. A
tanh between the steps makes the factor smaller. Then a largest singular value of W below 1 is enough for gradients to
vanish, and one above 1 is needed for them to explode (Pascanu, Mikolov and Bengio, On the difficulty of training
recurrent neural networks, 2013). Gates change the factor in other ways: for them rho tells less.
"""

from __future__ import annotations

from typing import Any, overload

import numpy as np

import minigrad as mg
from minigrad import nn
from minigrad.inspect.aligned import aligned
from minigrad.nn.utils import with_cells


@overload
def spectral_radius(what: nn.Module) -> dict[str, float]: ...


@overload
def spectral_radius(what: mg.Tensor | np.ndarray | list[Any]) -> float: ...


def spectral_radius(what: Any) -> Any:
    """The largest absolute value of an eigenvalue.

    Args:
        what: a square matrix (n, n), as a tensor, an array or nested lists; or a module.

    Returns a number for a matrix. For a module a dict of those of its recurrent weights; see `recurrent_weights`.
    Eigenvalues are computed by `numpy.linalg.eigvals` in float64, on the host.

    Raises ValueError for what is no square matrix, or not finite, and for a module without recurrent weights.
    """
    if isinstance(what, nn.Module):
        return {name: spectral_radius(weight) for name, weight in recurrent_weights(what).items()}
    matrix = _square(what)
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def recurrent_weights(module: nn.Module) -> dict[str, np.ndarray]:
    """Copies (H, H) of the recurrent weights W_hh of all standard cells (RNN, LSTM, GRU) in a module, in float64.

    The names are those of the parameters, as `network.weight_hh_l0`. A cell with gates has a matrix for each gate:
    `network.weight_hh_l0 i`, by its `gate_names`, or by number for a cell that has none.

    Raises ValueError if there is no such cell.
    """
    return {
        f"{name} {gate}".strip(): block
        for name, cell, weight in _some_cells(module)
        for gate, block in _gates(cell, weight)
    }


def scale_radius_(module: nn.Module, radius: float) -> nn.Module:
    """Scale the recurrent weights of all standard cells, gate by gate, to this spectral radius; returns the module.

    Raises ValueError for a radius that is negative or not finite, for a module without such cells, and for weights
    whose radius is 0: nothing scales these.
    """
    if not (np.isfinite(radius) and radius >= 0):
        raise ValueError(f"scale_radius_: the spectral radius is a number from 0 on, not {radius}")
    for name, cell, weight in _some_cells(module):
        blocks = [block for _, block in _gates(cell, weight)]
        radii = [spectral_radius(block) for block in blocks]
        if radius and not all(radii):
            raise ValueError(f"scale_radius_: {name} has spectral radius 0, and cannot be scaled to {radius:g}")
        with mg.no_grad():
            scaled = [block * (radius / r if r else 0.0) for block, r in zip(blocks, radii, strict=True)]
            weight.copy_(np.concatenate(scaled))
    return module


def radius_table(module: nn.Module, width: int | None = None) -> str:
    """The recurrent weights of a module as text: the spectral radius of each, and the largest singular value.

    It is empty for a module that has no standard cell. With a width in characters, it is no wider.
    """
    if not _cells(module):
        return ""
    rows = [["recurrent weights", "spectral radius", "largest singular value"]]
    for name, weight in recurrent_weights(module).items():
        rows.append([name, f"{spectral_radius(weight):.4f}", f"{np.linalg.norm(weight, 2):.4f}"])
    return aligned(rows, width)


def linear_factors(module: nn.Module) -> dict[str, float]:
    """The spectral radii of cells without gates, of whose gradients theory has something to say; may be empty.

    They go by the name of the layer: `network.l0` for the weight `network.weight_hh_l0`.
    """
    return {
        name.replace("weight_hh_", "").removesuffix(".weight_hh"): spectral_radius(weight)
        for name, cell, weight in _cells(module)
        if cell.gates == 1
    }


def _cells(module: nn.Module) -> list[tuple[str, Any, mg.Tensor]]:
    """The name of W_hh, the cell, and W_hh, for all standard cells."""
    names = {id(p): name for name, p in module.named_parameters()}
    found: dict[int, tuple[str, Any, mg.Tensor]] = {}
    for cell in with_cells(module):
        weight = getattr(cell, "weight_hh", None)
        if isinstance(weight, mg.Tensor) and isinstance(getattr(cell, "gates", None), int):
            found.setdefault(id(weight), (names.get(id(weight), "weight_hh"), cell, weight))
    return list(found.values())


def _some_cells(module: nn.Module) -> list[tuple[str, Any, mg.Tensor]]:
    """The same. Raises ValueError if there are none."""
    found = _cells(module)
    if not found:
        raise ValueError(
            f"there is no RNN, LSTM or GRU, nor a cell of one, in this {type(module).__name__}: give the matrix itself"
        )
    return found


def _gates(cell: Any, weight: mg.Tensor) -> list[tuple[str, np.ndarray]]:
    """The name and the square block of each gate; the name is empty if there is but one."""
    blocks = np.split(_host(weight), cell.gates)
    if len(blocks) == 1:
        return [("", blocks[0])]
    names = getattr(cell, "gate_names", ())
    return list(zip(names if len(names) == len(blocks) else map(str, range(len(blocks))), blocks, strict=True))


def _square(what: Any) -> np.ndarray:
    matrix = _host(what)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"a spectral radius needs a square matrix (n, n), not an array of shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("a matrix with elements that are NaN or infinite has no spectral radius")
    return matrix


def _host(what: Any) -> np.ndarray:
    """A copy on the host, in float64."""
    return np.array(what.detach().numpy() if isinstance(what, mg.Tensor) else what, np.float64)
