"""Purity: what a strategy reads or remembers besides what it is handed, read off its text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Impurity(NamedTuple):
    """One place where a strategy reaches past what it is handed."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.what}"


_MODULES: Mapping[str, str] = {
    **dict.fromkeys(("time",), "reads the clock"),
    **dict.fromkeys(("secrets", "uuid"), "draws chance without a seed"),
    **dict.fromkeys(
        ("socket", "ssl", "http", "urllib", "urllib3", "requests", "httpx", "aiohttp", "ftplib"),
        "reaches for the network",
    ),
    **dict.fromkeys(("websocket", "websockets", "yfinance"), "reaches for the network"),
    **dict.fromkeys(("subprocess", "multiprocessing", "ctypes"), "starts other programs"),
    **dict.fromkeys(
        ("sqlite3", "duckdb", "pickle", "shelve", "shutil", "tempfile", "fileinput", "glob"),
        "reads files",
    ),
    **dict.fromkeys(("importlib", "runpy"), "loads code that this check cannot read"),
    **dict.fromkeys(("gc", "inspect"), "looks into the memory of who asks it"),
    **dict.fromkeys(
        ("papertape.plugins", "papertape.session", "papertape.monitoring", "papertape.cli"),
        "fetches prices beyond the bars it is handed",
    ),
}

_CALLS: tuple[tuple[str, str], ...] = (
    (r"datetime\.(datetime|date)\.(now|utcnow|today)", "reads the clock"),
    (r"pandas\.(Timestamp|DatetimeIndex)\.(now|today|utcnow)", "reads the clock"),
    (r"papertape\.domain\.clock\.WallClock", "reads the clock"),
    (r"random\.(?!Random$)\w+", "draws chance without a seed of its own"),
    (
        r"numpy\.random\.(?!(default_rng|Generator|RandomState|SeedSequence|PCG64|Philox)$)\w+",
        "draws chance without a seed of its own",
    ),
    (r"os\.(urandom|getrandom)", "draws chance without a seed"),
    (r"os\.(getenv|getcwd|getpid)", "reads the environment"),
    (r"(io\.|os\.|codecs\.)?open|.+\.open|os\.(listdir|scandir|walk|stat)", "reads files"),
    (r".+\.(read_text|read_bytes|write_text|write_bytes|iterdir|rglob)", "reads files"),
    (r"(pandas|polars)\.(read|scan)_\w+", "reads files"),
    (r"numpy\.(load|loadtxt|genfromtxt|fromfile|memmap|save|savez|savetxt)", "reads files"),
    (r"papertape\.read_\w+", "fetches prices beyond the bars it is handed"),
    (r"eval|exec|compile|__import__", "runs code that this check cannot read"),
    (r"sys\._(getframe|current_frames)", "looks into the memory of who asks it"),
)
_FRAMES = {"f_back", "f_locals", "tb_frame", "gi_frame", "__closure__", "__subclasses__"}
"""Attributes that lead from a call to its callers, who hold bars of later days."""

