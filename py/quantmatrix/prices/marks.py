"""The marks that statements carry: what the broker valued a position at, on the day of the statement."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import TextIO

from quantmatrix.ingest import ibkr_flex, ofx
from quantmatrix.ingest.cells import RowError
from quantmatrix.ingest.ibkr_activity.context import Context
from quantmatrix.ingest.ibkr_activity.row import Header, Row
from quantmatrix.ingest.ibkr_activity.statement import read_period
from quantmatrix.ingest.ibkr_flex.dates import StyleFinder
from quantmatrix.ingest.ibkr_flex.element import Element
from quantmatrix.ingest.ibkr_flex.instruments import FlexContext
from quantmatrix.ingest.ibkr_flex.levels import level_of
from quantmatrix.ingest.ibkr_flex.xml import elements
from quantmatrix.ingest.model import Options as ParserOptions
from quantmatrix.ingest.ofx import events, tree
from quantmatrix.ingest.ofx.securities import Securities, day
from quantmatrix.ingest.reader import records
from quantmatrix.prices.bars import Bar, Options, checked

SOURCES = (ibkr_flex.IbkrFlex.source, "ibkr_activity_csv", ofx.OfxParser.source)
"""Formats whose statements hold marks."""


def marks(text: TextIO, source: str, options: Options) -> Iterator[Bar]:
    """The marks of a statement of one of ``SOURCES``; rows that cannot be read are left out."""
    if source == ibkr_flex.IbkrFlex.source:
        found = _flex(text)
    elif source == ofx.OfxParser.source:
        found = _ofx(text)
    else:
        found = _activity(text)
    for bar in found:
        if bar.close > 0:
            yield checked(bar, options)


def _flex(text: TextIO) -> Iterator[Bar]:
    context = FlexContext(ParserOptions())
    finder = StyleFinder()
    until: date | None = None
    for line, _, name, attributes in elements(text):
        for attribute in ("reportDate", "toDate"):
            finder.look(attributes.get(attribute, ""))
        element = Element(line, name, attributes, finder.style(day_first=False), "")
        try:
            if name == "FlexStatement":
                until = element.day("toDate")
            if name != "OpenPosition" or level_of(attributes) == "LOT":
                continue
            price, as_of = element.number_of("markPrice"), element.day("reportDate") or until
            if price is None or as_of is None:
                continue
            kind, symbol, currency = context.key_of(element, element.currency()).split("|")
        except RowError:
            continue
        yield Bar(line, symbol, as_of, price, "ibkr", kind, currency)


def _activity(text: TextIO) -> Iterator[Bar]:
    context = Context(ParserOptions())
    header: Header | None = None
    as_of: date | None = None
    for line, _, fields in records(text):
        if len(fields) < 4:
            continue
        section, kind = fields[0].strip(), fields[1].strip()
        if section == "Statement" and fields[2].strip().casefold() == "period":
            try:
                as_of = read_period(fields[3])[1]
            except ValueError:
                continue
        if not section.casefold().endswith("open positions"):
            continue
        if kind in ("Header", "Headers"):
            header = Header(fields)
        elif kind == "Data" and header is not None and as_of is not None:
            row = Row(line, section, header, fields)
            try:
                if row.text("DataDiscriminator") not in ("", "Summary") or fields[2].startswith("Total"):
                    continue
                price = row.number("Close Price")
                key = context.instrument(
                    line, row.required("Asset Category"), row.required("Symbol"), row.currency()
                )
            except RowError:
                continue
            if price is not None:
                type_, symbol, currency = key.split("|")
                yield Bar(line, symbol, as_of, price, "ibkr", type_, currency)


def _ofx(text: TextIO) -> Iterator[Bar]:
    securities = Securities()
    for found in tree.records(text):
        if isinstance(found, tree.Record) and found.within == "SECLIST":
            securities.learn(found)
    text.seek(0)
    currency, as_of, broker = "USD", None, "ofx"
    for found in tree.records(text):
        try:
            if isinstance(found, tree.Leaf):
                currency = found.text.upper() if found.tag == "CURDEF" else currency
                as_of = day(found.text, found.tag) if found.tag == "DTASOF" else as_of
                continue
            if found.kind == "INVACCTFROM":
                broker = found.text("BROKERID")[:40] or broker
            if found.within != "INVPOSLIST":
                continue
            price: Decimal | None = events.amount(found, "UNITPRICE")
            values = securities.describe(found, found.text("CURSYM").upper() or currency)
            priced = found.text("DTPRICEASOF")
            moment = day(priced, "DTPRICEASOF") if priced else as_of
        except RowError:
            continue
        if price is not None and values is not None and moment is not None:
            yield Bar(
                found.line, values["symbol"], moment, price, broker, values["type"].value, values["currency"]
            )
