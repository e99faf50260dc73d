"""The table of commands: what there is, in one line each."""

from __future__ import annotations

COMMANDS = {
    "demo": "three strategies on real prices, without key or network",
    "backtest": "run a strategy over history, beside buy and hold",
    "sweep": "try many settings of a strategy, and say what the best is worth",
    "compare": "put runs or strategies side by side",
    "paper": "replay history as a paper session and print its blotter",
    "why": "explain a trade, an order, or why there was none",
    "strategy": "list, show, begin or check a strategy",
    "runs": "list the runs kept, or show one again",
    "export": "write a run's trades, orders, fills, equity or decisions to a file",
}

GROUPS = {
    "strategy": {
        "list": "the strategies that can be run here",
        "show": "a strategy's parameters, their bounds and where its code is",
        "new": "write a strategy of your own, ready to run",
        "check": "look for look-ahead, chance and faults in a strategy",
    },
    "runs": {
        "list": "the runs kept, newest first",
        "show": "what a run printed",
    },
}

FLAGS = {
    "--home DIR": "where runs are kept (or the variable PAPERTAPE_HOME)",
    "--json": "answer as one line of JSON",
    "-q, --quiet": "no notes, no progress",
    "-v, --verbose": "more notes",
    "--debug": "show the whole traceback of an error",
    "--no-color": "plain text (or the variable NO_COLOR)",
    "-h, --help": "help, also after a command",
    "-V, --version": "the version",
}
