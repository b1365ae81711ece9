"""Which tags enclose others, and the records that a statement is made of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.ofx.tokens import Tags, Token, text_of

LISTS = frozenset({"INVTRANLIST", "INVPOSLIST", "SECLIST", "BANKTRANLIST"})
"""Each child of these is one record."""

SINGLE = frozenset({"INVACCTFROM", "INVBAL", "BANKACCTFROM", "CCACCTFROM", "SONRS"})
"""Records that stand alone."""

_AROUND = frozenset(
    {
        "OFX", "SIGNONMSGSRSV1", "INVSTMTMSGSRSV1", "INVSTMTTRNRS", "INVSTMTRS", "SECLISTMSGSRSV1",
        "SECLISTTRNRS", "BANKMSGSRSV1", "STMTTRNRS", "STMTRS", "CREDITCARDMSGSRSV1", "CCSTMTTRNRS",
        "CCSTMTRS", "STATUS", "FI", "LEDGERBAL", "AVAILBAL", "INV401K", "INV401KBAL", "INVOOLIST",
        "MFASSETCLASS", "BALLIST", "BAL",
    }
)  # fmt: skip
_LEAVES = frozenset({"DTSTART", "DTEND", "LASTUPDATED"})
_ENDS = frozenset({"/INVTRANLIST", "/INVPOSLIST", "/SECLIST", "/BANKTRANLIST", "/INVSTMTRS", "/OFX"})
_DEEPEST = 24
_FAILURES_AT_MOST = 1000
"""So often what is no record of plain leaves is tried as one; after that a file is read tag by tag."""
_LEAVES_AT_MOST = 2000
_NAMED_APART = {"ORIGCURRENCY": "ORIG"}
_LEAF = re.compile(r"<([A-Z0-9.]+)>\s*([^<\s](?:[^<]*[^<\s])?)")
_COMMON = re.compile(r"(?:BUY|SELL)(?:STOCK|MF|DEBT|OTHER)|INCOME|REINVEST|INVBANKTRAN")
_IDS = re.compile(r"<(FITID|UNIQUEID)>\s*([^<\s](?:[^<]*[^<\s])?)")
_LINES = re.compile(r"[\r\n]")
_BLANKS = re.compile(r"\s+(?=<|\Z)|(?<=>)\s+")


@dataclass(slots=True)
class Record:
    """``kind`` is the tag, ``leaves`` its values by tag, wherever inside; of two with one tag the first.

    What stands inside ORIGCURRENCY is called ORIGCURSYM and so on; ``second`` holds later values of a tag.
    """

    number: int
    """Its line, or the one after the last record's where several stand on one line."""
    line: int
    within: str
    kind: str
    leaves: dict[str, str] = field(default_factory=dict)
    second: dict[str, str] = field(default_factory=dict)
    raw: list[str] = field(default_factory=list)

    def text(self, tag: str) -> str:
        """The value of a leaf, empty where there is none."""
        return self.leaves.get(tag, "")


@dataclass(slots=True)
class Leaf:
    """A value outside of any record: CURDEF, DTASOF, DTSTART."""

    line: int
    tag: str
    text: str


def records(text: TextIO, *, keep_raw: bool = True, briefly: bool = False) -> Iterator[Record | Leaf]:
    """Records and loose values in the order of the file. Raises ``FileRefused``.

    ``briefly``: of trades in shares, income and money only ids may be read.
    """
    tags = Tags(text)
    stack: list[str] = []
    record: Record | None = None
    count = 0
    prefix: list[str] = []
    last = ""
    number = failures = 0
    for token in tags:
        line, tag, text_behind = token
        if record is not None:
            if tag == f"/{record.kind}":
                yield record
                record, prefix = None, []
                continue
            if tag in _ENDS:
                yield record
                record, prefix = None, []
            else:
                last = _inside(record, token, prefix, last)
                count += 1
                if count > _LEAVES_AT_MOST:
                    raise FileRefused(f"{record.kind} never ends", line=record.line)
                continue
        if tag.startswith("/"):
            if tag[1:] in stack:
                while stack.pop() != tag[1:]:
                    pass
            continue
        if tag == "#text":
            continue
        parent = stack[-1] if stack else ""
        if text_behind or tag in _LEAVES:
            yield Leaf(line, tag, text_behind)
        elif parent in LISTS or tag in SINGLE:
            number = max(line, number + 1)
            record = Record(number, line, parent, tag)
            record.raw.append(f"<{tag}>")
            count, prefix, last = 0, [], ""
        elif tag in _AROUND or tag in LISTS:
            stack.append(tag)
            if len(stack) > _DEEPEST:
                raise FileRefused(f"tags are nested more than {_DEEPEST} deep", line=line)
        while record is None and stack and stack[-1] in LISTS and failures < _FAILURES_AT_MOST:
            # Almost every record is of plain leaves.
            found = tags.plain()
            if found is None:
                failures += 1
                break
            line, kind, inside = found
            number = max(line, number + 1)
            record = Record(number, line, stack[-1], kind)
            if briefly and _COMMON.fullmatch(kind) and "&" not in inside:
                record.leaves = dict(reversed(_IDS.findall(inside)))
            else:
                _fill(record, inside, keep_raw=keep_raw)
            yield record
            record = None
    if record is not None:
        raise FileRefused(
            f"{record.kind} never ends: the file is cut off", line=record.line, hint="download it again"
        )


def _fill(record: Record, inside: str, *, keep_raw: bool) -> None:
    """Take all that stands inside a record, nothing of which is called otherwise there."""
    found = _LEAF.findall(inside)
    if "&" in inside:
        found = [(tag, text_of(printed)) for tag, printed in found]
    record.leaves = dict(reversed(found))  # of two with one tag the first
    if len(found) != len(record.leaves):
        for tag, text in found:
            if text != record.leaves[tag]:
                record.second.setdefault(tag, text)
    if keep_raw:
        record.raw = [f"<{record.kind}>", _BLANKS.sub("", inside) if _LINES.search(inside) else inside]


def _inside(record: Record, token: Token, prefix: list[str], last: str) -> str:
    """Take a token into a record; returns the tag to which a text that follows belongs."""
    tag = token.tag
    record.raw.append(f"<{tag}>{token.text}" if tag != "#text" else token.text)
    if tag == "#text":
        if last and token.text:
            record.leaves.setdefault(last, token.text)
        return ""
    if tag.startswith("/"):
        if prefix and prefix[-1] == tag[1:]:
            prefix.pop()
        return last if tag[1:] != last else ""
    if tag in _NAMED_APART:
        prefix.append(tag)
        return ""
    if token.text:
        name = "".join(_NAMED_APART[outer] for outer in prefix) + tag
        if name in record.leaves:
            record.second.setdefault(name, token.text)
        else:
            record.leaves[name] = token.text
        return ""
    return tag
