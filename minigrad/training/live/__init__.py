"""The page of a training: while it runs (`minigrad train ... --live`), and afterwards, from what its folder tells.

- `LivePage` is a `Feed`, which notes what it is told; `serve` hands out the page and, once a second, what is new.
- `saved` reads the runs in a folder; `report` makes the same page of one as a file, and another of several runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigrad.advice.missing import on_missing

if TYPE_CHECKING:
    from .watcher import LivePage

__all__ = ["LivePage"]

on_missing(__name__, {"watcher": "LivePage"})  # it loads a web server
