"""QuantMatrix: lots, positions, cash and transactions that agree, and a named cause where the broker differs."""

__version__ = "0.1.0"
