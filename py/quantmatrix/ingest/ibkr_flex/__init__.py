"""Interactive Brokers Flex Queries, as XML and as CSV."""

from quantmatrix.ingest.ibkr_flex.parser import IbkrFlex

__all__ = ["IbkrFlex"]
