"""tastytrade (formerly tastyworks): transaction history as CSV, both layouts, and its interface."""

from quantmatrix.ingest.tastytrade.api import TastytradeApi
from quantmatrix.ingest.tastytrade.parser import TastytradeParser

__all__ = ["TastytradeApi", "TastytradeParser"]
