"""What a file says twice: amounts beside units and prices, sums, running balances, counts, pairs.

Independent of the importers: columns are named here once more, by format, and arithmetic is done anew. A
claim that does not hold is named by the row's text, so that what never held is not taken for a fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from quantmatrix.testing.mutations.cells import Sheet, number

_CENT = Decimal("0.01")
_SIZES = (Decimal(1), Decimal(100), Decimal("0.01"))

Cells = dict[str, str]


@dataclass(frozen=True)
class Product:
    """Columns of a table whose amount is units times price, but for ``costs``.

    ``share``: how much of the amount may be costs that no column states.
    """

    units: tuple[str, ...]
    price: tuple[str, ...]
    amount: tuple[str, ...]
    costs: tuple[str, ...] = ()
    share: Decimal = Decimal(0)
    may_lack: bool = False
    """Whether units with a price may stand without an amount."""
    only: tuple[str, frozenset[str]] | None = None
    unless: tuple[str, frozenset[str]] | None = None
    """A column, and its words whose rows the claim is not about."""


@dataclass(frozen=True)
class Format:
    """What is claimed by the files of one format."""

    products: tuple[Product, ...] = ()
    sums: tuple[tuple[tuple[str, ...], str], ...] = ()
    """Columns that add up to another."""
    pairs: tuple[tuple[str, ...], str, frozenset[str]] | None = None
    """Columns that the two rows of an event have in common, the column of the kind, and its kinds."""
    more: tuple[Callable[[Sheet], Iterator[str]], ...] = field(default=())


def broken(source: str, sheet: Sheet) -> dict[str, set[str]]:
    """The claims of a file that do not hold, by kind, each as the text that it is about."""
    known = FORMATS.get(source, Format())
    found: defaultdict[str, set[str]] = defaultdict(set)
    for cells in sheet.data():
        text = "|".join(cells.values())
        for product in known.products:
            if not _holds(product, cells):
                found["amount = quantity x price"].add(text)
        for parts, whole in known.sums:
            if not _adds_up(cells, parts, whole):
                found["sum of a row"].add(text)
    if known.pairs:
        found["pair"] |= set(_lonely(sheet, *known.pairs))
    for claim in known.more:
        found[claim.__name__.strip("_").replace("_", " ")] |= set(claim(sheet))
    return {kind: texts for kind, texts in found.items() if texts}


def _first(cells: Cells, names: tuple[str, ...]) -> str:
    return next((cells[name] for name in names if cells.get(name)), "")


def _ulp(text: str) -> Decimal:
    value = number(text) or Decimal(0)
    exponent = value.as_tuple().exponent
    return Decimal(1).scaleb(exponent) if isinstance(exponent, int) else Decimal(1)


def _holds(product: Product, cells: Cells) -> bool:
    said = [_first(cells, names) for names in (product.units, product.price, product.amount)]
    units, price, amount = map(number, said)
    if not units or not price or (amount is None and product.may_lack) or amount == 0:
        return True
    if amount is None:
        return False
    if product.only and cells.get(product.only[0], "").lower() not in product.only[1]:
        return True
    if product.unless and cells.get(product.unless[0], "").lower() in product.unless[1]:
        return True
    costs = sum((abs(number(cells.get(name, "")) or Decimal(0)) for name in product.costs), Decimal(0))
    for size in _SIZES:
        worth = abs(units * price) * size
        blur = _CENT + size * (abs(units) * _ulp(said[1]) + abs(price) * _ulp(said[0])) / 2
        blur += worth * product.share
        if any(abs(abs(amount) - worth - cost) <= blur for cost in (Decimal(0), costs, -costs)):
            return True
    return False


def _adds_up(cells: Cells, parts: tuple[str, ...], whole: str) -> bool:
    total = number(cells.get(whole, ""))
    if total is None or not cells.get(parts[0]):
        return True
    return (
        abs(sum((number(cells.get(name, "")) or Decimal(0) for name in parts), Decimal(0)) - total) <= _CENT
    )


def _lonely(sheet: Sheet, common: tuple[str, ...], kind: str, kinds: frozenset[str]) -> Iterator[str]:
    """Rows of two-sided kinds that stand alone."""
    found: Counter[str] = Counter()
    for cells in sheet.data():
        if cells.get(kind, "").lower() in kinds:
            found["|".join(cells.get(name, "") for name in (*common, kind))] += 1
    yield from (key for key, times in found.items() if times % 2)


def _running_balance(sheet: Sheet) -> Iterator[str]:
    """Kraken's ledger: each row's balance is the one before, with amount and fee."""
    before: dict[tuple[str, str], Decimal] = {}
    for cells in sheet.data():
        balance, amount = number(cells.get("balance", "")), number(cells.get("amount", ""))
        if balance is None or amount is None:
            continue
        wallet = cells.get("asset", ""), cells.get("wallet", "")
        fee = number(cells.get("fee", "")) or Decimal(0)
        # What a wallet held before its first row is nobody's to say.
        if wallet in before and before[wallet] + amount - fee != balance:
            yield "|".join(cells.values())
        before[wallet] = balance


def _total_of_amounts(sheet: Sheet) -> Iterator[str]:
    """Schwab's last line."""
    total, amounts = None, Decimal(0)
    for cells in sheet.data():
        if cells.get("date", "").lower() == "transactions total":
            total = number(cells.get("amount", ""))
        else:
            amounts += number(cells.get("amount", "")) or Decimal(0)
    if total is not None and total != amounts:
        yield "total"


