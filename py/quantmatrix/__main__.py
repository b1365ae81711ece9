"""``python -m quantmatrix``: the command line."""

from quantmatrix.cli import main

main()
