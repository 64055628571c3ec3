"""REST contract, sections 5.3, 8 and 11: devices, their documents, lease reports."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from tests.support.api import Api
from tests.support.contract import rows
from tests.support.provisioning import PLUGIN, World, begin, run, sip

from provisiond.rest.answers import MEDIA_TYPE

DEVICES = "/dev_mgr/devices"
MAC = "00:08:5d:2d:b0:7c"
OWN = {"configured", "is_new", "tenant_uuid"}


def create(api: Api, _prefix: str = "/0.2", _more: dict[str, Any] | None = None, **members: Any) -> Any:
    return api.call("POST", DEVICES, {"device": members}, prefix=_prefix, **(_more or {}))


def shown(api: Api, device_id: str, **more: Any) -> dict[str, Any]:
    document = api.get(f"{DEVICES}/{device_id}", **more).document
    assert list(document) == ["device"]
    return dict(document["device"])


class TestEntry:
    @rows("5.3 GET {P}/dev_mgr 200")
    def test_the_links(self, api: Api) -> None:
        got = api.get("/dev_mgr", token=api.made_token("provd.dev_mgr.read"))
        assert got.document == {
            "links": [
                {"rel": "dev.synchronize", "href": "/0.2/dev_mgr/synchronize"},
                {"rel": "dev.reconfigure", "href": "/0.2/dev_mgr/reconfigure"},
                {"rel": "dev.dhcpinfo", "href": "/0.2/dev_mgr/dhcpinfo"},
                {"rel": "dev.devices", "href": "/0.2/dev_mgr/devices"},
            ]
        }


class TestCollection:
    @rows("5.3 GET {P}/dev_mgr/devices 200")
    def test_the_list_is_of_the_tenant_and_of_its_tree_with_recurse(self, api: Api, sub: str) -> None:
        create(api, id="a")
        create(api, _more={"Wazo_Tenant": sub}, id="b")
        below = api.made_token("provd.dev_mgr.devices.read", tenant=sub)

        def ids(query: str = "", **more: Any) -> list[str]:
            got = api.get(DEVICES + query, **more)
            assert (got.status, got.headers["content-type"]) == (200, MEDIA_TYPE)
            return [each["id"] for each in got.document["devices"]]

        assert ids() == ids("?recurse=false") == ids("?recurse=yes") == ["a"]
        assert ids("?recurse=true") == ids("?recurse=True") == ids("?recurse=1") == ["a", "b"]
        assert ids(token=below) == ids("?recurse=true", token=below) == ["b"]
        assert ids(Wazo_Tenant=sub) == ["b"]

    @rows("5.3 GET {P}/dev_mgr/devices 400")
    def test_a_wrong_query_is_400(self, api: Api) -> None:
        assert api.get(f"{DEVICES}?limit=x").status == 400
        assert api.get(f"{DEVICES}?q=[]").status == 400

    @rows("5.3 POST {P}/dev_mgr/devices 201")
    @pytest.mark.parametrize("prefix", ["/0.2", "/provd"])
    def test_a_device_is_created(self, api: Api, prefix: str) -> None:
        token = api.made_token("provd.dev_mgr.devices.create")
        got = create(api, prefix, {"token": token}, id="d1", mac=MAC)
        assert (got.status, got.document) == (201, {"id": "d1"})
        assert got.headers["location"] == f"{prefix}/dev_mgr/devices/d1"
        assert got.headers["content-type"] == MEDIA_TYPE
        assert shown(api, "d1")["mac"] == MAC

    @rows("5.3 POST {P}/dev_mgr/devices 400", "13 no. 17")
    def test_a_refused_creation_leaves_nothing(self, api: Api, world: World) -> None:
        assert create(api, id="used", description="first").status == 201
        rows_before = dict(world.devices.rows)
        assert create(api, id="used", description="second").status == 400
        assert create(api, id="new", mac="zz").status == 400
        assert create(api, id="../x").status == 400
        assert world.devices.rows == rows_before
        assert api.get(f"{DEVICES}/new").status == 404
        assert shown(api, "used")["description"] == "first"


class TestDevice:
    @rows("5.3 GET {P}/dev_mgr/devices/{id} 200", "5.3 GET {P}/dev_mgr/devices/{id} 404")
    def test_a_device_of_the_tree_is_shown(self, api: Api, sub: str) -> None:
        create(api, id="a")
        create(api, _more={"Wazo_Tenant": sub}, id="b")
        below = api.made_token("provd.dev_mgr.devices.*.read", tenant=sub)
        assert shown(api, "b")["tenant_uuid"] == sub
        assert shown(api, "b", token=below)["id"] == "b"
        assert api.get(f"{DEVICES}/a", token=below).status == 404
        assert api.get(f"{DEVICES}/none").status == 404

    @rows("5.3 GET {P}/dev_mgr/devices/{id} 200")
    def test_its_pending_work_is_finished_first(self, api: Api, world: World) -> None:
        device = world.device(id="d", config="later")
        assert not device.configured
        config = {"id": "later", "parent_ids": [], "raw_config": sip("x")}
        assert api.call("POST", "/cfg_mgr/configs", {"config": config}).status == 201
        assert shown(api, "d")["configured"] is True

    @rows("5.3 PUT {P}/dev_mgr/devices/{id} 204", "5.3 PUT details", "14 no. 11")
    def test_a_put_replaces_all_but_what_the_server_knows_alone(self, api: Api) -> None:
        create(api, id="d", mac=MAC, description="x", X_a=1)
        before = shown(api, "d")
        body = {"id": "other", "ip": "192.0.2.7", "tenant_uuid": "y", "configured": True, "is_new": "no", "X_b": {}}
        for _ in range(2):
            got = api.call("PUT", f"{DEVICES}/d", {"device": body})
            assert (got.status, got.content) == (204, b"")
        after = shown(api, "d")
        assert after == {"id": "d", "ip": "192.0.2.7", "X_b": {}, **{name: before[name] for name in OWN}}
        assert api.get(f"{DEVICES}/other").status == 404

    @rows("5.3 PUT details", "13 no. 8", "14 no. 11")
    def test_a_device_of_the_master_tenant_moves_to_the_callers(self, api: Api, sub: str) -> None:
        create(api, id="new")
        below = api.made_token("#", tenant=sub)
        assert shown(api, "new")["is_new"] is True
        assert api.get(f"{DEVICES}/new", token=below).status == 404
        assert api.call("PUT", f"{DEVICES}/new", {"device": {}}, token=below).status == 204
        assert (shown(api, "new", token=below)["tenant_uuid"], shown(api, "new")["is_new"]) == (sub, False)
        # Once it is somebody's, it stays there, whoever writes.
        assert api.call("PUT", f"{DEVICES}/new", {"device": {"X_a": 1}}).status == 204
        assert shown(api, "new")["tenant_uuid"] == sub

    @rows("5.3 PUT {P}/dev_mgr/devices/{id} 404", "5.3 PUT {P}/dev_mgr/devices/{id} 400", "13 no. 16")
    def test_put_refuses(self, api: Api, sub: str, world: World) -> None:
        other = run(world.house.tenants.create("other")).uuid
        create(api, _more={"Wazo_Tenant": other}, id="theirs")
        below = api.made_token("#", tenant=sub)
        assert api.call("PUT", f"{DEVICES}/none", {"device": {}}).status == 404
        assert api.call("PUT", f"{DEVICES}/theirs", {"device": {}}, token=below).status == 404
        assert api.call("PUT", f"{DEVICES}/theirs", {"device": {"mac": 5}}).status == 400

    @rows("5.3 DELETE {P}/dev_mgr/devices/{id} 204", "5.3 DELETE {P}/dev_mgr/devices/{id} 404")
    def test_a_device_is_deleted(self, api: Api, sub: str) -> None:
        create(api, id="d")
        below = api.made_token("#", tenant=sub)
        assert api.call("DELETE", f"{DEVICES}/d", token=below).status == 404
        assert api.call("DELETE", f"{DEVICES}/d", token=api.made_token("provd.dev_mgr.devices.d.delete")).status == 204
        assert api.call("DELETE", f"{DEVICES}/d").status == 404


class TestActions:
    @rows("5.3 POST {P}/dev_mgr/synchronize 201", "7.2 synchronize")
    def test_synchronizing_is_an_operation(self, api: Api, world: World) -> None:
        world.device(id="ready")
        world.device(id="unready", plugin="none")
        token = api.made_token("provd.dev_mgr.synchronize.create")
        for device_id in ("ready", "unready"):
            got = api.call("POST", "/dev_mgr/synchronize", {"id": device_id}, token=token)
            assert (got.status, got.content) == (201, b"")
            assert got.headers["location"].startswith("/0.2/dev_mgr/synchronize/")
            operation = api.get(got.headers["location"].removeprefix("/0.2")).document
            assert operation["status"] == "fail"
            assert operation["error"]

    @rows("5.3 POST {P}/dev_mgr/synchronize 201", "7.2 synchronize")
    def test_a_phone_that_is_reached_is_a_success(self, tmp_path: Any) -> None:
        reached: list[str] = []

        class Phones:
            async def perform(self, device: Any, action: Any, raw_config: Any) -> str:
                await world.host.gate()
                reached.append(device.id)
                return "reached"

        world = World(tmp_path, notifier=Phones())
        world.start()
        api = Api(world)
        world.device(id="d")
        world.host.gate.shut()
        location = api.call("POST", "/dev_mgr/synchronize", {"id": "d"}).headers["location"].removeprefix("/0.2")
        assert api.get(location).document["status"] == "progress"
        world.host.gate.open()
        assert (api.get(location).document["status"], reached) == ("success", ["d"])
        for call in world.clock.getDelayedCalls():
            call.cancel()

    @rows("5.3 POST {P}/dev_mgr/synchronize 404")
    def test_an_unknown_device_cannot_be_synchronized(self, api: Api, sub: str) -> None:
        create(api, id="d")
        assert api.call("POST", "/dev_mgr/synchronize", {"id": "none"}).status == 404
        assert api.call("POST", "/dev_mgr/synchronize", {"id": "d"}, Wazo_Tenant=sub).status == 404

    @rows("5.3 POST {P}/dev_mgr/reconfigure 204", "5.4 when configured is final")
    def test_reconfigure_answers_when_the_files_are_made(self, api: Api, world: World) -> None:
        world.device(id="d")
        made = len(world.host.rendered)
        assert api.call("POST", "/dev_mgr/reconfigure", {"id": "d"}).status == 204
        assert len(world.host.rendered) == made + 1
        world.host.broken[PLUGIN] = "it is broken"
        assert api.call("POST", "/dev_mgr/reconfigure", {"id": "d"}).status == 204
        assert shown(api, "d")["configured"] is False

    @rows("5.3 POST {P}/dev_mgr/reconfigure 400")
    def test_reconfigure_of_another_tenants_device_is_400(self, api: Api, sub: str) -> None:
        create(api, id="d")
        for more in ({"token": api.made_token("#", tenant=sub)}, {"Wazo_Tenant": sub}):
            assert api.call("POST", "/dev_mgr/reconfigure", {"id": "d"}, **more).status == 400
        assert api.call("POST", "/dev_mgr/reconfigure", {"id": "none"}).status == 400


class TestDocument:
    @rows("8 id", "13 no. 17")
    def test_ids(self, api: Api) -> None:
        for given in ({}, {"id": None}):
            made = create(api, **given).document["id"]
            assert len(made) == 32
            assert set(made) <= set("0123456789abcdef")
        for good in ("x", "a" * 128, "é", "a b", "...", "a.b", "%2F"):
            assert create(api, id=good).document == {"id": good}
        for bad in ("", "a" * 129, "a/b", "..", ".", "a\nb", "a\x7f", 5, True, [], {}):
            assert create(api, id=bad).status == 400, bad

    @rows("8 mac")
    def test_macs(self, api: Api) -> None:
        for good in (MAC, None, "ff:ff:ff:ff:ff:ff"):
            assert create(api, mac=good).status == 201
        for bad in (MAC.upper(), MAC.replace(":", "-"), "00085d2db07c", "0:8:5d:2d:b0:7c", MAC + "\n", "", 5, [MAC]):
            assert create(api, mac=bad).status == 400, bad

    @rows("8 ip")
    def test_ips(self, api: Api) -> None:
        for good in ("192.0.2.1", "0.0.0.0", "255.255.255.255", None):
            assert create(api, ip=good).status == 201
        for bad in ("192.0.2.01", "10.7", "256.0.0.1", "::1", "host", "", "192.0.2.1\n", 5, ["192.0.2.1"]):
            assert create(api, ip=bad).status == 400, bad

    @rows("8 mac", "8 ip", "14 no. 10")
    def test_macs_and_ips_need_not_be_unique(self, api: Api) -> None:
        assert {create(api, mac=MAC, ip="192.0.2.1").status for _ in range(3)} == {201}

    @rows("8 texts")
    @pytest.mark.parametrize("name", ["sn", "uuid", "vendor", "model", "version", "plugin", "config", "description"])
    def test_texts(self, api: Api, name: str) -> None:
        for good in ("anything at all é", "", None):
            made = create(api, **{name: good}).document["id"]
            assert shown(api, made)[name] == good
        for bad in (5, True, [], {}):
            assert create(api, **{name: bad}).status == 400

    @rows("8 options")
    def test_options(self, api: Api) -> None:
        for good in ({"switchboard": True}, {}, None):
            assert shown(api, create(api, options=good).document["id"])["options"] == good
        for bad in ([], "x", 5, True):
            assert create(api, options=bad).status == 400

    @rows("8 any other name", "14 no. 9", "8 always present")
    def test_any_other_member_is_kept_as_sent(self, api: Api) -> None:
        extra = {"X_a": {"b": [1, None, 1.5, "é"]}, "anything": 10**30, "added": 5, "remote_state_sip_username": "x"}
        made = create(api, **extra).document["id"]
        document = shown(api, made)
        assert {name: document[name] for name in extra} == extra
        assert set(document) == {"id", *OWN, *extra}

    @rows("8 configured", "8 is_new", "8 tenant_uuid")
    def test_what_the_server_knows_alone(self, api: Api, world: World, sub: str) -> None:
        sent = {"configured": True, "is_new": False, "tenant_uuid": sub}
        document = shown(api, create(api, **sent).document["id"])
        assert {name: document[name] for name in OWN} == {
            "configured": False,
            "is_new": True,
            "tenant_uuid": world.house.tenants.master,
        }
        below = shown(api, create(api, _more={"Wazo_Tenant": sub}, is_new=True).document["id"])
        assert (below["is_new"], below["tenant_uuid"]) == (False, sub)

    @rows("8 configured")
    def test_configured_needs_a_plugin_a_config_a_valid_merge_and_files(self, api: Api, world: World) -> None:
        run(world.house.configs.create({"id": "good", "parent_ids": [], "raw_config": sip("x")}))
        for members, configured in (
            ({"plugin": PLUGIN, "config": "good"}, True),
            ({"plugin": "none", "config": "good"}, False),
            ({"plugin": PLUGIN, "config": "none"}, False),
            ({"plugin": PLUGIN}, False),
            ({"config": "good"}, False),
        ):
            assert shown(api, create(api, mac=MAC, **members).document["id"])["configured"] is configured
        world.host.broken[PLUGIN] = "it is broken"
        assert shown(api, create(api, plugin=PLUGIN, config="good").document["id"])["configured"] is False

    @rows("8 a change that configures again")
    @pytest.mark.parametrize("name", ["config", "mac", "uuid", "vendor", "model", "version", "options", "ip", "X_a"])
    def test_which_changes_make_the_files_again(self, api: Api, world: World, name: str) -> None:
        run(world.house.configs.create({"id": "other", "parent_ids": [], "raw_config": sip("other")}))
        device = dict(world.device(id="d").document)
        made = len(world.host.rendered)
        value = {"config": "other", "mac": MAC, "options": {"a": 1}, "ip": "192.0.2.9"}.get(name, "new")
        assert api.call("PUT", f"{DEVICES}/d", {"device": {**device, name: value}}).status == 204
        assert len(world.host.rendered) == made + (name not in ("ip", "X_a"))

    @rows("8 a transient config is deleted")
    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_a_transient_config_goes_with_its_last_device(self, api: Api, method: str) -> None:
        config = api.call("POST", "/cfg_mgr/autocreate", {}).document["id"]
        create(api, id="a", config=config)
        create(api, id="b", config=config)
        for device_id, status in (("a", 200), ("b", 404)):
            body = {"device": {}} if method == "PUT" else None
            assert api.call(method, f"{DEVICES}/{device_id}", body).status == 204
            assert api.get(f"/cfg_mgr/configs/{config}").status == status


class TestDhcpInfo:
    EXAMPLE: ClassVar[dict[str, Any]] = {
        "op": "commit",
        "ip": "192.168.1.100",
        "mac": "00:11:22:33:44:55",
        "options": ["06066.6f.6f.62.61.72.a"],
    }

    def report(self, api: Api, **members: Any) -> int:
        return api.call("POST", "/dev_mgr/dhcpinfo", {"dhcp_info": members}).status

    def devices(self, api: Api) -> list[dict[str, Any]]:
        return list(api.get(DEVICES).document["devices"])

    @rows("5.3 POST {P}/dev_mgr/dhcpinfo 204", "11 204")
    def test_the_example_is_accepted(self, api: Api) -> None:
        token = api.made_token("provd.dev_mgr.dhcpinfo.create")
        body = b'{"dhcp_info":' + json.dumps(self.EXAMPLE).encode() + b"}"
        got = api.call("POST", "/dev_mgr/dhcpinfo", body, token=token)
        assert (got.status, got.content) == (204, b"")

    @rows("11 op")
    def test_what_happened(self, api: Api) -> None:
        for op in ("expiry", "release"):
            assert self.report(api, op=op, ip="192.0.2.1") == 204
            assert self.report(api, op=op, ip="192.0.2.1", mac="zz", options=5) == 204
            assert self.report(api, op=op) == 400
        for op in ("renew", "", None, 5, []):
            assert self.report(api, **{**self.EXAMPLE, "op": op}) == 400
        assert self.devices(api) == []

    @rows("11 ip")
    def test_addresses(self, api: Api) -> None:
        mac = "00:08:5d:00:00:0"
        for number, (ip, stored) in enumerate(
            (("10.7", "10.0.0.7"), ("10.1.258", "10.1.1.2"), ("192.0.2.9", "192.0.2.9"), ("167772161", "10.0.0.1"))
        ):
            assert self.report(api, op="commit", ip=ip, mac=f"{mac}{number}", options=["06041"]) == 204
            found = [each["ip"] for each in self.devices(api) if each["mac"] == f"{mac}{number}"]
            assert found == [stored], ip
        for bad in ("256.1.1.1", "", "host", "1.2.3.4.5", " 1.2.3.4", "1.2.3.4 x", "::1", 5, None, ["1.2.3.4"]):
            assert self.report(api, **{**self.EXAMPLE, "ip": bad}) == 400, bad

    @rows("11 mac")
    def test_hardware_addresses(self, api: Api) -> None:
        for good in ("0:8:5D:2D:B0:7C", "00-08-5d-2d-b0-7c", "00085D2DB07C", MAC):
            assert self.report(api, op="commit", ip="192.0.2.5", mac=good, options=[]) == 204
            assert {each["mac"] for each in self.devices(api)} <= {MAC}
        for bad in ("00:08-5d:2d:b0:7c", "00:08:5d:2d:b0", "00085d2db07", "gg:08:5d:2d:b0:7c", "", 5, None, MAC + ":1"):
            assert self.report(api, **{**self.EXAMPLE, "mac": bad}) == 400, bad

    @rows("11 options")
    def test_options(self, api: Api) -> None:
        for good in ([], ["001a"], ["0010a.b", "0010c"], ["254ff"], ["06066.6F"]):
            assert self.report(api, **{**self.EXAMPLE, "options": good}) == 204, good
        bad_ones: list[Any] = [None, "x", {}, 5, ["060"], ["60.66"], ["06066."], ["060.66"], ["060100"], ["060gg"],
                               ["00066"], ["25566"], ["0606 6"], [60], [None]]  # fmt: skip
        for bad in bad_ones:
            assert self.report(api, **{**self.EXAMPLE, "options": bad}) == 400, bad

    @rows("11 400", "5.3 POST {P}/dev_mgr/dhcpinfo 400")
    @pytest.mark.parametrize("missing", ["op", "ip", "mac", "options"])
    def test_a_missing_member_is_400(self, api: Api, missing: str) -> None:
        assert self.report(api, **{name: value for name, value in self.EXAMPLE.items() if name != missing}) == 400

    @rows("11 then the device follows")
    def test_a_lease_creates_and_updates_a_device(self, api: Api, world: World) -> None:
        world.host.vendors[PLUGIN] = ("Aastra", 500)
        vendor = ".".join(f"{ord(char):x}" for char in "AastraIPPhone6731i")
        lease = {"op": "commit", "ip": "192.0.2.5", "mac": MAC, "options": [f"060{vendor}"]}
        assert self.report(api, **lease) == 204
        [device] = self.devices(api)
        assert (device["added"], device["is_new"], device["mac"], device["ip"]) == ("auto", True, MAC, "192.0.2.5")
        assert device["vendor"] == "Aastra"
        assert self.report(api, **{**lease, "ip": "192.0.2.6", "options": []}) == 204
        [device] = self.devices(api)
        assert device["ip"] == "192.0.2.6"

    @rows("11 one address is one device's")
    def test_an_address_that_another_phone_got_is_no_longer_the_formers(self, api: Api) -> None:
        create(api, id="old", mac="00:08:5d:00:00:01", ip="192.0.2.5")
        create(api, id="new", mac="00:08:5d:00:00:02", ip="192.0.2.6")
        lease = {"op": "commit", "ip": "192.0.2.5", "mac": "00:08:5d:00:00:02", "options": []}
        assert self.report(api, **lease) == 204
        found = {each["id"]: each.get("ip") for each in self.devices(api)}
        assert found == {"old": None, "new": "192.0.2.5"}

    @rows("11 204")
    def test_the_work_goes_on_after_the_answer(self, api: Api, world: World) -> None:
        world.devices.gate.shut()
        done = begin(world.house.plugins.serve_unserved())
        assert self.report(api, op="commit", ip="192.0.2.5", mac=MAC, options=["06041"]) == 204
        world.devices.gate.open()
        assert done.called
