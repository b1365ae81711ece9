"""The door over HTTP: the same views and functions as with the database."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property, partial
from typing import Any

import httpx
from postgrest import APIError, SyncPostgrestClient

from quantmatrix.door.ask import TIMEOUT, ask, refused, unreachable
from quantmatrix.door.protocol import ANSWERS_A_ROW, TAKES_LONG, Row, Staged, Where, given, order_key
from quantmatrix.door.retries import repeated
from quantmatrix.errors import ExitCode, Problem

PAGE = 1000
CHUNK = 2000
# The proxy lets a megabyte through.
CHUNK_BYTES = 800_000
# The server ends a request after seconds.
TIMED_OUT = "57014"
# A load of so many rows is asked as a job, without trying first.
MANY = 5000
# Seconds before a job that waits is worth a word.
PATIENCE = 2.0
STATUS = {
    "42501": 403,
    "PGRST301": 401,
    "PGRST302": 401,
    "PGRST303": 401,
    "PT401": 401,
    "PT403": 403,
    "QM055": 401,
}
# How a column's type is told in the API's description, and what the value is made of it.
READ: dict[str, Callable[[str], Any]] = {
    "api.exact": Decimal,
    "date": date.fromisoformat,
    "timestamp with time zone": datetime.fromisoformat,
}


class ApiSession:
    """One person's session at the API of ``url``.

    A question that takes longer than a request may is asked as a job and waited for; ``narrate`` is told how
    far it is, and ``renew`` gives a token when this one has ended meanwhile.
    """

    def __init__(
        self,
        url: str,
        token: str,
        narrate: Callable[[str], None] = lambda _: None,
        renew: Callable[[], str] | None = None,
    ) -> None:
        self.url = url
        self._narrate = narrate
        self._renew = renew
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT)
        self._staged: dict[str, int] = {}
        self._take(token)

    def __enter__(self) -> ApiSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def view(
        self,
        name: str,
        where: Sequence[Where] = (),
        order: Sequence[str] = (),
        limit: int | None = None,
    ) -> Iterator[Row]:
        """Rows of a view, asked for in pages; numbers, dates and instants as the database gives them."""
        readers = self._readers(name)
        offset = 0
        while limit is None or offset < limit:
            size = PAGE if limit is None else min(PAGE, limit - offset)
            found = repeated(partial(self._page, partial(self._query, name, where, order, offset, size)))
            for row in found:
                yield _read(row, readers)
            offset += len(found)
            if len(found) < size:
                return

    def _query(self, name: str, where: Sequence[Where], order: Sequence[str], offset: int, size: int) -> Any:
        query = self._client.from_(name).select("*")
        for part in where:
            if part.value is not None:
                query = query.filter(part.column, part.operator, str(part.value))
        for key in map(order_key, order):
            query = query.order(key.column, desc=key.descending, nullsfirst=key.nulls_first)
        return query.range(offset, offset + size - 1)

    def _page(self, query: Callable[[], Any]) -> Any:
        def asked() -> Any:
            try:
                return query().execute().data
            except APIError as error:
                raise self._refused(error) from error
            except httpx.HTTPError as error:
                raise unreachable(self.url, error) from error

        return self._again_where_renewed(asked)

    def _again_where_renewed(self, asked: Callable[[], Any]) -> Any:
        """The answer; once more where the token had ended and another is to be had."""
        try:
            return asked()
        except Problem as problem:
            if problem.exit_code is not ExitCode.PERMISSION or self._renew is None:
                raise
        self._take(self._renew())
        return asked()

    def call(
        self, function: str, arguments: Mapping[str, Any] | None = None, *, dry_run: bool = False
    ) -> Any:
        """What a function answers."""
        body = json.loads(json.dumps(given(arguments, dry_run=dry_run), default=str))
        answer = self._answer(function, body)
        if function not in ANSWERS_A_ROW:
            return answer
        return _read(answer[0], self._readers(ANSWERS_A_ROW[function])) if answer else None

    def _answer(self, function: str, body: Mapping[str, Any]) -> Any:
        if self._staged.get(str(body.get("load_id")), 0) > MANY and function in TAKES_LONG:
            return self.job(function, body)
        try:
            return self._ask(function, body)
        except Problem as problem:
            if problem.code != TIMED_OUT or function not in TAKES_LONG:
                raise
        return self.job(function, body)

    def job(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """What a function returns, asked as a job: however long it takes. An interrupt ends the job too."""
        question = {"kind": function, "arguments": dict(arguments), "idempotency_key": str(uuid.uuid4())}
        number = self._ask("job_add", question)["id"]
        try:
            self._wait_for(number)
        except KeyboardInterrupt:
            self._ask("job_cancel", {"id": number})
            raise
        return self._ask("job_result", {"id": number})

    def _wait_for(self, number: str) -> None:
        told = ""
        waited = 0.0
        while True:
            row = next(self.view("jobs", [Where("id", "eq", number)]))
            if row["status"] not in ("waiting", "running"):
                return
            now = (
                row["status"]
                if row["total"] is None
                else f"{row['progress']}: {row['done']} of {row['total']}"
            )
            if now != told and (now != "waiting" or waited >= PATIENCE):
                self._narrate(f"job {number}: {now}")
                told = now
            pause = min(2.0, 0.1 + waited / 10)
            time.sleep(pause)
            waited += pause

    def _ask(self, function: str, body: Mapping[str, Any]) -> Any:
        answer = self._again_where_renewed(lambda: ask(self.url, function, body, self.token))
        return answer.json() if answer.content else None

    def _take(self, token: str) -> None:
        self.token = token
        headers = {"Authorization": f"Bearer {token}"}
        self._http.headers.update(headers)
        self._client = SyncPostgrestClient(self.url, schema="api", headers=headers, http_client=self._http)

    def stage(self, load_id: uuid.UUID, rows: Iterable[Staged]) -> int:
        """Stage rows of ``ingest.staging`` in chunks that are neither long nor large; returns their number.

        Chunks are numbered, so that one whose answer was lost is sent again without being there twice.
        """
        number = 0
        for place, chunk in enumerate(_chunks(rows), start=1):
            staged = self.call("import_stage", {"load_id": str(load_id), "records": chunk, "chunk": place})
            number += int(staged)
        self._staged[str(load_id)] = number
        return number

    def _readers(self, name: str) -> dict[str, Callable[[str], Any]]:
        properties = self._description.get(name, {}).get("properties", {})
        return {
            column: READ[about["format"]]
            for column, about in properties.items()
            if about.get("format") in READ
        }

    @cached_property
    def _description(self) -> dict[str, Any]:
        return dict(repeated(partial(self._again_where_renewed, self._describe)))

    def _describe(self) -> dict[str, Any]:
        try:
            answer = httpx.get(
                f"{self.url}/", headers={"Authorization": f"Bearer {self.token}"}, timeout=TIMEOUT
            )
        except httpx.HTTPError as error:
            raise unreachable(self.url, error) from error
        if not answer.is_success:
            raise refused(self.url, answer.status_code, answer.text, answer.headers.get("retry-after"))
        return dict(answer.json()["definitions"])

    def _refused(self, error: APIError) -> Problem:
        told = {"message": error.message, "code": error.code, "details": error.details, "hint": error.hint}
        code = str(error.code or "")
        return refused(
            self.url,
            STATUS.get(code, int(code) if code.isdigit() and len(code) == 3 else 400),
            json.dumps(told),
        )


def _read(row: Mapping[str, Any], readers: Mapping[str, Callable[[str], Any]]) -> Row:
    return {
        column: value if value is None or column not in readers else readers[column](value)
        for column, value in row.items()
    }


def _chunks(rows: Iterable[Staged]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        record = _record(row)
        length = len(json.dumps(record))
        if chunk and (len(chunk) == CHUNK or size + length > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += length
    if chunk:
        yield chunk


def _record(row: Staged) -> dict[str, Any]:
    _, kind, line, part, payload, raw = row
    return {"kind": kind, "line": line, "part": part, "payload": json.loads(payload), "raw": raw}
