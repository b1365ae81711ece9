"""Numbers over HTTP: every digit, as a string in JSON and plainly in CSV."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import httpx

from quantmatrix.testing.service import DEEP, Service


def test_a_view_gives_every_digit_as_a_string(service: Service, book: dict[str, int]) -> None:
    rows = service.get(f"transactions?id=eq.{book['buy']}", service.ann).json()
    assert rows[0]["quantity"] == DEEP
    assert isinstance(rows[0]["net_amount"], str)


def test_the_client_library_gives_every_digit(service: Service, book: dict[str, int]) -> None:
    with service.client(service.ann) as client:
        answer = client.from_("transactions").select("id,quantity,price").eq("id", book["buy"]).execute()
    assert answer.data == [{"id": book["buy"], "quantity": DEEP, "price": "100"}]


def test_a_function_gives_every_digit_as_a_string(service: Service, book: dict[str, int]) -> None:
    changes = {"description": "looked at again"}
    rows = service.done(
        "transaction_correct",
        service.ann,
        {"transaction_id": book["buy"], "changes": changes, "reason": "a test"},
    )
    assert rows[0]["quantity"] == DEEP


def test_csv_of_a_view_holds_plain_digits(service: Service, book: dict[str, int]) -> None:
    path = f"transactions?id=eq.{book['buy']}&select=id,quantity,description"
    text = service.get(path, service.ann, accept="text/csv").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert rows[0]["quantity"] == DEEP
    assert rows[0]["id"] == str(book["buy"])


def test_csv_of_a_function_holds_plain_digits(service: Service, book: dict[str, int]) -> None:
    answer = httpx.post(
        f"{service.api.url}/rpc/transaction_correct?select=id,quantity",
        json={"transaction_id": book["buy"], "changes": {"order_id": "7"}, "reason": "a test"},
        headers={**service.headers(service.ann), "Accept": "text/csv"},
    )
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[0]["quantity"] == DEEP


def test_numbers_are_compared_as_numbers(service: Service, book: dict[str, int]) -> None:
    found = service.get("transactions?quantity=gt.12.5&select=id&order=id", service.ann).json()
    assert [row["id"] for row in found] == [book["buy"]]
    ordered = service.get(
        "transactions?symbol=eq.ABC&select=quantity&order=quantity.desc", service.ann
    ).json()
    values = [Decimal(row["quantity"]) for row in ordered]
    assert values == sorted(values, reverse=True)
    assert [row["quantity"] for row in ordered][:2] == [DEEP, "10"]


def test_no_money_leaves_as_a_json_number(service: Service, book: dict[str, int]) -> None:
    counts = {"id", "line", "piece", "part", "sequence", "open_lots", "movements", "days_held", "tax_year"}
    counts |= {"ordinal", "differences", "rows_in", "rows_accepted", "size_bytes", "rejects", "checked"}
    counts |= {"days_until_long", "closings", "unknown_basis_closings", "replacement_piece"}
    views = ("transactions", "holdings", "lots", "closings", "cash", "differences", "instruments")
    for view in (*views, "tax_years", "wash_sales"):
        rows = service.get(view, service.ann).json()
        assert rows, view
        for name, value in rows[0].items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert name in counts or name.endswith("_id"), f"{view}.{name}"
