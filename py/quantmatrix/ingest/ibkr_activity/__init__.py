"""Interactive Brokers Activity Statement, the CSV with a section name in front of every row."""

from quantmatrix.ingest.ibkr_activity.parser import IbkrActivity

__all__ = ["IbkrActivity"]
