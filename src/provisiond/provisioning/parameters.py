"""Parameters that can be changed while the server runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from provisiond.errors import InvalidInput, NotFound
from provisiond.model.parameters import PARAMETERS, Parameter, check_parameter
from provisiond.provisioning.ports import StoredParameters
from provisiond.provisioning.serial import Serial

Listener = Callable[[str, str | None, Any], None]
_VALUES = ("parameters", "")
# Names of parameters hold no blank, and neither do ids of plugins.
_OF_PLUGIN = "plugin"


class Parameters:
    """The parameters of REST contract section 10: read from memory, kept in the store, effective at once.

    :param defaults: values of parameters that nobody set, by name.
    """

    def __init__(self, store: StoredParameters, defaults: Mapping[str, Any]) -> None:
        self._store = store
        self._defaults: dict[str, Any] = {}
        self.use_defaults(defaults)
        self._values: dict[tuple[str | None, str], Any] = {}
        self._listeners: list[Listener] = []
        self._serial = Serial()

    def use_defaults(self, defaults: Mapping[str, Any]) -> None:
        """Give parameters that nobody set these values from now on."""
        self._defaults = {"NAT": 0, **defaults}

    async def load(self) -> None:
        """Read what was set."""
        self._values = dict(await self._store.all())

    async def reload(self) -> None:
        """Take over what another process set, or removed with its tenant."""
        async with self._serial.holding(_VALUES):
            stored = await self._store.all()
            for tenant, name in [key for key in self._values if key not in stored]:
                self.took(name, tenant, None)
                del self._values[tenant, name]
            for (tenant, name), value in stored.items():
                self.took(name, tenant, value)

    def listen(self, listener: Listener) -> None:
        """Call ``listener(name, tenant, value)`` after each change; ``tenant`` is None for the general parameters."""
        self._listeners.append(listener)

    def described(self) -> tuple[Parameter, ...]:
        """Return all parameters in the order of the contract."""
        return tuple(PARAMETERS.values())

    def get(self, name: str, tenant: str | None = None) -> Any:
        """Return the present value; None means unset.

        :param tenant: counts for ``provisioning_key`` only.
        :raises NotFound: when there is no such parameter.
        """
        owner = self._owner(name, tenant)
        return self._values.get((owner, name), self._defaults.get(name))

    @property
    def nat(self) -> bool:
        """True when phones share addresses."""
        return bool(self.get("NAT") == 1)

    @property
    def locale(self) -> str | None:
        """Language of descriptions."""
        value = self.get("locale")
        return value if isinstance(value, str) else None

    def key_of(self, tenant: str) -> str | None:
        """Return the provisioning key of a tenant."""
        value = self._values.get((tenant, "provisioning_key"))
        return value if isinstance(value, str) else None

    def tenant_of_key(self, key: str) -> str | None:
        """Return the tenant that has this provisioning key."""
        found = (owner for (owner, name), value in self._values.items() if name == "provisioning_key" and value == key)
        return next(found, None)

    async def set(self, name: str, value: Any, tenant: str | None = None) -> None:
        """Set a parameter; None unsets it. It is stored and has its effect when this returns.

        :raises NotFound: when there is no such parameter.
        :raises InvalidInput: when the value is refused.
        """
        owner = self._owner(name, tenant)
        checked = check_parameter(name, value)
        async with self._serial.holding(_VALUES):
            if name == "provisioning_key" and checked is not None and self.tenant_of_key(checked) not in (None, owner):
                raise InvalidInput("provisioning_key: another tenant has this key")
            await self._store.set(owner, name, checked)
            self.took(name, owner, checked)

    def of_plugin(self, plugin_id: str) -> dict[str, Any]:
        """Return what was set of a plugin's own parameters, by name."""
        start = f"{_OF_PLUGIN} {plugin_id} "
        return {
            name.removeprefix(start): value
            for (_, name), value in self._values.items()
            if name.startswith(start) and value is not None
        }

    async def set_of_plugin(self, plugin_id: str, name: str, value: Any) -> None:
        """Keep the value of a plugin's own parameter, that the plugin has checked; None unsets it."""
        async with self._serial.holding(_VALUES):
            stored = f"{_OF_PLUGIN} {plugin_id} {name}"
            await self._store.set(None, stored, value)
            self.took(stored, None, value)

    async def forget_plugin(self, plugin_id: str) -> None:
        """Forget what was set for a plugin."""
        for name in self.of_plugin(plugin_id):
            await self.set_of_plugin(plugin_id, name, None)

    def took(self, name: str, tenant: str | None, value: Any) -> None:
        """Take over a value that is stored, also one that another process stored."""
        if self._values.get((tenant, name), self) == value:
            return
        self._values[tenant, name] = value
        for listener in self._listeners:
            listener(name, tenant, value)

    @staticmethod
    def _owner(name: str, tenant: str | None) -> str | None:
        parameter = PARAMETERS.get(name)
        if parameter is None:
            raise NotFound(f'parameter "{name}"')
        if parameter.per_tenant and tenant is None:
            raise NotFound(f'parameter "{name}" without a tenant')
        return tenant if parameter.per_tenant else None
