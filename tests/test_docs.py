"""The snippets of README.md and docs/ run as they stand and print what the pages say, and the files they name exist."""

import contextlib
import importlib
import io
import linecache
import re

import pytest
from project import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

# Texts that name files by their path from the top, in documents and in comments.
TEXTS = [
    *PAGES,
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "pyproject.toml", "setup.py")),
    *(path for folder in ("minigrad", "models", "tools", "tests") for path in (ROOT / folder).rglob("*")),
]
PATH = re.compile(r"(?<![\w./-])(?:minigrad|models|tools|tests|docs)/[\w./-]*\w/?")
# Made up in a test, or the paths of an installation.
NO_PATHS = {"minigrad/models", "minigrad/tools", "minigrad/a.py", "tests/test_a.py", "docs/a.md", "tools/page"}

BLOCK = re.compile(r"^```(python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_run_and_print_what_the_page_says(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = BLOCK.findall(page.read_text(encoding="utf-8"))
    names: dict = {"__name__": "__page__"}
    for i, (kind, text) in enumerate(blocks):
        if kind == "text":
            continue
        printed, file = io.StringIO(), f"{page.name}, snippet {i}"
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # for errors that quote code
        with contextlib.redirect_stdout(printed):
            exec(compile(text, file, "exec"), names)
        if i + 1 < len(blocks) and blocks[i + 1][0] == "text":
            expected = blocks[i + 1][1]
            assert [line.rstrip() for line in printed.getvalue().splitlines()] == expected.rstrip("\n").splitlines()


def test_files_that_texts_name_are_there():
    kinds = {".py", ".md", ".toml", ".js", ".css", ".html", ".cu", ".cuh", ".h", ""}
    gone = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in TEXTS
        if path.is_file() and path.suffix in kinds and "__pycache__" not in path.parts
        for name in PATH.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists() and not any(name.startswith(other) for other in NO_PATHS)
    ]
    assert gone == []


LINK = re.compile(r"\]\(([^)\s]+)\)")


def test_links_lead_to_files_and_headings_that_are_there():
    pages = {*PAGES, ROOT / "CONTRIBUTING.md"}
    headings = lambda page: {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).strip().replace(" ", "-")
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("#")
    }
    broken = []
    for page in pages:
        for target in LINK.findall(page.read_text(encoding="utf-8")):
            path, _, heading = target.partition("#")
            if ":" not in path:
                file = page.parent / path if path else page
                if not file.exists() or (heading and heading not in headings(file)):
                    broken.append(f"{page.relative_to(ROOT)}: {target}")
    assert broken == []


def test_every_guide_is_in_the_table_of_the_readme():
    linked = set(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8")))
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize(
    "module", ["minigrad", *(f"minigrad.{name}" for name in ("nn", "functional", "optim", "data", "training"))]
)
def test_every_public_name_is_in_the_list_of_names(module):
    listed = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "names.md").read_text(encoding="utf-8")))
    assert {name for name in importlib.import_module(module).__all__ if not name.startswith("_")} - listed == set()


def test_the_list_of_names_has_no_other_names():
    words = re.findall(r"`([a-z_A-Z]\w*)`", (ROOT / "docs" / "names.md").read_text(encoding="utf-8"))
    places = [
        importlib.import_module(f"minigrad{name}")
        for name in ("", ".nn", ".functional", ".optim", ".data", ".training", ".tools")
    ]
    assert [
        word for word in words if word not in ("mg", "bfloat16") and not any(hasattr(place, word) for place in places)
    ] == []
