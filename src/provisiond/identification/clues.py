"""What one part of a request says: a clue from a matched rule, a file name, an Event header, a hardware address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from attrs import frozen

from provisiond.identification.knowledge import Knowledge, Vendor
from provisiond.identification.matcher import Hit
from provisiond.identification.text import (
    HEX_PAIRS,
    TEXT_LIMIT,
    clean_version,
    macs_in,
    phone_mac,
    tidy,
)

_LEADING_MAC = re.compile(rf"(?:cfg|config[._-]?|-)?({HEX_PAIRS})", re.ASCII | re.IGNORECASE)
_URI_MAC = re.compile(rf"sips?:(?:MAC)?[:_-]?({HEX_PAIRS})(?=@|$)", re.ASCII | re.IGNORECASE)
_EVENT_PARAMETER = re.compile(r';\s?(vendor|model|version)\s?=\s?(?:"([^"]{0,64})"|([^;"]{0,64}))', re.I)
_MAC_ARGUMENTS = ("mac", "MAC", "Mac", "macaddress", "mac_address", "macaddr", "address")
_UUID_ARGUMENT = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


@frozen(kw_only=True)
class Clue:
    """What one part of a request says of a phone; None means nothing.

    ``model_is_known`` is false for a model that no list names and that is repeated as the phone sent it.
    """

    vendor: str | None = None
    model: str | None = None
    version: str | None = None
    mac: str | None = None
    sn: str | None = None
    uuid: str | None = None
    model_is_known: bool = True


NO_CLUE = Clue()


def clue_from(hit: Hit, knowledge: Knowledge, *, as_sent: bool = False, path: str = "") -> Clue | None:
    """Return what a matched rule of the server says, or None when it turns out to say nothing.

    :param as_sent: claim a model that nobody lists as the phone wrote it.
    :param path: the path of the request, for rules whose version depends on it.
    """
    rule = hit.rule
    vendor = knowledge.vendors[rule.vendor or ""]
    sent = hit.get("model")
    model = rule.model or (_model(vendor, sent, padded=rule.padded) if sent else None)
    if model is None and rule.model_required:
        return None
    known = model is not None
    if sent and not known and as_sent and any(char.isdigit() for char in sent):
        model = sent
    return Clue(
        vendor=vendor.name,
        model=model,
        version=_version(hit, path),
        mac=_mac(hit, knowledge),
        sn=hit.get("sn"),
        uuid=hit.get("uuid"),
        model_is_known=known or model is None,
    )


def clue_from_plugin(hit: Hit, knowledge: Knowledge) -> Clue:
    """Return what a matched rule of a plugin says; names the server knows come back in its own spelling."""
    vendor, model = knowledge.canonical(hit.get("vendor") or hit.rule.vendor, hit.get("model") or hit.rule.model)
    return Clue(
        vendor=vendor,
        model=model,
        version=_version(hit, ""),
        mac=_mac(hit, knowledge),
        sn=hit.get("sn"),
        uuid=hit.get("uuid"),
    )


def _model(vendor: Vendor, sent: str, *, padded: bool) -> str | None:
    if not padded:
        return vendor.model(sent)
    core = sent.lstrip("0")
    while core.endswith("0"):
        model = vendor.model(core)
        if model is not None:
            return model
        core = core[:-1]
    return vendor.model(core) or next((m for prefix in "iI" if (m := vendor.model(prefix + core))), None)


def _version(hit: Hit, path: str) -> str | None:
    version = hit.get("version")
    if version is None:
        return None
    if hit.rule.version_paths is not None and not hit.rule.version_paths.search(path):
        return None
    return clean_version(version.replace("_", ".") if hit.rule.underscores else version)


def _mac(hit: Hit, knowledge: Knowledge) -> str | None:
    mac = phone_mac(hit.get("mac") or "")
    if mac is not None and hit.rule.known_prefix and knowledge.vendor_of_mac(mac) is None:
        return None
    return mac


def path_segments(path: str) -> tuple[str, ...]:
    """Return the decoded segments of a path or TFTP file name; empty ones and ``.`` left out.

    Only the last :data:`~provisiond.identification.text.TEXT_LIMIT` characters count. Backslashes separate folders.
    """
    text = unquote(path[-TEXT_LIMIT:], encoding="latin-1").replace("\\", "/").replace("\0", "")
    return tuple(segment.strip() for segment in text.split("/") if segment.strip() not in ("", "."))


def path_macs(segments: Sequence[str], knowledge: Knowledge) -> Iterator[str]:
    """Give the addresses in a path, the most telling first.

    An address at the beginning of the file name counts with any prefix, unless it is a plain number; elsewhere only
    an address with a known prefix is told from a key or a serial number.
    """
    if not segments:
        return
    *folders, name = segments
    leading = _LEADING_MAC.match(name)
    if leading is not None:
        mac = phone_mac(leading.group(1))
        if mac is not None and (knowledge.vendor_of_mac(mac) or not mac.replace(":", "").isdigit()):
            yield mac
        name = name[leading.end() :]
    for segment in (name, *reversed(folders)):
        for found in macs_in(segment) if len(segment) >= 12 else ():
            if knowledge.vendor_of_mac(found) is not None:
                yield found


def query_mac(query: Mapping[str, str]) -> str | None:
    """Return the hardware address that a query argument of a usual name holds, or None."""
    for name in _MAC_ARGUMENTS if query else ():
        mac = phone_mac(query[name][:40].strip()) if name in query else None
        if mac is not None:
            return mac
    return None


def query_uuid(text: str) -> str | None:
    """Return a query value that can be the identity of a softphone, or None."""
    return text if _UUID_ARGUMENT.fullmatch(text) else None


def uri_mac(uri: str) -> str | None:
    """Return the address in the request URI of a SIP PnP SUBSCRIBE, e.g. ``sip:MAC%3a0004139900d1@224.0.1.75``."""
    match = _URI_MAC.match(unquote(uri[:TEXT_LIMIT], encoding="latin-1"))
    return phone_mac(match.group(1)) if match else None


def event_clue(event: str, knowledge: Knowledge) -> Clue | None:
    """Return what the Event header of a SIP PnP SUBSCRIBE says; None when it asks for something else.

    Names that mean nothing (``OEM``, ``VOIP PHONE``) are not claimed. Source: draft-ietf-sipping-config-framework.
    """
    text = event[:TEXT_LIMIT].strip()
    if text.partition(";")[0].strip().lower() != "ua-profile":
        return None
    values = {match[1].lower(): tidy(match[2] or match[3] or "") for match in _EVENT_PARAMETER.finditer(text)}
    vendor = knowledge.vendor_named(values.get("vendor", ""))
    if vendor is None:
        return NO_CLUE
    return Clue(
        vendor=vendor.name,
        model=vendor.model(values.get("model", "")),
        version=clean_version(values.get("version", "")),
    )
