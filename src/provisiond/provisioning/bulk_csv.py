"""Documents as rows of a spreadsheet, and back without loss.

A column is named by the way to its value, with dots: ``raw_config.sip_lines.1.username``. A dot or a backslash inside a
name is written with a backslash before it. An empty cell means that there is no such member. Other cells:

* ``'`` and anything after it: that text (also what protects a spreadsheet from taking a text for a formula);
* ``json:`` and JSON: that value;
* in columns that hold texts (ids, names, addresses, passwords …): the text as it stands;
* in other columns: a number, ``true``, ``false``, ``null``, an array or an object as in JSON; else the text as it
  stands.

In ``parent_ids`` ids may also be given one after another, with commas between them.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO, StringIO, TextIOWrapper
from typing import Any, Final

from provisiond.errors import InvalidInput
from provisiond.model.json_text import MAX_DEPTH, check_tree, parsed_json
from provisiond.model.parameter_types import BOOL, INT, PORT, PRIORITY, TEXTS, VLAN, Kind
from provisiond.model.raw_config import LINE, PLAIN
from provisiond.provisioning.bulk_rows import Row, WrongRow, shown_id
from provisiond.provisioning.ports import Document

Path = tuple[str, ...]
Texts = Callable[[Path], bool]
MAX_COLUMNS: Final = 10_000
MAX_CELL: Final = 8 << 20
DELIMITERS: Final = (",", ";", "\t")
BOM: Final = "\ufeff"
_MARK: Final = "'"
_JSON: Final = "json:"
_FORMULA: Final = tuple("'=+-@\t\r\n＝＋－＠")
_PARENTS: Final = ("parent_ids",)
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_QUOTED: Final = re.compile(r'"[^"]*"')
_OTHER_KINDS: Final = (BOOL, INT, PORT, VLAN, PRIORITY, TEXTS)
_FIRST: Final = ("id", "mac", "ip", "vendor", "model", "version", "plugin", "config", "description", "X_type", "label")
_DEVICE_TEXTS: Final = frozenset(
    {*_FIRST, "sn", "uuid", "added", "tenant_uuid", "remote_state_sip_username"} - {"X_type", "label"}
)
_CONFIG_TEXTS: Final = frozenset({"id", "role", "X_type", "label", "displayname", "proxy_main", "registrar_main"})
_FUNCTION_KEY_TEXTS: Final = frozenset({"type", "value", "label"})


def device_texts(path: Path) -> bool:
    """Tell whether a column of devices holds texts."""
    return len(path) == 1 and path[0] in _DEVICE_TEXTS


def config_texts(path: Path) -> bool:
    """Tell whether a column of configs holds texts."""
    if path[0] != "raw_config":
        return len(path) == 1 and path[0] in _CONFIG_TEXTS
    if len(path) == 2:
        return _is_text(PLAIN.get(path[1]))
    if len(path) != 4:
        return False
    members = {"sip_lines": LINE.get(path[3])}
    return (
        _is_text(members.get(path[1]))
        or (path[1] == "sccp_call_managers" and path[3] == "ip")
        or (path[1] == "funckeys" and path[3] in _FUNCTION_KEY_TEXTS)
    )


def _is_text(kind: Kind | None) -> bool:
    return kind is not None and kind not in _OTHER_KINDS


# Out


def paths_of(document: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Yield the way to each value of a document; empty objects and arrays are values."""
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, Mapping) and (value or not path):
            waiting.extend(((*path, name), member) for name, member in value.items())
        else:
            yield path, value


def ordered(paths: Iterable[Path]) -> list[Path]:
    """Return columns in the order of a table: well-known ones first, numbers by their value.

    :raises InvalidInput: when there are too many for a spreadsheet.
    """
    found = sorted(paths, key=_rank)
    if len(found) > MAX_COLUMNS:
        raise InvalidInput(f"there are more than {MAX_COLUMNS} columns; ask for application/x-ndjson")
    return found


def _rank(path: Path) -> tuple[int, list[tuple[bool, int, str]]]:
    known = _FIRST.index(path[0]) if path[0] in _FIRST else len(_FIRST)
    return known, [(not _is_number(name), int(name) if _is_number(name) else 0, name) for name in path]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10


def written_header(columns: Sequence[Path], delimiter: str = ",") -> bytes:
    """Return the first row of a table."""
    return _line([_column_name(path) for path in columns], delimiter, is_head=True)


def written_rows(
    documents: Iterable[Mapping[str, Any]], columns: Sequence[Path], texts: Texts, delimiter: str
) -> bytes:
    """Return documents as rows of a table.

    :raises InvalidInput: when a document has a value that no column is for.
    """
    places = {path: index for index, path in enumerate(columns)}
    lines = []
    for document in documents:
        cells = [""] * len(columns)
        for path, value in paths_of(document):
            if path not in places:
                raise InvalidInput(f"the column {_column_name(path)} came to be while the table was written")
            cells[places[path]] = written_cell(path, value, texts)
        lines.append(_line(cells, delimiter))
    return b"".join(lines)


def written_cell(path: Path, value: Any, texts: Texts) -> str:
    """Return a value as a cell; never one that a spreadsheet takes for a formula."""
    is_parents = path == _PARENTS
    if is_parents and _are_plain_ids(value):
        return ",".join(value)
    if not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=dict)
        return _JSON + text if is_parents or texts(path) else text
    marked = is_parents or value == "" or value.startswith((*_FORMULA, _JSON))
    if not marked and not texts(path):
        marked = _guessed(value) is not value
    return _MARK + value if marked else value


