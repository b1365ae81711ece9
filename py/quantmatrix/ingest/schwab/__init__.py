"""Charles Schwab: the history of transactions as CSV or JSON, positions and lots as CSV."""

from quantmatrix.ingest.schwab.parser import SchwabParser

__all__ = ["SchwabParser"]
