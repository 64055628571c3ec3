"""Tenants, parameters, lease reports, the first start."""

from __future__ import annotations

import stat
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.provisioning import MemoryFacts, MemoryTenants, run

from provisiond.errors import InvalidInput, NotFound, StartProblem, Unauthorized, UnknownReference
from provisiond.identification.values import Protocol
from provisiond.model.documents import check_config
from provisiond.provisioning.base_config import base_raw_config, with_key
from provisiond.provisioning.dhcp_info import parse_dhcp_info
from provisiond.provisioning.first_start import create_admin_token, default_configs
from provisiond.provisioning.tenants import Tenants
from provisiond.store.facts import Tenant


class TestTenants:
    def test_the_master_tenant_is_made_once(self, world):
        master = world.house.tenants.master
        assert uuid.UUID(master)
        world.restart()
        assert world.house.tenants.master == master

    def test_a_token_sees_its_tenant_and_those_below(self, world):
        tenants = world.house.tenants
        a = run(tenants.create("a")).uuid
        b = run(tenants.create("b", a)).uuid
        c = run(tenants.create("c")).uuid
        assert tenants.scope(a).tree == {a, b}
        assert tenants.scope(a, b).tenant_uuid == b
        assert tenants.scope(tenants.master, c).tree == {c}
        assert tenants.scope(tenants.master).tree == {tenants.master, a, b, c}
        for owner, requested in (
            (a, c),
            (b, a),
            (a, tenants.master),
            (a, str(uuid.uuid4())),
            (str(uuid.uuid4()), None),
        ):
            with pytest.raises(Unauthorized):
                tenants.scope(owner, requested)

    def test_a_loop_of_tenants_ends(self):
        store = MemoryTenants()
        store.rows = {"a": Tenant("a", "b", None), "b": Tenant("b", "a", None)}
        tenants = Tenants(store, MemoryFacts())
        run(tenants.load())
        assert tenants.tree("a") == {"a", "b"}

    def test_tenants_are_deleted_from_below(self, world):
        tenants = world.house.tenants
        a = run(tenants.create("a")).uuid
        b = run(tenants.create("b", a)).uuid
        for wrong, refusal in ((a, InvalidInput), (tenants.master, InvalidInput), ("x", NotFound)):
            with pytest.raises(refusal):
                run(tenants.delete(wrong))
        run(tenants.delete(b))
        run(tenants.delete(a))
        assert [tenant.uuid for tenant in tenants.all()] == [tenants.master]

    def test_a_new_tenant_needs_a_parent_and_a_free_uuid(self, world):
        tenants = world.house.tenants
        with pytest.raises(UnknownReference):
            run(tenants.create("a", "nobody"))
        for wrong in ("not a uuid", tenants.master):
            with pytest.raises(InvalidInput):
                run(tenants.create("a", None, wrong))
        assert run(tenants.create("a", None, "6F9619FF-8B86-D011-B42D-00C04FC964FF")).parent_uuid == tenants.master


