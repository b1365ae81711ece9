"""Worked tax cases: a case file travels as an import does and is compared with what it expects."""