_SEEDED = re.compile(
    r"random\.Random|numpy\.random\.(default_rng|RandomState|SeedSequence|PCG64|Philox)"
)
_CONTAINERS = {"list", "dict", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
_CHANGERS = {
    *("append", "appendleft", "add", "update", "setdefault", "pop", "popitem", "extend"),
    *("insert", "remove", "discard", "clear", "sort", "reverse"),
}


def impurities(file: Path) -> tuple[Impurity, ...]:
    """Every place in a file that reads or remembers what it should not, by line."""
    return impurities_in(file.read_text("utf-8"), file.name)


def impurities_in(source: str, name: str) -> tuple[Impurity, ...]:
    """The same for a text.

    Names are followed through imports and no further: what a function is passed, or gets out of a
    container, cannot be known without running it. The fresh process watches files and network.
    """
    tree = ast.parse(source, name)
    names = _imported(tree)
    places = {*_imports(tree), *_reads(tree, names), *_memories(tree)}
    return tuple(Impurity(name, line, what) for line, what in sorted(places))


def _imported(tree: ast.Module) -> dict[str, str]:
    """Name in this file -> what it stands for, dotted."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                names[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom):
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return names


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{each.name}" for each in node.names)]
        for module in modules:
            known = next((m for m in _MODULES if f"{module}.".startswith(f"{m}.")), None)
            if known and isinstance(node, (ast.Import, ast.ImportFrom)):
                yield node.lineno, f"{_MODULES[known]} (import {known})"


def _reads(tree: ast.Module, names: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and _dotted(node, names) == "os.environ":
            yield node.lineno, "reads the environment (os.environ)"
        if isinstance(node, ast.Attribute) and node.attr in _FRAMES:
            yield node.lineno, f"looks into the memory of who asks it ({node.attr})"
        if not isinstance(node, ast.Call):
            continue
        called = _dotted(node.func, names)
        what = next((said for pattern, said in _CALLS if re.fullmatch(pattern, called)), None)
        if what:
            yield node.lineno, f"{what} ({called})"
        elif _SEEDED.fullmatch(called) and _is_unseeded(node):
            yield node.lineno, f"draws chance without a fixed seed ({called})"
        elif called == "numpy.datetime64" and _is_now(node):
            yield node.lineno, "reads the clock (numpy.datetime64)"


def _dotted(node: ast.expr, names: Mapping[str, str]) -> str:
    match node:
        case ast.Name():
            return names.get(node.id, node.id)
        case ast.Attribute():
            return f"{_dotted(node.value, names)}.{node.attr}"
        case ast.Call():
            return f"{_dotted(node.func, names)}()"
    return "?"


def _is_unseeded(call: ast.Call) -> bool:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    return not given or (isinstance(given[0], ast.Constant) and given[0].value is None)


def _is_now(call: ast.Call) -> bool:
    first = call.args[0] if call.args else None
    return isinstance(first, ast.Constant) and first.value in {"now", "today"}


_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


@dataclass(frozen=True, slots=True)
class _Scope:
    """What outlives a call: the module's own names, and containers that a class shares."""

    module: frozenset[str]
    shared: frozenset[str]


def _memories(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Places where a function changes what outlives its call, so that an answer is remembered."""
    scope = _Scope(frozenset(_top_names(tree)), frozenset(_shared_containers(tree)))
    for function in ast.walk(tree):
        if isinstance(function, _Function):
            outer = scope.module - _locals(function)
            for node in ast.walk(function):
                yield from _changes(node, outer, scope.shared)


def _changes(
    node: ast.AST, outer: frozenset[str], shared: frozenset[str]
) -> Iterator[tuple[int, str]]:
    changed: list[ast.expr] = []
    match node:
        case ast.Global():
            yield node.lineno, f"remembers in a global ({', '.join(node.names)})"
        case ast.Assign() | ast.Delete():
            changed = [target for target in node.targets if not isinstance(target, ast.Name)]
        case ast.AugAssign() | ast.AnnAssign() if not isinstance(node.target, ast.Name):
            changed = [node.target]
        case ast.Call(func=ast.Attribute(attr=attr, value=value)) if attr in _CHANGERS:
            changed = [value]
    for target in changed:
        remembered = _remembered(target, outer, shared)
        if remembered:
            yield target.lineno, f"remembers between calls ({remembered})"


def _remembered(target: ast.expr, outer: frozenset[str], shared: frozenset[str]) -> str:
    """What outlives the call among the things this expression reaches into, or nothing."""
    path: list[str] = []
    node = target
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        if isinstance(node, ast.Attribute):
            path.append(node.attr)
        node = node.value
    reached = ast.unparse(target)
    if isinstance(node, ast.Name):
        of_class = node.id == "cls" or (node.id == "self" and "__class__" in path)
        shares = node.id == "self" and bool(path) and path[-1] in shared
        return reached if node.id in outer or of_class or shares else ""
    is_type = isinstance(node, ast.Call) and ast.unparse(node.func) == "type"
    return reached if is_type and path else ""


def _top_names(tree: ast.Module) -> Iterator[str]:
    """Variables, functions and classes of the module; what it imports belongs to others."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        else:
            stored = (n for n in ast.walk(node) if isinstance(n, ast.Name))
            yield from (n.id for n in stored if isinstance(n.ctx, ast.Store))


def _shared_containers(tree: ast.Module) -> Iterator[str]:
    """Lists, dicts and sets in a class's body, unless a method gives each object its own."""
    for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
        own = {
            n.attr
            for n in ast.walk(kind)
            if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
            if ast.unparse(n.value) == "self"
        }
        for node in kind.body:
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and _is_container(node.value):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                yield from (t.id for t in targets if isinstance(t, ast.Name) and t.id not in own)


def _is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        return ast.unparse(value.func).rpartition(".")[2] in _CONTAINERS
    displays = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
    return isinstance(value, displays)


def _locals(function: _Function) -> frozenset[str]:
    """Names that a function makes for itself."""
    arguments = function.args
    given = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    given += [each for each in (arguments.vararg, arguments.kwarg) if each]
    nodes = list(ast.walk(function))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    declared = {name for n in nodes if isinstance(n, ast.Global) for name in n.names}
    return frozenset({each.arg for each in given} | (stored - declared))
