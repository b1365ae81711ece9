"""Statements from the Flex web service of Interactive Brokers: asked for, waited for, fetched."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from quantmatrix.ingest.ibkr_flex.xml import leaves
from quantmatrix.ingest.model import FileRefused
from quantmatrix.sync.documents import Document, Window, write
from quantmatrix.sync.failure import Failed, scrubbed
from quantmatrix.sync.web import Answer, Service, Web

SOURCE = "ibkr_flex"
SECRETS = ("token",)
VARIABLE = "QUANTMATRIX_FLEX_URL"
_FOLDER = "/AccountManagement/FlexWebService/"
OFFICIAL = Service(
    "https://ndcdyn.interactivebrokers.com" + _FOLDER.rstrip("/"),
    domain="interactivebrokers.com",
    folder=_FOLDER,
)
_VERSION = "3"
_RESPONSE_LARGEST = 64 * 1024
_HEAD = 4096
_XML_TYPES = frozenset({"text/xml", "application/xml", "application/octet-stream", "text/plain", ""})
_REFERENCE = re.compile(r"[0-9A-Za-z]{1,64}")
_CODE = re.compile(r"[0-9]{1,6}")


def fetch(
    plan: Mapping[str, Any], windows: list[Window], secrets: Mapping[str, str], folder: Path
) -> list[Document]:
    """One statement for each window, in ``folder``. Raises ``Failed``."""
    service = Service.at(os.environ.get(VARIABLE), OFFICIAL, VARIABLE)
    with Web(
        service,
        seconds=plan["answer_seconds"],
        largest=plan["answer_bytes"],
        between=plan["between_seconds"],
    ) as web:
        return [_statement(web, plan, window, secrets["token"], folder) for window in windows]


def _statement(web: Web, plan: Mapping[str, Any], window: Window, token: str, folder: Path) -> Document:
    days = {"fd": f"{window.first:%Y%m%d}", "td": f"{window.last:%Y%m%d}"}
    asked = web.get(
        f"{web.service.base}/SendRequest",
        {"t": token, "q": plan["settings"]["query"], "v": _VERSION, **days},
    )
    response = _response(asked, token)
    _refuse_failure(response, token)
    reference, address = response.get("ReferenceCode", ""), response.get("Url", "")
    if not _REFERENCE.fullmatch(reference):
        raise Failed("unreadable", "neither a reference nor a code")
    address = address or f"{web.service.base}/GetStatement"
    for _ in range(plan["polls"]):
        answer = web.get(address, {"q": reference, "t": token, "v": _VERSION})
        root = _root(answer)
        if root == "FlexStatementResponse":
            response = _response(answer, token)
            if f"flex_{response.get('ErrorCode')}" not in plan["poll_codes"]:
                _refuse_failure(response, token)
                raise Failed("unreadable", "neither a statement nor a code")
            time.sleep(plan["poll_seconds"])
            continue
        if root != "FlexQueryResponse":
            answer.body.close()
            raise Failed("not_xml" if root is None else "unreadable")
        name = f"{plan['feed']}-{window.first}-{window.last}.xml"
        return Document(write(folder, name, answer.body), SOURCE, window, answer.served_at)
    raise Failed("not_ready")


def _root(answer: Answer) -> str | None:
    """The name of the outermost element; None for what is no XML at all. Raises ``Failed``."""
    if answer.content_type not in _XML_TYPES:
        answer.body.close()
        raise Failed("content_type", answer.content_type[:60])
    head = answer.body.read(_HEAD).decode("utf-8-sig", "replace")
    answer.body.seek(0)
    if not head.strip():
        answer.body.close()
        raise Failed("cut_off", "an empty answer")
    if re.match(r"\s*<(?:!doctype\s+)?html", head, re.IGNORECASE):
        answer.body.close()
        raise Failed("content_type", "a web page")
    if not head.lstrip().startswith("<"):
        return None
    found = re.search(r"<([A-Za-z][A-Za-z0-9_]*)", head)
    return found[1] if found else ""


def _response(answer: Answer, token: str) -> dict[str, str]:
    """The fields of a small answer of the service. Raises ``Failed``."""
    root = _root(answer)
    with answer.body as body:
        if root != "FlexStatementResponse" or answer.size > _RESPONSE_LARGEST:
            raise Failed("unreadable", "no answer of the Flex web service")
        return _fields(body, token)


def _fields(body: IO[bytes], token: str) -> dict[str, str]:
    try:
        return leaves(body.read().decode("utf-8-sig"))
    except (FileRefused, UnicodeDecodeError) as error:
        reason = error.reason if isinstance(error, FileRefused) else "not UTF-8"
        raise Failed("unreadable", scrubbed(reason, [token])) from None


def _refuse_failure(response: Mapping[str, str], token: str) -> None:
    code = response.get("ErrorCode", "")
    if response.get("Status", "").lower() == "success" and not code:
        return
    known = code if _CODE.fullmatch(code) else "unknown"
    said = scrubbed(response.get("ErrorMessage", ""), [token])
    raise Failed(f"flex_{known}", f"{known}: {said}" if said else known)
