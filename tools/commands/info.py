"""`minigrad info`: what this machine offers."""

from minigrad.tools.system import describe

from . import beside


def info() -> None:
    """Show names and facts."""
    print("\n".join(beside(name, text, 22) for name, text in describe()))
