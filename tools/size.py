"""How much there is of minigrad, by folder: `make size` prints it, so that growth is seen and argued for.

A file's *lines* are all of its lines; its *code* is the lines that say something to the machine: no blank ones, no
comments, no docstrings. A function's lines are those from its `def` to its end, with the docstring. It needs no
more than Python: `python tools/size.py [FOLDER]` prints the sizes of a checkout.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

SOURCE = ("minigrad", "models", "tools")
LANGUAGES = (".py", ".js", ".css", ".html", ".cu", ".cuh")
# What a student reads first: its code is kept under 3,000 lines.
CORE = ("engine/*.py", "tensors/*.py", "primitives/*.py", "backends/base.py", "backends/numpy.py")
FILE_LIMIT = 400
FUNCTION_LIMIT = 60

SLASHES = r"//[^\n]*|/\*.*?\*/"
COMMENTS = {".css": r"/\*.*?\*/", ".html": "<!--.*?-->", ".js": SLASHES, ".cu": SLASHES, ".cuh": SLASHES}
# A text may hold what looks like a comment or a brace.
TEXTS = r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"
# A function in a language with braces: its name, its parameters, its first brace.
FUNCTION = re.compile(r"(\w*)[\s=]*\((?:[^()]|\([^()]*\))*\)\s*(?:=>\s*)?\{")
BRACE = re.compile("[{}]")
CONTROL = {"if", "for", "while", "switch"}
SILENT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Size(NamedTuple):
    """The size of some files."""

    files: int = 0
    lines: int = 0
    code: int = 0


def total(sizes) -> Size:
    return Size(*map(sum, zip(Size(), *sizes)))


def sources(root: Path, *folders: str) -> list[Path]:
    """The files of a checkout's folders that people write."""
    found = (path for folder in folders for path in sorted((root / folder).rglob("*")))
    return [path for path in found if path.suffix in LANGUAGES and "__pycache__" not in path.parts]


def core(root: Path) -> list[Path]:
    """The files that are read first: engine, tensors, primitives, and the protocol of backends with its reference."""
    return [path for pattern in CORE for path in sorted((root / "minigrad").glob(pattern))]


def code_lines(source: str, suffix: str) -> int:
    """How many lines hold code: those that are not blank, a comment or a docstring."""
    if suffix == ".py":
        return len(_python_lines(source))
    return sum(bool(line.strip()) for line in _without_comments(source, suffix, lambda text: text).splitlines())


def _without_comments(source: str, suffix: str, of_text: Callable[[str], str]) -> str:
    def kept(match):
        return of_text(match["text"]) if match["text"] else "\n" * match[0].count("\n")

    return re.sub(rf"(?P<text>{TEXTS})|{COMMENTS[suffix]}", kept, source, flags=re.DOTALL)


def _python_lines(source: str) -> set[int]:
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node, clean=False) is not None:
            lines.difference_update(_span(node.body[0]))
    return lines


def _span(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def functions(source: str, suffix: str) -> Iterator[tuple[str, int]]:
    """Name and number of lines of each function; one inside another is part of it."""
    if suffix == ".py":
        nodes: list[ast.AST] = [ast.parse(source)]
        while nodes:
            for node in ast.iter_child_nodes(nodes.pop()):
                if isinstance(node, Function):
                    yield node.name, len(_span(node))
                else:
                    nodes.append(node)
        return
    source = _without_comments(source, suffix, lambda text: "\n" * text.count("\n"))
    end = 0
    for head in FUNCTION.finditer(source):
        if head.start() >= end and head[1] not in CONTROL:
            end, depth = head.end(), 1
            while depth and (brace := BRACE.search(source, end)):
                end = brace.end()
                depth += 1 if brace[0] == "{" else -1
            yield head[1], source.count("\n", head.start(), end) + 1


def measure(path: Path) -> Size:
    return Size(1, _count(path), code_lines(path.read_text(encoding="utf-8"), path.suffix))


def _count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def long_files(root: Path, limit: int = FILE_LIMIT) -> list[tuple[int, str]]:
    """The files of the source with more lines than that, longest first."""
    found = ((_count(path), path.relative_to(root).as_posix()) for path in sources(root, *SOURCE))
    return sorted((entry for entry in found if entry[0] > limit), reverse=True)


def long_functions(root: Path, limit: int = FUNCTION_LIMIT) -> list[tuple[int, str]]:
    """The functions of the source with more lines than that, as `file: name`, longest first."""
    found = (
        (lines, f"{path.relative_to(root).as_posix()}: {name}")
        for path in sources(root, *SOURCE)
        for name, lines in functions(path.read_text(encoding="utf-8"), path.suffix)
    )
    return sorted((entry for entry in found if entry[0] > limit), reverse=True)


def report(root: Path) -> Iterator[str]:
    """The lines of the report."""
    yield f"{'':36}{'files':>7}{'lines':>9}{'code':>9}"

    def row(name: str, size: Size) -> str:
        return f"{name:36}{size.files:7,}{size.lines:9,}{size.code:9,}"

    sizes = {path.relative_to(root): measure(path) for path in sources(root, *SOURCE, "tests")}
    folders = sorted({folder for path in sizes for folder in path.parents if folder.name})
    for folder in folders:
        if folder.parts[0] in SOURCE:
            inside = (size for path, size in sizes.items() if folder in path.parents)
            yield row("  " * (len(folder.parts) - 1) + folder.name + "/", total(inside))
    yield row("in all", total(size for path, size in sizes.items() if path.parts[0] in SOURCE))
    yield ""
    yield row("the core, which is read first", total(map(measure, core(root))))
    yield row("tests", total(size for path, size in sizes.items() if path.parts[0] == "tests"))
    pages = sorted((root / "docs").rglob("*.md"))
    yield f"{'docs':36}{len(pages):7,}{sum(map(_count, pages)):9,}"
    for what, limit, found in (
        ("Files", FILE_LIMIT, long_files(root)),
        ("Functions", FUNCTION_LIMIT, long_functions(root)),
    ):
        yield ""
        yield f"{what} of over {limit} lines: {len(found) or 'none'}"
        yield from (f"{lines:7,}  {name}" for lines, name in found)


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    print(*report(root), sep="\n")
