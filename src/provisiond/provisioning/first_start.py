"""What a fresh system begins with (REST contract, section 12)."""

from __future__ import annotations

import secrets
import string
from pathlib import Path
from typing import Any

from twisted.logger import Logger

from provisiond.errors import StartProblem
from provisiond.provisioning.configs import Configs
from provisiond.provisioning.ports import StoredConfigs, Threads
from provisiond.provisioning.tokens import Tokens
from provisiond.whole_files import write_whole

log = Logger()
ADMIN_TOKEN_FILE = "admin-token"  # noqa: S105  (the name of a file)
_ALPHABET = string.ascii_letters + string.digits


async def create_default_configs(store: StoredConfigs, configs: Configs, host: str, http_port: int) -> bool:
    """Create the four configs of a fresh system when there are no configs at all.

    :param host: advertised address of this server.
    :param http_port: advertised port of the HTTP service for phones.
    :return: True when they were created.
    """
    if await store.count():
        return False
    for document in default_configs(host, http_port):
        await configs.create(document)
    return True


async def create_admin_token(tokens: Tokens, tenant_uuid: str, state_dir: Path, threads: Threads) -> Path | None:
    """Make a token that may do everything when there is no token at all, and write it to ``admin-token``.

    The file is readable by the daemon's user only. It is written before the token counts, so a crash between the two
    never leaves a token that nobody knows.

    :return: the file, or None when there are tokens already.
    :raises StartProblem: when the file cannot be written.
    """
    if tokens.list():
        return None
    text, token_id = tokens.new_text()
    path = state_dir / ADMIN_TOKEN_FILE
    try:
        await threads.run(_write_secret, path, text)
    except OSError as error:
        raise StartProblem(f"the administrator's token cannot be written to {path}: {error.strerror}") from None
    await tokens.keep(text, token_id, "administrator", ["#"], tenant_uuid)
    return path


def default_configs(host: str, http_port: int) -> list[dict[str, Any]]:
    """Return the default documents; passwords and the user name are random."""
    address = {"ntp_enabled": True, "ntp_ip": host}
    base = {
        "id": "base",
        "X_type": "internal",
        "displayname": "base",
        "deletable": False,
        "parent_ids": [],
        "raw_config": {"X_xivo_phonebook_ip": host, **address},
    }
    registrar = {
        "id": "default",
        "X_type": "registrar",
        "displayname": "local",
        "deletable": False,
        "parent_ids": [],
        "proxy_main": host,
        "registrar_main": host,
        "raw_config": {"X_key": "xivo"},
    }
    device = {
        "id": "defaultconfigdevice",
        "X_type": "device",
        "label": "Default config device",
        "deletable": False,
        "parent_ids": [],
        "raw_config": {
            **address,
            "admin_username": "admin",
            "admin_password": _random(16),
            "user_username": "user",
            "user_password": _random(16),
            "sip_dtmf_mode": "SIP-INFO",
        },
    }
    return [base, registrar, device, _autoprov(host, http_port)]


def _autoprov(host: str, http_port: int) -> dict[str, Any]:
    line = {
        "username": f"ap{_random(8)}",
        "password": "autoprov",
        "display_name": "Autoprov",
        "number": "autoprov",
        "proxy_ip": host,
        "registrar_ip": host,
    }
    return {
        "id": "autoprov",
        "X_type": "internal",
        "role": "autocreate",
        "deletable": False,
        "parent_ids": ["base", "defaultconfigdevice"],
        "raw_config": {
            "ip": host,
            "http_port": http_port,
            "sip_lines": {"1": line},
            "sccp_call_managers": {"1": {"ip": host}},
        },
    }


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _write_secret(path: Path, text: str) -> None:
    write_whole(path, f"{text}\n".encode(), 0o600)
