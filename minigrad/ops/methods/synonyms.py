"""Methods under the names that PyTorch and NumPy give them, where these mean exactly one thing.

Other names of theirs are answered with advice: see `minigrad/advice/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...advice.missing import with_keywords
from ...engine.record import apply
from ...engine.tape import Version
from ...primitives import elementwise
from ...tensors.tensor import Tensor
from ..arguments import INTEGERS
from ..norms import vector_norm
from ..shaping import expand_dims, flatten, permute_dims, reshape, swapaxes
from ..shaping import repeat as repeated

TYPES = {
    "bool": "bool",
    "byte": "uint8",
    "short": "int16",
    "int": "int32",
    "long": "int64",
    "half": "float16",
    "float": "float32",
    "double": "float64",
}


def clone(x: Tensor) -> Tensor:
    """A copy in memory of its own. Gradients go back to the tensor it was copied from."""
    copied = apply(elementwise.astype, (x,), {"dtype": x.dtype})
    if copied.node is None:
        copied.version = Version()  # nobody else reads this memory, so it can change in place
    return copied


def transpose(x: Tensor, *axes: Any) -> Tensor:
    """The axes in another order: two numbers exchange two axes (PyTorch), a tuple or more numbers are the new order.

    Without axes their order is reversed (NumPy).
    """
    if len(axes) == 2 and all(isinstance(a, INTEGERS) for a in axes):
        return swapaxes(x, *axes)
    return permute(x, *(axes or range(x.ndim)[::-1]))


def permute(x: Tensor, *axes: Any) -> Tensor:
    """The axes in another order, given as a tuple or as separate numbers."""
    return permute_dims(x, axes[0] if len(axes) == 1 and not isinstance(axes[0], INTEGERS) else axes)


def t(x: Tensor) -> Tensor:
    """The transpose of a matrix; vectors and numbers as they are."""
    return x.T if x.ndim > 1 else x


def view(x: Tensor, *shape: Any) -> Tensor:
    """The elements in another shape, as `reshape`."""
    if len(shape) == 1 and not isinstance(shape[0], (*INTEGERS, tuple, list)):
        raise TypeError(f"view takes a shape, not {shape[0]!r}; x.astype(dtype) converts values")
    return reshape(x, *shape)


def ravel(x: Tensor) -> Tensor:
    """All axes made one, as `flatten`."""
    return flatten(x)


def unsqueeze(x: Tensor, axis: int) -> Tensor:
    """A new axis of size 1 at a position of the result, as `expand_dims`."""
    return expand_dims(x, axis)


def norm(x: Tensor, p: Any = 2, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The p-norm of the elements, all in one row or along an axis (PyTorch's). Norms of matrices: `mg.linalg.norm`."""
    if isinstance(p, str) and p != "fro":
        raise ValueError(f"norm: p is a number or 'fro', not {p!r}; of a matrix, mg.linalg.norm(x, ord)")
    return vector_norm(x, axis=axis, keepdims=keepdims, ord=2 if p == "fro" else p)


def round(x: Tensor, decimals: int = 0) -> Tensor:
    """Each element rounded to so many decimals, ties to even digits; the derivative is zero."""
    rounded: Tensor = x.__round__(decimals)
    return rounded


def repeat(x: Tensor, repeats: int | Any, *more: int, axis: int | None = None) -> Tensor:
    """Each element (or each slice along `axis`) repeated, as `mg.repeat`.

    Raises TypeError for repeat(n) of a vector, which is one thing in NumPy and another in PyTorch.
    """
    if x.ndim == 1 and axis is None and not more and isinstance(repeats, INTEGERS):
        raise TypeError(
            f"repeat({repeats}) of a vector: repeat({repeats}, axis=0) repeats each element, as in NumPy; "
            f"tile({repeats}) the whole, as PyTorch's repeat does"
        )
    return repeated(x, repeats, *more, axis=axis)


def dim(x: Tensor) -> int:
    """The number of axes, `x.ndim`."""
    return x.ndim


def numel(x: Tensor) -> int:
    """The number of elements, `x.size`."""
    return int(x.size)


def contiguous(x: Tensor) -> Tensor:
    """The tensor itself: how its memory is ordered matters to nobody."""
    return x


def cpu(x: Tensor) -> Tensor:
    """The tensor on the host: itself, or moved to the backend numpy. Differentiable."""
    return x if x.backend.place == "host" else x.to("numpy")


def cuda(x: Tensor) -> Tensor:
    """The tensor on the GPU, `x.to("cupy")`. Differentiable. Raises BackendError where that cannot be."""
    return x if x.backend.place != "host" else x.to("cupy")


def _conversion(name: str, dtype: str) -> Callable[[Tensor], Tensor]:
    def convert(x: Tensor) -> Tensor:
        return x.astype(dtype)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The values as {dtype}, `x.astype({dtype!r})`."
    return convert


METHODS: Sequence[Callable[..., Any]] = (
    *(clone, transpose, permute, t, view, ravel, unsqueeze, dim, numel, contiguous, cpu, cuda),
    *(with_keywords(norm), with_keywords(repeat), round),
    *(_conversion(name, dtype) for name, dtype in TYPES.items()),
)
