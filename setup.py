"""The list of packages, and the page that an index shows. Everything else about the build is in pyproject.toml.

`models/` and `tools/` are installed as `minigrad.models` and `minigrad.tools`. The search for packages that
pyproject.toml offers cannot rename what it finds, and a list written by hand forgets new packages.
"""

import re
import tomllib
from pathlib import Path

from setuptools import find_namespace_packages, setup

here = Path(__file__).resolve().parent
settings = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))
folders = settings["tool"]["setuptools"]["package-dir"]
source = settings["project"]["urls"]["Source"]

packages = []
for name, folder in folders.items():
    packages.append(name)
    # Folders of other files than Python's count too: setuptools takes them for packages that were forgotten.
    packages.extend(f"{name}.{child}" for child in find_namespace_packages(folder, exclude=["*__pycache__*"]))


def absolute(link):
    """A link of README.md to a file of the project, with the address that the file has on the web."""
    picture, text, path = link.groups()
    if not picture:
        return f"[{text}]({source}/blob/HEAD/{path})"
    # Without the question, vector graphics are served as text there.
    address = source.replace("https://github.com", "https://raw.githubusercontent.com")
    return f"![{text}]({address}/HEAD/{path}{'?sanitize=true' if path.endswith('.svg') else ''})"


readme = (here / "README.md").read_text(encoding="utf-8")
readme = re.sub(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)", absolute, readme)

setup(
    packages=packages,
    py_modules=["minigrad_command"],
    long_description=readme,
    long_description_content_type="text/markdown",
)
