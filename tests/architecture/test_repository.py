"""What may not stand in the repository: this machine's paths, addresses, wall clocks, prints."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MACHINE_PATH = re.compile(r"(?:^|[^A-Za-z0-9_.])/(?:work|root|tmp|home)/[A-Za-z]")
INDEX = re.compile("|".join(("index" + "-url", "extra" + "-index", "find" + "-links")))
WALL_CLOCK = re.compile(
    r"(.*\.)?(time\.(time|time_ns|sleep|localtime|gmtime)"
    r"|datetime\.(now|utcnow|today)|date\.today|Timestamp\.(now|today|utcnow))"
)


@pytest.fixture(scope="module")
def texts(project: Path) -> dict[str, str]:
    """Every text file that is, or would be, tracked."""
    if not (project / ".git").exists() or not shutil.which("git"):
        pytest.skip("no git repository here: nothing says which files are tracked")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, str] = {}
    for name in filter(None, listed.stdout.split("\0")):
        content = (project / name).read_bytes() if (project / name).is_file() else b"\0"
        if b"\0" not in content:
            found[name] = content.decode("utf-8")
    return found


def lines_with(pattern: re.Pattern[str], texts: dict[str, str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def calls(package: Path) -> Iterator[tuple[str, str]]:
    """Every call in the package, as (file, dotted name of what is called)."""
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                yield path.relative_to(package).as_posix(), ast.unparse(node.func)
            if isinstance(node, ast.ImportFrom) and node.module == "time":
                yield from ((path.name, f"time.{each.name}") for each in node.names)


def test_no_tracked_file_names_a_path_of_one_machine(texts: dict[str, str]) -> None:
    assert lines_with(MACHINE_PATH, texts) == []


def test_no_tracked_file_names_a_package_index(texts: dict[str, str]) -> None:
    assert lines_with(INDEX, texts) == []


def test_every_locked_package_has_a_hash_and_no_address(project: Path) -> None:
    lock = (project / "requirements.lock").read_text("utf-8")
    pins = re.findall(r"^[a-z0-9][^ ]*==[^ ]+.*(?:\n +--hash=sha256:[0-9a-f]{64}.*)+", lock, re.M)
    assert len(pins) == len(re.findall(r"^[a-z0-9]", lock, re.M)) > 40
    assert "://" not in lock
    assert not re.search(r"^-", lock, re.M)


def test_only_the_clock_looks_at_the_wall(project: Path) -> None:
    found = [call for call in calls(project / "src" / "papertape") if WALL_CLOCK.fullmatch(call[1])]
    assert {file for file, _ in found} == {"domain/clock.py"}, found


def test_only_the_command_line_prints(project: Path) -> None:
    found = [file for file, name in calls(project / "src" / "papertape") if name == "print"]
    assert [file for file in found if not file.startswith("cli/")] == []