def _sum_of_the_head(sheet: Sheet) -> Iterator[str]:
    """IBKR's history: what the account began with, what moved, and what it ended with."""
    said: dict[str, Decimal] = {}
    net = Decimal(0)
    for row in sheet.rows:
        cells = [sheet.of(cell) for cell in row.cells]
        if len(cells) == 4 and cells[0] == "Summary" and (value := number(cells[3])) is not None:
            said[cells[2].lower()] = value
        elif not row.is_header and row.cells and cells[0] == "Transaction History":
            net += number(sheet.named(row).get("net amount", "")) or Decimal(0)
    start, end = said.get("starting cash"), said.get("ending cash")
    if start is not None and end is not None:
        if start + net != end:
            yield "rows"
        if "change" in said and start + said["change"] != end:
            yield "change"


FORMATS: dict[str, Format] = {
    "schwab_csv": Format(
        products=(Product(("quantity",), ("price",), ("amount",), ("fees & comm",)),),
        pairs=(
            ("date",), "action",
            frozenset({"reverse split", "stock merger", "name change", "conversion"}),
        ),
        more=(_total_of_amounts,),
    ),
    "fidelity_csv": Format(
        products=(
            Product(
                ("quantity",), ("price ($)", "price"), ("amount ($)", "amount"),
                ("commission ($)", "commission", "fees ($)", "fees", "accrued interest ($)"),
            ),
        ),
    ),
    "vanguard_csv": Format(
        products=(Product(("shares",), ("share price",), ("principal amount",)),),
    ),
    "etrade_csv": Format(
        products=(
            Product(
                ("quantity #", "quantity"), ("price $", "price"), ("amount $", "amount"), ("commission",)
            ),
        ),
    ),
    "robinhood_csv": Format(
        products=(Product(("quantity",), ("price",), ("amount",), share=Decimal("0.02")),),
    ),
    "ibkr_history_csv": Format(
        products=(
            Product(
                ("quantity",), ("price",), ("gross amount",),
                only=("price currency", frozenset({"eur", "cad"})),
            ),
        ),
        sums=((("gross amount", "commission"), "net amount"),),
        more=(_sum_of_the_head,),
    ),
    "coinbase_csv": Format(
        products=(
            Product(
                ("quantity transacted",), ("price at transaction",), ("subtotal",),
                ("fees and/or spread",), share=Decimal("0.01"),
            ),
        ),
    ),
    "kraken_csv": Format(more=(_running_balance,)),
    "tastytrade_csv": Format(
        products=(
            Product(
                ("quantity",), ("average price", "price"), ("value", "amount"),
                unless=("instrument type", frozenset({"future"})),
            ),
        ),
        sums=((("value", "commissions", "fees"), "total"),),
    ),
    "quantmatrix_csv": Format(
        products=(Product(("quantity",), ("price",), ("gross_amount",)),),
        sums=((("gross_amount", "commission", "fees"), "net_amount"),),
    ),
    "ibkr_activity_csv": Format(
        products=(Product(("quantity",), ("t. price",), ("proceeds",)),),
    ),
    "ibkr_flex": Format(
        products=(Product(("quantity",), ("tradeprice",), ("proceeds",)),),
        sums=((("proceeds", "taxes", "ibcommission"), "netcash"),),
    ),
    "ofx": Format(
        products=(Product(("units",), ("unitprice",), ("total",), ("commission", "fees", "taxes")),),
    ),
}  # fmt: skip
