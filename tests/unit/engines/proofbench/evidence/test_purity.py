"""What a strategy's text gives away: reads of clock, chance, files and network, and memory."""

from __future__ import annotations

import pytest

from papertape.engines.proofbench.evidence.purity import impurities_in

GUILTY = {
    "import time": "1 reads the clock",
    "from time import monotonic": "1 reads the clock",
    "from datetime import datetime as d\nd.now()": "2 reads the clock",
    "import datetime\ndatetime.date.today()": "2 reads the clock",
    "import pandas as pd\npd.Timestamp.now()": "2 reads the clock",
    "import numpy as np\nnp.datetime64('now')": "2 reads the clock",
    "from papertape.domain.clock import WallClock\nWallClock()": "2 reads the clock",
    "import random\nrandom.random()": "2 draws chance",
    "from random import choice\nchoice([1])": "2 draws chance",
    "import random\nrandom.Random()": "2 draws chance",
    "import numpy as np\nnp.random.rand(3)": "2 draws chance",
    "import numpy as np\nnp.random.default_rng()": "2 draws chance",
    "from numpy.random import default_rng\ndefault_rng(None)": "2 draws chance",
    "import secrets": "1 draws chance",
    "import uuid": "1 draws chance",
    "import socket": "1 reaches for the network",
    "import requests": "1 reaches for the network",
    "from urllib.request import urlopen": "1 reaches for the network",
    "import httpx": "1 reaches for the network",
    "import subprocess": "1 starts other programs",
    "import gc": "1 looks into the memory",
    "from inspect import stack": "1 looks into the memory",
    "import sys\nsys._getframe()": "2 looks into the memory",
    "def f(frame):\n    return frame.f_back": "2 looks into the memory",
    "open('prices.csv')": "1 reads files",
    "from pathlib import Path\nPath('a').read_text()": "2 reads files",
    "from pathlib import Path\nPath('a').open()": "2 reads files",
    "import pandas as pd\npd.read_csv('a')": "2 reads files",
    "import numpy as np\nnp.load('a')": "2 reads files",
    "import os\nos.environ['A']": "2 reads the environment",
    "from os import environ\nenviron.get('A')": "2 reads the environment",
    "import papertape\npapertape.read_sample('IBM')": "2 fetches prices",
    "from papertape.plugins.market_data.sample import read_sample": "1 fetches prices",
    "n = 0\ndef f():\n    global n\n    n = 1": "3 remembers in a global (n)",
    "seen = {}\ndef f(x):\n    seen[x] = 1": "3 remembers between calls (seen[x])",
    "seen = []\ndef f(x):\n    seen.append(x)": "3 remembers between calls (seen)",
    "class A:\n    best = None\n    def f(self):\n        A.best = 1": "4 remembers",
    "class A:\n    def f(self):\n        type(self).best = 1": "3 remembers",
    "class A:\n    seen = {}\n    def f(self, x):\n        self.seen[x] = 1": "4 remembers",
    "def f():\n    f.cache = 1": "2 remembers between calls (f.cache)",
}

INNOCENT = [
    "from datetime import date, time\ndate(2024, 1, 2)\ntime(15, 45)",
    "import numpy as np\nnp.random.default_rng(7).random()",
    "import random\nrandom.Random(7)",
    "def f(bars):\n    return bars.open",
    "import re\nre.compile('a')",
    "seen = {}\ndef f():\n    seen = {}\n    seen[1] = 2",
    "def f(seen):\n    seen.append(1)",
    "class A:\n    def __init__(self):\n        self.seen = []\n    def f(self, x):\n"
    "        self.seen.append(x)",
    "class A:\n    seen = []\n    def __init__(self):\n        self.seen = []\n"
    "    def f(self, x):\n        self.seen.append(x)",
    "WEIGHTS = [1, 2]\ndef f():\n    return WEIGHTS[0]",
    "import numpy as np\ndef f(close):\n    out = np.zeros(3)\n    out[1:] = close\n    return out",
]


@pytest.mark.parametrize("source", GUILTY)
def test_a_guilty_line_is_named(source: str) -> None:
    found = [str(each) for each in impurities_in(source, "mine.py")]
    assert any(each.startswith(f"mine.py:{GUILTY[source]}") for each in found), found


@pytest.mark.parametrize("source", INNOCENT)
def test_an_innocent_text_is_left_alone(source: str) -> None:
    assert impurities_in(source, "mine.py") == ()
