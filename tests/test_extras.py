"""What is missing is said with a command that installs it, from a checkout and a wheel; and never a stranger's name."""

import contextlib
import json
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from project import ROOT

from minigrad import extras
from minigrad.extras import extra, install

# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pip_at_hand(monkeypatch):
    """A shell finds the pip of the Python that runs."""
    monkeypatch.setattr("shutil.which", lambda name: str(Path(sys.executable).with_name(name)))


@pytest.fixture
def installed(monkeypatch, tmp_path, pip_at_hand):
    """Let minigrad be installed in a folder of packages, as its metadata then says."""

    def place(origin=None, requires=()):
        class Distribution:
            def read_text(self, name):
                assert name == "direct_url.json"
                return json.dumps(origin) if origin else None

        monkeypatch.setattr(extras, "__file__", str(tmp_path / "minigrad" / "extras.py"))
        monkeypatch.setattr(metadata, "distribution", {"minigrad-tape": Distribution()}.get)
        monkeypatch.setattr(metadata, "requires", {"minigrad-tape": list(requires)}.get)

    return place


def test_in_the_folder_of_a_checkout(monkeypatch, pip_at_hand):
    monkeypatch.chdir(ROOT)
    assert install("numba") == 'pip install -e ".[numba]"'
    assert install() == 'pip install -e "."'


def test_elsewhere_the_checkout_is_named(monkeypatch, tmp_path, pip_at_hand):
    monkeypatch.chdir(tmp_path)
    assert install("numba") == f'pip install -e "{ROOT}[numba]"'


def test_what_came_from_an_index_has_its_name_there(installed):
    installed()
    assert install("numba") == 'pip install "minigrad-tape[numba]"'
    assert install() == 'pip install "minigrad-tape"'


def test_what_came_from_a_file_is_installed_from_it_again(installed, tmp_path):
    wheel = tmp_path / "a folder" / "minigrad_tape-0.1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    wheel.touch()
    installed({"url": wheel.as_uri(), "archive_info": {}})
    assert install("viz") == f'pip install "{wheel}[viz]"'


def test_if_the_file_is_gone_packages_are_named(installed, tmp_path):
    requires = [
        "numpy>=2.1",
        'mido>=1.3; extra == "data"',
        'rich>=13.7; extra == "models"',
        'minigrad-tape[data]; extra == "models"',
        'mido>=1.3; extra == "models"',
    ]
    installed({"url": (tmp_path / "gone.whl").as_uri(), "archive_info": {}}, requires)
    assert install("data") == 'pip install "mido>=1.3"'
    assert install("models") == 'pip install "rich>=13.7" "mido>=1.3"'
    assert install("unknown") == 'pip install "minigrad-tape[unknown]"'


def test_what_came_from_an_address(installed):
    installed({"url": "https://example.org/minigrad.whl", "archive_info": {}})
    assert install("viz") == 'pip install "minigrad-tape[viz] @ https://example.org/minigrad.whl"'
    installed({"url": "https://example.org/m.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}})
    assert install("viz") == 'pip install "minigrad-tape[viz] @ git+https://example.org/m.git@abc"'


def test_where_nothing_was_installed(installed, monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    installed()
    monkeypatch.setattr(metadata, "distribution", absent)
    assert install("viz") == 'pip install "minigrad-tape[viz]"'


def test_the_pip_is_that_of_the_python_that_runs(monkeypatch, tmp_path):
    """In a shell where no environment is active, `pip` is another or none."""
    monkeypatch.setattr("shutil.which", lambda name: f"/elsewhere/bin/{name}" if name == "pip" else None)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert install("viz").startswith(f"{tmp_path}/.venv/bin/python -m pip install -e ")
    monkeypatch.chdir(tmp_path)
    assert install("viz").startswith(".venv/bin/python -m pip install -e ")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "my venv" / "python"))
    assert install("viz").startswith('"my venv/python" -m pip install -e ')


def test_environments_without_pip(monkeypatch, tmp_path):
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/uv" if name == "uv" else None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr(sys, "executable", "/env/bin/python")
    assert install("viz").startswith("uv pip install --python /env/bin/python -e ")


def test_the_error_says_who_needs_what(monkeypatch):
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(ImportError) as error:
        extra("mido", "MIDI files need mido", "data", "; or use WAV files")
    assert str(error.value).startswith("MIDI files need mido (")
    assert str(error.value).endswith(f": {install('data')}; or use WAV files")
    assert error.value.name == "mido"


# --- texts ------------------------------------------------------------------------------------------------------------

FOLDERS = (".ci", "docs", "minigrad", "models", "tests", "tools")
TEXTS = [path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".")] + [
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
]

# "minigrad" alone, or with an extra, where a package is named that somebody is to install.
STRANGER = re.compile(
    r"""minigrad\[[a-z\d,]+\]                                    # the name with an extra
    |   \b(pip3?|pipx|uv|poetry|conda)\b[^\n`]*\b(install|add)\b[^\n`]*[\s"'=]minigrad(?![-\w./])  # a command
    |   ^\s*["']?minigrad\s*[<>=~]=                             # a line of requirements
    """,
    re.VERBOSE | re.MULTILINE,
)


def advice(text):
    return [match.group().strip() for match in STRANGER.finditer(text)]


def test_no_text_advises_the_package_of_others():
    found = {}
    for path in TEXTS:
        with contextlib.suppress(UnicodeDecodeError):  # a picture
            found[path.relative_to(ROOT).as_posix()] = advice(path.read_text(encoding="utf-8"))
    assert len(found) > 400
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize("name", ["@", '"@[viz]"', "-U @", "'@>=0.1'", "@==0.0.6"])
def test_the_test_finds_it(name):
    name = name.replace("@", "minigrad")
    assert advice(f"first run `pip install {name}`, then")
    assert advice(f'raise ImportError("no rich: python -m pip install {name}")')


@pytest.mark.parametrize("good", ['"minigrad-tape[viz]"', '-e ".[viz]"', "minigrad_tape-0.1.0.whl", "-e minigrad/"])
def test_the_test_lets_ours_pass(good):
    assert not advice(f"run `pip install {good}` for minigrad")


def test_hints_of_the_source_are_made_in_one_place():
    source = [
        path
        for path in TEXTS
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("minigrad", "models", "tools")
    ]
    told = [path for path in source if re.search(r"\bpip3? install\b", path.read_text(encoding="utf-8"))]
    assert told == [ROOT / "minigrad" / "extras.py"]
