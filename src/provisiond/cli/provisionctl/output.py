"""Answers for people (tables that fit the terminal) and for programs (JSON, YAML, CSV, names)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, Final

import click
from attrs import frozen

from provisiond.cli.provisionctl.session import Session

FORMS: Final = ("table", "json", "yaml", "csv", "name")
GAP: Final = 2
NARROWEST: Final = 4
Row = Mapping[str, Any]


@frozen
class Output:
    """How an answer is written.

    :param columns: dotted names of members; none for the command's own.
    """

    form: str = "table"
    columns: tuple[str, ...] = ()


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--output`` and ``--columns``; it gets them as ``output``."""

    @click.option("--columns", metavar="NAMES", help="Only these members, e.g. id,mac,options.switchboard.")
    @click.option("-o", "--output", "form", type=click.Choice(FORMS), default="table", help="How to write it.")
    @wraps(command)
    def with_output(*args: Any, form: str, columns: str | None, **kwargs: Any) -> Any:
        names = tuple(filter(None, (columns or "").split(",")))
        return command(*args, output=Output(form, names), **kwargs)

    return with_output


def member(row: Any, name: str) -> Any:
    """Return the value at a dotted name; None when there is none."""
    for part in name.split("."):
        row = row.get(part) if isinstance(row, Mapping) else None
    return row


def cell(value: Any) -> str:
    """Return a value as people read it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return " ".join(str(value).split())


def show_rows(session: Session, output: Output, rows: Iterable[Row], columns: Sequence[str], name: str = "id") -> None:
    """Write a list.

    :param columns: what the table and CSV show unless other columns are wanted.
    :param name: the member that ``-o name`` writes.
    """
    found = list(rows)
    wanted = output.columns or tuple(columns)
    if output.form == "name":
        click.echo("".join(f"{cell(member(row, name))}\n" for row in found), nl=False)
    elif output.form == "csv":
        click.echo(_csv(found, wanted), nl=False)
    elif output.form in ("json", "yaml"):
        shown = [{each: member(row, each) for each in output.columns} for row in found] if output.columns else found
        click.echo(_text(shown, output.form), nl=False)
    else:
        click.echo(table(found, wanted, session.width if session.is_terminal else None), nl=False)


def show_document(session: Session, output: Output, document: Row, name: str = "id") -> None:
    """Write one document: as a list of its members, or as programs want it."""
    if output.form in ("json", "yaml"):
        shown = {each: member(document, each) for each in output.columns} if output.columns else document
        click.echo(_text(shown, output.form), nl=False)
        return
    if output.form in ("name", "csv"):
        show_rows(session, output, [document], list(document), name)
        return
    names = output.columns or tuple(leaves(document))
    wide = max((len(each) for each in names), default=0)
    for each in names:
        click.echo(f"{click.style(each.ljust(wide), dim=True)}  {cell(member(document, each))}".rstrip())


def leaves(document: Row, above: str = "") -> Iterable[str]:
    """Yield the dotted names of all values of a document; a name with a dot ends the way down."""
    for name, value in document.items():
        if isinstance(value, Mapping) and value and not any("." in str(inner) for inner in value):
            yield from leaves(value, f"{above}{name}.")
        else:
            yield f"{above}{name}"


def table(rows: Sequence[Row], columns: Sequence[str], width: int | None) -> str:
    """Return rows as a table with a head; nothing for no rows.

    :param width: columns of the terminal; None for as wide as it needs to be.
    """
    if not rows:
        return ""
    heads = [each.rpartition(".")[2].upper() for each in columns]
    texts = [[cell(member(row, each)) for each in columns] for row in rows]
    widths = [max(map(_wide, column)) for column in zip(heads, *texts, strict=True)]
    if width is not None:
        widths = _fitted(widths, width)
    lines = [_line(heads, widths, style={"bold": True})]
    lines += [_line(line, widths) for line in texts]
    return "".join(f"{line}\n" for line in lines)


def _fitted(widths: Sequence[int], width: int) -> list[int]:
    """Return widths that fit: the widest columns give way first."""
    fitted = list(widths)
    while sum(fitted) + GAP * (len(fitted) - 1) > width:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= NARROWEST:
            break
        fitted[widest] -= 1
    return fitted


def _line(cells: Sequence[str], widths: Sequence[int], style: Mapping[str, Any] | None = None) -> str:
    shown = [_cut(text, width) for text, width in zip(cells, widths, strict=True)]
    text = (" " * GAP).join(shown).rstrip()
    if style:
        return click.style(text, **style)
    return text


def _wide(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def _cut(text: str, width: int) -> str:
    """Return a text in exactly so many columns."""
    if text.isascii():
        return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"
    from rich.cells import cell_len, set_cell_size

    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def _csv(rows: Sequence[Row], columns: Sequence[str]) -> str:
    import csv
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(member(row, each)) for each in columns] for row in rows)
    return out.getvalue()


def _csv_cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return cell(value) if not isinstance(value, str) else value


def _text(value: Any, form: str) -> str:
    if form == "json":
        return json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"
    import yaml

    plain = json.loads(json.dumps(value, default=_plain))
    return str(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
