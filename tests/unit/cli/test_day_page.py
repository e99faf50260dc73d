"""The day's page as a file: whole, with the facts of text and JSON, nothing from outside."""

import base64
import hashlib
import json
import re
import sqlite3
import stat
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from tests.unit.cli.conftest import Type

from papertape.domain.day import Verb
from papertape.session.control import CommandBox
from papertape.session.folder import AccountFolder

DAY = (
    *("paper", "momentum_breakout", "--symbol", "IBM", "--feed", "replay:2012-01-25"),
    *("--profile", "paper", "--size", "percent:5"),
)


class Read(HTMLParser):
    """Its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture
def evening(folder: Path, typed: Type) -> dict[str, Any]:
    typed(*DAY)
    found: dict[str, Any] = json.loads(typed("eod", "--html", "--json").out)["data"]
    return found


def page(evening: dict[str, Any]) -> Read:
    return Read(Path(evening["page"]).read_text(encoding="utf-8"))


def test_the_page_asks_nothing_of_the_world_and_runs_nothing(evening: dict[str, Any]) -> None:
    found = page(evening)
    assert found.open == []
    assert {tag for tag, _ in found.tags} <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "span", "p", "dl", "div"),
        *("dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "meter"),
    }
    assert not {name for _, attributes in found.tags for name in attributes} & {
        *("src", "href", "style", "onclick", "onload", "action"),
    }
    text = Path(evening["page"]).read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text


def test_its_policy_lets_its_own_style_pass_and_nothing_else(evening: dict[str, Any]) -> None:
    text = Path(evening["page"]).read_text(encoding="utf-8")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    metas = [attributes for tag, attributes in page(evening).tags if tag == "meta"]
    policies = [each["content"] for each in metas if "http-equiv" in each]
    assert policies == [
        f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
    ]
    for wanted in ("prefers-color-scheme: dark", "@media print"):
        assert wanted in style[1]


def test_it_says_what_the_json_says(evening: dict[str, Any]) -> None:
    words = " ".join(" ".join(page(evening).text).split())
    assert evening["verdict"] == "equal"
    assert "PAPER REPLAY SAMPLE day 2012-01-25: ✓ EQUAL" in words
    assert len(evening["limits"]) == 30
    for each in evening["limits"]:
        assert each["name"] in words
        assert each["setting"] in words
    assert len(evening["blotter"]) == evening["orders"] == sum(evening["states"].values()) > 0
    for each in evening["blotter"]:
        assert each["reason"] in words
    assert f"{evening['cash']:,.2f}" in words
    assert f"{evening['day_pnl']:+,.2f} $" in words


def test_its_seal_is_that_of_the_last_line(evening: dict[str, Any], tmp_path: Path) -> None:
    place = AccountFolder.under(tmp_path / "home", "sim").path
    file = place / "journals" / f"{evening['session']}.sqlite3"
    with closing(sqlite3.connect(file)) as journal:
        rows = journal.execute("SELECT previous, seq, time, kind, body FROM line ORDER BY seq")
        *_, (previous, seq, time, kind, body) = rows.fetchall()
    text = previous + f"{seq} {time} {kind} ".encode() + body
    assert evening["seal"] == hashlib.sha256(text).hexdigest()
    assert seq == evening["lines"]
    assert evening["seal"] in " ".join(page(evening).text)


def test_the_text_names_the_file_which_is_its_owners_alone(
    evening: dict[str, Any], typed: Type
) -> None:
    said = typed("eod", "--html")
    assert said.code == 0
    assert "".join(said.out.split()).endswith("Page" + "".join(evening["page"].split()))
    assert stat.S_IMODE(Path(evening["page"]).stat().st_mode) == 0o600
    assert "Page" not in typed("eod").out


def test_a_day_that_differs_shows_each_difference_and_what_was_said_harms_nobody(
    folder: Path, typed: Type, tmp_path: Path
) -> None:
    account = AccountFolder.under(tmp_path / "home", "sim")
    account.prepare()
    box = CommandBox(account.commands, account.kill_file)
    box.put(Verb.KILL, at=1, by="ann", reason="<img src=x onerror=alert(1)>")
    typed(*DAY)
    said = typed("eod", "--html", "--json")
    found = json.loads(said.out)["data"]
    assert said.code == 1
    assert found["differences"]
    read = page(found)
    assert "img" not in {tag for tag, _ in read.tags}
    words = " ".join(read.text)
    assert "✗ DIFFERENT" in words
    assert "<img src=x" in words
    assert [(each["verb"], each["by"]) for each in found["overrides"]] == [("kill", "ann")]
    for each in found["differences"]:
        assert each["cause"] in words
        assert each["bench"] in words
