"""Layers, by PyTorch's names, weight layouts and initial distributions."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from .. import functional as F
from ..engine.recording import no_grad
from ..ops import creation, shaping
from ..random import Generator
from ..tensors.tensor import Parameter, Tensor
from . import init
from .module import Module

# --- layers -----------------------------------------------------------------------------------------------------------


class Linear(Module):
    """x @ weight.T + bias: (..., in_features) -> (..., out_features).

    Parameters: weight (out_features, in_features) and bias (out_features,), both uniform over +-1 / sqrt(in_features).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features = check_size("Linear", "in_features", in_features)
        self.out_features = check_size("Linear", "out_features", out_features)
        self.weight = Parameter(creation.zeros((out_features, in_features)))
        self.bias = Parameter(creation.zeros((out_features,))) if bias else None
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the parameters anew."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=generator)  # = +-1 / sqrt(in_features)
        if self.bias is not None:
            bound = 1 / math.sqrt(self.in_features)
            init.uniform_(self.bias, -bound, bound, generator)

    def forward(self, x: Any) -> Tensor:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """A table of vectors, read by index: integers of any shape (...) -> (..., embedding_dim).

    Parameter: weight (num_embeddings, embedding_dim), standard normal. The row `padding_idx` (negative: counted from
    the end) starts at zero and gets no gradient.

    Raises IndexError for an index outside 0..num_embeddings-1, TypeError for indices that are not integers.
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        self.num_embeddings = check_size("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = check_size("Embedding", "embedding_dim", embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx {padding_idx} is not one of {num_embeddings} rows")
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = Parameter(creation.zeros((num_embeddings, embedding_dim)))
        self.reset_parameters()

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the table anew."""
        init.normal_(self.weight, generator=generator)
        if self.padding_idx is not None:
            with no_grad():
                init.zeros_(self.weight[self.padding_idx])

    def forward(self, indices: Any) -> Tensor:
        return F.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"


class Dropout(Module):
    """In training, each element zero with probability p and the others times 1 / (1 - p) (Srivastava et al. 2014).

    In evaluation, the input itself.

    Args:
        p: the probability of a zero.
        generator: where the random numbers come from, by default the backend's.
        shared_axes: axes along which the same elements are zero; 0 for one mask for all steps of a sequence (T, B, F).
    """

    def __init__(
        self, p: float = 0.5, generator: Generator | None = None, shared_axes: int | tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.p = check_probability("Dropout", p)
        self.generator = generator
        self.shared_axes = shared_axes

    def forward(self, x: Any) -> Tensor:
        return F.dropout(x, self.p, self.training, self.generator, self.shared_axes)

    def extra_repr(self) -> str:
        return f"p={self.p:g}" + ("" if self.shared_axes == () else f", shared_axes={self.shared_axes}")


class LayerNorm(Module):
    """(x - mean) / sqrt(variance + eps) * weight + bias over the last axes (Ba et al. 2016).

    Args:
        normalized_shape: the sizes of the axes that are normalised together; a number for the last axis alone.
        eps: added to the variance.
        elementwise_affine: whether there are parameters weight (ones) and bias (zeros) of that shape.
        bias: whether there is the bias.
    """

    def __init__(
        self,
        normalized_shape: int | Iterable[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.normalized_shape = tuple(check_size("LayerNorm", "normalized_shape", n) for n in sizes)
        self.eps = eps
        self.weight = Parameter(creation.ones(self.normalized_shape)) if elementwise_affine else None
        self.bias = Parameter(creation.zeros(self.normalized_shape)) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Tensor:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        sizes = self.normalized_shape
        return f"{sizes[0] if len(sizes) == 1 else sizes}, eps={self.eps:g}"


class Identity(Module):
    """The input itself."""

    def forward(self, x: Any) -> Any:
        return x


class Flatten(Module):
    """The axes from `start_dim` to `end_dim` as one: by default all but the first, the batch."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Tensor:
        return shaping.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


# --- checks of arguments, for the other files of this package too -----------------------------------------------------


def check_size(kind: str, name: str, value: int) -> int:
    """A size as a Python integer. Raises ValueError unless it is an integer >= 1."""
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < 1:
        raise ValueError(f"{kind}: {name} must be an integer >= 1, not {value!r}")
    return int(value)


def check_probability(kind: str, p: float) -> float:
    """A probability as it is. Raises ValueError outside 0..1."""
    if not 0 <= p <= 1:
        raise ValueError(f"{kind}: a probability is between 0 and 1, not {p!r}")
    return p
