"""The algorithms, with the arguments, defaults and numerical behaviour of `torch.optim`.

Symbols: p a parameter, g its gradient, lr the learning rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..tensors.tensor import Tensor
from .optimizer import Group, Optimizer, calls, kept


class SGD(Optimizer):
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's variant of it (Sutskever et al. 2013).

        g <- g + weight_decay * p
        v <- momentum * v + (1 - dampening) * g        (v = g in the first step)
        p <- p - lr * v                                (nesterov: p - lr * (g + momentum * v))

    Raises ValueError for `nesterov` without momentum or with dampening, and for options out of range.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay, nesterov=nesterov
        )

    def _check(self, options: Group) -> None:
        super()._check(options)
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError("SGD: nesterov needs a momentum > 0 and no dampening")

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        first = "momentum_buffer" not in state
        velocity = kept(p, state, "momentum_buffer") if options["momentum"] else None
        p.backend.sgd_step(
            p.array,
            g,
            velocity,
            lr=options["lr"],
            momentum=options["momentum"],
            dampening=options["dampening"],
            nesterov=options["nesterov"],
            weight_decay=options["weight_decay"],
            first=first,
        )


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of squared gradients so far (Duchi et al. 2011).

    g <- g + weight_decay * p
    s <- s + g * g                                 (s = initial_accumulator_value at first)
    p <- p - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(s) + eps)        in step t = 1, 2, ...
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        array, xp = p.array, calls(p)
        total = kept(p, state, "sum", options["initial_accumulator_value"])
        if options["weight_decay"]:
            g = g + options["weight_decay"] * array
        total += g * g
        rate = options["lr"] / (1 + state.get("step", 0) * options["lr_decay"])
        array -= rate * (g / (xp.sqrt(total) + options["eps"]))
        state["step"] = state.get("step", 0) + 1


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Tieleman and Hinton 2012).

    g <- g + weight_decay * p
    s <- alpha * s + (1 - alpha) * g * g
    m <- alpha * m + (1 - alpha) * g               (centered, as in Graves 2013; otherwise m = 0)
    u <- g / (sqrt(s - m * m) + eps)
    p <- p - lr * u                                (with momentum: v <- momentum * v + u; p <- p - lr * v)
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum, centered=centered
        )

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        array, xp, alpha = p.array, calls(p), options["alpha"]
        if options["weight_decay"]:
            g = g + options["weight_decay"] * array
        square = kept(p, state, "square_avg")
        square *= alpha
        square += (1 - alpha) * (g * g)
        if options["centered"]:
            mean = kept(p, state, "grad_avg")
            mean += (1 - alpha) * (g - mean)
            square = square - mean * mean
        change = g / (xp.sqrt(square) + options["eps"])
        if options["momentum"]:
            velocity = kept(p, state, "momentum_buffer")
            velocity *= options["momentum"]
            velocity += change
            change = velocity
        array -= options["lr"] * change
        state["step"] = state.get("step", 0) + 1


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015).

    g <- g + weight_decay * p
    m <- beta1 * m + (1 - beta1) * g
    v <- beta2 * v + (1 - beta2) * g * g
    p <- p - lr * m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps)       in step t = 1, 2, ...
    """

    decoupled = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)

    def _update(self, p: Tensor, g: Any, state: dict[str, Any], options: Group) -> None:
        m, v = kept(p, state, "exp_avg"), kept(p, state, "exp_avg_sq")
        state["step"] = state.get("step", 0) + 1
        beta1, beta2 = options["betas"]
        p.backend.adam_step(
            p.array,
            g,
            m,
            v,
            lr=options["lr"],
            beta1=beta1,
            beta2=beta2,
            eps=options["eps"],
            weight_decay=options["weight_decay"],
            decoupled=self.decoupled,
            step=state["step"],
        )


class AdamW(Adam):
    """Adam with the weight decay taken out of the gradient: p <- p * (1 - lr * weight_decay) comes first.

    Loshchilov and Hutter, Decoupled weight decay regularization (2019).
    """

    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)
