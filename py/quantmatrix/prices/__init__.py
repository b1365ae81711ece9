"""Prices: from files of several layouts, and from the marks that statements carry."""
