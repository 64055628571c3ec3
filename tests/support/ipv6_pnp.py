"""Plays a phone that asks an IPv6 multicast group for its profile, against the real service.

Run in a network namespace of its own: `unshare --net python -m tests.support.ipv6_pnp`; prints what the phone was told.
"""

from __future__ import annotations

import socket
import subprocess
import threading
from typing import Any

from bench.sip_phone import answer, event
from twisted.internet import reactor as installed

from provisiond.identification.values import PhoneRequest
from provisiond.pnp.service import PnpService

INTERFACE, GROUP, PORT = "phones0", "ff02::1:75", 5060
SUBSCRIBE = """SUBSCRIBE sip:MAC%3a000413920008@[ff02::1:75] SIP/2.0
Via: SIP/2.0/UDP [{address}]:{port};rport;branch=z9hG4bK-one
From: <sip:MAC%3a000413920008@[ff02::1:75]>;tag=phone
To: <sip:MAC%3a000413920008@[ff02::1:75]>
Call-ID: one
CSeq: 1 SUBSCRIBE
Event: ua-profile;profile-type="device";vendor="snom";model="snomD785";version="10.1.184.15"
Expires: 0
Contact: <sip:[{address}]:{port}>
Content-Length: 0

"""
reactor: Any = installed


def _link_local() -> str:
    """Make an interface and return its address once the kernel has it ready."""
    add = ["add", INTERFACE, "type", "veth", "peer", "name", "other0"]
    for words in (["set", "lo", "up"], add, ["set", "other0", "up"], ["set", INTERFACE, "up"]):
        subprocess.run(["ip", "link", *words], check=True)
    show = ["ip", "-6", "-oneline", "address", "show", "dev", INTERFACE, "scope", "link", "-tentative"]
    while not (found := subprocess.run(show, check=True, capture_output=True, text=True).stdout):
        pass
    return found.split()[3].partition("/")[0]


def _phone(address: str) -> None:
    index = socket.if_nametoindex(INTERFACE)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as phone:
        phone.settimeout(30)
        phone.bind((address, 0, 0, index))
        phone.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        text = SUBSCRIBE.format(address=address, port=phone.getsockname()[1]).replace("\n", "\r\n")
        phone.sendto(text.encode(), (GROUP, PORT, 0, index))
        for _ in range(2):
            data, peer = phone.recvfrom(65_535)
            if event(data) is None:
                print(data.split(b"\r\n")[0].decode())
            else:
                phone.sendto(answer(data), peer)
                print(data.partition(b"\r\n\r\n")[2].decode())


def main() -> None:
    """Run service and phone until the phone has what it wants."""
    address = _link_local()

    async def located(request: PhoneRequest) -> str:
        return f"http://{'link-local' if request.peer == address else request.peer}/"

    service = PnpService(reactor, located, groups=[f"{GROUP}%{INTERFACE}"], port=PORT)

    def play() -> None:
        try:
            _phone(address)
        finally:
            reactor.callFromThread(reactor.stop)

    service.start()
    reactor.callWhenRunning(threading.Thread(target=play, daemon=True).start)
    reactor.addSystemEventTrigger("before", "shutdown", service.stop)
    reactor.run(installSignalHandlers=False)


if __name__ == "__main__":
    main()
