"""Pages that are kept: of one training, and of several. Each is a file that needs nothing else, not even a network.

They are the live page's own: the same scripts and styles, put together into one file, with the data in it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

from ..files import replace
from ..keeping.folder import REPORT
from .saved import Run, read

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
# Settings that say where a run is, how long it is and who watches it, and nothing of what is learned.
ASIDE = frozenset(
    "out steps validations resume overwrite live live_port tensorboard quick quiet checkpoint_seconds".split()
)


def write(folder: str | Path, path: str | Path | None = None) -> Path:
    """Write the page of the run in a folder, and return its path, by default report.html in that folder.

    Raises FileNotFoundError if there is no run, OSError.
    """
    run = read(folder)
    if run is None:
        raise FileNotFoundError(f"there is no run in {folder}")
    path = Path(folder) / REPORT if path is None else Path(path)
    replace(path, page(run).encode())
    return path


def page(run: Run) -> str:
    """The page of one training, as HTML."""
    return _together("page", run.page)


def overlay(runs: Sequence[Run], title: str, path: Path) -> str:
    """A page with the curves of several runs laid over each other, as HTML. Runs of one program are drawn together.

    Args:
        runs: the runs.
        title: the heading.
        path: where the page will be: it links the pages of the runs that are there.
    """
    known = [_group(group, path.absolute().parent) for group in grouped(runs)]
    count = f"{len(runs)} run{'s' if len(runs) != 1 else ''}, the oldest first"
    return _together("runs", {"title": title, "introduction": count, "groups": known})


def grouped(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs that can be compared: those of one program in the same unit."""
    key = lambda run: (run.page["about"]["program"] if run.program else "", run.page["about"]["unit"])
    return [list(group) for _, group in groupby(sorted(runs, key=key), key)]


def differing(runs: Sequence[Run]) -> list[str]:
    """The names of the settings in which runs differ, of those that decide what is learned."""
    names = dict.fromkeys(name for run in runs for name in run.settings if name not in ASIDE)
    return [name for name in names if len({json.dumps(run.settings.get(name), default=str) for run in runs}) > 1]


def names_of(runs: Sequence[Run]) -> list[str]:
    """A short name for each run: its folder, without what all have in common."""
    folders = [str(run.folder) for run in runs]
    if len(set(folders)) < 2:
        return folders
    common = os.path.commonpath(folders)
    return [os.path.relpath(folder, common) for folder in folders]


def _group(runs: list[Run], home: Path) -> dict[str, Any]:
    about = runs[0].page["about"]
    names = differing(runs)
    return {
        "program": runs[0].program or "Runs of before programs had their names in the log",
        "unit": about["unit"],
        "measure": runs[0].measure,
        "levels": about["levels"],
        "differing": names,
        "runs": [
            {
                "name": name,
                "report": _link(run.folder / REPORT, home),
                "began": run.began,
                "state": run.state,
                "step": run.step,
                "of": run.steps,
                "best": run.best,
                "unit": run.unit,
                "seconds": run.seconds,
                "settings": {name: written(run.settings.get(name)) for name in names},
                "steps": run.page["steps"],
                "loss": run.page["loss"],
                "validations": [{"step": v["step"], "measures": v["measures"]} for v in run.page["validations"]],
            }
            for name, run in zip(names_of(runs), runs, strict=True)
        ],
    }


def written(value: Any) -> str:
    """A setting as one reads it."""
    return "-" if value is None else value if isinstance(value, str) else json.dumps(value)


def _link(report: Path, home: Path) -> str | None:
    """The address of a file for a page in another folder; None if it is not there."""
    if not report.is_file():
        return None
    try:
        return Path(os.path.relpath(report.absolute(), home)).as_posix()
    except ValueError:  # on another drive
        return report.absolute().as_uri()


# --- one file ---------------------------------------------------------------------------------------------------------


def _together(name: str, data: Any) -> str:
    """The page of this name with its styles, its scripts and its data inside."""
    assets = files(__package__)
    style = assets.joinpath("page.css").read_text("utf-8")
    script = "".join(_script(assets.joinpath(f"{part}.js").read_text("utf-8")) for part in ("chart", "parts", name))
    # In a script element nothing but "</" and "<!--" has a meaning, and JSON can do without the sign.
    content = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    places = {
        '<link rel="stylesheet" href="page.css">': f"<style>\n{style}</style>",
        f'<script type="module" src="{name}.js"></script>': (
            f'<script type="application/json" id="data">{content}</script>\n<script type="module">\n{script}</script>'
        ),
        '<meta name="color-scheme"': f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="color-scheme"',
    }
    text = assets.joinpath(f"{name}.html").read_text("utf-8")
    for place, content in places.items():
        head, found, tail = text.partition(place)
        assert found, f"{name}.html has no {place}"
        text = head + content + tail
    return text


def _script(module: str) -> str:
    """A module as a part of a larger one, in which all that it imports is there already."""
    without_imports = re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE)
    return re.sub(r"^export ", "", without_imports, flags=re.MULTILINE)
