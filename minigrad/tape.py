"""The tape under its first address: it lives in `minigrad.engine.tape`."""

from .engine.tape import GraphError, Leaf, Node, ancestors, sweep

__all__ = ["GraphError", "Leaf", "Node", "ancestors", "sweep"]
