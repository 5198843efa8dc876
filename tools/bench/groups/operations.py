"""Single operations: what recording costs, the cross-entropy of many classes, an embedding's gradient, optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..frameworks import Settings, by_hand
from ..harness import Contender, Row, Target, compared, returning

LENGTH = 250  # repetitions of the four operations in one chain
OPERATIONS = 4
LOGITS = ((128, 10_000), (64, 50_000))  # rows, classes
WEIGHTS = ((10_000, 256, 4096), (50_000, 256, 4096))  # words, features, indices
LAZY_ZEROS = (
    "Large zeros of NumPy (minigrad, NumPy by hand) are pages that the system hands out when they are first touched: "
    "what is saved here for rows without a gradient is spent where the gradient is read"
)
HIDDEN, WORDS = 256, 1000
SHAPES: dict[str, list[tuple[int, ...]]] = {
    "two LSTM layers with embedding and output layer": [
        (WORDS, HIDDEN),
        *[(4 * HIDDEN, HIDDEN), (4 * HIDDEN, HIDDEN), (4 * HIDDEN,), (4 * HIDDEN,)] * 2,
        (WORDS, HIDDEN),
        (WORDS,),
    ],
    "one matrix of 2048 x 2048": [(2048, 2048)],
}
# How often an element is read or written: parameter, gradient, and the moments.
TOUCHES = {"SGD": 5, "Adam": 7, "AdamW": 7}
KINDS = tuple(TOUCHES)
TOLERANCE = 2e-3  # of the change in a few steps, of which float32 parameters keep four digits


def overhead(settings: Settings) -> list[Row]:
    """One row: microseconds an operation for multiply, add, tanh, matmul on 8 x 8 float32."""
    values = arrays()
    contenders = settings.contenders("chain", values, LENGTH) | by_hand.chain(values, LENGTH)
    targets = [Target("minigrad (numpy)", "PyTorch eager", 0.7)]
    notes = []
    if "tinygrad" in settings.others:
        notes.append("tinygrad executes nothing until a whole graph is compiled: it has no time per operation")
    return [chain(contenders, 1.0 if settings.quick else 8.0, targets, notes)]


def chain(contenders: dict[str, Contender], seconds: float, targets: Any = (), notes: Any = ()) -> Row:
    """Forward and backward through a chain of tiny operations, for each of them."""
    name = "chain of 8x8 operations, forward + backward, per operation"
    count = LENGTH * OPERATIONS
    options: dict[str, Any] = {"unit": "us", "count": count, "rounds": (5, 100)}
    return compared("overhead", name, contenders, seconds, "PyTorch eager", targets, notes, **options)


def arrays() -> tuple[Any, ...]:
    """x, a, b, w (8, 8) for the chain x <- tanh(x * a + b) @ w, which forgets where it started."""
    rng = np.random.default_rng(0)
    x, a, b, w = (rng.standard_normal((8, 8)).astype(np.float32) for _ in range(4))
    return x, a / 2, b, w / (2 * 8**0.5)


def cross_entropy(settings: Settings) -> list[Row]:
    """A row a size, in milliseconds for forward and backward."""
    return [_cross_entropy(settings, *size) for size in (LOGITS[:1] if settings.quick else LOGITS)]


def _cross_entropy(settings: Settings, count: int, classes: int) -> Row:
    logits, targets = logits_and_targets(count, classes)
    contenders = settings.contenders("cross_entropy", logits, targets)
    contenders["NumPy by hand"] = returning(lambda: by_hand.cross_entropy(logits, targets)[1])
    twin = np.empty_like(logits)
    contenders["copying the logits once"] = Contender(lambda: np.copyto(twin, logits))
    name = f"cross-entropy, forward + backward, {count} rows, {classes:,} classes"
    aims = [Target("minigrad (numba)", "PyTorch", 1.0)]
    return compared("cross-entropy", name, contenders, _seconds(settings), "PyTorch", aims)


def _seconds(settings: Settings) -> float:
    return 0.5 if settings.quick else 4.0


def logits_and_targets(count: int, classes: int) -> tuple[Any, Any]:
    """Logits (count, classes) of float32 and a class for each row."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((count, classes)).astype(np.float32), rng.integers(0, classes, count)


