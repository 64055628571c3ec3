"""Build of the plugins for Cisco phones that speak SCCP.

Executed by the plugin builder with one injected name, ``target``; the working directory is this directory.
"""

import shutil

_LEFT_OUT = shutil.ignore_patterns(".*", "tests", "__pycache__")


def _lay(path, *sources):
    """Copy the sources into the plugin's directory, later ones over earlier ones."""
    for source in sources:
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=_LEFT_OUT)


@target("9.0.3", "cisco-sccp-9.0.3")  # noqa: F821
def build_9_0_3(path):
    _lay(path, "common", "9.0.3")


@target("legacy", "cisco-sccp-legacy")  # noqa: F821
def build_legacy(path):
    _lay(path, "common", "legacy")
