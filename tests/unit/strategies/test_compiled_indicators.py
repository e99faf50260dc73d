"""The recursions, compiled and plain, must be the same to the last bit."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.generators import random_bars

from papertape.domain.market import Bars

BUILD = """
from Cython.Build import cythonize
from setuptools import Extension, setup
directives = {"overflowcheck": True, "annotation_typing": False, "cdivision": False}
flags = ["-O3", "-ffp-contract=off"]
extension = Extension("indicators", ["indicators.py"], extra_compile_args=flags)
modules = cythonize([extension], language_level=3, compiler_directives=directives, quiet=True)
setup(name="trial", ext_modules=modules, script_args=["-q", "build_ext", "--inplace"])
"""


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("indicators", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def plain_and_compiled(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ModuleType, ModuleType]:
    if importlib.util.find_spec("Cython") is None or shutil.which("gcc") is None:
        pytest.skip("without Cython and gcc there is only the plain form")
    folder = tmp_path_factory.mktemp("compiled")
    source = project / "src" / "papertape" / "strategies"
    for name in ("indicators.py", "indicators.pxd"):
        shutil.copy(source / name, folder)
    (folder / "build.py").write_text(BUILD, encoding="utf-8")
    subprocess.run([sys.executable, "build.py"], cwd=folder, check=True, capture_output=True)
    return load(source / "indicators.py"), load(next(folder.glob("indicators*.so")))


def columns(module: ModuleType, bars: Bars, period: int) -> list[bytes]:
    high, low, close = bars.high, bars.low, bars.close
    made = (
        module.sma(close, period),
        module.sma_above(close, period, period + 7),
        module.sma_order(close, period, period + 7),
        module.ema(close, period),
        module.wilder_rsi(close, period),
        module.wilder_atr(high, low, close, period),
        module.donchian_high(high, period),
        module.donchian_low(low, period),
    )
    return [column.tobytes() for column in made]


def test_compiled_and_plain_give_the_same_bits(
    plain_and_compiled: tuple[ModuleType, ModuleType],
) -> None:
    plain, compiled = plain_and_compiled
    assert type(compiled._recursion) is not type(plain._recursion)
    for seed in range(10):
        bars = random_bars(seed, 1000, tick=1e-6)
        for period in (1, 2, 14, 50, 999, 1000, 1001):
            assert columns(compiled, bars, period) == columns(plain, bars, period)
