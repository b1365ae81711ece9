"""What Fidelity's texts begin with, and what such a row is."""

from __future__ import annotations

import re

from quantmatrix.ingest.model import TransactionType as T

CANCEL = re.compile(r"\bCANCEL(?:LED)?\b")
EVENTS = (
    (re.compile(r"^EXPIRED\b"), T.OPTION_EXPIRATION),
    (re.compile(r"^ASSIGNED\b"), T.OPTION_ASSIGNMENT),
    (re.compile(r"^EXERCISED\b"), T.OPTION_EXERCISE),
)
PAIRS = (
    (re.compile(r"^REVERSE SPLIT|\bR/S (?:FROM|TO)\b"), "reverse split", T.SPLIT),
    (re.compile(r"^NAME CHANGED?|^EXCHANGED? TO"), "name change", T.SYMBOL_CHANGE),
    (re.compile(r"^MERGER"), "merger", T.MERGER_STOCK),
    (re.compile(r"^CONVERSION"), "conversion", T.MERGER_STOCK),
)
CASH = (
    (
        re.compile(r"^(?:(?:FOREIGN|NON-RESIDENT|BUY CANCEL|FED(?:ERAL)?|STATE) TAX|ADJ FOREIGN|TAX )"),
        T.TAX_WITHHELD,
    ),
    (re.compile(r"^(?:SHORT-TERM|LONG-TERM) CAP GAIN"), T.CAPITAL_GAIN_DISTRIBUTION),
    (re.compile(r"^RETURN OF CAPITAL|^ROC\b"), T.RETURN_OF_CAPITAL),
    (re.compile(r"^(?:CASH )?IN LIEU OF"), T.CASH_IN_LIEU),
    (re.compile(r"^DIVIDEND\b|^SUBSTITUTE|^PAYMENT IN LIEU"), T.DIVIDEND),
    (re.compile(r"FULLY PAID LENDING|^LOAN INTEREST"), T.STOCK_LENDING_INCOME),
    (re.compile(r"^(?:INTEREST|MARGIN INTEREST|MUNI (?:EXEMPT|TAXABLE) INT|CREDIT INTEREST)"), T.INTEREST),
    (re.compile(r"^(?:FEE CHARGED|ADVISOR FEE|SERVICE FEE|ADR|WIRE FEE|FEE\b)"), T.FEE),
)  # fmt: skip
ORIGIN = re.compile(r"\bMER FROM (?P<cusip>[A-Z0-9]{9})\b")
CORE_ACCOUNT = re.compile(r"^(?:REDEMPTION FROM|PURCHASE INTO) CORE ACCOUNT\b")
HOLDS = re.compile(r"^\s*(?:YOU BOUGHT|YOU SOLD|REINVESTMENT|DIVIDEND RECEIVED|TRANSFER|JOURNALED)")
TRANSFERS = re.compile(
    r"^(?:TRANSFER OF ASSETS|TRANSFERRED|ROLLOVER|JOURNALED|CONV TO SHARES|DEPOSIT OF SHARES)"
)
MOVES = re.compile(
    r"^(?:ELECTRONIC FUNDS TRANSFER|DIRECT (?:DEPOSIT|DEBIT)|CHECK|WIRE TRANSFER|BILL PAYMENT|DEBIT CARD|"
    r"CASH CONTRIBUTION|CO CONTR|PARTIC CONTR|CASH ADVANCE|ATM|CASH MGMT|CONTRIBUTION|WITHDRAWAL|DEPOSIT|"
    r"NORMAL DISTR|PREMATURE DISTR|MONEY LINE|EFT)"
)
JOURNALED = re.compile(r"^(?:JOURNALED|TRANSFERRED (?:FROM|TO))\b")
"""Between accounts, or between cash and margin of one."""

SUBACCOUNT = re.compile(r"\s*\((?:CASH|MARGIN|SHARES|SHORT)\)")
"""Where the row stands; the other half of a journal names another."""
