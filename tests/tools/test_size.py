"""What `make size` counts, and the limits of files and functions."""

import subprocess
import sys

import pytest
from project import ROOT

from minigrad.tools import size

PYTHON = '''"""What it is.

Two paragraphs.
"""

X = """a text

is code"""  # so is its blank line


class C:
    """A class."""

    # Alone.
    def f(self):
        """Short."""

        def inner():
            return "# no comment"

        return inner  # beside code


async def g(): ...
'''
JAVASCRIPT = """// alone
const url = "https://no.comment";  /* beside */
/* over
   lines */
const text = `// no
comment {`;

function outer(x) {
  if (x) {
    return "}";
  }
  for (const y of [() => { return 1; }]) { y(); }
}
class A {
  method(a, b = {}, { c, d }) {
    return a;
  }
}
const arrow = (x) => {
  return x;
};
"""
CUDA = """#include "common.cuh"

// Why.
template <typename T>
KERNEL first_kernel(const T* __restrict__ x,
                    int64 n) {
    for (int64 i = 0; i < n; i++) {
        x[i];
    }
}
struct S { int a; };
"""


@pytest.mark.parametrize(
    ("suffix", "source", "code"),
    [
        (".py", PYTHON, 9),
        (".py", "", 0),
        (".js", JAVASCRIPT, 17),
        (".cu", CUDA, 9),
        (".cuh", CUDA, 9),
        (".css", "/* a\n b */\na { b: url(//c) }\n\n", 1),
        (".html", "<!-- a\n-->\n<p>\n", 1),
    ],
)
def test_code_is_what_is_no_blank_line_comment_or_docstring(suffix, source, code):
    assert size.code_lines(source, suffix) == code


def test_functions_have_their_lines_and_those_of_the_functions_inside():
    assert sorted(size.functions(PYTHON, ".py")) == [("f", 7), ("g", 1)]
    assert list(size.functions(JAVASCRIPT, ".js")) == [("outer", 6), ("method", 3), ("arrow", 3)]
    assert list(size.functions(CUDA, ".cu")) == [("first_kernel", 6)]


def test_the_report_adds_up_folders_and_names_what_is_long(tmp_path):
    for path, text in {
        "minigrad/a.py": "A = 1\n" * 401,
        "minigrad/engine/tape.py": "def f():\n" + "    1\n" * 60,
        "minigrad/engine/record.py": "# why\n\nB = 2\n",
        "tools/page/page.js": "let a;\n",
        "tests/test_a.py": "C = 3\n",
        "docs/a.md": "one\ntwo\n",
        "tools/page/data.json": "{}\n",
    }.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    result = subprocess.run([sys.executable, size.__file__, tmp_path], capture_output=True, text=True, check=True)
    assert [" ".join(line.split()) for line in result.stdout.splitlines()] == [
        "files lines code",
        "minigrad/ 3 465 463",
        "engine/ 2 64 62",
        "tools/ 1 1 1",
        "page/ 1 1 1",
        "in all 4 466 464",
        "",
        "the core, which is read first 2 64 62",
        "tests 1 1 1",
        "docs 1 2",
        "",
        "Files of over 400 lines: 1",
        "401 minigrad/a.py",
        "",
        "Functions of over 60 lines: 1",
        "61 minigrad/engine/tape.py: f",
    ]


def test_the_core_is_found_and_has_under_3000_lines_of_code():
    files = {path.name for path in size.core(ROOT)}
    assert {"scope.py", "tape.py", "record.py", "gradient.py", "tensor.py", "table.py", "base.py", "numpy.py"} <= files
    assert 1_000 < sum(size.measure(path).code for path in size.core(ROOT)) < 3_000


def test_no_file_is_over_400_lines_and_no_function_over_60():
    assert size.long_files(ROOT) == []
    assert size.long_functions(ROOT) == []
