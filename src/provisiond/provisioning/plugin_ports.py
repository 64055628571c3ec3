"""What the use cases of plugins need from the rooms below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from provisiond.identification.rules import Rule
from provisiond.model.operation import OperationProgress
from provisiond.plugins.problems import Problem
from provisiond.provisioning.ports import PluginHost

Text = str | None


class Offer(Protocol):
    """A plugin that a repository offers."""

    @property
    def capabilities(self) -> Mapping[str, Any]: ...
    def localized(self, locale: str | None) -> dict[str, Any]: ...


class PluginArchives(Protocol):
    """Repositories and the installed plugins' directories (``packages.plugins.PluginPackages``)."""

    def installable(self) -> Mapping[str, Offer]: ...
    def check_update(self) -> None: ...
    async def update(self, progress: OperationProgress) -> None: ...
    def check_offered(self, plugin_id: str, version: str | None = None, repository: str | None = None) -> None: ...
    async def install(
        self,
        plugin_id: str,
        progress: OperationProgress,
        version: Text = None,
        repository: Text = None,
        given: Any = None,
    ) -> None: ...
    async def upgrade(  # loads it, too
        self,
        plugin_id: str,
        progress: OperationProgress,
        version: Text = None,
        repository: Text = None,
        given: Any = None,
    ) -> None: ...
    async def uninstall(self, plugin_id: str) -> None: ...


class PluginRules(Protocol):
    """Takes the rules of plugins (``identification.extract.Identifier``)."""

    def use_plugin_rules(self, rules: Mapping[str, Sequence[Rule]]) -> None: ...

    @property
    def problems(self) -> Sequence[RuleProblem]: ...


class RuleProblem(Protocol):
    """A rule of a plugin that cannot be used."""

    @property
    def plugin(self) -> str: ...
    @property
    def sentence(self) -> str: ...


class Hosting(PluginHost, Protocol):
    """The plugin host with the problems it keeps."""

    def problems(self) -> tuple[Problem, ...]: ...
    def problem_of(self, plugin_id: str) -> str | None: ...
    def templates_changed(self, plugin_id: str) -> bool: ...
    def note_problem(self, plugin_id: str, kind: str, sentence: str) -> None: ...
    def on_problem(self, callback: Callable[[Problem], None]) -> None: ...
    async def checked_parameter(self, plugin_id: str, name: str, value: Any) -> Any: ...
    async def set_own_parameter(self, plugin_id: str, name: str, value: str | None) -> None: ...
    async def read_own_parameters(self, plugin_id: str) -> None: ...
