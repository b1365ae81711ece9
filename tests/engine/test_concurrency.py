"""Two writers of one taxpayer take turns; writers of different taxpayers do not wait for each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date

import psycopg
import pytest

from quantmatrix.testing.cluster import Database
from quantmatrix.testing.taxpayer import Taxpayer


@pytest.fixture
def writers(database: Database) -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    with database.connect() as one, database.connect() as other:
        for connection in (one, other):
            connection.execute("set lock_timeout = '20s'")
            connection.autocommit = False
        yield one, other


def buy(number: int, instrument: int, account: int = 1) -> dict[str, object]:
    return {
        "id": number,
        "type": "buy",
        "account": account,
        "instrument": instrument,
        "day": date(2024, 1, number),
        "quantity": 10,
        "price": 5,
    }


def second_self(taxpayer: Taxpayer, connection: psycopg.Connection) -> Taxpayer:
    twin = object.__new__(Taxpayer)
    twin.connection = connection
    twin.id = taxpayer.id
    return twin


def test_writers_of_one_taxpayer_take_turns(writers: tuple[psycopg.Connection, psycopg.Connection]) -> None:
    one, other = writers
    first = Taxpayer(one)
    stock = first.instrument()
    one.commit()
    second = second_self(first, other)

    first.load([buy(1, stock)])
    finished = threading.Event()

    def write_second() -> None:
        second.load([buy(2, stock)])
        finished.set()

    thread = threading.Thread(target=write_second)
    thread.start()
    assert not finished.wait(1), "the second writer must wait for the first"
    one.commit()
    assert finished.wait(20)
    thread.join()
    other.commit()
    assert first.value("select count(*) from core.tax_lots where user_id = %s") == 2
    assert first.differences() == []


def test_writers_of_different_taxpayers_do_not_wait(
    writers: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    one, other = writers
    first = Taxpayer(one)
    stock = first.instrument()
    one.commit()
    second = Taxpayer(other)
    other.commit()
    other.execute("set local lock_timeout = '100ms'")
    first.load([buy(1, stock)])
    second.load([buy(1, stock)])
    other.commit()
    one.commit()
    assert first.differences() == second.differences() == []


def test_a_stricter_level_is_told_to_try_again(
    writers: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    one, other = writers
    first = Taxpayer(one)
    stock = first.instrument()
    one.commit()
    second = second_self(first, other)
    other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    second.value("select count(*) from core.users where id = %s")
    first.load([buy(1, stock)])
    one.commit()
    with pytest.raises(psycopg.errors.SerializationFailure):
        second.load([buy(2, stock)])
