"""What is installed: the packages, in a wheel and in an editable install, and what a bare import costs."""

import email
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy
import pytest
from project import ROOT

import minigrad
from minigrad.extras import DISTRIBUTION

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS = PROJECT["tool"]["setuptools"]["package-dir"]
AT_THE_TOP = [
    *("pyproject.toml", "setup.py", "minigrad_command.py", "MANIFEST.in", "Makefile", ".gitignore"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
]
NOT_SOURCE = ("__pycache__", ".*")
IMPORT_ALL = "import minigrad.models, minigrad.nn, minigrad.tools.graph.render.graphviz; print(minigrad.tools.__file__)"


def run_python(*arguments, cwd, **environment):
    """Run this Python in another folder; return what it prints."""
    command = [sys.executable, *map(str, arguments)]
    environment = os.environ | environment
    result = subprocess.run(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
    return result.stdout.strip()


def source_files():
    """Each file of the installed folders, by the path that it has once installed."""
    return {
        "/".join([*name.split("."), *path.relative_to(ROOT / folder).parts]): path
        for name, folder in FOLDERS.items()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of what a build reads: a build leaves files behind, and finds those of an older one."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in AT_THE_TOP:
        shutil.copy(ROOT / name, copy)
    for folder in (*FOLDERS.values(), "tests", "docs", ".ci"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    return copy


def build(kind, checkout, target):
    """Call the build backend without the network; unpack the wheel that it makes into `target`."""
    code = f"import setuptools.build_meta as backend, sys; backend.build_{kind}(sys.argv[1])"
    wheels = target / "wheels"
    wheels.mkdir()
    said = run_python("-c", code, wheels, cwd=checkout, PYTHONDONTWRITEBYTECODE="")
    assert "warn" not in said.lower()
    (wheel,) = wheels.glob("minigrad_tape-*.whl")
    site = target / "site"
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture(scope="module")
def wheel(checkout, tmp_path_factory):
    """The folder of an unpacked wheel."""
    return build("wheel", checkout, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def editable(checkout, tmp_path_factory):
    """The folder of an unpacked editable wheel: what `pip install -e` puts into site-packages."""
    return build("editable", checkout, tmp_path_factory.mktemp("editable"))


# The wheel


def test_wheel_holds_every_file_of_the_three_folders(wheel):
    held = {path.relative_to(wheel).as_posix() for path in wheel.rglob("*") if path.is_file()}
    held = {path for path in held if ".dist-info/" not in path}
    expected = {*source_files(), "minigrad_command.py"}
    assert held == expected, "a folder without __init__.py, or a kind of file that package-data does not name?"
    assert {"minigrad/__init__.py", "minigrad/models/__init__.py", "minigrad/tools/__init__.py"} <= held


def metadata(wheel):
    """What the wheel says about itself, with README.md as the body."""
    (info,) = wheel.glob("minigrad_tape-*.dist-info")
    return email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))


def test_wheel_has_the_command_and_the_license(wheel):
    (info,) = wheel.glob("minigrad_tape-*.dist-info")
    assert "minigrad = minigrad_command:main" in (info / "entry_points.txt").read_text()
    assert (info / "licenses" / "LICENSE").is_file()


def test_the_page_of_the_wheel_shows_files_that_are_here(wheel):
    """An index shows README.md without the files beside it: pictures and links have addresses on the web."""
    source = PROJECT["project"]["urls"]["Source"]
    page = metadata(wheel).get_payload()
    links = re.findall(r"\]\(([^)\s]+)\)", page)
    pictures = [link for link in links if "/docs/images/" in link]
    assert len(pictures) >= 3
    for link in links:
        repository, found, path = link.partition("/HEAD/")
        assert found or link.startswith("#"), link
        assert (ROOT / path.partition("?")[0].partition("#")[0]).exists(), link
        assert repository.removesuffix("/blob").endswith(source.removeprefix("https://github.com")), link
    assert all(link.startswith("https://raw.") for link in pictures)
    assert all(link.endswith(".svg?sanitize=true") == ("svg" in link) for link in pictures)


def test_wheel_is_imported_under_one_name(wheel, tmp_path):
    where = run_python("-P", "-c", IMPORT_ALL, cwd=tmp_path, PYTHONPATH=str(wheel))
    assert Path(where) == wheel / "minigrad" / "tools" / "__init__.py"


# The source distribution


def test_sdist_can_run_the_tests(checkout, tmp_path):
    """It holds the files of a checkout, and the packages in it are those of the folder that it is unpacked in."""
    code = "import setuptools.build_meta as backend, sys; backend.build_sdist(sys.argv[1])"
    said = run_python("-c", code, tmp_path, cwd=checkout)
    assert "warn" not in said.lower()
    (archive,) = tmp_path.glob("minigrad_tape-*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    held = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    here = {path.relative_to(checkout).as_posix() for path in checkout.rglob("*") if path.is_file()}
    made = re.compile(r"(build|dist)/|.*\.egg-info/|.*/__pycache__/")
    assert {path for path in here - held if not made.match(path)} == set(), "a kind of file that MANIFEST.in lacks?"
    assert not any("__pycache__" in path for path in held)


# The editable install


def run_with_editable(statements, editable, cwd):
    """Run Python with the editable install under test in place of this environment's own."""
    # -S leaves out this environment's .pth files. The folder comes before NumPy's, because both hold a finder
    # module of the same name.
    code = f"import site; site.addsitedir({str(editable)!r}); {statements}"
    site_packages = Path(numpy.__file__).parent.parent
    return run_python("-S", "-c", code, cwd=cwd, PYTHONPATH=os.pathsep.join([str(editable), str(site_packages)]))


@pytest.mark.parametrize("inside", [False, True], ids=["elsewhere", "in the checkout"])
def test_editable_install_maps_the_folders(editable, checkout, tmp_path, inside):
    """From the checkout's top, `minigrad` is found by path and `minigrad.tools` is not inside it."""
    where = run_with_editable(IMPORT_ALL, editable, cwd=checkout if inside else tmp_path)
    assert Path(where).samefile(checkout / "tools" / "__init__.py")


def test_editable_install_sees_packages_added_later(editable, checkout, tmp_path):
    added = checkout / "tools" / "added_later"
    added.mkdir()
    (added / "__init__.py").write_text("", encoding="utf-8")
    try:
        run_with_editable("import minigrad.tools.added_later", editable, cwd=tmp_path)
    finally:
        shutil.rmtree(added)


# pyproject.toml


def test_base_dependency_is_numpy_alone():
    assert [name_of(line) for line in PROJECT["project"]["dependencies"]] == ["numpy"]


@pytest.mark.parametrize(
    ("extra", "promised"),
    {
        "numba": {"numba"},
        "cuda12": {"cupy-cuda12x"},
        "cuda13": {"cupy-cuda13x"},
        "viz": {"graphviz", "pygraphviz", "matplotlib"},
        "training": {"rich", "typer", "safetensors", "matplotlib"},
        "models": {"minigrad-tape"},
        "all": {"minigrad-tape"},
        "test": {"pytest", "hypothesis", "ruff", "mypy", "build"},
        "parity": {"torch"},
        "tensorboard": {"tensorboardX"},
    }.items(),
)
def test_extras(extra, promised):
    assert promised <= {name_of(line) for line in PROJECT["project"]["optional-dependencies"][extra]}


def test_extra_all_is_everything_for_a_cpu():
    assert PROJECT["project"]["optional-dependencies"]["all"] == ["minigrad-tape[numba,viz,models,tensorboard]"]


def name_of(requirement):
    """The package that a requirement asks for: `numpy` of `numpy>=2.1`."""
    return requirement.replace("[", ">").replace("=", ">").split(">")[0]


def test_version_is_the_same_everywhere(wheel):
    assert minigrad.__version__ == PROJECT["project"]["version"] == metadata(wheel)["version"]


def test_extras_name_the_distribution_that_they_are_of():
    assert PROJECT["project"]["name"] == DISTRIBUTION
    own = [
        line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines if "minigrad" in line
    ]
    assert own
    assert all(line.startswith(f"{DISTRIBUTION}[") for line in own)


# A bare import


def test_import_minigrad_needs_numpy_alone(tmp_path):
    optional = [
        "numba",
        "cupy",
        "matplotlib",
        "graphviz",
        "pygraphviz",
        "torch",
        "typer",
        "rich",
        "safetensors",
        "mido",
        "pooch",
        "scipy",
        "sklearn",
        "tensorboardX",
    ]
    code = f"import sys, minigrad; print([name for name in {optional} if name in sys.modules])"
    assert run_python("-c", code, cwd=tmp_path) == "[]"


def test_import_minigrad_brings_nothing_along_that_few_need(tmp_path):
    rare = ["hashlib", "logging", "shutil", "concurrent.futures", "csv", "gzip", "json", "urllib.request", "zipfile"]
    code = (
        "import sys, numpy; before = set(sys.modules);"
        f"import minigrad; print([name for name in {rare} if name in sys.modules and name not in before])"
    )
    assert run_python("-c", code, cwd=tmp_path) == "[]"


def test_importing_the_drawing_does_not_load_the_libraries(tmp_path):
    code = (
        "import sys, minigrad.tools.graph;"
        "print([name for name in ('graphviz', 'pygraphviz', 'matplotlib') if name in sys.modules])"
    )
    assert run_python("-c", code, cwd=tmp_path) == "[]"


# --- images with a GPU ------------------------------------------------------------------------------------------------

ABSENT = (
    "hypothesis torch matplotlib rich safetensors typer mpmath threadpoolctl ml_dtypes graphviz pygraphviz jax "
    "mido pooch scipy sklearn playwright tensorboard tensorboardX"
)
COLLECT = f"""
import sys
import pytest
sys.modules |= dict.fromkeys({ABSENT.split()})
sys.exit(pytest.main(["-m", "gpu", "--collect-only", "-q", "-p", "no:cacheprovider"]))
"""


def test_what_runs_on_a_gpu_needs_cupy_numpy_numba_and_pytest_alone():
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # hypothesis brings a plugin
    command = [sys.executable, "-c", COLLECT]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "test_gpu.py::test_programs_run[adding]" in done.stdout
