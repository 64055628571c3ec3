"""Services of plugins: their own parameters, and their packages."""

from __future__ import annotations

import copy
import json
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from provisiond.legacy.surroundings import HERE
from provisiond.whole_files import write_json

logger = logging.getLogger("plugin.services")


class InvalidParameterError(Exception):
    """The value of a parameter is refused."""


class AbstractConfigurationService(ABC):
    """Parameters of a plugin."""

    @abstractmethod
    def get(self, name: str) -> str | None:
        """Return a value; KeyError for an unknown name."""

    @abstractmethod
    def set(self, name: str, value: str | None) -> None:
        """Set a value; KeyError for an unknown name."""

    @property
    def description(self) -> list[tuple[str, str | None]]:
        """Names and what they mean."""
        raise NotImplementedError("description")


class AbstractInstallationService(ABC):
    """Packages of a plugin."""

    @abstractmethod
    def install(self, pkg_id: str) -> Any:
        """Begin to install a package; return a Deferred and a progress."""

    @abstractmethod
    def uninstall(self, pkg_id: str) -> Any:
        """Remove a package."""

    @abstractmethod
    def list_installable(self) -> dict[str, dict[str, Any]]:
        """Return what can be installed."""

    @abstractmethod
    def list_installed(self) -> dict[str, dict[str, Any]]:
        """Return what is installed."""


class JsonConfigPersister:
    """Keeps parameters in a file, which is written whole and readable by the server alone."""

    def __init__(self, filename: str) -> None:
        self._file = HERE.at_home(os.path.abspath(filename))
        self._values = self._read()

    def _read(self) -> dict[str, Any]:
        try:
            values = json.loads(self._file.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            logger.warning("the parameters in %s cannot be read", self._file.name)
            return {}
        return values if isinstance(values, dict) else {}

    def params(self) -> dict[str, Any]:
        """Return a copy of the parameters."""
        return copy.deepcopy(self._values)

    def update(self, name: str, value: Any) -> None:
        """Set a parameter and write the file."""
        self._values[name] = value
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._file, self._values, 0o600)


class PersistentConfigurationServiceDecorator:
    """Parameters that are kept, and set again when the plugin is loaded."""

    def __init__(self, cfg_service: Any, persister: Any) -> None:
        self._cfg_service = cfg_service
        self._persister = persister
        for name, value in persister.params().items():
            try:
                cfg_service.set(name, value)
            except (KeyError, InvalidParameterError):
                logger.warning("the kept parameter %s is not taken by the plugin", name)

    def get(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a value."""
        return self._cfg_service.get(name, *args, **kwargs)

    def set(self, name: str, value: Any, *args: Any, **kwargs: Any) -> None:
        """Set a value, and keep it or that of the parameter that it stands for."""
        self._cfg_service.set(name, value, *args, **kwargs)
        virtual = getattr(self._cfg_service, "VIRTUAL_ATTRIBUTES", None) or {}
        if name in virtual:
            kept = virtual[name]["parent"] if isinstance(virtual[name], Mapping) else virtual[name]
            self._persister.update(kept, self._cfg_service.get(kept, *args, **kwargs))
        else:
            self._persister.update(name, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cfg_service, name)


class AbstractConfigurationServiceParameter(ABC):
    """One parameter."""

    description: str | None = None

    @abstractmethod
    def get(self) -> Any:
        """Return the value."""

    @abstractmethod
    def set(self, value: Any) -> None:
        """Set the value."""


class _Parameter(AbstractConfigurationServiceParameter):
    def __init__(
        self, description: str | None, check_fun: Callable[[Any], Any] | None, more: Mapping[str, Any]
    ) -> None:
        self.description = description
        self._check_fun = check_fun
        for name, value in more.items():
            setattr(self, name, value)

    def _check(self, value: Any) -> None:
        if self._check_fun is not None:
            self._check_fun(value)


class AttrConfigurationServiceParameter(_Parameter):
    """A parameter that is an attribute of an object."""

    def __init__(
        self,
        obj: Any,
        name: str,
        description: str | None = None,
        check_fun: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(description, check_fun, kwargs)
        self._obj = obj
        self._name = name

    def get(self) -> Any:
        """Return the attribute."""
        return getattr(self._obj, self._name)

    def set(self, value: Any) -> None:
        """Set the attribute."""
        self._check(value)
        setattr(self._obj, self._name, value)


class DictConfigurationServiceParameter(_Parameter):
    """A parameter that is a member of a dict; None stands for its absence."""

    def __init__(
        self,
        data: dict[str, Any],
        key: str,
        description: str | None = None,
        check_fun: Callable[[Any], Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(description, check_fun, kwargs)
        self._data = data
        self._key = key

    def get(self) -> Any:
        """Return the member, or None."""
        return self._data.get(self._key)

    def set(self, value: Any) -> None:
        """Set or remove the member."""
        self._check(value)
        if value is None:
            self._data.pop(self._key, None)
        else:
            self._data[self._key] = value


class BaseConfigurationService(AbstractConfigurationService):
    """Parameters that are given as objects."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self._params = params

    def get(self, name: str) -> Any:
        """Return a value; KeyError for an unknown name."""
        return self._params[name].get()

    def set(self, name: str, value: Any) -> None:
        """Set a value; KeyError for an unknown name."""
        self._params[name].set(value)

    @property
    def description(self) -> list[tuple[str, str | None]]:
        """Names and what they mean."""
        return [(name, parameter.description) for name, parameter in self._params.items()]

    def __getattr__(self, name: str) -> list[tuple[str, str]]:
        if name.startswith("description_"):
            found = [(key, getattr(each, name)) for key, each in self._params.items() if hasattr(each, name)]
            if found:
                return found
        raise AttributeError(name)


PersistentConfigureServiceDecorator = PersistentConfigurationServiceDecorator
BaseConfigureService = BaseConfigurationService
AttrConfigureServiceParam = AttrConfigurationServiceParameter
DictConfigureServiceParam = DictConfigurationServiceParameter
IConfigureService = AbstractConfigurationService
IInstallService = AbstractInstallationService
IConfigureServiceParam = AbstractConfigurationServiceParameter
