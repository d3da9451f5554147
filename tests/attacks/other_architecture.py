"""Make system calls of another architecture, past a filter for this one."""

import ctypes
import mmap
import os
import platform

from tests.attacks.attack import broken, held

FENCE = "SystemCallArchitectures=native"
SOURCE = "seccomp(2)"

if platform.machine() != "x86_64":
    held("this processor has no other one")
# mov eax, 20 (getpid of i386); int 0x80; ret
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
if os.fork():
    _, status = os.wait()
    if os.WIFSIGNALED(status):
        held(f"killed by signal {os.WTERMSIG(status)}")
    if os.WEXITSTATUS(status):
        held("refused")
    broken("a system call of i386 was answered")
os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else 1)
