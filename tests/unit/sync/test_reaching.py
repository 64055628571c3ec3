"""Who is asked to make which phone fetch."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from provisiond.errors import InvalidInput, Unavailable
from provisiond.model.device import Device
from provisiond.sdk import HttpAction, SccpReset, SipNotify
from provisiond.sip.messages import SipResponse
from provisiond.sync.ami import AmiNotifier
from provisiond.sync.ami_connection import MAX_LISTED, AmiConnection, AmiUser
from provisiond.sync.ami_messages import AmiMessage
from provisiond.sync.notify_request import SipTarget
from provisiond.sync.reaching import Reaching, SipRoute, first_account

PHONE = Device({"id": "d", "mac": "00:04:13:00:00:01", "ip": "192.0.2.9", "configured": True, "is_new": False})
UNSEEN = Device({"id": "e", "mac": "00:04:13:00:00:02", "configured": True, "is_new": False})
ACCOUNT = {"sip_lines": {"10": {"username": "ten"}, "2": {"username": "two", "registrar_ip": "198.51.100.1"}}}
NOTIFY = SipNotify("check-sync")


def run(coroutine: Any) -> Any:
    """Return what a coroutine returns that waits for nothing, or raise what it raises."""
    results: list[Any] = []
    Deferred.fromCoroutine(coroutine).addBoth(results.append)
    (result,) = results
    if hasattr(result, "raiseException"):
        result.raiseException()
    return result


class FakeSip:
    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.sent: list[tuple[SipTarget, str]] = []

    async def notify(self, target: SipTarget, event: str, credentials: Any = None, extra: Any = ()) -> SipResponse:
        self.sent.append((target, event))
        return SipResponse(status=self.status, reason="X")


class FakeAmi:
    def __init__(self, *answers: tuple[tuple[str, str], ...]) -> None:
        self.answers = list(answers)
        self.sent: list[list[tuple[str, str]]] = []
        self.contacts: list[tuple[str, str]] = []
        self.shown: list[list[tuple[str, str]]] = []

    async def perform_listed(self, lines: Any, event: str) -> tuple[AmiMessage, list[AmiMessage]]:
        self.shown.append(list(lines))
        rows = [(("Event", event), ("URI", uri), ("ViaAddress", via)) for uri, via in self.contacts]
        return AmiMessage(OK), [AmiMessage(row) for row in rows]

    async def perform(self, lines: Any) -> AmiMessage:
        self.sent.append(list(lines))
        return AmiMessage(self.answers.pop(0))


class FakeHttp:
    def __init__(self) -> None:
        self.sent: list[tuple[str, HttpAction]] = []

    async def perform(self, address: str, action: HttpAction) -> str:
        self.sent.append((address, action))
        return "the phone answered 200"


OK = (("Response", "Success"), ("Message", "NOTIFY sent"))


def reaching(sip: Any = None, ami: Any = None, http: Any = None, channel: str = "pjsip", **route: Any) -> Reaching:
    notifier = AmiNotifier(ami, channel) if ami else None
    return Reaching(sip=sip, route=SipRoute(**route), ami=notifier, http=http or FakeHttp())  # type: ignore[arg-type]


class TestSip:
    def test_a_phone_is_asked_directly_under_its_account(self) -> None:
        sip = FakeSip()
        assert run(reaching(sip).perform(PHONE, NOTIFY, ACCOUNT)) == "the phone answered 200"
        ((target, event),) = sip.sent
        assert (target.host, target.port, target.uri, event) == ("192.0.2.9", 5060, "sip:two@192.0.2.9", "check-sync")

    def test_without_an_account_its_address_is_enough(self) -> None:
        sip = FakeSip()
        run(reaching(sip).perform(PHONE, NOTIFY, {}))
        assert sip.sent[0][0].uri == "sip:192.0.2.9"

    def test_through_a_proxy_the_account_is_the_target(self) -> None:
        sip = FakeSip()
        run(reaching(sip, proxy="proxy.example.org", transport="tcp").perform(UNSEEN, NOTIFY, ACCOUNT))
        ((target, _),) = sip.sent
        assert (target.host, target.transport, target.uri) == ("proxy.example.org", "tcp", "sip:two@198.51.100.1")

    @pytest.mark.parametrize(
        ("device", "raw_config", "route", "part"),
        [
            (UNSEEN, {}, {}, "never seen"),
            (PHONE, {}, {"proxy": "p"}, "no SIP account"),
        ],
    )
    def test_what_is_missing_is_named(self, device: Device, raw_config: Any, route: Any, part: str) -> None:
        with pytest.raises(Unavailable, match=part):
            run(reaching(FakeSip(), **route).perform(device, NOTIFY, raw_config))

    def test_a_refusal_is_a_failure(self) -> None:
        with pytest.raises(Unavailable, match="does not know the event"):
            run(reaching(FakeSip(489)).perform(PHONE, NOTIFY, {}))

    def test_with_no_way_nothing_is_sent(self) -> None:
        with pytest.raises(Unavailable, match=r"general\.sync is none"):
            run(reaching().perform(PHONE, NOTIFY, {}))


SHARED = {"sip_lines": {"1": {"username": "apRVT795vk"}}}
UNKNOWN = (("Response", "Error"), ("Message", "Invalid/unknown command: SIPnotify. Use Action: ListCommands"))


class TestSharedAccounts:
    """One phone is asked for: the account of all unconfigured phones must not tell them all."""

    def test_a_proxy_is_left_aside(self) -> None:
        sip = FakeSip()
        run(reaching(sip, proxy="proxy.example.org").perform(PHONE, NOTIFY, SHARED))
        assert (sip.sent[0][0].host, sip.sent[0][0].uri) == ("192.0.2.9", "sip:apRVT795vk@192.0.2.9")

    def test_asterisk_is_told_the_address(self) -> None:
        ami = FakeAmi(OK)
        run(reaching(None, ami).perform(PHONE, NOTIFY, SHARED))
        assert ami.sent[0][1] == ("URI", "sip:anonymous@192.0.2.9")

    def test_a_phone_without_an_address_is_not_told(self) -> None:
        with pytest.raises(Unavailable):
            run(reaching(None, FakeAmi(OK)).perform(UNSEEN, NOTIFY, SHARED))


class TestAsterisk:
    def test_an_endpoint_of_pjsip(self) -> None:
        ami = FakeAmi(OK)
        answer = run(reaching(FakeSip(), ami).perform(PHONE, SipNotify("check-sync;reboot=true"), ACCOUNT))
        assert answer == "Asterisk answered: NOTIFY sent"
        lines = [("Action", "PJSIPNotify"), ("Endpoint", "two"), ("Variable", "Event=check-sync;reboot=true")]
        assert ami.sent == [lines]

    @pytest.mark.parametrize(
        "contact",
        [
            ("sip:two@192.0.2.9:5062;transport=udp", "192.0.2.9:5062"),
            ("sip:two@phone.example.org", "192.0.2.9:5060"),
            ("sip:two@192.0.2.9", ""),
            ("<nonsense>", "192.0.2.9:5060"),
        ],
    )
    def test_of_several_phones_on_one_account_one_is_told(self, contact: tuple[str, str]) -> None:
        ami = FakeAmi(OK)
        ami.contacts = [("sip:two@192.0.2.10", "192.0.2.10:5060"), contact, ("sip:two@192.0.2.99", "")]
        run(reaching(None, ami).perform(PHONE, NOTIFY, ACCOUNT))
        assert ami.shown == [[("Action", "PJSIPShowEndpoint"), ("Endpoint", "two")]]
        assert [each[:2] for each in ami.sent] == [[("Action", "PJSIPNotify"), ("URI", contact[0])]]

    def test_a_phone_that_registered_twice_is_told_wherever_it_is(self) -> None:
        ami = FakeAmi(OK, OK)
        uris = ["sip:two@192.0.2.9:5060", "sip:two@192.0.2.9:5062"]
        ami.contacts = [(uri, "") for uri in uris]
        run(reaching(None, ami).perform(PHONE, NOTIFY, ACCOUNT))
        assert [each[1] for each in ami.sent] == [("URI", uri) for uri in uris]

    @pytest.mark.parametrize("contacts", [[], [("", "")], [("sip:two@198.51.100.7", "")]])
    def test_a_single_phone_is_told_as_asterisk_knows_it(self, contacts: list[tuple[str, str]]) -> None:
        ami = FakeAmi(OK)
        ami.contacts = contacts
        run(reaching(None, ami).perform(PHONE, NOTIFY, ACCOUNT))
        assert ami.sent[0][1] == ("Endpoint", "two")

    def test_when_it_is_none_of_several_nobody_is_told(self) -> None:
        ami = FakeAmi()
        ami.contacts = [("sip:two@198.51.100.7", "10.0.0.1:5060"), ("sip:two@198.51.100.8", "nonsense")]
        with pytest.raises(Unavailable, match=r"2 phones share the account.*none was told"):
            run(reaching(None, ami).perform(PHONE, NOTIFY, ACCOUNT))

    def test_what_a_uri_needs_is_told(self) -> None:
        ami = FakeAmi((("Response", "Error"), ("Message", "Unable to find default outbound endpoint")))
        ami.contacts = [("sip:two@192.0.2.9", ""), ("sip:two@192.0.2.10", "")]
        with pytest.raises(Unavailable, match=r"default_outbound_endpoint in pjsip\.conf"):
            run(reaching(None, ami).perform(PHONE, NOTIFY, ACCOUNT))

    def test_an_address_of_pjsip(self) -> None:
        ami = FakeAmi(OK)
        run(reaching(None, ami).perform(PHONE, NOTIFY, {}))
        assert ami.sent[0][1] == ("URI", "sip:anonymous@192.0.2.9")

    def test_a_peer_of_the_older_driver(self) -> None:
        ami = FakeAmi(OK)
        run(reaching(None, ami, channel="sip").perform(PHONE, NOTIFY, ACCOUNT))
        assert ami.sent[0][:2] == [("Action", "SIPnotify"), ("Channel", "SIP/two")]

    @pytest.mark.parametrize(
        ("event", "kind"),
        [
            ("check-sync;reboot=false", "snom-check-cfg"),
            ("resync", "sipura-check-cfg"),
            ("check-sync", "polycom-check-cfg"),
        ],
    )
    def test_an_asterisk_without_that_action_is_given_the_command(self, event: str, kind: str) -> None:
        ami = FakeAmi(UNKNOWN, OK)
        run(reaching(None, ami, channel="sip").perform(PHONE, SipNotify(event), ACCOUNT))
        assert ami.sent[1] == [("Action", "Command"), ("Command", f"sip notify {kind} two")]

    @pytest.mark.parametrize(("event", "user"), [("aastra-xml", "two"), ("check-sync", "two ; core stop now")])
    def test_what_the_command_cannot_do_is_not_tried(self, event: str, user: str) -> None:
        ami = FakeAmi(UNKNOWN)
        with pytest.raises(Unavailable, match="no action SIPnotify"):
            run(
                reaching(None, ami, channel="sip").perform(
                    PHONE, SipNotify(event), {"sip_lines": {"1": {"username": user}}}
                )
            )
        assert len(ami.sent) == 1

    @pytest.mark.parametrize("channel", ["sip", "pjsip"])
    def test_neither_account_nor_address(self, channel: str) -> None:
        with pytest.raises(Unavailable, match="neither"):
            run(reaching(None, FakeAmi(OK), channel=channel).perform(UNSEEN, NOTIFY, {}))

    def test_what_asterisk_says_when_it_refuses(self) -> None:
        ami = FakeAmi((("Response", "Error"), ("Message", "Unable to retrieve endpoint two")))
        with pytest.raises(Unavailable, match="Unable to retrieve endpoint two"):
            run(reaching(None, ami).perform(PHONE, NOTIFY, ACCOUNT))

    @pytest.mark.parametrize(("restart", "kind"), [(True, "restart"), (False, "reset")])
    def test_sccp_phones(self, restart: bool, kind: str) -> None:
        ami = FakeAmi(OK)
        run(reaching(None, ami).perform(PHONE, SccpReset("SEP001B54000005", restart), {}))
        assert ami.sent == [[("Action", "SCCPDeviceRestart"), ("Devicename", "SEP001B54000005"), ("Type", kind)]]

    def test_sccp_phones_of_drivers_without_that_action(self) -> None:
        ami = FakeAmi((("Response", "Error"), ("Message", "Invalid/unknown command: SCCPDeviceRestart.")), OK)
        run(reaching(None, ami).perform(PHONE, SccpReset("SEP001B54000005"), {}))
        assert ami.sent[1] == [("Action", "Command"), ("Command", "sccp reset SEP001B54000005")]

    def test_a_device_name_is_no_place_for_commands(self) -> None:
        with pytest.raises(InvalidInput):
            run(reaching(None, FakeAmi(OK)).perform(PHONE, SccpReset("SEP1 ; core stop now"), {}))

    def test_sccp_phones_without_asterisk(self) -> None:
        with pytest.raises(Unavailable, match="asterisk_ami"):
            run(reaching(FakeSip()).perform(PHONE, SccpReset("SEP001B54000005"), {}))


def test_a_request_goes_to_the_phones_own_address() -> None:
    http = FakeHttp()
    action = HttpAction("/advanced.htm?reboot=Reboot")
    run(reaching(http=http).perform(PHONE, action, ACCOUNT))
    assert http.sent == [("192.0.2.9", action)]


@pytest.mark.parametrize(
    "raw_config", [{}, {"sip_lines": []}, {"sip_lines": {"1": None}}, {"sip_lines": {"1": {"username": ""}}}]
)
def test_configs_without_an_account(raw_config: Any) -> None:
    assert first_account(raw_config) is None


class TestConnection:
    """Login and actions, line by line."""

    USER = AmiUser("provisiond", "s3cret")

    def connected(self) -> tuple[AmiConnection, StringTransport, Clock]:
        clock = Clock()
        connection, transport = AmiConnection(clock, 10.0), StringTransport()
        transport.abortConnection = transport.loseConnection  # type: ignore[method-assign]
        connection.makeConnection(transport)
        return connection, transport, clock

    def results(self, work: Any) -> list[Any]:
        found: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(found.append)
        return found

    def test_login_with_a_challenge_byte_by_byte(self) -> None:
        connection, transport, _ = self.connected()
        done = self.results(connection.login(self.USER))
        connection.dataReceived(b"Asterisk Call Manager/9.0.0\r\n")
        assert transport.value() == b"Action: Challenge\r\nActionID: provisiond-1\r\nAuthType: MD5\r\n\r\n"
        transport.clear()
        connection.dataReceived(b"Response: Success\r\nActionID: provisiond-1\r\nChallenge: 142692537\r\n\r\n")
        assert transport.value() == (
            b"Action: Login\r\nActionID: provisiond-2\r\nUsername: provisiond\r\nAuthType: MD5\r\n"
            b"Key: " + hashlib.md5(b"142692537s3cret").hexdigest().encode() + b"\r\nEvents: off\r\n\r\n"
        )
        assert done == []
        connection.dataReceived(
            b"Response: Success\r\nActionID: provisiond-2\r\nMessage: Authentication accepted\r\n\r\n"
        )
        assert done == [None]

    def test_login_with_the_password_itself(self) -> None:
        connection, transport, _ = self.connected()
        self.results(connection.login(AmiUser("u", "p", challenge=False)))
        connection.dataReceived(b"Asterisk Call Manager/2.10\r\n")
        assert transport.value() == (
            b"Action: Login\r\nActionID: provisiond-1\r\nUsername: u\r\nSecret: p\r\nEvents: off\r\n\r\n"
        )

    @pytest.mark.parametrize(
        ("said", "part"),
        [
            ((b"SSH-2.0-OpenSSH\r\n",), "not Asterisk"),
            ((b"x" * 20_000,), "without end"),
            (
                (b"Asterisk Call Manager/1\r\n", b"Response: Error\r\nActionID: provisiond-1\r\n\r\n"),
                "no login challenge",
            ),
        ],
    )
    def test_a_login_that_fails_says_why(self, said: tuple[bytes, ...], part: str) -> None:
        connection, _, _ = self.connected()
        done = self.results(connection.login(self.USER))
        for each in said:
            connection.dataReceived(each)
        assert part in done[0].value.sentence

    def test_a_refused_login_never_shows_the_secret(self) -> None:
        connection, _, _ = self.connected()
        done = self.results(connection.login(AmiUser("u", "p4ss", challenge=False)))
        connection.dataReceived(b"Asterisk Call Manager/1\r\n")
        connection.dataReceived(b"Response: Error\r\nActionID: provisiond-1\r\nMessage: Authentication failed\r\n\r\n")
        assert "manager.conf" in done[0].value.sentence
        assert "p4ss" not in done[0].value.sentence + repr(self.USER)

    def test_silence_ends_at_its_time(self) -> None:
        connection, _, clock = self.connected()
        done = self.results(connection.login(self.USER))
        clock.advance(10.0)
        assert "does not greet" in done[0].value.sentence
        connection, _, clock = self.connected()
        connection.dataReceived(b"Asterisk Call Manager/1\r\nRespon")
        waiting: list[Any] = []
        connection.act([("Action", "Ping")]).addBoth(waiting.append)
        clock.advance(10.0)
        assert "within 10 seconds" in waiting[0].value.sentence
        connection.dataReceived(b"se: Success\r\nActionID: provisiond-1\r\n\r\n")

    def test_answers_find_their_actions_in_any_order_and_events_nobody(self) -> None:
        connection, _, _ = self.connected()
        connection.dataReceived(b"Asterisk Call Manager/1\r\n")
        answers: list[str] = []
        for _ in range(2):
            connection.act([("Action", "Ping")]).addCallback(lambda message: answers.append(message.get("Ping")))
        connection.dataReceived(
            b"Event: FullyBooted\r\n\r\nResponse: Success\r\nActionID: provisiond-2\r\nPing: two\r\n\r\n"
        )
        connection.dataReceived(b"Response: Success\r\nActionID: provisiond-1\r\nPing: one\r\n\r\n")
        connection.dataReceived(b"Response: Success\r\nActionID: provisiond-1\r\nPing: again\r\n\r\n")
        assert answers == ["two", "one"]

    def listed(self, *said: bytes) -> tuple[list[Any], AmiConnection, Clock]:
        """Return what came of an action that is answered by a list, after these messages."""
        connection, _, clock = self.connected()
        connection.dataReceived(b"Asterisk Call Manager/9.0.0\r\n")
        done: list[Any] = []
        connection.act_listed([("Action", "PJSIPShowEndpoint")], "ContactStatusDetail").addBoth(done.append)
        for each in said:
            connection.dataReceived(each.replace(b"|", b"\r\n") + b"\r\nActionID: provisiond-1\r\n\r\n")
        return done, connection, clock

    def test_a_list_ends_with_its_last_event_and_keeps_only_what_is_wanted(self) -> None:
        start, secret = b"Response: Success|EventList: start", b"Event: AuthDetail|Password: s3cret"
        contact = b"Event: ContactStatusDetail|URI: sip:two@192.0.2.9"
        done, connection, _ = self.listed(start, secret, contact, contact)
        assert done == []
        connection.dataReceived(
            b"Event: EndpointDetailComplete\r\nEventList: Complete\r\nActionID: provisiond-1\r\n\r\n"
        )
        ((response, events),) = done
        assert response.succeeded
        assert [each.get("URI") for each in events] == ["sip:two@192.0.2.9"] * 2

    @pytest.mark.parametrize("said", [b"Response: Error|Message: no such endpoint", b"Response: Success|Message: done"])
    def test_what_is_answered_by_no_list_has_none(self, said: bytes) -> None:
        done, _, _ = self.listed(said)
        ((response, events),) = done
        assert (response.get("Response"), events) == (said.partition(b"|")[0][10:].decode(), ())

    def test_a_list_without_end_is_bounded_and_ends_by_time(self) -> None:
        contact = b"Event: ContactStatusDetail|URI: sip:two@192.0.2.9"
        done, connection, clock = self.listed(b"Response: Success|EventList: start", *[contact] * (MAX_LISTED + 50))
        assert len(connection._listing["provisiond-1"].found) == MAX_LISTED
        clock.advance(10)
        assert "did not answer" in done[0].value.sentence
        assert not connection._listing

    def test_a_lost_connection_fails_what_waits_and_what_comes(self) -> None:
        connection, _, _ = self.connected()
        connection.dataReceived(b"Asterisk Call Manager/1\r\n")
        failed: list[Any] = []
        connection.act([("Action", "Ping")]).addErrback(failed.append)
        connection.connectionLost()
        connection.act([("Action", "Ping")]).addErrback(failed.append)
        assert ["closed" in failed[0].value.sentence, "not connected" in failed[1].value.sentence] == [True, True]
