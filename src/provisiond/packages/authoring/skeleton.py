"""A new plugin family that builds, loads and passes its own test."""

from __future__ import annotations

import json
import re
from pathlib import Path

from provisiond.errors import PackageProblem
from provisiond.packages.archives import shown

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

BUILD = '''"""Builds the plugins of this family; ``target`` is given by the builder."""

import shutil

LEFT_OUT = shutil.ignore_patterns(".*", "tests", "__pycache__")


@target("{version}", "{family}-{version}")  # noqa: F821
def build_{function}(path):
    for source in ("common", "{version}"):
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=LEFT_OUT)
'''

COMMON = '''"""What all versions of this family share."""

from provisiond.sdk import File, Plugin, SipNotify, Support
from provisiond.sdk.lines import sip_lines
from provisiond.sdk.naming import mac_name


class {class_name}Plugin(Plugin):
    """Phones of {vendor}; each version says which models it serves, and with which firmware."""

    models = ()
    firmware = ""

    def associate(self, info):
        if info.vendor != "{vendor}" or info.model not in self.models:
            return Support.NONE
        return Support.EXACT if info.version == self.firmware else Support.PROBABLE

    def device_files(self, device, raw_config):
        name = f"{{mac_name(device)}}.cfg"
        yield File(
            name=name,
            templates=(f"{{name}}.tpl", f"{{device.model}}.tpl", "base.tpl"),
            context={{"lines": sip_lines(raw_config), "config": raw_config}},
            trigger=True,
        )

    def synchronize(self, device, raw_config):
        return SipNotify("check-sync")
'''

ENTRY = '''"""{vendor} phones with firmware {version}."""

from .common import {class_name}Plugin


class {class_name}({class_name}Plugin):
    models = ("{model}",)
    firmware = "{version}"


PLUGIN = {class_name}
'''

TEMPLATE = """{% for line in lines %}
account.{{ line.position }}.user = {{ line.username }}
account.{{ line.position }}.password = {{ line.password }}
account.{{ line.position }}.server = {{ line.proxy_ip }}
account.{{ line.position }}.name = {{ line.display_name }}
{% endfor %}
"""

DEFINITIONS = """# Firmware that the administrator can install. `check-fw FILE-OR-URL` prints a section for each file.
#
# [pkg_{model}-fw]
# description: Firmware for {vendor} {model}
# description_fr: Micrologiciel pour {vendor} {model}
# version: {version}
# files: {model}-fw
# install: {family}-fw
#
# [install_{family}-fw]
# a-b: cp $FILE1 ./
"""

TEST = '''"""Checks of this plugin; run them with pytest from the top of the plugin sources."""

from pathlib import Path

from provisiond.cli.plugin_check import check_directory
from provisiond.packages.authoring.build import build

SOURCE = Path(__file__).parents[3]


def test_the_server_takes_the_plugin(tmp_path):
    report = build(SOURCE, tmp_path, "{family}", ["{version}"])
    assert report.problems == []
    assert check_directory(tmp_path / "{family}-{version}").problems == []
'''


def new_family(source: Path, family: str, *, vendor: str = "", model: str = "D10", version: str = "1.0") -> list[Path]:
    """Write the sources of a new family and return the files.

    :param family: letters, digits and hyphens, in lower case.
    :param vendor: by default the family's name with capitals.
    :raises PackageProblem: when the family exists, or a name cannot be used.
    """
    if not _NAME.fullmatch(family):
        raise PackageProblem(f"{shown(family)} cannot be a family: lower-case letters, digits and single hyphens")
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,40}", version) or version == "common":
        raise PackageProblem(f"{shown(version)} cannot be the name of a version")
    vendor = vendor or " ".join(part.capitalize() for part in family.split("-"))
    for name in (vendor, model):
        if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z +_-]{0,40}", name):
            raise PackageProblem(f"{shown(name)} cannot be the name of a vendor or model")
    root = source / family
    if root.exists():
        raise PackageProblem(f"{root} exists already")
    files = _files(family, vendor, model, version)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return [root / name for name in files]


def _files(family: str, vendor: str, model: str, version: str) -> dict[str, str]:
    names = {
        "family": family,
        "vendor": vendor,
        "model": model,
        "version": version,
        "function": re.sub(r"\W", "_", version),
        "class_name": "".join(part.capitalize() for part in family.split("-")),
    }
    info = {
        "api": 1,
        "version": "0.1",
        "description": f"Plugin for {vendor} {model} in version {version}.",
        "description_fr": f"Greffon pour {vendor} {model} en version {version}.",
        "capabilities": {f"{vendor}, {model}, {version}": {"lines": 2, "type": "deskphone", "protocol": "sip"}},
    }
    return {
        "build.py": BUILD.format(**names),
        "common/common.py": COMMON.format(**names),
        "common/templates/base.tpl": TEMPLATE,
        f"{version}/entry.py": ENTRY.format(**names),
        f"{version}/plugin-info": json.dumps(info, indent=4, ensure_ascii=False) + "\n",
        f"{version}/pkgs/pkgs.db": DEFINITIONS.format(**names),
        f"{version}/tests/test_{re.sub(r'[^a-z0-9]', '_', family)}.py": TEST.format(**names),
    }
