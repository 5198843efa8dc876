"""`python -m minigrad` is the command `minigrad`, for where its script is not on the path."""

import sys

from minigrad.tools.cli import main

if __name__ == "__main__":
    sys.exit(main())
