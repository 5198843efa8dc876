"""`minigrad info`: what this machine offers."""

from minigrad.tools.system import describe


def info() -> None:
    """Show names and facts."""
    print("\n".join(f"{name:<22} {text}" for name, text in describe()))
