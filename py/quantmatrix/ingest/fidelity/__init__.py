"""Fidelity: the history of one account or of all, and positions, as CSV."""

from quantmatrix.ingest.fidelity.parser import FidelityParser

__all__ = ["FidelityParser"]