def _are_plain_ids(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and bool(value)
        and all(isinstance(each, str) and _PLAIN_ID.fullmatch(each) for each in value)
    )


def _column_name(path: Path) -> str:
    name = ".".join(part.replace("\\", "\\\\").replace(".", "\\.") for part in path)
    return _MARK + name if not name or name.startswith(_FORMULA) or name != name.strip() else name


def _line(cells: Sequence[str], delimiter: str, is_head: bool = False) -> bytes:
    out = StringIO(newline="")
    # Names, and the cells of a single column, must not look as if something else stood between the cells.
    is_ambiguous = (is_head or len(cells) == 1) and any(each in cell for cell in cells for each in DELIMITERS)
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL if is_ambiguous else csv.QUOTE_MINIMAL).writerow(cells)
    return out.getvalue().encode("utf-8")


# In


def rows_of_table(content: bytes, texts: Texts) -> Iterator[Row | WrongRow]:
    """Yield the documents of a table; its first row names the columns and is row 1.

    Commas, semicolons or tabulators may stand between the cells; a byte order mark and a first line such as ``sep=;``
    are passed over; empty rows count and are passed over.
    """
    csv.field_size_limit(MAX_CELL)
    text = TextIOWrapper(BytesIO(content), "utf-8-sig", newline="")
    number = 0
    try:
        number, columns, delimiter = _beginning(text)
        for cells in csv.reader(text, delimiter=delimiter, strict=True):
            number += 1
            if any(cells):
                yield _row(number, columns, cells, texts)
    except UnicodeDecodeError:
        yield WrongRow(number + 1, None, "the table is not UTF-8; save it as CSV UTF-8")
    except csv.Error as error:
        yield WrongRow(number + 1, None, f"the row is not CSV: {error}")
    except InvalidInput as error:
        yield WrongRow(max(number, 1), None, error.sentence)


def _beginning(text: TextIOWrapper) -> tuple[int, list[Path | None], str]:
    line, number = text.readline(), 1
    declared = re.fullmatch(r"sep=(.)", line.strip("\r\n"))
    if declared is not None and declared[1] in DELIMITERS:
        line, number = text.readline(), 2
    while line.count('"') % 2:
        more = text.readline()
        if not more:
            raise csv.Error("a quoted cell does not end")
        line += more
    candidates = (declared[1],) if number == 2 and declared is not None else DELIMITERS
    unquoted = _QUOTED.sub("", line)
    delimiter = max(candidates, key=unquoted.count)
    names = _names(line, delimiter)
    if not any(names):
        raise InvalidInput("the first row must name the columns")
    return number, _columns(names), delimiter


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def _columns(names: Sequence[str]) -> list[Path | None]:
    if len(names) > MAX_COLUMNS:
        raise InvalidInput(f"there are more than {MAX_COLUMNS} columns")
    columns = [_path(name) for name in names]
    seen: set[Path] = set()
    for path, name in zip(columns, names, strict=True):
        if path is not None and path in seen:
            raise InvalidInput(f"the column {name[:100]} is there twice")
        seen.add(path or ())
    return columns


def _path(name: str) -> Path | None:
    if name.startswith(_MARK):
        name = name[1:]
    else:
        name = name.strip()
        if not name:
            return None
    parts = [""]
    characters = iter(name)
    for character in characters:
        if character == ".":
            parts.append("")
        else:
            parts[-1] += next(characters, "\\") if character == "\\" else character
    if len(parts) > MAX_DEPTH:
        raise InvalidInput(f"the column {name[:100]} is nested too deep")
    return tuple(parts)


def _row(number: int, columns: Sequence[Path | None], cells: Sequence[str], texts: Texts) -> Row | WrongRow:
    document: Document = {}
    try:
        for index, cell in enumerate(cells):
            if cell:
                path = columns[index] if index < len(columns) else None
                if path is None:
                    raise InvalidInput(f"cell {index + 1} is in a column without a name")
                _put(document, path, read_cell(path, cell, texts))
        check_tree(document, "the row")
    except InvalidInput as error:
        return WrongRow(number, shown_id(document), error.sentence)
    return Row(number, document)


def _put(document: Document, path: Path, value: Any) -> None:
    place: Any = document
    for part in path[:-1]:
        place = place.setdefault(part, {})
        if not isinstance(place, dict):
            raise InvalidInput(f"the column {_column_name(path)} lies inside another that has a value too")
    if path[-1] in place:
        raise InvalidInput(f"the column {_column_name(path)} lies around another that has a value too")
    place[path[-1]] = value


def read_cell(path: Path, cell: str, texts: Texts) -> Any:
    """Return the value of a cell that is not empty.

    :raises InvalidInput: when ``json:`` is not followed by JSON.
    """
    if cell.startswith(_MARK):
        return cell[1:]
    if cell.startswith(_JSON):
        return parsed_json(cell[len(_JSON) :].encode("utf-8"), f"the cell of {_column_name(path)}")
    if texts(path):
        return cell
    if path == _PARENTS and not cell.startswith("["):
        return [each.strip() for each in cell.split(",") if each.strip()]
    return _guessed(cell)


def _guessed(cell: str) -> Any:
    """Return what a cell means where no text is expected; the very same object when it is a text."""
    if cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    if cell[0] not in '-0123456789"[{n':
        return cell
    try:
        return parsed_json(cell.encode("utf-8"))
    except InvalidInput:
        return cell
