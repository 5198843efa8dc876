"""The list of packages. Everything else about the build is in pyproject.toml.

`models/` and `tools/` are installed as `minigrad.models` and `minigrad.tools`. The search for packages that
pyproject.toml offers cannot rename what it finds, and a list written by hand forgets new packages.
"""

import tomllib
from pathlib import Path

from setuptools import find_packages, setup

settings = tomllib.loads(Path(__file__).with_name("pyproject.toml").read_text(encoding="utf-8"))
folders = settings["tool"]["setuptools"]["package-dir"]

packages = []
for name, folder in folders.items():
    packages.append(name)
    packages.extend(f"{name}.{child}" for child in find_packages(folder))

setup(packages=packages)
