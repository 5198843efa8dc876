"""Linear maps, embeddings, dropout and layer normalisation: the functions behind the modules of those names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import random
from ..engine.record import apply
from ..engine.recorded import describe
from ..ops.arguments import INTEGERS, as_tensor, integers, normal_axis
from ..ops.elementwise import where
from ..ops.shaping import flatten, reshape
from ..primitives import PRIMITIVES
from ..random import Generator
from ..tensors.tensor import Tensor


def linear(x: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ weight.T + bias.

    Args:
        x: (..., in_features).
        weight: (out_features, in_features).
        bias: (out_features,), or None.

    Returns (..., out_features). Raises ValueError for shapes that do not fit.
    """
    if weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        raise ValueError(f"linear: weight {describe(weight)} and bias {describe(bias)} do not fit each other")
    return apply(PRIMITIVES["linear"], (x, weight, bias))


def embedding(indices: Any, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """The rows of `weight` (n, d) that `indices` (an integer tensor of any shape) name: (*indices.shape, d).

    No gradient reaches the row `padding_idx`. Raises IndexError for an index outside 0..n-1.
    """
    at = as_tensor(indices, weight)
    if at.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices must be integers, not {at.dtype}")
    weight.backend.check_indices(at.array, weight.shape[0], "embedding: index")
    if padding_idx is None:
        return weight[at]
    rows = weight[at]
    padded = (at == padding_idx % weight.shape[0])[..., None]
    return where(padded, rows.detach(), rows)


def dropout(
    x: Any,
    p: float = 0.5,
    training: bool = True,
    generator: Generator | None = None,
    shared_axes: int | Sequence[int] = (),
) -> Tensor:
    """Each element zero with probability p, the others scaled by 1 / (1 - p) (Srivastava et al. 2014).

    Args:
        x: a tensor of any shape.
        p: the probability of a zero.
        training: outside training, the result is x itself.
        generator: where the random numbers come from, by default the backend's.
        shared_axes: axes along which the same elements are zero. 0 for a sequence (T, B, F) gives one mask for all of
            its time steps: variational dropout (Gal and Ghahramani 2016).

    Raises ValueError unless 0 <= p <= 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout: a probability is between 0 and 1, not {p}")
    x = as_tensor(x)
    if not training or p == 0:
        return x
    axes = (shared_axes,) if isinstance(shared_axes, INTEGERS) else shared_axes
    shared = {normal_axis(axis, x.ndim, "dropout") for axis in axes}
    keep = random.bernoulli(1 - p, [1 if i in shared else n for i, n in enumerate(x.shape)], generator, x.backend)
    return apply(PRIMITIVES["dropout"], (x, keep), {"scale": 1.0 if p == 1 else 1 / (1 - p)})


def layer_norm(
    x: Any,
    normalized_shape: int | tuple[int, ...],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axes (Ba et al. 2016).

    Args:
        x: (..., *normalized_shape).
        normalized_shape: the sizes of the axes that are normalised together.
        weight, bias: of that shape, or None.
        eps: added to the variance.
    """
    x = as_tensor(x)
    sizes = integers(normalized_shape, "layer_norm: normalized_shape")
    if not sizes or x.shape[x.ndim - len(sizes) :] != sizes:
        raise ValueError(f"layer_norm: {describe(x)} does not end in the shape {sizes}")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and t.shape != sizes:
            raise ValueError(f"layer_norm: {name} {describe(t)} has another shape than {sizes}")
    if len(sizes) == 1:
        return apply(PRIMITIVES["layer_norm"], (x, weight, bias), {"eps": eps})
    shape = x.shape
    x = flatten(x, x.ndim - len(sizes))
    weight = None if weight is None else flatten(weight)
    bias = None if bias is None else flatten(bias)
    return reshape(apply(PRIMITIVES["layer_norm"], (x, weight, bias), {"eps": eps}), shape)
