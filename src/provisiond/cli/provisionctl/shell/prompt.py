"""The prompt: a Python of its own with the server's objects, completion, history and readable answers."""

from __future__ import annotations

import code
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from pprint import pformat
from typing import Any, Final

from provisiond.cli.provisionctl.session import Session
from provisiond.cli.provisionctl.shell.configs import Configs
from provisiond.cli.provisionctl.shell.devices import Devices
from provisiond.cli.provisionctl.shell.plugins import Plugins
from provisiond.cli.provisionctl.shell.whole import Helpers, Parameters
from provisiond.cli.provisionctl.shell.work import OperationFailed, Server
from provisiond.errors import ProvisiondError

PROMPT: Final = "provisionctl> "
GOES_ON: Final = "............> "
_ATTRIBUTE: Final = re.compile(r"([A-Za-z_]\w*(?:\[(?:'[^']*'|\"[^\"]*\")\])?(?:\.[A-Za-z_]\w*)*)\.(\w*)$")
_OWNER: Final = re.compile(r"(\w+)(\[(?:'[^']*'|\"[^\"]*\")\])?((?:\.\w+)*)")
_ITEM: Final = re.compile(r"([A-Za-z_]\w*)\[(['\"]?)([^'\"\]]*)$")
_WORD: Final = re.compile(r"(\w+)$")
_CALLED: Final = {"reload", "upgrade", "uninstall", "get", "get_raw", "remove", "clone", "reconfigure", "synchronize"}
_ARGUMENT: Final = re.compile(r"([A-Za-z_]\w*)\.([a-z_]+)\((['\"])([^'\"]*)$")


def namespace(session: Session) -> dict[str, Any]:
    """Return the names that are known at the prompt."""
    server = Server(session)
    configs, devices, plugins = Configs(server), Devices(server), Plugins(server)
    return {
        "configs": configs,
        "devices": devices,
        "plugins": plugins,
        "parameters": Parameters(server),
        "helpers": Helpers(server, configs, devices, plugins),
        "client": session.client,
    }


def completions(names: Mapping[str, Any], text: str) -> Iterable[tuple[str, int]]:
    """Yield what may stand at the end of a line, each with how many characters of the line it replaces.

    Attributes after a dot; ids inside ``[…]`` and inside the quotes of calls that take one; else names. Only objects
    that are there already are looked at: nothing is called but lists of ids.
    """
    item, argument = _ITEM.search(text), _ARGUMENT.search(text)
    attribute, word = _ATTRIBUTE.search(text), _WORD.search(text)
    if item is not None:
        quote = item[2] or "'"
        closing = f"{quote}]"
        yield from ((f"{quote}{each}{closing}", len(item[2] + item[3])) for each in _ids(names, item[1], item[3]))
    elif argument is not None and argument[2] in _CALLED:
        yield from ((f"{each}{argument[3]})", len(argument[4])) for each in _ids(names, argument[1], argument[4]))
    elif attribute is not None:
        for each in _attributes(names, attribute[1]):
            if each.startswith(attribute[2]) and not each.startswith("_"):
                yield each, len(attribute[2])
    elif word is not None:
        yield from ((each, len(word[1])) for each in sorted(names) if each.startswith(word[1]))


def _ids(names: Mapping[str, Any], name: str, typed: str) -> list[str]:
    ids = getattr(names.get(name), "ids", None)
    try:
        return sorted(each for each in ids() if each.startswith(typed)) if ids is not None else []
    except ProvisiondError:
        return []


def _attributes(names: Mapping[str, Any], expression: str) -> list[str]:
    """Return the attributes of what an expression of names, dots and one quoted id means."""
    match = _OWNER.fullmatch(expression)
    if match is None:
        return []
    name, item, rest = match.groups()
    found = names.get(name)
    if item and hasattr(found, "ids"):
        kinds = {"Configs": "Config", "Devices": "Device", "Plugins": "Plugin"}
        module = sys.modules[type(found).__module__]
        found = getattr(module, kinds.get(type(found).__name__, ""), None)
    for part in filter(None, (rest or "").split(".")):
        found = getattr(found, part, None)
    return [] if found is None else dir(found)


class Console(code.InteractiveConsole):
    """Runs what is typed; refusals and failures are one sentence, answers are laid out to be read."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names, "<provisionctl>")
        self.failed = False

    def runcode(self, code: Any) -> None:
        """Run compiled code."""
        shown, sys.displayhook = sys.displayhook, self._show
        try:
            super().runcode(code)
        finally:
            sys.displayhook = shown

    def showtraceback(self) -> None:
        """Tell an error."""
        self.failed = True
        error = sys.exc_info()[1]
        if isinstance(error, ProvisiondError | OperationFailed | LookupError):
            sentence = error.sentence if isinstance(error, ProvisiondError) else str(error)
            self.write(f"{type(error).__name__}: {sentence}\n")
        elif isinstance(error, KeyboardInterrupt):
            self.write("interrupted\n")
        else:
            super().showtraceback()

    def showsyntaxerror(self, filename: str | None = None, **kwargs: Any) -> None:
        """Tell that something is not Python."""
        self.failed = True
        super().showsyntaxerror(filename, **kwargs)

    def _show(self, value: Any) -> None:
        if value is not None:
            sys.stdout.write(pformat(value, sort_dicts=False, width=100) + "\n")
            self.locals["_"] = value


def run_text(session: Session, text: str, name: str) -> bool:
    """Run a whole script; return True when nothing failed."""
    console = Console(namespace(session))
    try:
        compiled = compile(text, name, "exec")
    except SyntaxError:
        console.showsyntaxerror(name)
        return False
    console.runcode(compiled)
    return not console.failed


def run_line(session: Session, text: str) -> bool:
    """Run the code of ``-c``, showing the value of an expression; return True when nothing failed."""
    console = Console(namespace(session))
    for line in text.split("\n"):
        console.push(line)
    console.push("")
    return not console.failed


def interact(session: Session, history: Path) -> None:
    """Read and run lines until the end of input."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion
    from prompt_toolkit.history import FileHistory, InMemoryHistory

    names = namespace(session)
    console = Console(names)

    class Names(Completer):
        def get_completions(self, document: Any, complete_event: Any) -> Iterable[Any]:
            for each, replaced in completions(names, document.text_before_cursor):
                yield Completion(each, start_position=-replaced)

    try:
        history.parent.mkdir(parents=True, exist_ok=True)
        history.touch(mode=0o600)
        kept: Any = FileHistory(str(history))
    except OSError:
        kept = InMemoryHistory()
    prompt: Any = PromptSession(history=kept, completer=Names(), complete_while_typing=False)
    more = False
    while True:
        try:
            more = console.push(prompt.prompt(GOES_ON if more else PROMPT))
        except KeyboardInterrupt:
            console.resetbuffer()
            more = False
        except (EOFError, SystemExit):
            return
