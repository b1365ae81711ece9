"""rp2's tax engine over a generated ledger, FIFO. Run by the Python of its own virtual environment.

Prints one JSON object: trades, seconds (entries made and taxed; reading the file is not counted), gains
found.

rp2 writes a log into the working directory as soon as it is imported, and its settings are written there as
a file: run this in a folder to throw away.
"""

from __future__ import annotations

import csv
import json
import logging
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from prezzemolo.avl_tree import AVLTree
from rp2.abstract_accounting_method import AbstractAccountingMethod
from rp2.abstract_country import AbstractCountry
from rp2.accounting_engine import AccountingEngine
from rp2.configuration import MAX_DATE, MIN_DATE, Configuration
from rp2.in_transaction import InTransaction
from rp2.input_data import InputData
from rp2.out_transaction import OutTransaction
from rp2.plugin.accounting_method.fifo import AccountingMethod
from rp2.plugin.country.us import US
from rp2.rp2_decimal import ZERO, RP2Decimal
from rp2.tax_engine import compute_tax
from rp2.transaction_set import TransactionSet

COLUMNS = {
    "in_header": "timestamp asset exchange holder transaction_type spot_price crypto_in crypto_fee"
    " fiat_in_no_fee fiat_in_with_fee fiat_fee unique_id notes",
    "out_header": "timestamp asset exchange holder transaction_type spot_price crypto_out_no_fee crypto_fee"
    " crypto_out_with_fee fiat_out_no_fee fiat_fee unique_id notes",
    "intra_header": "timestamp asset from_exchange from_holder to_exchange to_holder spot_price crypto_sent"
    " crypto_received unique_id notes",
}


def configuration(assets: Iterable[str], country: AbstractCountry) -> Configuration:
    """rp2 knows assets and holders from a file."""
    lines = ["[general]", f"assets = {', '.join(assets)}", "exchanges = bench", "holders = me"]
    for section, names in COLUMNS.items():
        lines.append(f"[{section}]")
        lines += [f"{name} = {place}" for place, name in enumerate(names.split())]
    Path("rp2.ini").write_text("\n".join(lines))
    return Configuration("rp2.ini", country)


def taxed(
    rows: Iterable[Mapping[str, str]],
    settings: Configuration,
    methods: AVLTree[int, AbstractAccountingMethod],
) -> int:
    """The number of gains of all assets, one after the other."""
    by_asset: dict[str, list[Mapping[str, str]]] = {}
    for row in rows:
        by_asset.setdefault(f"{row['account']}{row['symbol']}", []).append(row)
    found = 0
    for asset, own in by_asset.items():
        came = TransactionSet(settings, "IN", asset, MIN_DATE, MAX_DATE)
        went = TransactionSet(settings, "OUT", asset, MIN_DATE, MAX_DATE)
        moved = TransactionSet(settings, "INTRA", asset, MIN_DATE, MAX_DATE)
        for row in own:
            number = int(row["trade_id"])
            given = [f"{row['ts']} +00:00", asset, "bench", "me"]
            price, quantity = RP2Decimal(row["price"]), RP2Decimal(row["quantity"])
            fee = RP2Decimal(row["fee"])
            if row["side"] == "BUY":
                came.add_entry(
                    InTransaction(settings, *given, "BUY", price, quantity, fiat_fee=fee, row=number)
                )
            else:
                went.add_entry(OutTransaction(settings, *given, "SELL", price, quantity, ZERO, row=number))
        report = compute_tax(settings, AccountingEngine(methods), InputData(asset, came, went, moved))
        found += report.gain_loss_set.count
    return found


def main(path: Path) -> None:
    """Tax the ledger of ``path`` and print what it took."""
    logging.disable(logging.CRITICAL)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    settings = configuration(sorted({f"{row['account']}{row['symbol']}" for row in rows}), US())
    methods: AVLTree[int, AbstractAccountingMethod] = AVLTree()
    methods.insert_node(MIN_DATE.year, AccountingMethod())
    start = time.perf_counter()
    found = taxed(rows, settings, methods)
    taken = time.perf_counter() - start
    print(json.dumps({"trades": len(rows), "seconds": taken, "gains": found}))


main(Path(sys.argv[1]))
