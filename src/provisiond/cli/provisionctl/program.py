"""The command itself: what holds for all of it, and where each noun is; nouns are loaded when they are used."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import click

from provisiond import __version__
from provisiond.cli.provisionctl.failures import DETACHED, Failure, failure_of
from provisiond.cli.provisionctl.session import Session
from provisiond.cli.provisionctl.targets import (
    PREFIX,
    Target,
    from_environment,
    from_profile,
    local_target,
    profiles_file,
)
from provisiond.client.errors import ClientError
from provisiond.client.transports import TIMEOUT

PLACE: Final = "provisiond.cli.provisionctl.commands"
NOUNS: Final[Mapping[str, str]] = {
    "backup": "backup",
    "completion": "server",
    "config": "config",
    "device": "device",
    "dhcp": "dhcp",
    "events": "server",
    "extension": "extension",
    "export": "transfer",
    "firmware": "firmware",
    "import": "transfer",
    "log": "log",
    "man": "server",
    "migrate-from": "migrate",
    "operation": "operation",
    "package": "package",
    "param": "param",
    "plugin": "plugin",
    "repo": "repo",
    "restore": "backup",
    "shell": "shell",
    "status": "server",
    "tenant": "tenant",
    "token": "token",
}
ATTRIBUTES: Final = {"import": "import_rows", "export": "export_rows", "migrate-from": "migrate_from"}


class Program(click.Group):
    """The group of all nouns; a failure of the client ends it with a sentence and a status."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the nouns in alphabetical order."""
        return sorted(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a noun."""
        module = NOUNS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"{PLACE}.{module}"), ATTRIBUTES.get(cmd_name, cmd_name))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a noun; a wrong one is refused with those that may be meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            close = get_close_matches(args[0], NOUNS)
            if not close:
                raise
            raise click.UsageError(f"{error.message} Is {' or '.join(close)} meant?", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ClientError as error:
            raise failure_of(error) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # click ends quietly
                raise
            place = f"{error.filename} cannot be used" if error.filename else "the output cannot be written"
            raise Failure(f"{place}: {error.strerror or error}") from None
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(DETACHED)


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="provisionctl")
@click.option("--url", metavar="URL", help="Address of the server, e.g. https://pbx.example/api/provd.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token.")
@click.option("--tenant", metavar="UUID", help="The tenant to act in. [default: the token's own]")
@click.option("--ca-file", type=click.Path(path_type=Path), help="PEM file with the authorities to trust.")
@click.option("--profile", metavar="NAME", help="A profile of ~/.config/provisionctl.toml.")
@click.option(
    "--timeout", type=click.FloatRange(min=0.1), default=30.0, show_default=True, help="Longest silence in seconds."
)
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colours.")
@click.pass_context
def program(
    context: click.Context,
    url: str | None,
    token_file: Path | None,
    tenant: str | None,
    ca_file: Path | None,
    profile: str | None,
    timeout: float,
    color: str,
) -> None:
    """Look after phones, their configs, plugins and firmware, on a running provisiond.

    \b
    provisionctl device list --filter vendor=Snom --sort -version
    provisionctl device set 4a1f… config=alice
    provisionctl config set alice sip_lines.1.username=alice ntp_ip=192.0.2.3
    provisionctl plugin install snom-10.1.184.15
    provisionctl firmware install-all snom-10.1.184.15
    provisionctl device sync --filter model=D785

    On the server itself it works without any option for a user who may read the daemon's token file. Elsewhere give
    --url and --token-file, the variables PROVISIONCTL_URL and PROVISIONCTL_TOKEN_FILE (or PROVISIONCTL_TOKEN), or a
    profile. It ends with 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused, 5 server unreachable, 130 Ctrl-C.
    """
    if not isinstance(context.obj, Session):
        context.obj = wanted(context.params)
    context.call_on_close(context.obj.close)
    context.color = {"auto": None if "NO_COLOR" not in os.environ else False, "always": True, "never": False}[color]


def wanted(options: Mapping[str, Any]) -> Session:
    """Return a session as the options of the command say."""
    given = Target(
        url=options.get("url"),
        token_file=options.get("token_file"),
        tenant=options.get("tenant"),
        ca_file=options.get("ca_file"),
    )
    return Session(
        target=lambda: wanted_target(given, options.get("profile"), os.environ),
        timeout=options.get("timeout") or TIMEOUT,
    )


def wanted_target(given: Target, profile: str | None, environment: Mapping[str, str]) -> Target:
    """Return where to connect: options win over the environment, that over a profile, that over this host."""
    profile = profile or environment.get(f"{PREFIX}PROFILE") or None
    target = given.over(from_environment(environment)).over(from_profile(profiles_file(environment), profile))
    return target.over(local_target()) if target.url is None else target


def main() -> None:
    """Run provisionctl."""
    sys.exit(program(prog_name="provisionctl"))
