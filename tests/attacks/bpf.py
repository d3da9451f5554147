"""Load something into the kernel's BPF machine."""

import ctypes

from tests.attacks.attack import attempt

FENCE = "system call filter, user namespace"
SOURCE = "bpf(2)"

# BPF_MAP_CREATE of an array with one element.
attributes = (ctypes.c_uint * 16)(2, 4, 4, 1)
attempt("bpf", 0, ctypes.byref(attributes), ctypes.sizeof(attributes))