class TestParameters:
    def test_a_value_counts_at_once_and_after_a_restart(self, world):
        run(world.house.parameters.set("locale", "fr_FR"))
        assert world.house.parameters.locale == "fr_FR"
        world.restart()
        assert world.house.parameters.locale == "fr_FR"
        run(world.house.parameters.set("locale", ""))
        assert world.house.parameters.get("locale") is None

    def test_unsetting_wins_over_the_default(self, make_world):
        world = make_world(parameter_defaults={"plugin_server": "http://example.org/"})
        assert world.house.parameters.get("plugin_server") == "http://example.org/"
        run(world.house.parameters.set("plugin_server", None))
        assert world.house.parameters.get("plugin_server") is None
        world.restart()
        assert world.house.parameters.get("plugin_server") is None

    @pytest.mark.parametrize(
        ("value", "stored", "nat"), [(1, 1, True), ("1", 1, True), (0, 0, False), ("0", 0, False), (None, 0, False)]
    )
    def test_nat_is_a_number(self, world, value, stored, nat):
        run(world.house.parameters.set("NAT", value))
        assert world.house.parameters.get("NAT") == stored
        assert world.house.parameters.nat is nat

    def test_keys_belong_to_tenants_and_are_unique(self, world):
        parameters = world.house.parameters
        run(parameters.set("provisioning_key", "abcdefgh", "t1"))
        assert parameters.get("provisioning_key", "t1") == "abcdefgh"
        assert parameters.get("provisioning_key", "t2") is None
        assert parameters.tenant_of_key("abcdefgh") == "t1"
        assert parameters.tenant_of_key("other") is None
        with pytest.raises(InvalidInput, match="another tenant"):
            run(parameters.set("provisioning_key", "abcdefgh", "t2"))
        run(parameters.set("provisioning_key", "abcdefgh", "t1"))
        run(parameters.set("provisioning_key", None, "t1"))
        run(parameters.set("provisioning_key", "abcdefgh", "t2"))
        assert parameters.key_of("t2") == "abcdefgh"
        assert parameters.key_of("t1") is None

    @pytest.mark.parametrize(("name", "value"), [("NAT", 2), ("locale", "french"), ("plugin_server", "x")])
    def test_a_refused_value_changes_nothing(self, world, name, value):
        before = world.house.parameters.get(name)
        with pytest.raises(InvalidInput):
            run(world.house.parameters.set(name, value))
        assert world.house.parameters.get(name) == before
        assert (None, name) not in world.parameters.values

    def test_other_names_do_not_exist(self, world):
        for name in ("tenants", "nat", "", "base"):
            with pytest.raises(NotFound):
                world.house.parameters.get(name)
            with pytest.raises(NotFound):
                run(world.house.parameters.set(name, None))
        with pytest.raises(NotFound):
            world.house.parameters.get("provisioning_key")

    def test_listeners_hear_of_changes_only(self, world):
        told = []
        world.house.parameters.listen(lambda *change: told.append(change))
        for _ in range(2):
            run(world.house.parameters.set("locale", "fr"))
        run(world.house.parameters.set("provisioning_key", "abcdefgh", "t"))
        assert told == [("locale", None, "fr"), ("provisioning_key", "t", "abcdefgh")]

    def test_all_are_described_in_order(self, world):
        names = [parameter.name for parameter in world.house.parameters.described()]
        assert names == ["plugin_server", "http_proxy", "ftp_proxy", "https_proxy", "locale", "NAT", "provisioning_key"]


REPORT = {
    "op": "commit",
    "ip": "192.168.1.100",
    "mac": "00:11:22:33:44:55",
    "options": ["06066.6f.6f.62.61.72.a"],
}


class TestLeaseReports:
    def test_the_example_of_the_contract(self):
        request = parse_dhcp_info(REPORT)
        assert request.protocol is Protocol.DHCP
        assert (request.chaddr, request.peer) == ("00:11:22:33:44:55", "192.168.1.100")
        assert request.dhcp == {60: "foobar\n"}

    @pytest.mark.parametrize(
        ("member", "value", "name", "expected"),
        [
            ("ip", "10.7", "peer", "10.0.0.7"),
            ("mac", "0-1-2-A-b-C", "chaddr", "00:01:02:0a:0b:0c"),
            ("mac", "001122AABBCC", "chaddr", "00:11:22:aa:bb:cc"),
            ("options", [], "dhcp", {}),
            ("options", ["06041", "06042.43"], "dhcp", {60: "BC"}),
            ("options", ["254ff.0"], "dhcp", {254: "\xff\x00"}),
            ("options", ["060" + ".".join(["41"] * 255)], "dhcp", {60: "A" * 255}),
            # One that RFC 2132 knows in another length tells nothing; the others still do.
            ("options", ["0501.2.3", "06041", "0531.2", "0031.2.3.4.5", "0571.2"], "dhcp", {60: "A", 57: "\1\2"}),
        ],
    )
    def test_forms_that_are_accepted(self, member, value, name, expected):
        assert getattr(parse_dhcp_info({**REPORT, member: value}), name) == expected

    @pytest.mark.parametrize("op", ["expiry", "release"])
    def test_ends_of_leases_are_checked_and_ignored(self, op):
        assert parse_dhcp_info({"op": op, "ip": "10.0.0.1"}) is None
        with pytest.raises(InvalidInput):
            parse_dhcp_info({"op": op})

    @pytest.mark.parametrize(
        ("member", "values"),
        [
            ("op", ["other", None, 1, []]),
            ("ip", ["300.1.1.1", "x", "", None, 5, "1.2.3.4.5", "fe80::1", "1.2.3.4 x"]),
            ("mac", ["00:11:22:33:44", "00:11-22:33:44:55", "zz:11:22:33:44:55", None, 5, "0011223344"]),
            (
                "options",
                [
                    None,
                    "06041",
                    {},
                    [5],
                    ["060"],
                    ["60.41"],
                    ["00041"],
                    ["25541"],
                    ["060411"],
                    ["06041."],
                    ["0604g"],
                    ["060" + ".".join(["41"] * 256)],
                ],
            ),
        ],
    )
    def test_what_is_wrong_is_refused(self, member, values):
        for value in values:
            with pytest.raises(InvalidInput):
                parse_dhcp_info({**REPORT, member: value})
        with pytest.raises(InvalidInput):
            parse_dhcp_info({name: value for name, value in REPORT.items() if name != member})
        for whole in (None, [], "x", 5):
            with pytest.raises(InvalidInput):
                parse_dhcp_info(whole)

    # These may have any length.
    @given(st.dictionaries(st.integers(66, 115), st.binary(min_size=1, max_size=20), max_size=5))
    def test_options_come_out_byte_for_byte(self, options):
        texts = [f"{code:03}{'.'.join(f'{byte:x}' for byte in value)}" for code, value in options.items()]
        parsed = parse_dhcp_info({**REPORT, "options": texts})
        assert {code: value.encode("latin-1") for code, value in parsed.dhcp.items()} == options