def embedding(settings: Settings) -> list[Row]:
    """A row a size, in milliseconds for forward and backward."""
    return [_embedding(settings, *size) for size in (WEIGHTS[:1] if settings.quick else WEIGHTS)]


def _embedding(settings: Settings, words: int, features: int, count: int) -> Row:
    weight, indices, gradient = words_and_gradient(words, features, count)
    contenders = settings.contenders("embedding_gradient", weight, indices, gradient)

    def by_numpy() -> Any:
        weight[indices]
        return by_hand.summed_rows(gradient, indices, len(weight))

    contenders["NumPy by hand"] = returning(by_numpy)
    contenders["writing zeros into an array like the gradient"] = Contender(lambda: np.empty_like(weight).fill(0.0))
    notes = [LAZY_ZEROS]
    if "tinygrad" in settings.others:
        notes.append(
            "tinygrad: left out, one gradient takes seconds (its CPU device compares all indices with all words)"
        )
    different = len(np.unique(indices))
    name = f"gradient of an embedding, {words:,} words, {features} features, {count} indices ({different} different)"
    return compared("embedding", name, contenders, _seconds(settings), "PyTorch", notes=notes)


def words_and_gradient(words: int, features: int, count: int) -> tuple[Any, Any, Any]:
    """A weight, indices of which the small ones repeat as words in a text do (Zipf's law), and a gradient."""
    rng = np.random.default_rng(0)
    share = 1 / np.arange(1, words + 1)
    indices = rng.choice(words, size=count, p=share / share.sum())
    weight = rng.standard_normal((words, features)).astype(np.float32)
    return weight, indices, rng.standard_normal((count, features)).astype(np.float32)


def optimizer(settings: Settings) -> list[Row]:
    """A row an optimizer and set of parameters, in milliseconds a step."""
    kinds = ("Adam",) if settings.quick else KINDS
    shapes = list(SHAPES.items())[: 1 if settings.quick else None]
    return [_optimizer(settings, kind, name, sizes) for name, sizes in shapes for kind in kinds]


def _optimizer(settings: Settings, kind: str, what: str, shapes: list[tuple[int, ...]]) -> Row:
    parameters, gradients = parameters_and_gradients(shapes)
    contenders = settings.contenders("optimizer_steps", kind, parameters, gradients)
    elements = sum(value.size for value in parameters)
    x = np.ones(TOUCHES[kind] * elements // 2, np.float32)  # each is read once and written once
    contenders["one pass over as many bytes"] = Contender(lambda: np.negative(x, out=x), lambda: None)
    count = f"{len(shapes)} tensors, {elements / 1e6:.1f} million elements"
    aims = [Target("minigrad (numba)", "PyTorch fused", 1.0)] if kind != "SGD" else []
    return optimizer_step(kind, f"{what} ({count})", contenders, _seconds(settings), aims)


def optimizer_step(kind: str, what: str, contenders: Any, seconds: float, targets: Any = ()) -> Row:
    """A step of one optimizer."""
    label = "SGD with momentum" if kind == "SGD" else kind
    name = f"{label} step, {what}"
    return compared("optimizer", name, contenders, seconds, "PyTorch fused", targets, tolerance=TOLERANCE)


def parameters_and_gradients(shapes: list[tuple[int, ...]]) -> tuple[list[Any], list[Any]]:
    """Parameters and gradients of these shapes, float32."""
    rng = np.random.default_rng(0)
    draws = [[rng.standard_normal(shape).astype(np.float32) for shape in shapes] for _ in range(2)]
    return draws[0], draws[1]
