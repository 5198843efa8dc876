"""`python -m minigrad.models.speech` is `minigrad train speech`."""

import sys

from minigrad.tools.cli import main

sys.exit(main(["train", "speech", *sys.argv[1:]]))
