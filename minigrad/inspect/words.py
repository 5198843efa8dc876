"""How a gradient goes on from each primitive to its inputs, in words: for `explain`, and for pages that teach.

`g` is the gradient that arrives at the output. A rule's words complete the sentence "this input receives ...".
"""

from __future__ import annotations

FLAT = "0, because steps are flat"

RULES: dict[str, tuple[str, ...]] = {
    # element-wise, with two or three inputs
    "add": ("g", "g"),
    "subtract": ("g", "g with the opposite sign"),
    "multiply": ("g times the other factor", "g times the other factor"),
    "divide": ("g divided by the divisor", "g times -(the dividend) / (the divisor squared)"),
    "pow": ("g times the exponent times the base to the exponent less one", "g times the output times log(the base)"),
    "remainder": ("g", "g times -(the whole quotient)"),
    "fmod": ("g", "g times -(the whole quotient, rounded towards 0)"),
    "nextafter": ("g, as if nothing had happened", "0: only its direction is read"),
    "hypot": ("g times this leg / the output", "g times this leg / the output"),
    "atan2": ("g times the abscissa / the squared distance", "g times -(the ordinate) / the squared distance"),
    "logaddexp": ("g times its share of exp(output)", "g times its share of exp(output)"),
    "copysign": ("g, with its sign turned where the sign of the input was", "0: only its sign is read"),
    "maximum": ("g where it is the larger one, g / 2 at a tie, else 0",) * 2,
    "minimum": ("g where it is the smaller one, g / 2 at a tie, else 0",) * 2,
    "where": ("nothing", "g where the condition holds, else 0", "g where the condition does not hold, else 0"),
    "clip": ("g where it lies between the bounds, else 0", "g where the bound holds", "g where the bound holds"),
    "floor_divide": (FLAT, FLAT),
    # element-wise, with one input
    "negative": ("g with the opposite sign",),
    "abs": ("g times the sign of the input",),
    "square": ("g times twice the input",),
    "sqrt": ("g divided by twice the output",),
    "reciprocal": ("g times -(the output squared)",),
    "exp": ("g times the output",),
    "expm1": ("g times (the output plus one)",),
    "log": ("g divided by the input",),
    "log1p": ("g divided by (the input plus one)",),
    "log2": ("g divided by (the input times log 2)",),
    "log10": ("g divided by (the input times log 10)",),
    "sin": ("g times the cosine of the input",),
    "cos": ("g times minus the sine of the input",),
    "tan": ("g times (one plus the output squared)",),
    "asin": ("g divided by the root of (one less the input squared)",),
    "acos": ("minus g divided by the root of (one less the input squared)",),
    "atan": ("g divided by (one plus the input squared)",),
    "sinh": ("g times the hyperbolic cosine of the input",),
    "cosh": ("g times the hyperbolic sine of the input",),
    "tanh": ("g times (one less the output squared): nothing where the output is near -1 or 1",),
    "asinh": ("g divided by the root of (the input squared plus one)",),
    "acosh": ("g divided by the root of (the input squared less one)",),
    "atanh": ("g divided by (one less the input squared)",),
    "sigmoid": ("g times the output times (one less the output): g / 4 at most",),
    "relu": ("g where the output is positive, else 0",),
    "erf": ("g times 2 / root(pi) times exp(-(the input squared))",),
    "sign": (FLAT,),
    "floor": (FLAT,),
    "ceil": (FLAT,),
    "trunc": (FLAT,),
    "round": (FLAT,),
    "astype": ("g in the type of the input",),
    # products and neural networks
    "matmul": ("g times the second factor, transposed", "the first factor, transposed, times g"),
    "linear": ("g times the weight", "g, transposed, times the input", "g, summed over all rows"),
    "einsum": ("g times the other factors, summed to its own axes",),
    "softmax": ("the output times (g less the mean of g that the output weights)",),
    "log_softmax": ("g less the softmax of the input times the sum of g",),
    "cross_entropy": ("g times (softmax of the input, less the target's distribution)", "nothing: targets are given"),
    "layer_norm": (
        "g times the weight, less its mean and its part along the normalised input, divided by the deviation",
        "g times the normalised input, summed over all rows",
        "g, summed over all rows",
    ),
    "dropout": ("g where the element was kept, times the scale, else 0", "nothing"),
    # reductions
    "sum": ("g for each element of the sum",),
    "max": ("g, shared by the elements that are the largest",),
    "min": ("g, shared by the elements that are the smallest",),
    "prod": ("g times the product of the other elements",),
    "logsumexp": ("g times the softmax of the input",),
    "cumulative_prod": ("the product of the elements before, times g and what later products pass back",),
    "cumulative_sum": ("the sum of g from each place to the end",),
    # arrangement
    "reshape": ("g in the old shape",),
    "permute_dims": ("g with its axes put back",),
    "broadcast_to": ("g, summed over what was repeated",),
    "flip": ("g flipped back",),
    "roll": ("g rolled back",),
    "pad": ("g without the padding",),
    "tril": ("the lower triangle of g",),
    "triu": ("the upper triangle of g",),
    "concat": ("its own part of g",),
    "stack": ("its own part of g",),
    "getitem": ("g at the places that were read, 0 elsewhere",),
    "index_add": ("g", "g at the places that were added to"),
    "index_set": ("g, but 0 at the places that were replaced", "g at the places that were replaced"),
}


def rule_in_words(name: str, i: int) -> str:
    """What input i of a primitive receives; of operations that take a list, each input the same."""
    words = RULES.get(name)
    if not words:
        return f"what the rule of {name} makes of g"
    return words[min(i, len(words) - 1)]
