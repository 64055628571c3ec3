"""Build of the plugins for Snom phones.

Executed by the plugin builder with one injected name, ``target``; the working directory is this directory.
"""

import shutil

_LEFT_OUT = shutil.ignore_patterns(".*", "tests", "__pycache__")


def _lay(path, *sources):
    """Copy the sources into the plugin's directory, later ones over earlier ones."""
    for source in sources:
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=_LEFT_OUT)


@target("8.7.5.35", "snom-8.7.5.35")  # noqa: F821
def build_8_7_5_35(path):
    _lay(path, "common", "8.7.5.35")


@target("10.1.184.15", "snom-10.1.184.15")  # noqa: F821
def build_10_1_184_15(path):
    _lay(path, "common", "10.1.184.15")
