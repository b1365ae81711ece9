"""Executions of today from TWS or IB Gateway, through ``ib_async`` (an extra): shown, never in the record.

The program tells of today alone, in floating point and without corrections of later days. What it says stands
beside the holdings until a Flex statement covers the day.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC
from decimal import Decimal
from importlib import import_module
from typing import Any

from quantmatrix.door.login import PersonSession
from quantmatrix.ingest.cells import RowError, identity, transaction
from quantmatrix.ingest.dates import exchange_date
from quantmatrix.ingest.model import Instrument, InstrumentType, Record, TransactionType
from quantmatrix.ingest.symbols import osi, parse_option, ticker
from quantmatrix.loading.load import staged_rows
from quantmatrix.sync.failure import Failed

SECRETS = ()
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 30.0
_UNSET = Decimal("1e300")
_KINDS = {
    "STK": InstrumentType.STOCK,
    "OPT": InstrumentType.OPTION,
    "FUT": InstrumentType.FUTURE,
    "FUND": InstrumentType.FUND,
    "BOND": InstrumentType.BOND,
    "WAR": InstrumentType.WARRANT,
    "CRYPTO": InstrumentType.DIGITAL,
}
_SIDES = {"BOT": 1, "SLD": -1}


def store(session: PersonSession, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Fetch today's executions and keep them; what ``api.today_store`` tells. Raises ``Failed``."""
    records = list(_records(asyncio.run(_fills(plan["settings"]))))
    load_id = uuid.uuid4()
    number = session.stage(load_id, staged_rows(load_id, records))
    session.call("import_resolve", {"load_id": load_id})
    kept: dict[str, Any] = session.call(
        "today_store", {"attempt": plan["attempt"], "load_id": load_id, "records": number}
    )
    return kept


async def _fills(settings: Mapping[str, Any]) -> list[Any]:
    try:
        ib_async = import_module("ib_async")
        ib_module = import_module("ib_async.ib")
    except ImportError:
        raise Failed("no_package", "pip install 'quantmatrix[ibkr-today]'") from None
    # It reports account numbers and every message.
    logging.getLogger("ib_async").setLevel(logging.CRITICAL)
    client = ib_async.IB()
    try:
        await client.connectAsync(
            str(settings.get("host", "127.0.0.1")),
            int(settings.get("port", 7496)),
            clientId=int(settings.get("client_id", 87)),
            timeout=CONNECT_SECONDS,
            readonly=True,
            fetchFields=ib_module.StartupFetchNONE,
        )
        fills = list(await asyncio.wait_for(client.reqExecutionsAsync(), ANSWER_SECONDS))
        for _ in range(20):
            if all(fill.commissionReport.execId for fill in fills):
                break
            await asyncio.sleep(0.05)
        return fills
    except TimeoutError:
        raise Failed("too_slow", "is TWS or Gateway logged in, and its interface switched on?") from None
    except OSError as error:
        raise Failed("unreachable", f"TWS or Gateway: {error.strerror or type(error).__name__}") from None
    finally:
        client.disconnect()


def _records(fills: list[Any]) -> Iterator[Record]:
    told: set[str] = set()
    for line, fill in enumerate(fills, 1):
        contract, execution, report = fill.contract, fill.execution, fill.commissionReport
        if contract.secType == "BAG":
            # The legs of a combination come as executions of their own.
            continue
        try:
            instrument = _instrument(contract)
            side = _SIDES[execution.side]
            moment = execution.time.astimezone(UTC)
            commission = _exact(report.commission) if report.execId else _UNSET
            known = abs(commission) < _UNSET
            quantity = _exact(execution.shares) * side
            made = transaction(
                {
                    "line": line,
                    "account": execution.acctNumber,
                    "instrument": instrument.key,
                    "type": TransactionType.BUY if side > 0 else TransactionType.SELL,
                    "external_id": execution.execId,
                    "executed_at": moment,
                    "trade_date": exchange_date(moment),
                    "quantity": quantity,
                    "price": _exact(execution.price),
                    "commission": commission.copy_negate() if known and commission else Decimal(0),
                    "currency": instrument.currency,
                    "metadata": {} if known else {"commission_unknown": "true"},
                }
            )
        except (RowError, KeyError, ValueError, ArithmeticError) as error:
            raise Failed("unreadable", f"execution {line}: {error}") from None
        if instrument.key not in told:
            told.add(instrument.key)
            yield instrument
        yield made


def _instrument(contract: Any) -> Instrument:
    kind = _KINDS.get(contract.secType, InstrumentType.OTHER)
    values: dict[str, Any] = {
        "type": kind,
        "symbol": ticker(contract.symbol),
        "currency": contract.currency,
        "identifiers": {"conid": str(contract.conId)} if contract.conId else {},
    }
    if contract.multiplier:
        values["multiplier"] = Decimal(contract.multiplier)
    if kind is InstrumentType.OPTION:
        terms = parse_option(contract.localSymbol)
        if terms is None:
            raise ValueError(f"{contract.localSymbol} is no option")
        values |= {
            "symbol": osi(terms),
            "underlying": terms.underlying,
            "option_type": terms.option_type,
            "strike": terms.strike,
            "expiration": terms.expiration,
        }
    elif kind in (InstrumentType.FUTURE, InstrumentType.OTHER):
        values["symbol"] = contract.localSymbol or contract.symbol
    return identity(values)


def _exact(number: float) -> Decimal:
    """The digits that the program sent: its package keeps floats, whose shortest form is what was read."""
    return Decimal(repr(number))
