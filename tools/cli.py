"""The entry point of the command line: runs a command, and turns errors into one line and an exit status.

Errors that a user can cause end in one line on stderr and exit status 1, wrong usage in 2, Ctrl-C in 130. `--debug`
before the command shows the traceback instead. The commands themselves are in `commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from minigrad import BackendError, GraphError
from minigrad.extras import install
from minigrad.training.terminal import escaping

INTERRUPTED = 130  # as shells report it

# What users can cause: wrong values and files, packages and devices that are not there.
USER_ERRORS = (OSError, ValueError, ImportError, BackendError, GraphError)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line with these arguments (by default, those of the process). Returns the exit status."""
    with escaping():
        return _run(list(sys.argv[1:] if argv is None else argv))


def _run(arguments: list[str]) -> int:
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
    except KeyboardInterrupt:
        return _interrupted()
    if status == INTERRUPTED:  # typer catches Ctrl-C silently
        return _interrupted()
    return status if isinstance(status, int) else 0


def _failed(error: Exception, debug: bool) -> int:
    """Say what went wrong, and return the exit status. Errors in the program itself are raised again."""
    show = getattr(error, "show", None)  # wrong usage: typer knows how to explain it
    if show is not None and hasattr(error, "exit_code"):
        show()
        return int(error.exit_code)
    if isinstance(error, BrokenPipeError):
        # The reader has gone, as in `minigrad sample | head`. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    if debug or not isinstance(error, USER_ERRORS):
        raise error
    print("minigrad: " + " ".join(str(error).split()), file=sys.stderr)
    return 1


def _interrupted() -> int:
    print("minigrad: interrupted", file=sys.stderr)
    return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
