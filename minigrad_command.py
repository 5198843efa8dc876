"""Where the command `minigrad` starts: beside the package, so that Ctrl-C is answered while that is loaded, too."""

import sys


def main() -> int:
    """Run the command line; returns the exit status."""
    try:
        from minigrad.tools.cli import main

        return main()
    except KeyboardInterrupt:  # what comes later, `main` answers itself
        print("minigrad: interrupted", file=sys.stderr)
        return 130
