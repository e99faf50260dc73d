"""Build: a module with a ``.pxd`` beside it is compiled; without Cython or gcc it stays plain.

Everything else about the package stands in ``pyproject.toml``. The ``.py`` of a compiled module
goes into the wheel, too: it is what people read, and what runs where the extension cannot.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

try:
    from Cython.Build import cythonize
except ImportError:
    cythonize = None

SRC = Path("src")
PACKAGE = SRC / "papertape"

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # C types come from the .pxd alone; hints are for people and mypy
    "binding": True,  # compiled functions look like functions: signatures, docstrings, pickling
    "cdivision": False,  # // and % round as in Python
    "overflowcheck": True,  # an int64 that overflows raises, it never wraps
}
# No flag for this machine only (wheels travel), no fast maths, no fused multiply-add: each would
# make a compiled result differ from a plain one.
UNIX_FLAGS = ["-O3", "-ffp-contract=off", "-g0"]


def hot_modules() -> dict[str, Path]:
    """The modules to compile, by name: each ``.py`` that has a ``.pxd`` beside it."""
    sources = sorted(PACKAGE.rglob("*.py"))
    hot = [path for path in sources if path.with_suffix(".pxd").exists()]
    return {".".join(path.relative_to(SRC).with_suffix("").parts): path for path in hot}


def digest_of_sources() -> str:
    """One hash over every source of the package: its path and its bytes."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in {".py", ".pxd", ".json"}:
            digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


class BuildPython(build_py):
    """Copies the sources into an empty folder and leaves a note of what they were."""

    def run(self) -> None:
        """Build into a folder without yesterday's files, which would end up in the wheel."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self._write_note()

    def _write_note(self) -> None:
        note = {"sources": digest_of_sources(), "hot": list(hot_modules())}
        target = Path(self.build_lib, PACKAGE.name, "_build.json")
        target.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


class BuildHot(build_ext):
    """Turns the hot modules into C and compiles them; a failure leaves them plain."""

    def finalize_options(self) -> None:
        """Use every core."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extensions(self) -> None:
        """Generate the C, always anew: a file's time says nothing certain about its content."""
        generated = cythonize(
            self.extensions,
            build_dir=self.build_temp,
            compiler_directives=DIRECTIVES,
            force=True,
            nthreads=(os.cpu_count() or 1) if sys.platform == "linux" else 0,
        )
        # Only the sources are taken over: `cythonize` makes new extensions and drops `optional`.
        for extension, made in zip(self.extensions, generated, strict=True):
            extension.sources = made.sources
            if self.compiler.compiler_type == "unix":
                extension.extra_compile_args = UNIX_FLAGS
        super().build_extensions()
        self._say_what_stayed_plain()

    def _say_what_stayed_plain(self) -> None:
        built = (Path(self.get_ext_fullpath(each.name)) for each in self.extensions)
        plain = sum(not path.exists() for path in built)
        if plain:
            self.warn(f"{plain} of {len(self.extensions)} hot modules stay plain Python: slower")


def extensions() -> list[Extension]:
    """One optional extension for each hot module; none without Cython."""
    if cythonize is None:
        sys.stderr.write("notice: no Cython, so papertape is built as plain Python: slower\n")
        return []
    return [Extension(name, [str(path)], optional=True) for name, path in hot_modules().items()]


Path("build").mkdir(exist_ok=True)
setup(
    ext_modules=extensions(),
    cmdclass={"build_py": BuildPython, "build_ext": BuildHot},
    # Under src/ it would be a second, older installation for whoever runs from the sources.
    options={"egg_info": {"egg_base": "build"}},
)
