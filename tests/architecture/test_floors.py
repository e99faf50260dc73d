"""The import contracts of pyproject.toml hold: floors, insides of rooms, no circles."""

import os
import subprocess
import sys
from pathlib import Path


def test_every_import_goes_down_and_there_are_no_circles(project: Path) -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    ran = subprocess.run(
        [linter, "--no-cache"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
