"""Arguments of paths and queries, and parameters of phones, for the description of the API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from provisiond.model import parameter_types as kinds
from provisiond.model.raw_config import LINE, NEEDS, NOT_NULL, PLAIN

Schema = dict[str, Any]
TEXT: Final[Schema] = {"type": "string"}
FLAG: Final[Schema] = {"type": "string", "enum": ["true", "false", "1", "0"]}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}

PATH: Final[Mapping[str, tuple[str, Schema]]] = {
    "device_id": ("Id of a device.", TEXT),
    "config_id": ("Id of a config.", TEXT),
    "plugin": ("Id of a plugin.", TEXT),
    "param": ("Name of a parameter.", TEXT),
    "number": ("Number of the operation.", {"type": "integer", "minimum": 1}),
    "upload": ("Id of an upload.", TEXT),
    "token_id": ("Id of a token.", TEXT),
    "uuid": ("Uuid of a tenant.", {"type": "string", "format": "uuid"}),
    "name": ("Name of a file; may hold slashes.", TEXT),
    "file": ("Name of a part of the page.", TEXT),
}
QUERY: Final[Mapping[str, tuple[str, Schema]]] = {
    "q": ('Selector in JSON, e.g. {"configured": false}.', {"type": "string", "contentMediaType": "application/json"}),
    "q64": (
        "The selector in base64; wins over q.",
        {"type": "string", "contentEncoding": "base64", "contentMediaType": "application/json"},
    ),
    "fields": ("Dotted keys with commas between them; id is always returned.", TEXT),
    "skip": ("How many to pass over.", COUNT),
    "limit": ("How many at most; 0 for all.", COUNT),
    "sort": ("One dotted key.", TEXT),
    "sort_ord": ("Direction of sort.", {"type": "string", "enum": ["ASC", "DESC"]}),
    "recurse": ("Include the tenants below.", FLAG),
    "mode": ("What to do with ids that are used.", {"type": "string", "enum": ["create", "replace", "upsert"]}),
    "dry_run": ("Check only; store nothing.", FLAG),
    "format": ("Wins over Accept.", {"type": "string", "enum": ["jsonl", "csv"]}),
    "/dhcp/configuration?format": ("Of which server.", {"type": "string", "enum": ["isc", "kea", "dnsmasq"]}),
    "vlan": ("Number of the VLAN of the phones.", TEXT),
    "sip_server": ("IPv4 address of a SIP server, for phones that take it from option 120.", TEXT),
    "firmware": ("Put installed firmware in too.", FLAG),
    "phone_files": ("Put files that phones have sent in too.", FLAG),
    "offset": ("Where in the file the piece begins, in bytes.", {"type": "integer", "minimum": 0}),
    "wait": ("How many seconds to wait for the end at most.", COUNT),
    "excel": ("Semicolons and a byte order mark, for spreadsheets.", FLAG),
    "preview": ("Always true: files are rendered now, and nothing is stored.", FLAG),
    "diff": ("Give the differences too.", FLAG),
    "state": ("States of devices with commas between them: true, false, unknown.", TEXT),
    "kinds": ("Kinds of events with commas between them; all by default.", TEXT),
    "last_event_id": ("Id of the last event that was received.", TEXT),
}


def _number(low: int, high: int) -> Schema:
    return {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, {"type": "string", "pattern": "^[0-9]+$"}]}


def _choice(*texts: str) -> Schema:
    return {"type": "string", "enum": list(texts)}


_OF_KIND: Final[Mapping[str, Schema]] = {
    kinds.BOOL.name: {"type": ["boolean", "string", "integer"], "description": "true or false; also 0, 1, yes, no."},
    kinds.INT.name: {"type": ["integer", "string"]},
    kinds.PORT.name: _number(1, 65535),
    kinds.VLAN.name: _number(0, 4094),
    kinds.PRIORITY.name: _number(0, 7),
    kinds.TEXT.name: {"type": ["string", "number"]},
    kinds.HOST.name: {"type": "string", "description": "IP address or host name."},
    kinds.LOCALE.name: {"type": "string", "pattern": "^[a-z]{2}_[A-Z]{2}$"},
    kinds.TIMEZONE.name: {"type": "string", "examples": ["Europe/Paris"]},
    kinds.BASE_URL.name: {"type": "string", "format": "uri"},
    kinds.TEXTS.name: {"type": "array", "items": TEXT},
    kinds.SYSLOG_LEVEL.name: _choice("critical", "error", "warning", "info", "debug"),
    kinds.PROTOCOL.name: _choice("SIP", "SCCP"),
    kinds.DTMF.name: _choice("RTP-in-band", "RTP-out-of-band", "SIP-INFO"),
    kinds.SRTP.name: _choice("disabled", "preferred", "required"),
    kinds.TRANSPORT.name: _choice("udp", "tcp", "tls"),
    kinds.KEY_TYPE.name: _choice("speeddial", "blf", "park"),
}


def _of(table: Mapping[str, kinds.Kind]) -> Schema:
    schemas = {name: _OF_KIND[kind.name] for name, kind in table.items()}
    return {name: schema if name in NOT_NULL else _or_null(schema) for name, schema in schemas.items()}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _numbered(member: Schema) -> Schema:
    by_number = {"type": "object", "propertyNames": {"pattern": "^[0-9]{1,9}$"}, "additionalProperties": member}
    return {"anyOf": [by_number, {"type": "array", "maxItems": 0, "description": "The same as an empty object."}]}


def raw_config_schema() -> Schema:
    """Return the schema of a config's ``raw_config``, from the table that values are checked against."""
    text = _or_null(_OF_KIND[kinds.TEXT.name])
    line = {"type": ["integer", "string", "null"]}
    key = {"type": _OF_KIND[kinds.KEY_TYPE.name], "value": text, "label": text, "line": line}
    manager = {"ip": _OF_KIND[kinds.HOST.name], "port": _or_null(_OF_KIND[kinds.PORT.name])}
    return {
        "type": "object",
        "title": "RawConfig",
        "description": "Parameters of phones; a name that is not listed begins with X_.",
        "examples": [{"sip_lines": {"1": {"username": "alice", "password": "s3cret", "proxy_ip": "192.0.2.5"}}}],
        "properties": {
            **_of(PLAIN),
            "sip_lines": _numbered({"type": "object", "properties": _of(LINE)}),
            "sccp_call_managers": _numbered({"type": "object", "properties": manager, "required": ["ip"]}),
            "funckeys": _numbered({"type": "object", "properties": key, "required": ["type"]}),
        },
        "patternProperties": {"^X_[A-Za-z0-9_]*$": {}},
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {flag: {"const": True}}, "required": [flag]},
                "then": {"required": [needed]},
            }
            for flag, needed in NEEDS.items()
        ],
    }
