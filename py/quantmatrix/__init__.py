"""QuantMatrix: lots, positions, cash and transactions that agree, and a named cause where they do not."""

__version__ = "0.1.0"
