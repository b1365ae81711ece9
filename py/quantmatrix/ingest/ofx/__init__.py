"""OFX and QFX investment statements, as SGML and as XML."""

from quantmatrix.ingest.ofx.parser import OfxParser

__all__ = ["OfxParser"]
