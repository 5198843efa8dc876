"""Run a module in order to draw it, and leave no traces in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minigrad import dtypes, enable_grad, nn, ones_like, random, tree, zeros
from minigrad.autograd import differentiate
from minigrad.engine.recording import no_grad
from minigrad.engine.scope import SCOPE, Scope
from minigrad.inspect.observe import Tape
from minigrad.nn.recurrent.cells import StandardCell
from minigrad.tensors.tensor import Tensor

TIME, BATCH = 6, 2  # the size of what stands in for inputs


def record(module: nn.Module, inputs: Sequence[Any] | None = None, gradients: bool = False) -> Tape:
    """What a call of a module records, with details.

    Args:
        module: it runs in the mode it is in (training or evaluation). Its parameters, their gradients, its buffers and
            the state of the random numbers are the same afterwards.
        inputs: the arguments of the call; None takes zeros, 6 time steps of a batch of 2, for modules of `minigrad.nn`
            whose inputs are known.
        gradients: differentiate the sum of all outputs, for the gradients to be on the tape.

    Raises ValueError if inputs must be given; what the module raises.
    """
    arguments = (sample_input(module),) if inputs is None else tuple(inputs)
    with _unchanged(module), enable_grad(), Tape(details=True) as tape:
        outputs = tree.leaves(module(*arguments))
        if gradients:
            _differentiate(outputs, [*module.parameters(), *tree.leaves(arguments)])
    return tape


def _differentiate(outputs: Sequence[Tensor], leaves: Sequence[Tensor]) -> None:
    """The gradients of the sum of some outputs, only to be seen by a tape."""
    ends = [t for t in outputs if t.node is not None]
    wanted = [t for t in leaves if t.node is not None]
    if not ends or not wanted:
        raise ValueError("there are no gradients to show: neither parameters nor inputs of this module require them")
    differentiate(ends, wanted, [ones_like(t) for t in ends], allow_unused=True)


@contextmanager
def _unchanged(module: nn.Module) -> Iterator[None]:
    """What a call may change is as it was afterwards: buffers, random numbers, and the counts of calls."""
    outer = SCOPE.get()
    SCOPE.set(Scope(None, None))  # earlier calls are no time steps of this one
    generator = random.default_generator(_backend(module))
    state = generator.get_state()
    places = [(part, name, vars(part)[name]) for part in module.modules() for name in part._buffers]
    values = [(b, b.backend.copy(b.array)) for _, _, b in places if b is not None]
    try:
        yield
    finally:
        SCOPE.set(outer)
        generator.set_state(state)
        for part, name, buffer in places:
            setattr(part, name, buffer)
        with no_grad():
            for buffer, value in values:
                buffer.copy_(Tensor(value, backend=buffer.backend))


def _backend(module: nn.Module) -> Any:
    return next((p.backend for p in module.parameters()), None)


# --- inputs -----------------------------------------------------------------------------------------------------------


def sample_input(module: nn.Module) -> Tensor:
    """Zeros that a module of `minigrad.nn` can read. Raises ValueError for one of which that is not known."""
    for kind, shape in _SHAPES:
        if isinstance(module, kind):
            found = shape(module)
            if found is not None:
                return found
    raise ValueError(
        f"what a {type(module).__name__} reads is not known: give the arguments of its call, as in inputs=(x,)"
    )


def _zeros(module: nn.Module, *shape: int, batch_first: bool = False) -> Tensor:
    if batch_first:
        shape = (shape[1], shape[0], *shape[2:])
    floats = [p.dtype for p in module.parameters() if dtypes.is_float(p.dtype)]
    return zeros(shape, dtype=floats[0] if floats else None, backend=_backend(module))


def _of_recurrent(module: Any) -> Tensor | None:
    size = getattr(module.cell, "input_size", None)
    return None if size is None else _zeros(module, TIME, BATCH, size, batch_first=module.batch_first)


def _of_embedded(module: Any) -> Tensor | None:
    return sample_input(module.network if module.embedding is None else module.embedding)


# The first kind that fits a module says what it reads; the order of axes is that of its documentation.
_SHAPES: tuple[tuple[Any, Callable[[Any], Tensor | None]], ...] = (
    (nn.Linear, lambda m: _zeros(m, BATCH, m.weight.shape[1])),
    (nn.Embedding, lambda m: zeros((TIME, BATCH), dtype="int64", backend=_backend(m))),
    (nn.LayerNorm, lambda m: _zeros(m, BATCH, *m.normalized_shape)),
    (StandardCell, lambda m: _zeros(m, BATCH, m.input_size)),
    (nn.RecurrentStack, lambda m: _zeros(m, TIME, BATCH, m.input_size, batch_first=m.batch_first)),
    (nn.Recurrent, _of_recurrent),
    (nn.Sequential, lambda m: sample_input(m[0]) if len(m) else None),
    (nn.SequenceClassifier, lambda m: sample_input(m.encoder)),
    ((nn.SequenceTagger, nn.SequenceEncoder), _of_embedded),
)
