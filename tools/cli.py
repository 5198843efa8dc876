"""The entry point of the command line: runs a command, and turns errors into one line and an exit status.

Errors that a user can cause end in one line on stderr and exit status 1, wrong usage in 2, Ctrl-C in 130, and other
requests to end in 128 and the number of the signal. `--debug` before the command shows the traceback of an error. The
commands themselves are in `commands`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from minigrad import BackendError, GraphError
from minigrad.extras import install
from minigrad.training.caller import CommandLine, called_by
from minigrad.training.terminal import escaping

INTERRUPTED = 130  # as shells report it
ENDED = {INTERRUPTED: "interrupted", 143: "terminated", 129: "hung up"}

# What users can cause: wrong values and files, packages and devices that are not there.
USER_ERRORS = (OSError, ValueError, ImportError, BackendError, GraphError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with these arguments (by default, those of the process). Returns the exit status."""
    with escaping(), _warnings_in_a_line(), called_by(CommandLine()):
        return _run(list(sys.argv[1:] if argv is None else argv))


def _run(arguments: list[str]) -> int:
    try:
        status = _status(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # here, and not when Python ends, which complains if the reader has gone
        return status
    except KeyboardInterrupt:
        return _ended(INTERRUPTED)
    except BrokenPipeError:
        pass
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):  # typer makes this of it
            raise
    _print_nowhere(sys.stdout)  # the reader has gone, as in `minigrad sample | head`
    return 1


def _status(arguments: list[str]) -> int:
    try:
        from .commands import build
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("typer", "click"):
            raise
        print(f"minigrad: the command line needs typer ({error}): {install('models')}", file=sys.stderr)
        return 1
    try:
        status = build()(args=arguments, prog_name="minigrad", standalone_mode=False)
    except Exception as error:
        return _failed(error, debug="--debug" in arguments)
    if status in ENDED:  # typer catches Ctrl-C silently
        return _ended(status)
    return status if isinstance(status, int) else 0


def _failed(error: Exception, debug: bool) -> int:
    """Say what went wrong, and return the exit status. Errors in the program itself are raised again."""
    show = getattr(error, "show", None)  # wrong usage: typer knows how to explain it
    if show is not None and hasattr(error, "exit_code"):
        show()
        return int(error.exit_code)
    if debug or isinstance(error, BrokenPipeError) or not isinstance(error, USER_ERRORS):
        raise error
    print("minigrad: " + " ".join(_words(error).split()), file=sys.stderr)
    return 1


def _words(error: Exception) -> str:
    """What an error says: of one of the system's about a file, its path and the reason, without its number."""
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str | bytes | os.PathLike):
        return f"{os.fsdecode(error.filename)}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror[:1].lower()}{error.strerror[1:]}"
    return str(error) or type(error).__name__


def _ended(status: int) -> int:
    try:
        print(f"minigrad: {ENDED[status]}", file=sys.stderr, flush=True)
    except OSError:  # the terminal has gone
        _print_nowhere(sys.stdout, sys.stderr)
    return status


def _print_nowhere(*streams: Any) -> None:
    """Python complains when it flushes at exit and nobody reads what was printed."""
    for stream in streams:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Inside, a warning is a line as errors are, without the place in the program."""
    before = warnings.formatwarning
    warnings.formatwarning = lambda message, *_, **__: f"minigrad: {' '.join(str(message).split())}\n"
    try:
        yield
    finally:
        warnings.formatwarning = before


if __name__ == "__main__":
    sys.exit(main())
