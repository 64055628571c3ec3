"""Which DHCP options phones of each vendor take their provisioning address from.

Sources: the vendors' administration guides. Aastra/Mitel 6700i "DHCP option 43" and "option 66, 159, 160"; Cisco 7900
"DHCP option 150"; Cisco SPA "DHCP options 66, 160, 159, 150"; Snom Service Hub "DHCP options"; Yealink "DHCP option 66,
option 43 and custom option"; Polycom "DHCP option 160 and 66"; Panasonic KX-UT/HDV "DHCP options 160, 159, 66";
AudioCodes 400HD "option 160, then 66/67"; Grandstream "DHCP options guide" (66, 132); Fanvil and Htek auto-provisioning
guides; Gigaset N-series "DHCP option 114"; Digium "DHCP option 66"; Avaya 1600/9600 "site-specific option 242".
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


class Vlan(Enum):
    """How a vendor's phones take their VLAN from DHCP."""

    NONE = "none"
    OPTION_132 = "132"


@frozen(kw_only=True)
class Habit:
    """What phones of one vendor honour.

    :param vendor: as the server spells it.
    :param classes: beginnings of option 60 that name these phones; empty where only their addresses tell them.
    :param options: option numbers and their forms, in the phones' order of preference.
    :param inside_43: sub-options of option 43 and their forms.
    :param vlan: where they take their VLAN from.
    """

    vendor: str
    classes: tuple[str, ...] = ()
    options: tuple[tuple[int, Form], ...]
    inside_43: tuple[tuple[int, Form], ...] = ()
    vlan: Vlan = Vlan.NONE


HABITS: Final = (
    Habit(
        vendor="Aastra",
        classes=("AastraIPPhone",),
        options=((66, Form.URL),),
        inside_43=((2, Form.URL),),
        vlan=Vlan.OPTION_132,
    ),
    Habit(vendor="Alcatel-Lucent", classes=("alcatel.", "ictouch."), options=((66, Form.HOST),)),
    Habit(vendor="AudioCodes", options=((160, Form.URL), (66, Form.URL))),
    Habit(vendor="Avaya", classes=("ccp.avaya.com",), options=((242, Form.AVAYA),)),
    Habit(
        vendor="Cisco",
        classes=("Cisco Systems, Inc. IP Phone", "LINKSYS", "CISCO SPA"),
        options=((150, Form.ADDRESSES), (66, Form.HOST)),
    ),
    Habit(vendor="Digium", classes=("digium_",), options=((66, Form.URL),)),
    Habit(vendor="Fanvil", classes=("Fanvil",), options=((66, Form.URL),), vlan=Vlan.OPTION_132),
    Habit(vendor="Gigaset", classes=("Gigaset_", "N510", "N670", "N720", "N870"), options=((114, Form.URL),)),
    Habit(vendor="Grandstream", classes=("Grandstream",), options=((66, Form.URL),), vlan=Vlan.OPTION_132),
    Habit(vendor="Htek", options=((66, Form.URL),), vlan=Vlan.OPTION_132),
    Habit(vendor="Panasonic", classes=("Panasonic",), options=((160, Form.URL), (66, Form.URL))),
    Habit(vendor="Patton", classes=("SN4",), options=((66, Form.HOST),)),
    Habit(vendor="Polycom", classes=("Polycom",), options=((160, Form.URL), (66, Form.URL))),
    Habit(vendor="Snom", classes=("snom",), options=((66, Form.URL),), vlan=Vlan.OPTION_132),
    Habit(vendor="Yealink", classes=("yealink", "Yealink"), options=((66, Form.URL),), vlan=Vlan.OPTION_132),
)
BY_VENDOR: Final = {habit.vendor: habit for habit in HABITS}
# Most phones that nobody lists take option 66, and an address there is understood by all of them.
USUAL: Final = ((66, Form.URL),)
