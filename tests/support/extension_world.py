"""Extensions on a host that is a directory: real programs, everything at once, nothing in threads."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support.api import Got
from tests.support.package_world import PackageWorld

BASE = "/api/plugind/0.2"
PATH = "/usr/local/bin:/usr/bin:/bin"
HELLO_METADATA = """\
name: helloworld
description: Adds the extension "***42" to you dialplan to greet users
version: 0.0.1
"""
# As printed, with tabs before the commands, as the warning below it says.
HELLO_MAKEFILE = """\
.PHONY: install uninstall

install:
\tcp helloworld.conf /etc/asterisk/extensions_extra.d/
\tasterisk -x 'dialplan reload'

uninstall:
\trm -f /etc/asterisk/extensions_extra.d/helloworld.conf
\tasterisk -x 'dialplan reload'
"""
HELLO_CONF = """\
[xivo-extrafeatures]
exten = ***42,1,Playback(hello-world)
same = n,Return()
"""


def program(directory: Path, name: str, script: str) -> None:
    """Write a program."""
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def stand_ins(programs: Path, etc: Path) -> None:
    """Write programs cp and rm that see a directory as ``/etc``."""
    for name in ("cp", "rm"):
        mapped = f'for each; do set -- "$@" "$(echo "$each" | sed "s|^/etc/|{etc}/|")"; shift; done'
        program(programs, name, f'{mapped}\nexec {shutil.which(name, path=PATH)} "$@"')


class ExtensionWorld(PackageWorld):
    """A server whose extensions see ``host/etc`` as ``/etc``: stand-ins of cp and rm on their PATH see to that."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.programs = root / "programs"
        self.sources = root / "sources"
        self.etc = root / "host" / "etc"
        for directory in (self.programs, self.sources, self.etc / "asterisk" / "extensions_extra.d"):
            directory.mkdir(parents=True)
        stand_ins(self.programs, self.etc)
        members = {
            "enabled": True,
            "allow_root": True,
            "directories": [self.sources],
            "path": f"{self.programs}:{PATH}",
            "step_timeout": 60,
            **settings,
        }
        super().__init__(root, extensions=members)

    @property
    def extra(self) -> Path:
        """The folder of dialplan files."""
        return self.etc / "asterisk" / "extensions_extra.d"

    def program(self, name: str, script: str) -> None:
        """Put a program on the PATH of extensions."""
        program(self.programs, name, script)

    def asterisk(self) -> None:
        """Put a stand-in of asterisk there, that notes what it was asked."""
        self.program("asterisk", f'echo "$@" >> {self.root}/asterisk.log')

    def tree(self, name: str, files: Mapping[str, str], executable: tuple[str, ...] = ()) -> Path:
        """Return a source tree with these files."""
        path = self.sources / name
        for relative, content in files.items():
            (path / relative).parent.mkdir(parents=True, exist_ok=True)
            (path / relative).write_text(content)
        for relative in executable:
            (path / relative).chmod(0o755)
        return path

    def hello(self, version: str = "0.0.1") -> Path:
        """Return the tree of the document's Hello World."""
        files = {"package.yml": HELLO_METADATA.replace("0.0.1", version), "Makefile": HELLO_MAKEFILE}
        return self.tree(f"hello-{version}", {**files, "helloworld.conf": HELLO_CONF})

    def make(
        self, install: str, uninstall: str = "true", *, name: str = "demo", version: str = "1", more: str = ""
    ) -> Path:
        """Return a tree of the first form with these commands."""
        makefile = f"install:\n\t{install}\nuninstall:\n\t{uninstall}\n"
        return self.tree(
            f"{name}-{version}",
            {"package.yml": f"name: {name}\nversion: {version}\ndescription: d\n{more}", "Makefile": makefile},
        )

    def rules(self, rules: str, *, version: str = "1", more: str = "", name: str = "staged") -> Path:
        """Return a tree of the second form; ``rules`` is the body of a case on the command."""
        note = f'echo "$1 $EXTENSION_VERSION $EXTENSION_OLD_VERSION" >> {self.root}/calls'
        script = f"#!/bin/sh\n{note}\ncase $1 in\n{rules}\nesac\n"
        metadata = f"namespace: acme\nname: {name}\nversion: {version}\n{more}"
        return self.tree(f"{name}-{version}", {"wazo/plugin.yml": metadata, "wazo/rules": script}, ("wazo/rules",))

    def ask(self, method: str, path: str, document: Any = None, **more: Any) -> Got:
        """Return the answer to a request of the extension API."""
        body = document if isinstance(document, bytes) or document is None else json.dumps(document).encode()
        return self.api.call(method, BASE + path, body, prefix="", kind="text/plain" if body else None, **more)

    def operation(self, answer: Got) -> dict[str, Any]:
        """Return the operation that an answer names."""
        assert answer.status == 200, answer.document
        return dict(self.ask("GET", f"/operations/{answer.document['uuid']}").document)

    def install(self, method: str, *, query: str = "", **options: Any) -> dict[str, Any]:
        """Install and return the operation, that has ended: nothing here is in threads."""
        return self.operation(self.ask("POST", f"/plugins{query}", {"method": method, "options": options}))

    def install_tree(self, tree: Path, query: str = "") -> dict[str, Any]:
        return self.install("directory", path=str(tree), query=query)

    def uninstall(self, identity: str, query: str = "") -> dict[str, Any]:
        return self.operation(self.ask("DELETE", f"/plugins/{identity}{query}"))

    def log_of(self, operation: Mapping[str, Any]) -> str:
        return self.ask("GET", f"/operations/{operation['uuid']}/log").text

    def listed(self) -> dict[str, str]:
        """Return identity -> version of what is installed."""
        items = self.ask("GET", "/plugins").document["items"]
        return {f"{each['namespace']}/{each['name']}": each["version"] for each in items}

    def repository(self, tree: Path) -> Path:
        """Make a git repository of a tree."""
        git(tree, "init", "--quiet", "--initial-branch=master")
        commit(tree, "first")
        return tree

    def leftovers(self) -> list[str]:
        """Return what installations have left behind in their working directories."""
        base = self.root / "extensions"
        return [
            str(path.relative_to(base)) for name in ("work", "homes", "unfinished") for path in (base / name).glob("*")
        ]


def git(tree: Path, *arguments: str) -> str:
    """Run git in a tree and return what it prints."""
    environment = {
        "PATH": PATH,
        "HOME": str(tree),
        **{f"GIT_{who}_{what}": "test@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    done = subprocess.run(["git", *arguments], cwd=tree, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(tree: Path, message: str) -> str:
    """Commit everything and return the commit's id."""
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(tree, "rev-parse", "HEAD")


def running_in(group_file: Path) -> bool:
    """Tell whether the process whose number is in a file still runs."""
    try:
        os.kill(int(group_file.read_text()), 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{group_file.read_text().strip()}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"
