"""The usual requests of every vendor, as templates to be filled with each of its models and spellings.

Placeholders: ``{model}`` a spelling of the model, ``{compact}`` the same without blanks, ``{lower}`` in lower case,
``{mac}`` ``{MAC}`` twelve digits, ``{colons}`` ``{dashes}`` ``{under}`` pairs, ``{version}``.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Shapes:
    """Usual requests of one vendor; of some of its families, when they are named."""

    families: frozenset[str] = frozenset()
    prefix: str
    version: str = "2.4.6.1"
    user_agents: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    user_class: tuple[str, ...] = ()


SHAPES: Mapping[str, tuple[Shapes, ...]] = {
    "2N": (Shapes(prefix="7c1eb3", user_agents=("2N {model} {version}",)),),
    "Aastra": (
        Shapes(
            prefix="00085d",
            version="3.3.1.4365",
            user_agents=(
                "Aastra{model} MAC:{dashes} V:{version}-SIP",
                "Mitel{model} MAC:{dashes} V:{version}-SIP",
                '"Aastra{model} MAC:{dashes} V:{version}-SIP"',
            ),
            classes=("AastraIPPhone{model}", "MitelIPPhone{model}"),
        ),
    ),
    "Akuvox": (Shapes(prefix="0c1105", version="220.30.3.1", user_agents=("Akuvox {model} {version} {colons}",)),),
    "Alcatel-Lucent": (
        Shapes(
            prefix="3c28a6",
            version="2.13.02.000.2212",
            user_agents=("ALE {model} {version} {mac}", "Alcatel IP Touch {model}/{version}"),
            paths=("/config.{model}.xml",),
        ),
    ),
    "Algo": (
        Shapes(
            prefix="0022ee",
            version="1.7.6",
            user_agents=("Algo-{model}/{version}", "Algo {model} {version} {mac}"),
            paths=("/algo{model}.conf",),
        ),
    ),
    "Atcom": (Shapes(prefix="808287", user_agents=("ATCOM {model} {version} {mac}", "Atcom {model}/{version}")),),
    "AudioCodes": (
        Shapes(
            prefix="00908f",
            version="2.2.16.142",
            user_agents=("AUDC-IPPhone/{version} ({model}; {MAC})",),
            paths=("/{model}_{mac}_conf.cfg", "/{model}.img", "provision/{model}_{MAC}_conf.cfg"),
        ),
    ),
    "Avaya": (
        Shapes(
            families=frozenset({"j100"}),
            prefix="c81fea",
            version="4.1.3.0.6",
            user_agents=("Mozilla/4.0 (compatible; MSIE 6.0) AVAYA/{model}-{version} (MAC:{mac})",),
        ),
        Shapes(
            families=frozenset({"12x0"}),
            prefix="002162",
            version="04.00.04.00",
            user_agents=(
                "Nortel IP Phone {model} (SIP12x0.{version})",
                "Avaya IP Phone {model} (SIP12x0.{version})",
            ),
        ),
    ),
    "Cisco": (
        Shapes(
            families=frozenset({"mpp", "enterprise-88xx"}),
            prefix="0c75bd",
            version="12.0.1",
            user_agents=("Cisco-CP-{model}-3PCC/{version} ({mac})",),
            paths=("/{model}-3PCC.xml", "/CP-{model}-3PCC.xml", "/Cisco/CP-{model}-3PCC/{mac}.cfg"),
            classes=("Cisco Systems, Inc. IP Phone CP-{model}-3PCC\0",),
        ),
        Shapes(
            families=frozenset({"79xx", "79xx-small", "wireless", "enterprise-88xx", "enterprise-89xx-99xx"}),
            prefix="001b54",
            classes=(
                "Cisco Systems, Inc. IP Phone CP-{model}\0",
                "Cisco Systems, Inc. IP Phone {model}",
                "Cisco Systems Inc. Wireless Phone {model}",
            ),
        ),
        Shapes(
            families=frozenset({"spa-desk", "spa-legacy", "spa-gateway"}),
            prefix="649ef3",
            version="7.5.5",
            user_agents=("Cisco/{compact}-{version} ({MAC})(CCQ17602QZ)", "Linksys/{compact}-{version} (4QX00K612345)"),
            paths=("/{lower}.cfg", "/{compact}.cfg", "/002e3a6fe532d90943e6fcaf08e1a408/{lower}.cfg"),
            classes=("Cisco {compact}", "LINKSYS {compact}", "Cisco Systems, Inc. IP Phone {compact}"),
        ),
        Shapes(
            families=frozenset({"ata-mpp"}),
            prefix="0c75bd",
            version="11.1.0",
            user_agents=("Cisco/{model}-MPP-{version} (FCH2443D9R4)",),
            paths=("/{lower}.cfg",),
            classes=("CISCO {model}", "CISCO {model}-MPP"),
        ),
    ),
    "Digium": (
        Shapes(
            prefix="000fd3",
            version="2.8.1",
            user_agents=("Digium {model} {version}", "Digium {model} 2_8_1"),
            classes=("digium_{model}_2_8_1",),
        ),
    ),
    "Doro": (Shapes(prefix="001d29", user_agents=("Doro {model} {version}",), classes=("Doro-ip880-DECT",)),),
    "Escene": (Shapes(prefix="00268b", user_agents=("Escene {model} V{version} {mac}",)),),
    "Fanvil": (
        Shapes(
            prefix="0c383e",
            version="2.12.16.17",
            user_agents=("Fanvil {model} {version} {mac}", "fanvil {model}  {version} {colons}"),
            paths=("/fanvil_{under_model}_hwv1_0.txt", "/Fanvil/fanvil_{under_model}_hw1_1.txt"),
            classes=("Fanvil {model}",),
        ),
    ),
    "Flyingvoice": (
        Shapes(prefix="0021f2", version="0.7.10", user_agents=("Flyingvoice {model} V{version} {COLONS}",)),
    ),
    "Gigaset": (
        Shapes(
            prefix="7c2f80",
            version="42.258.00.000.000",
            user_agents=(
                "{model}/{version};{MAC}",
                "Gigaset {model}/{version};{MAC}",
                "Gigaset {model}/{version}+build.a546b91;{MAC};Handset=3",
                '"Gigaset {model}/{version};{MAC}"',
            ),
            classes=("Gigaset_{under_model}", "{under_model}"),
        ),
    ),
    "Grandstream": (
        Shapes(
            prefix="c074ad",
            version="1.0.11.85",
            user_agents=(
                "Grandstream Model HW {model} SW {version} DevId {mac}",
                "Grandstream Model HW {model} V1.1A SW {version} DevId {MAC}",
                "Grandstream {model} {version}",
                "Grandstream {model} ({lower}e.bin:{version}/boot55e.bin:1.1.6.9) DevId {mac}",
            ),
            paths=("/cfg{lower}.xml",),
            classes=("Grandstream {model} dslforum.org", "{model} dslforum.org"),
        ),
    ),
    "Htek": (
        Shapes(
            prefix="001fc1",
            version="2.0.4.4.58",
            user_agents=("Htek {model} {version} {colons}", "HTek {model} {version} {mac}"),
        ),
    ),
    "Jitsi": (Shapes(prefix="", version="2.10.5550", user_agents=("Jitsi/{version}",)),),
    "Kirk": (Shapes(prefix="009033", classes=("KIRK.IP6000",)),),
    "Konftel": (Shapes(prefix="00177d", user_agents=("Konftel {model} {version}",), paths=("/{lower}-{mac}.xml",)),),
    "Nethesis": (
        Shapes(
            prefix="e0e656",
            version="2.12.15.1.23",
            user_agents=("Nethesis {model} {version} {mac}", "Nethesis {model} v2 {version} {COLONS}"),
            paths=("/nethesis_{lower}_hwv1_0.txt",),
        ),
    ),
    "Obihai": (Shapes(prefix="9cadef", version="5.1.11", user_agents=("OBIHAI/{model}-{version}",)),),
    "Panasonic": (
        Shapes(
            prefix="0080f0",
            version="01.133",
            user_agents=("Panasonic_{model}/{version} ({mac})", "Panasonic-{model}/{version} ({mac})"),
            paths=("/{model}.cfg", "/Panasonic/Config{model}.cfg", "{model}.cfg"),
        ),
    ),
    "Patton": (
        Shapes(
            prefix="00a0ba",
            version="6.11",
            user_agents=(
                "SmartNode (Model:{model}/JS/EUI; Serial:{MAC}; Software Version:R{version} 2019-02-12 H323 SIP FXS "
                "FXO; Hardware Version:4.4)",
            ),
            classes=("{model}",),
        ),
    ),
    "Polycom": (
        Shapes(
            prefix="64167f",
            version="5.9.5.0614",
            user_agents=(
                "FileTransport PolycomVVX-{compact}-UA/{version} Type/Application",
                "FileTransport PolycomSoundPointIP-{compact}-UA/{version} (SN:{mac}) Type/Application",
                "FileTransport PolyCCX-{compact}-UA/{version} Type/Application",
            ),
            paths=("/{compact}-{mac}.cfg",),
            classes=("Polycom-{compact}",),
        ),
    ),
    "Sangoma": (
        Shapes(prefix="005058", user_agents=("Sangoma {model} V{version}", "Sangoma {model} {version} {mac}")),
    ),
    "Snom": (
        Shapes(
            prefix="0004132",
            version="10.1.33.33",
            user_agents=(
                "Mozilla/4.0 (compatible; snom{model}-SIP {version} 2010.12-00004-g9ba52f5 {MAC} SXM:0 UXM:0)",
                "Mozilla/4.0 (compatible; snom{model}-SIP {version} 1.1.3-u)",
                "Mozilla/4.0 (compatible; Snom {model} {version} {mac})",
                "snom{model}/{version}",
            ),
            paths=("/snom{model}.htm", "/snom{model}-{MAC}.htm", "/snom{model}-firmware.xml", "snom{model}.xml"),
            classes=("snom{model}",),
        ),
    ),
    "Swissvoice": (
        Shapes(prefix="000590", user_agents=("Swissvoice {model} {version}",), classes=("Swissvoice {model}",)),
    ),
    "Technicolor": (
        Shapes(
            prefix="00147f",
            version="2.74",
            user_agents=("THOMSON {model} hw5 fw{version} {DASHES}", "Thomson {model} hw1 fw{version} {DASHES}"),
            paths=("/{model}.inf", "/{model}_{MAC}.txt"),
            classes=("Thomson {model}",),
            user_class=("Thomson {model}",),
        ),
    ),
    "VTech": (
        Shapes(prefix="00122a", user_agents=("Vesa {model}", "VTech {model} {version}"), paths=("/{model}_{mac}.cfg",)),
    ),
    "Xorcom": (Shapes(prefix="642400", user_agents=("Xorcom {model} {version} {mac}",)),),
    "Yealink": (
        Shapes(
            prefix="805ec0",
            version="124.85.257.55",
            user_agents=(
                "Yealink SIP-{model} {version} {colons}",
                "Yealink {model} {version} {colons}",
                "yealink SIP-{model}  {version} {mac}",
                "Yealink SIP {model} {version} {colons}",
                "Yealink-{model} {version} 28.1.0.128.0.0.0",
                "{model} {version} {colons}",
                "Yealink SIP-{model} {version}",
            ),
            classes=("Yealink {model}", "yealink SIP-{model}"),
        ),
    ),
    "Zenitel": (Shapes(prefix="0013cb", user_agents=("Zenitel {model} {version}",)),),
}
