"""Packages that are used if they are there, and the command that installs them: minigrad itself needs NumPy alone.

What `pip` installs is called `minigrad-tape`; in the package index, `minigrad` is a project of other people. So every
hint in the project is made here, and says what works from where the user is.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

DISTRIBUTION = "minigrad-tape"  # the name that is installed; `import minigrad` is what is in it


def extra(module: str, purpose: str, name: str, instead: str = "") -> Any:
    """A module of a package that the extra `name` installs.

    Args:
        module: the module.
        purpose: what needs the package, as the error says it: "MIDI files need mido".
        name: the extra.
        instead: what can be done without it.

    Raises ImportError that says what needs the package, and how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{purpose} ({error}): {install(name)}{instead}", name=error.name) from error


def install(name: str = "") -> str:
    """The command that adds the extra `name` to the minigrad that runs here, for the Python that runs it.

    A checkout is installed from its folder, and so that changes in it count. What came from a folder, a file or an
    address is installed from there again (pip notes where, see PEP 610). If the file is gone, the packages are named
    that the extra asks for; and what came from an index has its name there.
    """
    from pathlib import Path

    folder = Path(__file__).resolve().parents[1]
    if _is_checkout(folder):
        here = "." if folder == Path.cwd() else folder
        return f'{_pip_install()} -e "{here}{_bracketed(name)}"'
    return " ".join([_pip_install(), *(f'"{source}"' for source in _sources(name))])


def _bracketed(name: str) -> str:
    return f"[{name}]" if name else ""


def _is_checkout(folder: Any) -> bool:
    """Whether this is the top of the project's source, and not a folder that packages are installed in."""
    try:
        return f'name = "{DISTRIBUTION}"' in (folder / "pyproject.toml").read_text(encoding="utf-8")
    except OSError:
        return False


def _sources(name: str) -> list[str]:
    """What pip is to install, as it reads it: where the files here came from, with the extra."""
    import json
    import os
    from importlib.metadata import PackageNotFoundError, distribution
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    wanted = f"{DISTRIBUTION}{_bracketed(name)}"
    try:
        origin = json.loads(distribution(DISTRIBUTION).read_text("direct_url.json") or "{}")
    except PackageNotFoundError:  # run from a folder that nothing was installed in
        return [wanted]
    url = origin.get("url", "")
    if url.startswith("file:"):
        path = url2pathname(urlsplit(url).path)
        return [path + _bracketed(name)] if os.path.exists(path) else _packages(name) or [wanted]
    if "vcs_info" in origin:
        url = f"{origin['vcs_info']['vcs']}+{url}@{origin['vcs_info']['commit_id']}"
    return [f"{wanted} @ {url}" if url else wanted]


def _packages(name: str) -> list[str]:
    """The packages that the extra asks for, and those of the extras that it is made of."""
    import re
    from importlib.metadata import requires

    found = []
    for line in requires(DISTRIBUTION) or []:
        package, _, condition = line.partition(";")
        if re.search(rf"extra == .{re.escape(name)}\W", condition):
            inner = re.match(rf"{DISTRIBUTION}\[(.*)\]", package)
            names = inner[1].split(",") if inner else []
            found += [p for other in names for p in _packages(other)] if inner else [package.strip()]
    return list(dict.fromkeys(found))


def _pip_install() -> str:
    """How pip is called for the Python that runs: by its short name, if that is the one that a shell finds."""
    import os
    import shutil
    import sys
    from importlib.util import find_spec

    python, shell = sys.executable, shutil.which("pip")
    if not python or (shell and os.path.dirname(shell) == os.path.dirname(python)):
        return "pip install"
    if python.startswith(os.getcwd() + os.sep):
        python = os.path.relpath(python)
    python = f'"{python}"' if " " in python else python
    if find_spec("pip") is None and shutil.which("uv"):  # environments that uv makes have no pip
        return f"uv pip install --python {python}"
    return f"{python} -m pip install"
