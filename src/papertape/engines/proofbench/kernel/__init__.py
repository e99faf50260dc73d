"""The kernel: a signal strategy over one instrument's columns, fill for fill as the pipeline."""

from papertape.engines.proofbench.kernel.serving import Kernel, Refusal, Run, Wish, kernel_for

__all__ = ["Kernel", "Refusal", "Run", "Wish", "kernel_for"]
