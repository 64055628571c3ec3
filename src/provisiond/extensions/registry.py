"""Which extensions are installed, with what is needed to remove them again; kept in plain files."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

from provisiond.extensions.metadata import Metadata, check_metadata
from provisiond.extensions.problems import ExtensionProblem
from provisiond.model.package_metadata import Dependency
from provisiond.whole_files import write_json

GOOD: Final = "installed"
BROKEN: Final = "broken"
_RECORD: Final = "record.json"


@frozen(kw_only=True)
class InstalledExtension:
    """An extension of this host.

    :param source: where it came from, without secrets.
    :param place: directory with ``tree`` and ``stage``, what was installed.
    :param files: files that were copied to the host, relative to its root; folders likewise that were made for them.
    :param state: ``installed``, or ``broken`` when its uninstallation failed.
    """

    metadata: Metadata
    source: Mapping[str, Any]
    place: Path
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    installed: float = 0.0
    state: str = GOOD

    @property
    def package_id(self) -> str:
        """The id that the package API knows it by."""
        return self.metadata.package_id

    @property
    def version(self) -> str:
        """Its version."""
        return self.metadata.version

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it needs."""
        return self.metadata.dependencies

    @property
    def icon(self) -> Path:
        """Where its icon is, if it has one."""
        return self.tree / "icon.png"

    @property
    def tree(self) -> Path:
        """Its source tree."""
        return self.place / "tree"

    @property
    def stage(self) -> Path:
        """The files that were copied to the host."""
        return self.place / "stage"

    def shown(self) -> dict[str, Any]:
        """Return the metadata for REST, with its state when that is not good."""
        return {**self.metadata.document, **({"state": self.state} if self.state != GOOD else {})}


@frozen(kw_only=True)
class Unfinished:
    """Work that has begun to change the host, noted before it does.

    :param kind: ``install`` or ``uninstall``.
    :param place: where the new tree is, of an installation.
    :param files: files that were copied.
    """

    uuid: str
    kind: str
    identity: str
    document: Mapping[str, Any] = field(factory=dict)
    form: str = "make"
    place: str = ""
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


class Registry:
    """The installed extensions below a directory; the methods but :meth:`all` and :meth:`get` block.

    ``installed/<namespace>/<name>/record.json`` names the directory beside it that counts: one rename replaces it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "installed"
        self._unfinished = directory / "unfinished"
        self._known: dict[str, InstalledExtension] = {}

    def load(self) -> list[str]:
        """Read what is installed, at the start; return a sentence for each record that cannot be read."""
        problems = []
        for path in sorted(self._directory.glob(f"*/*/{_RECORD}")):
            try:
                found = _record(path)
            except (OSError, ValueError, KeyError, TypeError, ExtensionProblem):
                problems.append(
                    f"the record of the extension {path.parent.parent.name}/{path.parent.name} cannot be read"
                )
            else:
                self._known[found.metadata.identity] = found
                self._tidy(found)
        needed = {Path(work.place) for work in self.unfinished()}
        for place in self._directory.glob("*/*/*"):
            if place.is_dir() and not (place.parent / _RECORD).exists() and place not in needed:
                shutil.rmtree(place, ignore_errors=True)
        return problems

    def all(self) -> tuple[InstalledExtension, ...]:
        """Return every installed extension, by namespace and name."""
        return tuple(self._known[key] for key in sorted(self._known))

    def get(self, namespace: str, name: str) -> InstalledExtension | None:
        """Return an installed extension, or None."""
        return self._known.get(f"{namespace}/{name}")

    def new_place(self, metadata: Metadata) -> Path:
        """Return a directory, made, for the tree of an extension that is to be installed."""
        place = self._home(metadata) / uuid.uuid4().hex
        place.mkdir(parents=True)
        return place

    def put(self, extension: InstalledExtension) -> None:
        """Make this the installed version; what was kept of the former one is removed."""
        home = self._home(extension.metadata)
        document = {
            "document": dict(extension.metadata.document),
            "form": extension.metadata.form,
            "source": dict(extension.source),
            "place": extension.place.name,
            "files": list(extension.files),
            "folders": list(extension.folders),
            "installed": extension.installed,
            "state": extension.state,
        }
        _write(home / _RECORD, document)
        self._known[extension.metadata.identity] = extension
        self._tidy(extension)

    def mark_broken(self, extension: InstalledExtension) -> None:
        """Note that the extension could not be removed."""
        self.put(evolve(extension, state=BROKEN))

    def remove(self, extension: InstalledExtension) -> None:
        """Forget an extension and what was kept of it."""
        home = self._home(extension.metadata)
        (home / _RECORD).unlink(missing_ok=True)
        self._known.pop(extension.metadata.identity, None)
        shutil.rmtree(home, ignore_errors=True)

    def note(self, work: Unfinished) -> None:
        """Remember that work changes the host from now on."""
        _write(self._unfinished / f"{work.uuid}.json", asdict(work))

    def finished(self, work_uuid: str) -> None:
        """Forget work that has ended, well or with everything put back."""
        (self._unfinished / f"{work_uuid}.json").unlink(missing_ok=True)

    def unfinished(self) -> list[Unfinished]:
        """Return the work that the end of the server has interrupted."""
        found = []
        for path in sorted(self._unfinished.glob("*.json")):
            try:
                document = json.loads(path.read_bytes())
                document.update(files=tuple(document["files"]), folders=tuple(document["folders"]))
                found.append(Unfinished(**document))
            except (OSError, ValueError, KeyError, TypeError):
                path.unlink(missing_ok=True)
        return found

    def _home(self, metadata: Metadata) -> Path:
        return self._directory / metadata.namespace / metadata.name

    def _tidy(self, extension: InstalledExtension) -> None:
        # what unfinished work needs is told by its note
        needed = {Path(work.place).name for work in self.unfinished()} | {extension.place.name, _RECORD}
        for path in self._home(extension.metadata).iterdir():
            if path.name not in needed and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)


def _record(path: Path) -> InstalledExtension:
    document = json.loads(path.read_bytes())
    return InstalledExtension(
        metadata=check_metadata(dict(document["document"]), document["form"]),
        source=document["source"],
        place=path.parent / Path(document["place"]).name,
        files=tuple(document["files"]),
        folders=tuple(document["folders"]),
        installed=float(document["installed"]),
        state=str(document["state"]),
    )


def _write(path: Path, document: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, document)
    except OSError as error:
        raise ExtensionProblem(f"the record of the extension cannot be written: {error.strerror}") from error
