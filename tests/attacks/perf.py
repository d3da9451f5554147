"""Watch all processes of the host by performance counters."""

import ctypes

from tests.attacks.attack import attempt

FENCE = "system call filter"
SOURCE = "perf_event_open(2)"

# PERF_TYPE_SOFTWARE, size, PERF_COUNT_SW_CONTEXT_SWITCHES: of all processes on processor 0.
attributes = (ctypes.c_uint * 32)(1, 128, 3, 0)
attempt("perf_event_open", ctypes.byref(attributes), -1, 0, -1, 0)
