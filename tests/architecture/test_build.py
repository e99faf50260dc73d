"""What is installed is what the sources say, compiled where it can be and plain where not."""

import hashlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import papertape
from papertape.domain.native import native

INSTALLED = Path(papertape.__file__).parent

BUILD_WHEEL = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
TRY_IT = """
from papertape.domain import money
from papertape.domain.native import native
assert money.half_even(7, 2) == 4
print(money.__file__, native().summary, native().notice, sep="\\n")
"""


def digest(package: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(package.rglob("*")):
        if path.suffix in {".py", ".pxd", ".json"} and path.name != "_build.json":
            found.update(path.relative_to(package).as_posix().encode() + b"\0")
            found.update(path.read_bytes() + b"\0")
    return found.hexdigest()


@pytest.fixture
def note(project: Path) -> dict[str, object]:
    """What the build wrote down about itself."""
    if project / "src" in INSTALLED.parents:
        pytest.skip("plain mode: the sources themselves are imported")
    return json.loads((INSTALLED / "_build.json").read_text("utf-8"))


def test_the_installed_package_was_built_from_these_sources(
    project: Path, note: dict[str, object]
) -> None:
    sources = digest(project / "src" / "papertape")
    assert note["sources"] == sources, "yesterday's build: run make test, or make setup"
    assert digest(INSTALLED) == sources, "files that are no sources of today were installed"


def test_every_hot_module_runs_compiled(note: dict[str, object]) -> None:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    if not shutil.which(compiler):
        pytest.skip(f"no C compiler on this machine ({compiler})")
    files = [importlib.import_module(name).__file__ or "" for name in note["hot"]]
    assert [name for name in files if not name.endswith(tuple(EXTENSION_SUFFIXES))] == []
    assert native().compiled == tuple(note["hot"])
    assert native().notice == ""


def test_no_extension_lies_among_the_sources(project: Path) -> None:
    found = [path for end in (".so", ".pyd", ".c") for path in (project / "src").rglob(f"*{end}")]
    assert found == [], "plain mode would not be plain"


def without_compiler(folder: Path) -> dict[str, str]:
    return {"CC": shutil.which("false") or "false"}


def without_cython(folder: Path) -> dict[str, str]:
    shadow = folder / "shadow" / "Cython"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('no Cython here')\n")
    return {"PYTHONPATH": str(shadow.parent)}


@pytest.mark.parametrize("lacking", [without_compiler, without_cython])
def test_an_install_without_a_compiler_gives_plain_python_and_a_notice(
    lacking, project: Path, tmp_path: Path
) -> None:
    clone, wheels, site = (tmp_path / name for name in ("clone", "wheels", "site"))
    shutil.copytree(project / "src", clone / "src")
    for name in ("setup.py", "pyproject.toml", "LICENSE", "README.md"):
        if (project / name).exists():
            shutil.copy(project / name, clone)
    wheels.mkdir()
    built = subprocess.run(
        [sys.executable, "-c", BUILD_WHEEL, str(wheels)],
        cwd=clone,
        env={**os.environ, **lacking(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    said = built.stdout + built.stderr
    assert built.returncode == 0, said
    assert "plain Python: slower" in said
    with zipfile.ZipFile(wheels / built.stdout.split()[-1]) as wheel:
        wheel.extractall(site)
    tried = subprocess.run(
        [sys.executable, "-c", TRY_IT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    file, summary, notice = tried.stdout.splitlines()
    assert file == str(site / "papertape" / "domain" / "money.py")
    assert (summary, "plain Python" in notice) == ("plain", True)
