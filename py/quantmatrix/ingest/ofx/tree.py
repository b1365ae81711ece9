"""Which tags enclose others, and the records that a statement is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from quantmatrix.ingest.model import FileRefused
from quantmatrix.ingest.ofx.tokens import Token

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
_LEAVES_AT_MOST = 2000
_NAMED_APART = {"ORIGCURRENCY": "ORIG"}


@dataclass(slots=True)
class Record:
    """``kind`` is the tag, ``leaves`` its values by tag, wherever inside; of two with one tag the first.

    What stands inside ORIGCURRENCY is called ORIGCURSYM and so on; ``second`` holds later values of a tag.
    """

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


def records(tokens: Iterable[Token], *, keep_raw: bool = True) -> Iterator[Record | Leaf]:
    """Records and loose values in the order of the file. Raises ``FileRefused``."""
    stack: list[str] = []
    record: Record | None = None
    depth = count = 0
    prefix: list[str] = []
    last = ""
    for token in tokens:
        line, tag, text = token
        if record is not None:
            if text and not prefix and tag[:1] not in "/#" and tag not in _NAMED_APART:
                # Almost every tag is a leaf.
                if keep_raw:
                    record.raw.append(f"<{tag}>{text}")
                if tag in record.leaves:
                    record.second.setdefault(tag, text)
                else:
                    record.leaves[tag] = text
                last = ""
                count += 1
                if count > _LEAVES_AT_MOST:
                    raise FileRefused(f"{record.kind} never ends", line=record.line)
                continue
            if tag == f"/{record.kind}" and depth <= 1:
                yield record
                record, depth, prefix = None, 0, []
                continue
            if tag in _ENDS:
                yield record
                record, depth, prefix = None, 0, []
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
        if text or tag in _LEAVES:
            yield Leaf(line, tag, text)
        elif parent in LISTS or tag in SINGLE:
            record = Record(line, parent, tag)
            record.raw.append(f"<{tag}>")
            count = 0
            depth, prefix, last = 1, [], ""
        elif tag in _AROUND or tag in LISTS:
            stack.append(tag)
            if len(stack) > _DEEPEST:
                raise FileRefused(f"tags are nested more than {_DEEPEST} deep", line=line)
    if record is not None:
        raise FileRefused(
            f"{record.kind} never ends: the file is cut off", line=record.line, hint="download it again"
        )


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
