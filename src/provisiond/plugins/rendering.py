"""From the files that a plugin wants to bytes: templates in a sandbox, values that cannot break their format."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from jinja2 import BytecodeCache, FileSystemLoader, StrictUndefined, Template, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provisiond.errors import PluginProblem
from provisiond.paths import UnsafeName, normalized_name
from provisiond.plugins.values import RenderedFile, content_type_of
from provisiond.sdk import File

MAX_FILE: Final = 8 * 1024 * 1024
MAX_DEVICE: Final = 64 * 1024 * 1024
MAX_FILES: Final = 2_000
XML_SUFFIXES: Final = (".xml.tpl", ".htm.tpl", ".html.tpl")

_ILLEGAL_IN_XML: Final = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_CONTROL: Final = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029]")


def _legal_in_xml(value: object) -> object:
    return _ILLEGAL_IN_XML.sub("", value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _on_one_line(value: object) -> object:
    return _CONTROL.sub(" ", value) if isinstance(value, str) else value


class TemplateRenderer:
    """Renders the templates of one plugin directory; ``var/templates`` wins over ``templates``.

    The environment is Jinja's immutable sandbox: a missing name is an error, and a template can reach nothing but its
    values. Templates whose name ends in ``.xml.tpl``, ``.htm.tpl`` or ``.html.tpl`` escape every value for XML.

    :param compiled: keeps what was compiled; None to compile each template once for this object.
    """

    def __init__(self, directory: Path, compiled: BytecodeCache | None = None) -> None:
        make = partial(
            ImmutableSandboxedEnvironment,
            loader=FileSystemLoader([directory / "var" / "templates", directory / "templates"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
            cache_size=2_000,
            bytecode_cache=compiled,
        )
        self._xml = make(autoescape=True, finalize=_legal_in_xml)
        self._text = make(autoescape=False, finalize=_on_one_line)
        self._names = frozenset(self._text.list_templates())

    def files(self, wanted: Iterable[File]) -> tuple[RenderedFile, ...]:
        """Return the bytes of every file.

        :raises PluginProblem: for a file without a usable name, without a template, or too large.
        """
        if not isinstance(wanted, Iterable):
            raise PluginProblem(f"the plugin gave {type(wanted).__name__} instead of files: yield each of them")
        rendered: dict[str, RenderedFile] = {}
        total = 0
        for file in wanted:
            each = self._file(file)
            total += len(each.content)
            if len(rendered) >= MAX_FILES or total > MAX_DEVICE:
                raise PluginProblem("the plugin makes more files than the server takes")
            rendered[each.name] = each
        return tuple(rendered.values())

    def problems(self) -> list[str]:
        """Return one sentence for each template that does not compile, whether a file uses it or not."""
        found: list[str] = []
        for name in sorted(self._names):
            try:
                (self._xml if _is_xml(name) else self._text).get_template(name)
            except TemplateSyntaxError as error:
                found.append(f"the template {name} does not compile, line {error.lineno}: {error.message}")
            except UnicodeDecodeError:
                found.append(f"the template {name} is not UTF-8")
        return found

    def _file(self, file: File) -> RenderedFile:
        if not isinstance(file, File):
            raise PluginProblem("the plugin gave something that is not a provisiond.sdk.File")
        try:
            name = normalized_name(file.name)
        except (UnsafeName, TypeError, AttributeError):
            name = ""
        if not name:
            raise PluginProblem(f"the plugin gave a file the name {str(file.name)[:80]!r}")
        content = file.content if file.content is not None else self._rendered(file, name)
        if not isinstance(content, bytes):
            raise PluginProblem(f"the content of the file {name} is {type(content).__name__}, not bytes")
        if len(content) > MAX_FILE:
            raise PluginProblem(f"the file {name} is larger than 8 MiB")
        return RenderedFile(
            name=name,
            content=content,
            content_type=content_type_of(name, content),
            sensitive=bool(file.sensitive),
            trigger=bool(file.trigger),
        )

    def _rendered(self, file: File, name: str) -> bytes:
        if not isinstance(file.context, Mapping):
            raise PluginProblem(f"the context of the file {name} is {type(file.context).__name__}, not a mapping")
        pieces: list[str] = []
        size = 0
        for piece in self._template(file, name).generate(dict(file.context)):
            pieces.append(piece)
            size += len(piece)
            if size > MAX_FILE:
                raise PluginProblem(f"the file {name} grows beyond 8 MiB")
        text, errors = "".join(pieces), "xmlcharrefreplace" if _is_xml(file.templates[0]) else "replace"
        try:
            return text.encode(file.encoding, errors)
        except LookupError:
            raise PluginProblem(f"the encoding of the file {name} is unknown: {str(file.encoding)[:60]!r}") from None

    def _template(self, file: File, name: str) -> Template:
        for candidate in file.templates:
            if candidate in self._names:
                environment = self._xml if _is_xml(candidate) else self._text
                template: Template = environment.get_template(candidate)
                return template
        shown = ", ".join(file.templates)[:200] or "none named"
        raise PluginProblem(f"the file {name} has no template ({shown})")


def _is_xml(template: str) -> bool:
    return template.endswith(XML_SUFFIXES)
