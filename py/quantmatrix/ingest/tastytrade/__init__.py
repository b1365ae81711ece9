"""``tastytrade_csv``: transaction history of tastytrade (formerly tastyworks), both layouts."""

from quantmatrix.ingest.tastytrade.parser import TastytradeParser

__all__ = ["TastytradeParser"]
