"""``provisionctl backup`` and ``restore``: everything that the server keeps, in one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import click

from provisiond.cli.provisionctl.failures import FAILED, USAGE, Failure
from provisiond.cli.provisionctl.following import Work, bars, follow
from provisiond.cli.provisionctl.many import confirm
from provisiond.cli.provisionctl.session import Session, pass_session
from provisiond.client.blocking import Client
from provisiond.client.errors import NotFound, OperationFailed, Unauthorized, Unavailable, Unreachable
from provisiond.client.values import Operation

FILE = click.Path(dir_okay=False, path_type=Path)
PAUSE: Final = 0.5
LONGEST: Final = 600.0


@click.command()
@click.argument("file", type=FILE)
@click.option("--firmware", is_flag=True, help="Put installed firmware in too; it can be many gigabytes.")
@click.option("--phone-files", is_flag=True, help="Put the files that phones have sent in too: logs, directories.")
@pass_session
def backup(session: Session, file: Path, firmware: bool, phone_files: bool) -> None:
    """Write a backup of everything that the server keeps to FILE, while it goes on serving.

    Devices, configs, parameters, keys, tenants, tokens, plugins with their templates. It holds every password: FILE can
    be read by you alone. It ends with what is not in it.

    \b
    provisionctl backup provisiond-$(date +%F).tar.gz
    """
    if file == Path("-"):
        raise click.BadParameter("a backup goes into a file; name one")
    partial = file.with_name(f".{file.name}.part")
    try:
        with _new_file(partial) as target, shown_bytes(session, file.name) as show:
            size = 0
            for piece in session.client.backups.make(firmware=firmware, phone_files=phone_files):
                target.write(piece)
                size += len(piece)
                show(size, None)
            target.flush()
            os.fsync(target.fileno())
        partial.replace(file)
    except OSError as error:
        raise Failure(f"{file} cannot be written: {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)
    click.echo(f"wrote {file}, {size:,} bytes")
    for sentence in _left_out(firmware=firmware, phone_files=phone_files):
        click.echo(f"not in it: {sentence}", err=True)


def _left_out(*, firmware: bool, phone_files: bool) -> Iterator[str]:
    yield "the settings; copy /etc/provisiond beside it"
    yield "host extensions and what they have set up on the host; backup.json in it tells which to install again"
    if not firmware:
        yield "installed firmware; --firmware puts it in, provisionctl firmware install-all PLUGIN fetches it again"
    if not phone_files:
        yield "files that phones have sent; --phone-files puts them in"


def _new_file(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


@click.command()
@click.argument("file", type=FILE)
@click.option("--dry-run", is_flag=True, help="Only check whether it could be restored.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def restore(session: Session, file: Path, dry_run: bool, yes: bool) -> None:
    """Replace everything that the server keeps by the backup in FILE.

    All of FILE is checked before anything changes. Then the server begins anew; phones are without it for some
    seconds. From then on the tokens of the backup count, and no others.

    \b
    provisionctl restore --dry-run provisiond-2026-11-21.tar.gz
    provisionctl restore provisiond-2026-11-21.tar.gz
    """
    if not dry_run:
        confirm("replace everything that the server keeps by", [file.name], yes)
    before = None if dry_run else session.client.backups.restored()
    upload = sent(session, file)
    operation = session.client.backups.restore(upload, dry_run=dry_run)
    if dry_run:
        follow(session, [Work(f"{file.name}: check", operation)])
        return
    click.echo(_back(session, operation, before), err=True)
    click.echo(f"{file.name}: restored")


def sent(session: Session, file: Path) -> str:
    """Send a file and return the id of the upload.

    :raises Failure: when it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return sent_from(session, stream, file.name, os.fstat(stream.fileno()).st_size)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}", USAGE) from None


def sent_from(session: Session, stream: IO[bytes], name: str, size: int) -> str:
    """Send an open file and return the id of the upload.

    :param name: what the bar is called.
    """
    with shown_bytes(session, name) as show:
        return session.client.backups.send(stream, lambda done: show(done, size))


def _back(session: Session, operation: Operation, before: dict[str, Any] | None) -> str:
    """Wait until the server has begun anew, and return what there is to say about it.

    :raises Failure: when the backup is refused, or the server does not come back.
    """
    waited = 0.0
    while waited < LONGEST:
        try:
            client = session.new_client()
            _check(client, operation)
            if client.backups.restored() != before:
                return "the server runs with the state of the backup"
        except OperationFailed as error:
            raise Failure(error.sentence, FAILED) from None
        except Unauthorized:
            return "the server runs with the state of the backup, and with its tokens: this one is none of them"
        except (Unreachable, Unavailable):
            pass
        session.pause(PAUSE)
        waited += PAUSE
    raise Failure("the server has not come back; look at its log")


def _check(client: Client, operation: Operation) -> None:
    try:
        now = client.operations.get(operation)
    except NotFound:
        return
    if now.error is not None:
        raise OperationFailed(now.error)


@contextmanager
def shown_bytes(session: Session, name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a bar with bytes and rate on a terminal; yields what is told how many bytes are done, and of how many."""
    if not session.has_error_terminal:
        yield lambda done, size: None
        return
    with bars() as shown:
        task = shown.add_task(name, total=None)
        yield lambda done, size: shown.update(task, completed=done, total=size)
