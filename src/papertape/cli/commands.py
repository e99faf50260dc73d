"""The table of commands: what there is, in one line each."""

from __future__ import annotations

COMMANDS = {
    "demo": "three strategies on real prices, without key or network",
    "init": "begin a project: settings, strategies, an example of keys",
    "doctor": "check this machine, the store and a provider's key",
    "data": "fetch, import, list, show, check, mend, hand on or delete prices",
    "backtest": "run a strategy over history, beside buy and hold",
    "sweep": "try many settings of a strategy, and say what the best is worth",
    "compare": "put runs or strategies side by side",
    "paper": "run a paper session and print its blotter",
    "status": "how the paper session is, in six lines",
    "watch": "the same in place, with positions, orders and events",
    "log": "what the session did, line by line",
    "stop": "end the session calmly",
    "kill": "send nothing new, cancel what works, until it is re-armed",
    "rearm": "let a killed session trade again",
    "resume": "go on with a session that did not end in order",
    "blotter": "the orders of a session's day",
    "eod": "prove a session's day against the bench",
    "why": "explain a trade, an order, or why there was none",
    "strategy": "list, show, begin or check a strategy",
    "runs": "list the runs kept, or show one again",
    "export": "write a run's trades, orders, fills, equity or decisions to a file",
}

GROUPS = {
    "data": {
        "get": "fetch prices from a provider into the store",
        "import": "read price files into the store",
        "list": "the series in the store",
        "show": "a series: its source, its revisions, a picture of its gaps",
        "check": "hold series, or a file, against the data rules",
        "fix": "mend what a rule found, in a new revision",
        "export": "write a series to a file that other programs read",
        "rm": "delete a series, or all of a provider",
    },
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

ROOMY = {"data"}
"""Groups whose verbs have a file each, so that none waits for what another one imports."""

FLAGS = {
    "--home DIR": "where runs and prices are kept (or the variable PAPERTAPE_HOME)",
    "--json": "answer as one line of JSON",
    "-q, --quiet": "no notes, no progress",
    "-v, --verbose": "more notes",
    "--debug": "show the whole traceback of an error",
    "--no-color": "plain text (or the variable NO_COLOR)",
    "-h, --help": "help, also after a command",
    "-V, --version": "the version",
}
