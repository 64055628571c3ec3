"""Rendering the templates of a plugin the way its author tested them: Jinja's defaults, nothing improved."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, Template, TemplateNotFound

from provisiond.legacy.surface.loaders import ProvdFileSystemLoader
from provisiond.legacy.surroundings import HERE


class OutsideError(Exception):
    """A plugin may write below its own ``var`` only."""


class TemplatePluginHelper:
    """The templates of a plugin; those of the administrator, in ``var/templates``, win."""

    DEFAULT_TPL_DIR: ClassVar[str] = "templates"
    CUSTOM_TPL_DIR: ClassVar[str] = "var/templates"

    def __init__(self, plugin_dir: str) -> None:
        directories = [os.path.join(plugin_dir, name) for name in (self.CUSTOM_TPL_DIR, self.DEFAULT_TPL_DIR)]
        self._environment = _environment(directories)

    def get_dev_template(self, filename: str | None, dev: Mapping[str, Any]) -> Template:
        """Return the template of a file name, else of the device's model, else ``base.tpl``.

        :raises jinja2.TemplateNotFound: when there is none of them.
        """
        names = [filename, dev.get("model"), "base"]
        for name in names:
            if not name:
                continue
            try:
                return self._environment.get_template(f"{name}.tpl")
            except TemplateNotFound as error:
                if error.name != f"{name}.tpl":
                    raise
        raise TemplateNotFound("base.tpl")

    def get_template(self, name: str) -> Template:
        """Return the template of exactly this name.

        :raises jinja2.TemplateNotFound: when there is none.
        """
        return self._environment.get_template(name)

    def dump(
        self,
        template: Template,
        context: Mapping[str, Any],
        filename: str,
        encoding: str = "UTF-8",
        errors: str = "strict",
    ) -> None:
        """Render into a file: wholly, or not at all.

        :raises OutsideError: when the file is not below the plugin's ``var``.
        """
        written(Path(filename), template.render(context).encode(encoding, errors))

    def render(
        self, template: Template, context: Mapping[str, Any], encoding: str = "UTF-8", errors: str = "replace"
    ) -> bytes:
        """Return what a template renders to."""
        return template.render(context).encode(encoding, errors)


def check_templates(plugin_dir: str) -> None:
    """Return when every template of a plugin can be compiled, the administrator's included.

    :raises jinja2.TemplateSyntaxError: naming the template and the line.
    """
    directories = [os.path.join(plugin_dir, each) for each in ("var/templates", "templates")]
    environment = _environment(directories)
    for directory in directories:
        for path in sorted(Path(directory).rglob("*.tpl")):
            environment.get_template(str(path.relative_to(directory)))


def _environment(directories: Sequence[str]) -> Environment:
    # Phones parse what comes out, in formats of their own: templates escape by themselves.
    loader = ProvdFileSystemLoader(directories)
    return Environment(loader=loader, autoescape=False, bytecode_cache=HERE.compiled)  # noqa: S701


def written(target: Path, content: bytes) -> None:
    """Write a file wholly or not at all; missing directories below the plugin's ``var`` are made.

    :raises OutsideError: when the file is not below the plugin's ``var``.
    """
    var = HERE.var_of(os.path.normpath(target))
    if var is None or var not in Path(os.path.normpath(target)).parents:
        raise OutsideError(f"{target.name} is not below var/ of the plugin")
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
