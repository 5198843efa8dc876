"""One row of samples for each primitive: how to draw its inputs, which parameters to try, what the result should be.

`ROWS` has the names of `minigrad.primitives.PRIMITIVES`. A new primitive gets its tests by adding a row to the file of
its subject; without one `test_primitives.py` fails. Inputs stay away from kinks and poles, where finite differences say
nothing; what happens there is in `test_parity_elementwise.py` and `test_parity_reductions.py`.
"""

from samples import elementwise, indexing, neural, products, reductions, shape
from samples.row import Case, Row

ROWS: dict[str, Row] = {
    **elementwise.ROWS,
    **reductions.ROWS,
    **products.ROWS,
    **shape.ROWS,
    **indexing.ROWS,
    **neural.ROWS,
}

__all__ = ["ROWS", "Case"]
