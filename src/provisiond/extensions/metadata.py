"""What an extension says of itself (extension contract, section 2.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import field, frozen

from provisiond.errors import InvalidInput
from provisiond.extensions.problems import ExtensionProblem, InvalidMetadata
from provisiond.extensions.yaml_text import read_mapping
from provisiond.model.package_metadata import Dependency
from provisiond.model.version_conditions import parse_conditions

Form = Literal["make", "rules"]
LIMITS: Final = ("min_wazo_version", "max_wazo_version", "min_provisiond_version", "max_provisiond_version")
_VERSIONS: Final = ("version", *LIMITS)
_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
_NAMESPACE: Final = re.compile(r"[a-z0-9]{1,32}")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!~:-]{0,63}")
_RELATION: Final = re.compile(
    r"[a-z0-9][a-z0-9+.-]+(?::[a-z0-9-]+)?\s*(?:\(\s*(?:<<|<=|=|>=|>>)\s*[A-Za-z0-9.+:~-]+\s*\))?"
)
MAX_NEEDS: Final = 100


@frozen
class Need:
    """Another extension that one depends on.

    :param version: exact, or a list of conditions; empty for any.
    """

    namespace: str
    name: str
    version: str = ""

    @property
    def identity(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"

    def fits(self, version: str) -> bool:
        """Tell whether a version will do."""
        return parse_conditions(self.version).fit(version)


@frozen(kw_only=True)
class Metadata:
    """An extension's checked metadata.

    :param form: ``make`` with package.yml and Makefile, or ``rules`` with wazo/plugin.yml and wazo/rules.
    :param limits: least and greatest versions of the platform and of this server, by member.
    :param debian: Debian packages that must be there.
    :param document: the whole mapping, the namespace filled in.
    """

    namespace: str
    name: str
    version: str
    description: str
    form: Form
    format_version: int = 0
    limits: Mapping[str, str] = field(factory=dict)
    needs: tuple[Need, ...] = ()
    debian: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(factory=dict, repr=False)

    @property
    def identity(self) -> str:
        """Namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def package_id(self) -> str:
        """The id that the package API knows it by."""
        return f"{self.namespace}-{self.name}"

    @property
    def dependencies(self) -> tuple[Dependency, ...]:
        """What it needs, as dependencies of a package."""
        return tuple(
            Dependency("extension", f"{need.namespace}-{need.name}" + (f" ({need.version})" if need.version else ""))
            for need in self.needs
        )


def parse_metadata(data: bytes, form: Form) -> Metadata:
    """Return the metadata in a file.

    :raises ExtensionProblem: when it is no mapping in YAML.
    :raises InvalidMetadata: naming the first member that breaks a rule.
    """
    try:
        document = read_mapping(data, _VERSIONS)
    except InvalidInput as problem:
        raise ExtensionProblem(f"the metadata cannot be read: {problem.sentence}") from None
    return check_metadata(document, form)


def check_metadata(document: dict[str, Any], form: Form) -> Metadata:
    """Return the metadata of a mapping.

    :raises InvalidMetadata: naming the first member that breaks a rule.
    """
    name = _required(document, "name", _NAME)
    if form == "make" and document.get("namespace") is None:
        namespace = "local"
    else:
        namespace = _required(document, "namespace", _NAMESPACE)
    version = _required(document, "version", _VERSION)
    description = document.get("description")
    if description is not None and not isinstance(description, str):
        raise InvalidMetadata("description", "must be a text", "type", "string")
    return Metadata(
        namespace=namespace,
        name=name,
        version=version,
        description=description or "",
        form=form,
        format_version=_format_version(document) if form == "rules" else 0,
        limits={key: _version(document, key) for key in LIMITS if document.get(key) is not None},
        needs=_needs(document.get("depends")),
        debian=_debian(document.get("debian_depends")),
        document={**document, "namespace": namespace, "description": description or ""},
    )


def _required(document: Mapping[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    if key not in document:
        raise InvalidMetadata(key, "is missing", "required", "required")
    value = document[key]
    if value is None:
        raise InvalidMetadata(key, "must not be null", "not_null", "not_null")
    if not isinstance(value, str):
        raise InvalidMetadata(key, "must be a text", "type", "string")
    if not value:
        raise InvalidMetadata(key, "must not be empty", "length", {"min": 1, "max": None})
    if not pattern.fullmatch(value):
        raise InvalidMetadata(
            key, "holds characters that are not allowed, or is too long", "regex", f"^{pattern.pattern}$"
        )
    return value


def _version(document: Mapping[str, Any], key: str) -> str:
    value = document[key]
    if not isinstance(value, str):
        raise InvalidMetadata(key, "must be a text", "type", "string")
    if not _VERSION.fullmatch(value):
        raise InvalidMetadata(key, "must be a version", "regex", f"^{_VERSION.pattern}$")
    return value


def _format_version(document: Mapping[str, Any]) -> int:
    value = document.get("plugin_format_version", 0)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidMetadata("plugin_format_version", "must be a number", "type", "integer")
    if not 0 <= value <= 2:
        raise InvalidMetadata("plugin_format_version", "must be from 0 to 2", "range", {"min": 0, "max": 2})
    return value


def _needs(value: object) -> tuple[Need, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidMetadata("depends", "must be a list", "type", "array")
    if len(value) > MAX_NEEDS:
        raise InvalidMetadata("depends", f"must hold at most {MAX_NEEDS}", "length", {"min": 0, "max": MAX_NEEDS})
    return tuple(_need(each) for each in value)


def _need(value: object) -> Need:
    wrong = InvalidMetadata("depends", "must be a list of namespace, name and perhaps version", "type", "object")
    if not isinstance(value, dict):
        raise wrong
    namespace, name, version = value.get("namespace"), value.get("name"), value.get("version")
    if not isinstance(namespace, str) or not isinstance(name, str):
        raise wrong
    if not _NAMESPACE.fullmatch(namespace) or not _NAME.fullmatch(name):
        raise InvalidMetadata("depends", "holds a name that is not allowed", "regex", f"^{_NAME.pattern}$")
    if version is not None and not isinstance(version, str):
        raise wrong
    try:
        parse_conditions(version or "")
    except InvalidInput as problem:
        raise InvalidMetadata("depends", problem.sentence, "regex", "a version or conditions") from None
    return Need(namespace, name, version or "")


def _debian(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value) or len(value) > MAX_NEEDS:
        raise InvalidMetadata("debian_depends", "must be a list of texts", "type", "array")
    for each in value:
        if not all(_RELATION.fullmatch(choice.strip()) for choice in each.split("|")):
            raise InvalidMetadata(
                "debian_depends", f"{each[:60]!r} is no Debian relation", "regex", "name (>= version)"
            )
    return tuple(value)
