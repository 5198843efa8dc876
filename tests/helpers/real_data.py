"""Where tests find the real data sets.

None is part of the project. Without them, the tests that need one are skipped.
"""

import os
from pathlib import Path

import pytest
from project import ROOT

BESIDE = ROOT.parent / "shared" / "data"


def path(relative=""):
    """A file or folder of the data folder, such as "text/tiny_shakespeare.txt"; skips the test if it is not there.

    The data folder is $MINIGRAD_DATA, or else shared/data beside the checkout.
    """
    found = Path(os.environ.get("MINIGRAD_DATA") or BESIDE) / relative
    if not found.exists():
        pytest.skip(f"the real data are not here: {found}")
    return found


def folder(name=""):
    """A folder of the data folder, such as "speech/fsdd"; skips the test if it is not there."""
    return path(name)


def provide(monkeypatch, *needed):
    """Let `minigrad.data.fetch` find the real data; skips the test if one of the `needed` paths is not there."""
    for relative in needed:
        path(relative)
    monkeypatch.setenv("MINIGRAD_DATA", str(folder()))
