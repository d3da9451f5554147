"""Names that the host gives: of its users and its network interfaces; and one-line texts."""

import re
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import refuse_unsafe, shown

UserName = NewType("UserName", str)
InterfaceName = NewType("InterfaceName", str)
OneLine = NewType("OneLine", str)
Reason = NewType("Reason", str)

ONE_LINE_MAX = 200
"""The most characters of a text that is shown in one line."""

# systemd's strict rule for user names (https://systemd.io/USER_NAMES/).
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
# The kernel takes almost anything (dev_valid_name in net/core/dev.c); these are
# the names that tools agree on. `+` and `*` are wildcards in firewalls.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")


def user_name(text: str) -> UserName:
    """Check the name of a host user, as systemd.io/USER_NAMES takes it strictly.

    Raises:
        ValueProblem: It is no user name, or is root.
    """
    if text == "root":
        raise ValueProblem(
            code="user-is-root",
            message="The owner of the workspaces is `root`: what an agent writes would be root's.",
            hint="Name the person who works on the projects.",
        )
    if not _USER.fullmatch(text):
        raise ValueProblem(
            code="user-invalid",
            message=f"{shown(text)} is no user name: it has lower-case letters, digits, `_` and"
            " `-`, begins with a letter or `_`, and is at most 31 characters long.",
            hint="Write the name as `id -un` prints it.",
        )
    return UserName(text)


def interface_name(text: str) -> InterfaceName:
    """Check the name of a network interface: at most 15 bytes (IFNAMSIZ, netdevice(7)).

    Raises:
        ValueProblem: No interface can have this name.
    """
    if not _INTERFACE.fullmatch(text):
        raise ValueProblem(
            code="interface-invalid",
            message=f"{shown(text)} is no interface name: it has letters, digits, `_`, `-` and `.`,"
            " and is at most 15 characters long.",
            hint="Write one name as `ip -brief link` prints it, such as `eth0`.",
        )
    return InterfaceName(text)


def one_line(text: str) -> OneLine:
    """Check a text for people: one line, not too long.

    Raises:
        ValueProblem: It has a line break or another control character, or is too long.
    """
    refuse_unsafe(text, "text-invalid", "a description")
    if len(text) > ONE_LINE_MAX:
        raise ValueProblem(
            code="text-too-long",
            message=f"The text is {len(text)} characters long; at most {ONE_LINE_MAX} are shown.",
            hint="Shorten it, and put the rest into a comment.",
        )
    return OneLine(text)


def reason(text: str) -> Reason:
    """Check the reason for something, which people read later: one line, and not empty.

    Raises:
        ValueProblem: It says nothing, or has a line break or another control character.
    """
    refuse_unsafe(text, "text-invalid", "a reason")
    if not text.strip():
        raise ValueProblem(
            code="reason-empty",
            message="There is no reason: whoever reviews this later cannot tell a decision from a"
            " habit.",
            hint="Write why it is right here.",
        )
    return Reason(text)
