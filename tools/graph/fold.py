"""The place where views were: `minigrad.tools.graph.view` is the name that stays."""

from .views.fold import fold, passes, view

__all__ = ["fold", "passes", "view"]
