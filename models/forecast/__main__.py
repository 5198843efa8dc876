"""`python -m minigrad.models.forecast` is `minigrad train forecast`."""

import sys

from minigrad.tools.cli import main

sys.exit(main(["train", "forecast", *sys.argv[1:]]))