class TestFirstStart:
    def test_the_default_documents_are_those_of_the_contract(self, world):
        base, registrar, device, autoprov = (world.configs.config(name).document for name in world.configs.rows)
        assert base == {
            "id": "base",
            "X_type": "internal",
            "displayname": "base",
            "deletable": False,
            "parent_ids": [],
            "raw_config": {"X_xivo_phonebook_ip": "192.0.2.1", "ntp_enabled": True, "ntp_ip": "192.0.2.1"},
        }
        assert registrar["proxy_main"] == registrar["registrar_main"] == "192.0.2.1"
        assert registrar["raw_config"] == {"X_key": "xivo"}
        passwords = [device["raw_config"][f"{who}_password"] for who in ("admin", "user")]
        assert all(len(password) == 16 and password.isalnum() for password in passwords)
        assert passwords[0] != passwords[1]
        assert autoprov["role"] == "autocreate"
        assert autoprov["parent_ids"] == ["base", "defaultconfigdevice"]
        raw = autoprov["raw_config"]
        assert (raw["ip"], raw["http_port"], raw["sccp_call_managers"]) == (
            "192.0.2.1",
            8667,
            {"1": {"ip": "192.0.2.1"}},
        )
        assert raw["sip_lines"]["1"]["username"].startswith("ap")
        assert len(raw["sip_lines"]["1"]["username"]) == 10

    def test_the_default_documents_are_valid_and_differ_between_installations(self):
        one, other = default_configs("192.0.2.1", 8667), default_configs("192.0.2.1", 8667)
        for document in one:
            assert check_config(document) == document
        assert one != other

    def test_they_are_not_made_again(self, world):
        before = dict(world.configs.rows)
        del world.configs.rows["default"]
        world.restart()
        assert world.configs.rows == {key: value for key, value in before.items() if key != "default"}

    def test_the_first_token_may_do_everything_and_is_for_the_daemon_alone(self, world):
        path = world.state_dir / "admin-token"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        holder = run(world.house.tokens.authenticate(path.read_text().strip()))
        assert holder.may("provd.anything.at.all")
        assert holder.tenant_uuid == world.house.tenants.master
        assert [child.name for child in world.state_dir.iterdir() if child.is_file()] == ["admin-token"]

    def test_the_first_token_is_made_once(self, world):
        text = (world.state_dir / "admin-token").read_text()
        world.restart()
        assert (world.state_dir / "admin-token").read_text() == text
        assert len(world.tokens.rows) == 1

    def test_a_token_that_cannot_be_written_is_not_made(self, world):
        run(world.house.tokens.revoke(next(iter(world.tokens.rows))))
        missing = world.state_dir / "missing"
        with pytest.raises(StartProblem):
            run(create_admin_token(world.house.tokens, world.house.tenants.master, missing, world.threads))
        assert not world.tokens.rows


class TestBaseConfig:
    @pytest.mark.parametrize(
        ("url", "ip", "port"),
        [
            ("http://192.0.2.1:8667", "192.0.2.1", 8667),
            ("https://pbx.example.org/", "pbx.example.org", 443),
            ("http://pbx.example.org", "pbx.example.org", 80),
        ],
    )
    def test_address_and_port_come_from_the_url(self, url, ip, port):
        base = base_raw_config(url, 69, {"X_mine": 1})
        assert base == {"ip": ip, "http_port": port, "tftp_port": 69, "http_base_url": url.rstrip("/"), "X_mine": 1}

    def test_the_administrator_wins(self):
        base = base_raw_config("http://192.0.2.1:8667", 69, {"http_base_url": "https://other:8443", "http_port": 1})
        assert (base["ip"], base["http_port"], base["http_base_url"]) == ("other", 1, "https://other:8443")

    def test_a_key_stands_behind_the_url(self):
        assert with_key({"http_base_url": "http://a/"}, "key")["http_base_url"] == "http://a/key"
