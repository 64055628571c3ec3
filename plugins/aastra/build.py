"""Build of the plugins for Aastra phones.

Executed by the plugin builder with one injected name, ``target``; the working directory is this directory.
"""

import shutil

_LEFT_OUT = shutil.ignore_patterns(".*", "tests", "__pycache__")


def _lay(path, *sources):
    """Copy the sources into the plugin's directory, later ones over earlier ones."""
    for source in sources:
        shutil.copytree(source, path, dirs_exist_ok=True, ignore=_LEFT_OUT)


@target("3.3.1-SP2", "aastra-3.3.1-SP2")  # noqa: F821
def build_3_3_1_sp2(path):
    _lay(path, "common", "3.3.1-SP2")
