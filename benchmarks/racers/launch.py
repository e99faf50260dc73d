"""Runs a command, and prints its seconds and its peak memory in megabytes.

It is as small as a process of Python gets, for the memory of who starts a process is counted as
that of the process until it runs its own program.
"""

import os
import sys
import time

begun = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(time.perf_counter() - begun, used.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
