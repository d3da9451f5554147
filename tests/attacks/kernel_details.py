"""Read what /proc and /sys tell of the kernel's timers, keys and firmware."""

from tests.attacks.attack import first_readable

FENCE = "masked /proc and /sys"
OPEN = {"shared/root": "it is the host's root"}

first_readable(
    [
        "/proc/timer_list",
        "/proc/sched_debug",
        "/proc/vmallocinfo",
        "/proc/pagetypeinfo",
        "/sys/kernel/debug/sched/debug",
        "/sys/firmware/dmi/tables/DMI",
    ]
)
