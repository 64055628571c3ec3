"""Every vendor and model of the list is recognised from the usual requests of that vendor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.phone_cases import DATA
from tests.support.phone_shapes import SHAPES, Shapes

from provisiond.identification.extract import Identifier
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.values import DeviceInfo, PhoneRequest, Protocol

LIST: dict[str, Any] = json.loads((DATA / "vendors.json").read_text("utf-8"))["vendors"]
BRANDED_SPELLINGS = ("snom", "CP-", "SIP-", "KIRK.", "Doro-", "avaya-", "VP-T", "Gigaset", "meetingPoint")
"""Spellings that already hold a word which the templates add."""


def _pairs(digits: str, separator: str) -> str:
    return separator.join(digits[index : index + 2] for index in range(0, 12, 2))


def filled(template: str, spelling: str, shapes: Shapes) -> str:
    mac = (shapes.prefix + "a0b0c0d0e")[:12] if shapes.prefix else "02a0b0c0d0e0"
    return template.format(
        model=spelling,
        compact=spelling.replace(" ", ""),
        lower=spelling.lower().replace("-", ""),
        under_model=spelling.replace(" ", "_").replace("-", "_"),
        mac=mac.lower(),
        MAC=mac.upper(),
        colons=_pairs(mac.lower(), ":"),
        COLONS=_pairs(mac.upper(), ":"),
        dashes=_pairs(mac.upper(), "-"),
        DASHES=_pairs(mac.upper(), "-"),
        version=shapes.version,
    )


def _spellings(vendor: str, model: str) -> Iterator[str]:
    yield model
    for alias in LIST[vendor]["models"][model].get("aliases", ()):
        if not alias.startswith(BRANDED_SPELLINGS):
            yield alias


def _shapes_of(vendor: str, model: str) -> Iterator[Shapes]:
    family = LIST[vendor]["models"][model]["family"]
    for shapes in SHAPES.get(vendor, ()):
        if not shapes.families or family in shapes.families:
            yield shapes


def _requests(vendor: str, model: str) -> Iterator[tuple[Shapes, str, PhoneRequest]]:
    for shapes in _shapes_of(vendor, model):
        for spelling in _spellings(vendor, model):
            for template in shapes.user_agents:
                text = filled(template, spelling, shapes)
                yield shapes, text, PhoneRequest(protocol=Protocol.HTTP, path="/x.bin", headers={"User-Agent": text})
            for template in shapes.paths:
                text = filled(template, spelling, shapes)
                protocol = Protocol.HTTP if text.startswith("/") else Protocol.TFTP
                yield shapes, text, PhoneRequest(protocol=protocol, path=text.replace(" ", "%20"))
            for option, templates in ((60, shapes.classes), (77, shapes.user_class)):
                for template in templates:
                    text = filled(template, spelling, shapes)
                    yield shapes, text, PhoneRequest(protocol=Protocol.DHCP, dhcp={option: text}, chaddr=None)


PAIRS = [(vendor, model) for vendor, entry in LIST.items() for model in entry["models"]]
RECOGNISED_ELSEWHERE = {
    ("Cisco", "CIPC"): "by its folder only",
    ("Cisco", "ATA186"): "by its vendor class only",
    ("Cisco", "ATA190"): "by its vendor class and file names only",
    ("Siemens", "OptiIpPhone"): "the vendor class names no model",
}


@pytest.mark.parametrize(("vendor", "model"), PAIRS, ids=lambda value: value.replace(" ", "_"))
def test_every_usual_request_names_vendor_and_model(identifier: Identifier, vendor: str, model: str) -> None:
    tried = 0
    for shapes, text, request in _requests(vendor, model):
        info = identifier.identify(request)
        assert (info.vendor, info.model) == (vendor, model), text
        if request.user_agent and shapes.version in text:
            assert info.version == shapes.version, text
        tried += 1
    assert tried or (vendor, model) in RECOGNISED_ELSEWHERE


@pytest.mark.parametrize(("vendor", "model"), PAIRS, ids=lambda value: value.replace(" ", "_"))
def test_every_spelling_is_looked_up(knowledge: Knowledge, vendor: str, model: str) -> None:
    for name in (vendor, *LIST[vendor]["aliases"]):
        for spelling in (model, *LIST[vendor]["models"][model].get("aliases", ())):
            assert knowledge.canonical(name, spelling) == (vendor, model)
            assert knowledge.canonical(name.upper(), spelling.lower()) == (vendor, model)


def test_a_shared_file_names_its_model_unless_several_share_it(identifier: Identifier) -> None:
    owners: dict[str, list[tuple[str, str]]] = {}
    for vendor, entry in LIST.items():
        for model, facts in entry["models"].items():
            for name in facts.get("common_files", ()):
                owners.setdefault(name, []).append((vendor, model))
    assert len(owners) > 200
    for name, models in owners.items():
        for request in (
            PhoneRequest(protocol=Protocol.HTTP, path=f"/some/folder/{name}"),
            PhoneRequest(protocol=Protocol.TFTP, path=name.upper()),
        ):
            info = identifier.identify(request)
            expected = models[0][1] if len(models) == 1 else None
            assert (info.vendor, info.model, info.mac) == (models[0][0], expected, None), name


def test_every_model_comes_out_of_a_pnp_event(identifier: Identifier) -> None:
    for vendor, model in PAIRS:
        for quote in ('"', ""):
            words = f"vendor={quote}{vendor}{quote};model={quote}{model}{quote};version=1.2.3"
            event = f"ua-profile;profile-type=device;{words}"
            info = identifier.identify(
                PhoneRequest(
                    protocol=Protocol.PNP, method="SUBSCRIBE", path="sip:MAC%3a02a0b0c0d0e0@x", headers={"Event": event}
                )
            )
            assert info == DeviceInfo(vendor=vendor, model=model, version="1.2.3", mac="02:a0:b0:c0:d0:e0")


def test_no_model_file_or_user_agent_of_one_vendor_names_another(identifier: Identifier) -> None:
    """The vendor of a User-Agent stays, whatever file of another vendor the phone asks for."""
    files = [
        f"/{name}"
        for entry in LIST.values()
        for facts in entry["models"].values()
        for name in facts.get("common_files", ())
    ]
    step = 0
    for vendor, model in PAIRS:
        for shapes, _text, request in _requests(vendor, model):
            if not request.user_agent or not shapes.prefix:
                continue
            step += 7
            path = files[step % len(files)]
            info = identifier.identify(PhoneRequest(protocol=Protocol.HTTP, path=path, headers=request.headers))
            assert (info.vendor, info.model) == (vendor, model), (request.user_agent, path)
