"""Build of the plugins for Cisco and Linksys SPA phones and adaptors.

Executed by the plugin builder with one injected name, ``target``; the working directory is this directory.
"""

import shutil

_LEFT_OUT = shutil.ignore_patterns(".*", "tests", "__pycache__")


def _lay(path, *sources):
    """Copy the sources into the plugin's directory, later ones over earlier ones."""
    for source in sources:
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=_LEFT_OUT)


@target("7.5.5", "cisco-spa-7.5.5")  # noqa: F821
def build_7_5_5(path):
    _lay(path, "common", "7.5.5")


@target("legacy", "cisco-spa-legacy")  # noqa: F821
def build_legacy(path):
    _lay(path, "common", "legacy")
