"""``python -m quantmatrix``: the command line."""

import sys
from pathlib import Path

from quantmatrix import __file__ as package

# Python looks for modules in the current folder first: what lies there by chance must not be run.
if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(package).resolve().parent.parent:
    del sys.path[0]

from quantmatrix.cli import main

main()
