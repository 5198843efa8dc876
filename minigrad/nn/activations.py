"""Activation functions as modules, by PyTorch's names and arguments.

`inplace=True` is refused: an array that is overwritten may be needed by gradients.
"""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..ops import elementwise
from ..tensors.tensor import Tensor
from .module import Module


class Activation(Module):
    """Base class: `repr` shows the settings, which are the attributes. Raises ValueError for `inplace=True`."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        if inplace:
            raise ValueError(
                f"{type(self).__name__}: activations give a new tensor, as gradients may need the old one; "
                "leave inplace out"
            )

    def extra_repr(self) -> str:
        settings = {name: value for name, value in vars(self).items() if name != "training" and name[0] != "_"}
        return ", ".join(f"{name}={value!r}" for name, value in settings.items())


class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Tensor:
        return elementwise.tanh(x)


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Any) -> Tensor:
        return elementwise.sigmoid(x)


class LogSigmoid(Activation):
    """log(sigmoid(x)) without overflow."""

    def forward(self, x: Any) -> Tensor:
        return F.logsigmoid(x)


class ReLU(Activation):
    """max(x, 0)."""

    def forward(self, x: Any) -> Tensor:
        return elementwise.relu(x)


class LeakyReLU(Activation):
    """x where it is positive, negative_slope * x elsewhere (Maas et al. 2013)."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Tensor:
        return F.leaky_relu(x, self.negative_slope)


class ELU(Activation):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.alpha = alpha

    def forward(self, x: Any) -> Tensor:
        return F.elu(x, self.alpha)


class SELU(Activation):
    """The scaled ELU whose outputs tend to mean 0 and variance 1 (Klambauer et al. 2017)."""

    def forward(self, x: Any) -> Tensor:
        return F.selu(x)


class GELU(Activation):
    """x * Phi(x) (Hendrycks and Gimpel 2016); see `minigrad.gelu` for `approximate`."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, x: Any) -> Tensor:
        return elementwise.gelu(x, self.approximate)


class SiLU(Activation):
    """x * sigmoid(x), also called swish (Elfwing et al. 2018)."""

    def forward(self, x: Any) -> Tensor:
        return elementwise.silu(x)


class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta without overflow."""

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, x: Any) -> Tensor:
        return elementwise.softplus(x, self.beta)


class Softsign(Activation):
    """x / (1 + |x|)."""

    def forward(self, x: Any) -> Tensor:
        return F.softsign(x)


class Hardtanh(Activation):
    """x, but at least min_val and at most max_val."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace)
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Any) -> Tensor:
        return F.hardtanh(x, self.min_val, self.max_val)


class Softmax(Activation):
    """exp(x) / sum(exp(x)) along the axis `dim`, by default the last."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return F.softmax(x, self.dim)


class LogSoftmax(Activation):
    """log(softmax(x)) along the axis `dim`, by default the last."""

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Any) -> Tensor:
        return F.log_softmax(x, self.dim)
