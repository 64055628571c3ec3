"""A server's plugins without a server: repositories in local directories, everything at once, nothing in threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.plugin_packages import run_inline
from twisted.internet.task import Clock

from provisiond.errors import PluginProblem
from provisiond.packages.downloads import Downloads
from provisiond.packages.kept_archives import KeptArchives
from provisiond.packages.plugins import PluginPackages
from provisiond.packages.repositories import Repositories, Repository
from provisiond.packages.web import WebClient


class PluginWorld:
    """Everything that plugins need, below one directory; a tree that holds a file ``broken`` does not load."""

    def __init__(self, root: Path, sources: Sequence[Repository] | None = None, *, keys: Sequence[str] = ()) -> None:
        self.root = root
        self.channel = root / "channel"
        self.plugins_dir = root / "state" / "plugins"
        self.cache_dir = root / "cache"
        self.sources = list(sources or [Repository(name="default", url=self.channel.as_uri())])
        self.pins: Mapping[str, str] = {}
        self.cached = True
        self.time = 1_800_000_000.0
        self.clock = Clock()
        self.loaded: list[str] = []
        web = WebClient(self.clock, dict)
        self.repositories = Repositories(
            directory=root / "state" / "repositories",
            sources=lambda: self.sources,
            web=web,
            run=run_inline,
            now=lambda: self.time,
            pins=lambda: self.pins,
            keys=keys,
        )
        self.kept = KeptArchives(root / "state" / "repositories" / "archives", self.cache_dir, signed=bool(keys))
        self.packages = PluginPackages(
            plugins_dir=self.plugins_dir,
            cache_dir=self.cache_dir,
            repositories=self.repositories,
            kept=self.kept,
            downloads=Downloads(web, run_inline, self.clock),
            check=self._check,
            load=self._load,
            run=run_inline,
            now=lambda: self.time,
            cache_plugin=lambda: self.cached,
        )

    async def _check(self, directory: Path, plugin_id: str) -> None:
        assert directory.name == plugin_id
        if (directory / "broken").exists():
            raise PluginProblem(f"{plugin_id} does not load")

    async def _load(self, plugin_id: str) -> None:
        if (self.plugins_dir / plugin_id / "broken-when-installed").exists():
            raise PluginProblem(f"{plugin_id} does not load")
        self.loaded.append((self.plugins_dir / plugin_id / "version").read_text())

    def tree(self, plugin_id: str) -> dict[str, bytes]:
        """Return name -> content of an installed plugin's files."""
        root = self.plugins_dir / plugin_id
        return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}

    def leftovers(self) -> list[str]:
        """Return what lies in the work directories, the trash excepted, and what is incomplete anywhere."""
        work = self.plugins_dir / ".work"
        inside = [str(path.relative_to(work)) for path in work.glob("*/*")] if work.is_dir() else []
        return inside + [path.name for path in self.root.rglob("*") if path.name.endswith((".part", ".tmp"))]
