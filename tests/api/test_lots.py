"""Questions about lots over HTTP: a reader may ask them, and the answers lead back to the file."""

from __future__ import annotations

from decimal import Decimal

from quantmatrix.testing.service import Service

READER = "quantmatrix_readonly"


def test_a_lot_explains_itself_down_to_the_line(service: Service, book: dict[str, int]) -> None:
    lots = service.get(f"lots?opening_transaction_id=eq.{book['buy']}&is_open=is.true", service.ann).json()
    assert len(lots) == 1
    report = service.done("lots_explain", service.ann, {"lot": lots[0]["id"]}, role=READER)
    assert report["basis"] == lots[0]["cost_remaining"]
    assert report["steps"][0]["sources"] == [
        {
            "transaction_id": book["buy"],
            "import": report["steps"][0]["sources"][0]["import"],
            "file": "made-up.csv",
            "line": 7,
            "raw": "the row as it stood",
        }
    ]


def test_wash_sales_and_years_are_views(service: Service, book: dict[str, int]) -> None:
    washed = service.get("wash_sales", service.ann).json()
    assert [(w["loss_transaction_id"], w["replacement_transaction_id"]) for w in washed] == [
        (book["sell"], book["more"]),
        (book["sell"], book["again"]),
    ][: len(washed)]
    years = service.get("tax_years", service.ann, accept="text/csv").text.splitlines()
    assert years[0].startswith("tax_year,short_term,long_term")
    found = service.get("tax_years?tax_year=eq.2024", service.ann).json()[0]
    closings = service.get("closings?tax_year=eq.2024&recognized=not.is.null", service.ann).json()
    assert found["closings"] == 2
    assert found["unknown_basis_closings"] == 1
    assert found["unknown_basis_proceeds"] == "40.00"
    assert Decimal(found["recognized"]) == sum(Decimal(c["recognized"]) for c in closings)


def test_a_sale_is_tried_and_methods_compared(service: Service, book: dict[str, int]) -> None:
    before = service.rows_of(service.ann)
    arguments = {
        "account": "Main",
        "instrument": "ABC",
        "quantity": "1.5",
        "price": "95.5",
        "date": "2024-05-06",
    }
    tried = service.done("what_if_sale", service.ann, arguments | {"method": "lifo"}, role=READER)
    assert tried["proceeds"] == "143.25"
    assert [c["opening_transaction_id"] for c in tried["closings"]] == [book["again"], book["more"]]
    compared = service.done("lots_compare", service.ann, {"year": 2024, "methods": ["hifo"]}, role=READER)
    assert compared["methods"] == ["recorded", "hifo"]
    assert service.rows_of(service.ann) == before
    nobody = service.call("what_if_sale", service.bob, arguments)
    assert nobody.status_code == 400
    assert nobody.json()["code"] == "QM001"
