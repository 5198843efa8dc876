"""`minigrad gradflow`: its options are the fields of `Request`."""

import inspect
from typing import Any

from minigrad.tools.gradflow.command import Request, run

from . import with_parameters


def gradflow(**values: Any) -> None:
    """Measure, print, draw."""
    run(Request(**values))


with_parameters(gradflow, inspect.signature(Request, eval_str=True).parameters.values())
