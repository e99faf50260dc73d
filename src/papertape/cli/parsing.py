"""From words to a command that is ready to run; whatever is wrong with the words is said here."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import partial
from typing import Any

from cyclopts import App
from cyclopts.exceptions import CycloptsError, MissingArgumentError

from papertape.cli.answer import Answer
from papertape.cli.commands import COMMANDS, GROUPS, ROOMY
from papertape.cli.surroundings import Surroundings
from papertape.domain.errors import UsageError


def understood(words: Sequence[str]) -> Callable[[Surroundings], Answer]:
    """The command that the words mean, waiting for its surroundings.

    Raises:
        UsageError: If they mean none.
    """
    app = _app(words)
    try:
        command, bound, wanted = app.parse_args(
            list(words), exit_on_error=False, print_error=False, help_on_error=False
        )
    except CycloptsError as error:
        raise _usage(error, words) from None
    if command.__module__.startswith("cyclopts"):  # it prints the help of a command or a group
        return lambda surroundings: _printed(partial(command, *bound.args, **bound.kwargs))
    return lambda surroundings: command(
        *bound.args, **bound.kwargs, **dict.fromkeys(wanted, surroundings)
    )


def _app(words: Sequence[str]) -> App:
    """The commands; each module is imported only when its command is meant.

    Where the first word names a command, no other is made. What writes pages of help is left out
    where none can be meant: loading it takes longer than reading the words.
    """
    meant = words[0] if words[0] in COMMANDS else ""
    has_page = not meant or meant in GROUPS or not {"--help", "-h"}.isdisjoint(words)
    app = _group("papertape", "", has_page)
    for name, what in COMMANDS.items():
        if meant and name != meant:
            continue
        if name in GROUPS:
            group = _group(name, what, has_page)
            for verb, does in GROUPS[name].items():
                file = f"{name}.{verb}_" if name in ROOMY else name
                group.command(f"papertape.cli.{file}:{verb}_", name=verb, help=does)
            app.command(group)
        else:
            app.command(f"papertape.cli.{name}:{name}", name=name, help=what)
    return app


def _group(name: str, what: str, has_page: bool) -> App:
    return App(
        name=name,
        help=what,
        help_formatter="plain" if has_page else None,
        help_epilogue="Flags of every command: papertape --help",
        version_flags=[],
        result_action="return_value",
    )


def _printed(show: Callable[[], Any]) -> Answer:
    """A help page, which cyclopts prints itself, caught so that there is one place that prints."""
    page = io.StringIO()
    with redirect_stdout(page):
        show()
    return Answer(page.getvalue().rstrip(), {"help": page.getvalue()})


_SHAPE = re.compile(r"(?P<what>.*?)(?: Did you mean (?P<near>.*?)\?)?(?: Available.*)?", re.DOTALL)


def _usage(error: CycloptsError, words: Sequence[str]) -> UsageError:
    """What cyclopts found wrong, in our shape: a sentence and what to type."""
    found = _SHAPE.fullmatch(str(error).strip())
    what, near = (found["what"], found["near"]) if found else (str(error), None)
    named = " ".join(("papertape", *words[:1])) if words[0] in COMMANDS else "papertape"
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        name = error.argument.name
        what = f"{name} is missing" + ("" if name.startswith("-") else ", it comes first")
    elif what[1:2].islower():
        what = what[0].lower() + what[1:].rstrip(".")
    hint = f"did you mean {near.strip(chr(34))}? " if near else ""
    return UsageError(what, hint=f"{hint}{named} --help")
