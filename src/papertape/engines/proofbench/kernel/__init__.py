"""The kernel: strategies over columns, fill for fill as the pipeline."""

from papertape.engines.proofbench.kernel.portfolio_serving import (
    PortfolioKernel,
    PortfolioRun,
    portfolio_kernel,
)
from papertape.engines.proofbench.kernel.serving import Kernel, Refusal, Run, Wish, kernel_for

__all__ = [
    "Kernel",
    "PortfolioKernel",
    "PortfolioRun",
    "Refusal",
    "Run",
    "Wish",
    "kernel_for",
    "portfolio_kernel",
]
