"""Rows of an import: documents with the numbers of their rows, and what is wrong with which."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from typing import Any, ClassVar, Final

from attrs import frozen

from provisiond.errors import InvalidInput
from provisiond.model.json_text import parsed_json_object
from provisiond.provisioning.ports import Document

MAX_SHOWN: Final = 200


@frozen
class Row:
    """A document of an import.

    :param number: line in a file of JSON lines, row in a spreadsheet; the first is 1.
    """

    number: int
    document: Document


@frozen
class WrongRow:
    """A row that cannot be imported, and why.

    :param id: of its document; None when there is none.
    """

    number: int
    id: str | None
    sentence: str


class WrongRows(InvalidInput):
    """Rows of an import are wrong, so nothing was imported.

    ``rows`` holds the first of them, by number; ``total`` is how many there are.

    :param wrong: at least one.
    """

    code: ClassVar[str] = "wrong-rows"

    def __init__(self, wrong: Iterable[WrongRow]) -> None:
        found = sorted(wrong, key=lambda row: row.number)
        self.total = len(found)
        self.rows = tuple(found[:MAX_SHOWN])
        rows = "1 row is wrong" if self.total == 1 else f"{self.total} rows are wrong"
        self.summary = f"{rows}, nothing was imported"
        super().__init__(f"{self.summary}; row {self.rows[0].number}: {self.rows[0].sentence}")


def rows_of_lines(content: bytes) -> Iterator[Row | WrongRow]:
    """Yield the documents of JSON lines; empty lines count and are passed over."""
    for number, line in enumerate(BytesIO(content), 1):
        text = line.strip().removeprefix(b"\xef\xbb\xbf") if number == 1 else line.strip()
        if not text:
            continue
        try:
            yield Row(number, parsed_json_object(text, "the row"))
        except InvalidInput as error:
            yield WrongRow(number, None, error.sentence)


def written_lines(documents: Iterable[Mapping[str, Any]]) -> bytes:
    """Return documents as JSON lines."""
    lines = (json.dumps(document, separators=(",", ":"), default=dict) + "\n" for document in documents)
    return "".join(lines).encode("ascii")


def shown_id(document: Mapping[str, Any]) -> str | None:
    """Return the id of a document for a report, or None."""
    found = document.get("id")
    return found[:128] if isinstance(found, str) else None


def same_content(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two documents hold the same, in whichever order; ``1``, ``1.0`` and ``true`` are three values."""
    return _sorted_text(one) == _sorted_text(other)


def _sorted_text(document: Mapping[str, Any]) -> str:
    return json.dumps(dict(document), sort_keys=True, default=dict)
