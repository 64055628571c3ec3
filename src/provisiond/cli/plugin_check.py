"""Looking at a built plugin with the plugin host and the server's knowledge of phones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provisiond.errors import PluginProblem
from provisiond.identification.knowledge import Knowledge
from provisiond.identification.rulebook import plugin_rules
from provisiond.identification.rules import Where
from provisiond.identification.support import Support
from provisiond.identification.values import DeviceInfo
from provisiond.model.capability import Capability
from provisiond.packages.authoring.check import CheckReport, check_tree
from provisiond.plugins.hosting import HostedPlugin
from provisiond.plugins.testing import check_plugin, load_plugin

_SAMPLES = {
    Where.USER_AGENT: ("{vendor} {model} 1.2.3.4", "{vendor}/{model}-1.2.3 (001122334455)", "{vendor} {model}"),
    Where.PATH: ("/{model}.cfg", "/{vendor}/{model}/001122334455.cfg"),
    Where.QUERY: ("{model}", "001122334455"),
    Where.DHCP_VENDOR_CLASS: ("{vendor}", "{vendor} {model}"),
}


def check_directory(directory: Path) -> CheckReport:
    """Return everything that is wrong with a built plugin: as the server sees it, and more.

    :param directory: its name is the plugin's id.
    """
    report = check_tree(directory)
    try:
        plugin = load_plugin(directory)
    except PluginProblem as problem:
        if problem.sentence not in report.problems:
            report.problems.append(problem.sentence)
        return report
    report.problems += check_plugin(directory)
    knowledge = Knowledge.shipped()
    own = {Capability.parse(key).vendor for key in plugin.info.capabilities}
    report.problems += _rule_problems(plugin, knowledge, own)
    report.problems += _taken(plugin, knowledge, own)
    return report


def _rule_problems(plugin: HostedPlugin, knowledge: Knowledge, own: set[str]) -> Iterator[str]:
    usable, problems = plugin_rules({plugin.place.id: plugin.rules})
    yield from (problem.sentence for problem in problems)
    for where, entries in usable.items():
        for _, compiled in entries:
            stranger = next(
                (
                    text
                    for vendor, text in _samples(knowledge, where)
                    if vendor not in own and compiled.expression.search(text)
                ),
                None,
            )
            if stranger is not None:
                yield f"the rule {compiled.expression.pattern[:80]!r} takes other vendors' phones: {stranger!r}"


def _samples(knowledge: Knowledge, where: Where) -> Iterator[tuple[str, str]]:
    for vendor in knowledge.vendors.values():
        for model in vendor.models:
            for sample in _SAMPLES[where]:
                yield vendor.name, sample.format(vendor=vendor.name, model=model)


def _taken(plugin: HostedPlugin, knowledge: Knowledge, own: set[str]) -> Iterator[str]:
    for vendor in knowledge.vendors.values():
        if vendor.name in own:
            continue
        for model in vendor.models:
            info = DeviceInfo(vendor=vendor.name, model=model)
            try:
                score = plugin.associate(info)
            except PluginProblem as problem:
                yield f"{vendor.name} {model}: {problem.sentence}"
                return
            if score >= Support.PROBABLE:
                yield f"the plugin takes {vendor.name} {model}, which its capabilities do not name"
                break
