"""Phones of Examplia."""

from provisiond.sdk import File, Plugin, PluginProblem, Rule, SipNotify, Support, Where, timezones


class Examplia(Plugin):
    """Phones of Examplia with firmware 1.2."""

    rules = (
        Rule(
            where=Where.USER_AGENT,
            literal="Examplia ",
            pattern=r"^Examplia (?P<model>E\d+) (?P<version>[\d.]+) (?P<mac>[\da-f]{12})$",
            vendor="Examplia",
        ),
        Rule(where=Where.PATH, literal="examplia-", pattern=r"/examplia-(?P<mac>[\da-f]{12})\.cfg$", vendor="Examplia"),
    )

    def associate(self, info):
        if info.vendor != "Examplia":
            return Support.IMPROBABLE
        if info.model == "E100":
            return Support.EXACT if info.version == "1.2" else Support.COMPLETE
        return Support.PROBABLE

    def common_files(self, raw_config):
        yield File(name="examplia.cfg", templates="examplia.cfg.tpl", context=raw_config, sensitive=False)

    def device_files(self, device, raw_config):
        if device.mac is None:
            raise PluginProblem("the MAC address is needed to configure this device")
        name = f"examplia-{device.mac.replace(':', '')}.cfg"
        context = {**raw_config, "offset": self.offset(raw_config)}
        yield File(name=name, templates=f"{device.model}.tpl base.tpl".split(), context=context, trigger=True)

    def offset(self, raw_config):
        """Return the line about the time zone; empty when there is none."""
        if "timezone" not in raw_config:
            return ""
        return f"offset = {timezones.rules(raw_config['timezone'], self.context.year).offset_minutes}"

    def synchronize(self, device, raw_config):
        return SipNotify("check-sync")


PLUGIN = Examplia
