"""Capabilities of the sandbox's root: capabilities(7).

systemd-nspawn leaves 26 of them to root in a container (systemd-nspawn(1),
`--capability=`). A booted system and an agent need eleven. The rest is dropped,
and may be asked for by name.
"""

from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import closest, shown

Capability = NewType("Capability", str)

OFFERED: dict[str, bool] = {
    "CAP_AUDIT_CONTROL": False,
    "CAP_AUDIT_WRITE": False,
    "CAP_DAC_READ_SEARCH": True,
    "CAP_IPC_OWNER": True,
    "CAP_LEASE": False,
    "CAP_LINUX_IMMUTABLE": False,
    "CAP_MKNOD": False,
    "CAP_NET_BROADCAST": False,
    "CAP_NET_RAW": False,
    "CAP_SETFCAP": True,
    "CAP_SYS_BOOT": True,
    "CAP_SYS_NICE": False,
    "CAP_SYS_PTRACE": True,
    "CAP_SYS_RESOURCE": True,
    "CAP_SYS_TTY_CONFIG": False,
}
"""What nspawn would leave and Forage drops: whether it has an effect in a user namespace.

Where it has none, the kernel asks for it in the host's user namespace (`capable`), or in
that of the network namespace, which is the host's.
"""

_NEEDED = frozenset(
    {
        "CAP_CHOWN",
        "CAP_DAC_OVERRIDE",
        "CAP_FOWNER",
        "CAP_FSETID",
        "CAP_KILL",
        "CAP_NET_BIND_SERVICE",
        "CAP_SETGID",
        "CAP_SETPCAP",
        "CAP_SETUID",
        "CAP_SYS_ADMIN",
        "CAP_SYS_CHROOT",
    }
)
"""What the system inside needs to boot, to change users and to mount its own file systems."""


def capability(text: str) -> Capability:
    """Check the name of a capability that a sandbox's root may be left.

    Raises:
        ValueProblem: It is not one of `OFFERED`.
    """
    if text in OFFERED:
        return Capability(text)
    upper = text.upper()
    name = upper if upper.startswith("CAP_") else f"CAP_{upper}"
    if name in _NEEDED:
        raise ValueProblem(
            code="capability-needed",
            message=f"Every sandbox's root has {shown(name)}.",
            hint="Remove it.",
        )
    near = name if name in OFFERED else closest(name, sorted(OFFERED))
    raise ValueProblem(
        code="capability-unknown",
        message=f"{shown(text)} is no capability that a sandbox can have.",
        hint=f"Did you mean `{near}`?" if near else f"There are: {', '.join(sorted(OFFERED))}.",
    )
