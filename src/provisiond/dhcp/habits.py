"""Which DHCP options phones of each vendor take their provisioning address from.

Sources: the vendors' administration guides.
Aastra/Mitel 6700i "DHCP option 43" and "option 66, 159, 160"; MiVoice Business engineering guidelines, "Vendor
information data format (options 125 and 43)" and "Tag/value pair definitions"; Alcatel-Lucent SIP and Myriad phones,
"option 43", sub-options 67 and 66; AudioCodes 400HD "option 160, then 66/67"; Avaya 1600/9600 "site-specific option
242"; Cisco 7900 "DHCP option 150"; Cisco SPA "DHCP options 66, 160, 159, 150"; Digium "DHCP option 66"; Fanvil and Htek
auto-provisioning guides; Gigaset "DHCP option 114" (at most 74 characters), and 66 after it; Grandstream "DHCP options
guide" (66, 120, 132); Panasonic KX-UT/HDV "DHCP options 160, 159, 66"; Patton SmartNode, "$(system.mac)" in option 66;
Polycom "DHCP option 160 and 66" and "DHCP VLAN discovery" (128: VLAN-A=10;); Siemens optiPoint and OpenStage "DHCP
support, explanation of option 43" (1: Siemens, 2: the VLAN in four octets) and "SIP server option 120"; Snom Service
Hub "DHCP options" (66 inside of 43 goes before 66 itself); Yealink "DHCP option 66, option 43 and custom option".
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from attrs import frozen


class Form(Enum):
    """How an option names the server."""

    URL = "url"
    HOST = "host"
    ADDRESSES = "addresses"
    AVAYA = "avaya"
    MITEL = "mitel"
    MITEL_IDENTIFIED = "mitel-identified"
    FALSE = "false"


class Vlan(Enum):
    """How a vendor's phones take their VLAN from DHCP."""

    NONE = "none"
    OPTION_132 = "132"
    POLYCOM_128 = "128"
    SIEMENS_43 = "siemens"
    MITEL = "mitel"


@frozen
class Way:
    """An option that a phone takes an address from.

    :param code: 1 to 254.
    :param file: what follows the URL.
    :param longest: characters that the phone takes.
    """

    code: int
    form: Form
    file: str = ""
    longest: int = 255


@frozen(kw_only=True)
class Habit:
    """What phones of one vendor honour, or one family of them.

    The first habit of a vendor is that of phones that only their hardware address tells.

    :param vendor: as the server spells it.
    :param family: what tells it from the vendor's other habits; empty for the first.
    :param classes: beginnings of option 60 that name these phones; empty where only their addresses tell them.
    :param options: in the phones' order of preference.
    :param inside_43: sub-options of option 43.
    :param vlan: where they take their VLAN from.
    :param sip_server: whether they take a SIP server from option 120.
    """

    vendor: str
    family: str = ""
    classes: tuple[str, ...] = ()
    options: tuple[Way, ...] = ()
    inside_43: tuple[Way, ...] = ()
    vlan: Vlan = Vlan.NONE
    sip_server: bool = False


_URL_66: Final = Way(66, Form.URL)
_HOST_66: Final = Way(66, Form.HOST)
_URL_160: Final = Way(160, Form.URL)
_CISCO: Final = ("Cisco Systems, Inc. IP Phone", "LINKSYS", "CISCO SPA", "Cisco SPA", "CISCO ATA")
HABITS: Final = (
    Habit(
        vendor="Aastra",
        classes=("AastraIPPhone",),
        options=(_URL_66,),
        # 3: not to ask the vendor's redirection service.
        inside_43=(Way(2, Form.URL), Way(3, Form.FALSE)),
        vlan=Vlan.OPTION_132,
    ),
    Habit(
        vendor="Aastra",
        family="minet",
        classes=("ipphone.mitel.com",),
        options=(Way(125, Form.MITEL_IDENTIFIED), Way(128, Form.ADDRESSES)),
        vlan=Vlan.MITEL,
    ),
    Habit(
        vendor="Alcatel-Lucent",
        classes=("alcatel.", "ictouch."),
        options=(_HOST_66,),
        inside_43=(Way(67, Form.URL),),
    ),
    Habit(
        vendor="Alcatel-Lucent",
        family="myriad",
        classes=("aledevice",),
        options=(_URL_66,),
        inside_43=(_URL_66,),
    ),
    Habit(vendor="AudioCodes", options=(_URL_160, _URL_66)),
    Habit(vendor="Avaya", classes=("ccp.avaya.com",), options=(Way(242, Form.AVAYA),)),
    Habit(vendor="Cisco", classes=_CISCO, options=(Way(150, Form.ADDRESSES), _HOST_66)),
    Habit(vendor="Digium", classes=("digium_",), options=(_URL_66,)),
    Habit(vendor="Fanvil", classes=("Fanvil",), options=(_URL_66,), vlan=Vlan.OPTION_132),
    Habit(
        vendor="Gigaset",
        classes=("Gigaset_", "N510", "N670", "N720", "N870"),
        options=(Way(114, Form.URL, longest=74), _URL_66),
    ),
    Habit(vendor="Grandstream", classes=("Grandstream",), options=(_URL_66,), vlan=Vlan.OPTION_132, sip_server=True),
    Habit(vendor="Htek", options=(_URL_66,), vlan=Vlan.OPTION_132),
    Habit(vendor="Panasonic", classes=("Panasonic",), options=(_URL_160, _URL_66)),
    Habit(vendor="Patton", classes=("SN4",), options=(Way(66, Form.URL, "$(system.mac).cfg"),)),
    Habit(vendor="Polycom", classes=("Polycom",), options=(_URL_160, _URL_66), vlan=Vlan.POLYCOM_128),
    Habit(vendor="Siemens", classes=("OptiIpPhone",), options=(_URL_66,), vlan=Vlan.SIEMENS_43, sip_server=True),
    Habit(vendor="Snom", classes=("snom",), options=(_URL_66,), inside_43=(_URL_66,), vlan=Vlan.OPTION_132),
    Habit(vendor="Yealink", classes=("yealink", "Yealink"), options=(_URL_66,), vlan=Vlan.OPTION_132),
)


def habits_of(vendor: str) -> tuple[Habit, ...]:
    """Return the habits of a vendor's phones, its usual one first; option 66 for a vendor that nobody lists."""
    return tuple(habit for habit in HABITS if habit.vendor == vendor) or (Habit(vendor=vendor, options=(_URL_66,)),)
