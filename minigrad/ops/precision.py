"""Compositions on 16-bit floats: computed in float32 and rounded once, as an operation of the table is."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

from ..backends.halves import half_type, is_half, once

Function = TypeVar("Function", bound=Callable[..., object])


def in_float32(function: Function) -> Function:
    """Decorator: run a function of tensors in float32 where it is given 16-bit floats, and round the result once.

    Squares, sums and exponentials on the way may then lie beyond the 16-bit type. The result is of that type, unless
    the function was given a wider one too.
    """

    @functools.wraps(function)
    def call(*args, **options):  # type: ignore[no-untyped-def]
        given = [*args, *options.values()] if options else args
        if not any(map(is_half, given)):
            return function(*args, **options)
        return once(function, half_type(given), *args, **options)

    return call  # type: ignore[return-value]
