"""Paths: on the host, in a sandbox, and in a workspace.

All paths are checked as text. Nothing is looked up: a build must not depend
on the machine it runs on, and a path may come to exist later.

What no path may hold, and why:

- control characters: a newline ends a line of a unit file, and the rest
  disturb terminals and logs (`forage_gen.values.text`);
- `:`, the separator of the fields of `Bind=` (systemd.nspawn(5)) and of search
  paths as `PATH`. systemd and nspawn can carry it when it is escaped; `PATH`,
  in which the programs of a workspace are found, cannot;
- `.` and `..`, as the path then means another place than it shows, and nspawn
  refuses it;
- an empty part (`//`), mostly what is left of an unset variable;
- white space at the end of a part, as systemd.syntax(7) drops it from the end
  of a line, and nobody sees it.
"""

import re
from dataclasses import dataclass
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import refuse_unsafe, shown

ContainerPath = NewType("ContainerPath", str)
ProtectedPath = NewType("ProtectedPath", str)

PATH_MAX = 4095
"""The most bytes of a path (limits.h; 4,096 with its NUL)."""

NAME_MAX = 255
"""The most bytes of one part of a path (limits.h)."""

# The common case, decided by one regex: plain characters, no part that is
# empty or begins with a dot. Whatever does not match takes the careful way.
_PLAIN = re.compile(r"(?:/[A-Za-z0-9_+@,=-][A-Za-z0-9_+@.,=-]{0,254}){1,15}")
_TRAILING_SLASHES = re.compile(r"/+$")
_SLASHES = re.compile(r"/{2,}")
_VARIABLE = re.compile(r"\$(?:\{?HOME\}?|\{?[A-Za-z_]\w*\}?)")
_HOME_VARIABLE = re.compile(r"\$(?:HOME\b|\{HOME\})")

# Trees of the guest that nothing may be mounted over or into: its programs and
# configuration (a NixOS system, and Forage's settings for the agents), the
# kernel's interfaces, and what systemd mounts anew at every start (/run, /tmp:
# a mount made before would be hidden again).
_SEALED = ("bin", "boot", "dev", "etc", "nix", "proc", "run", "sbin", "sys", "tmp", "usr")
_SEALED_TREE = re.compile(
    rf"/(?:{'|'.join(_SEALED)}|lib(?:32|64|x32|exec)?|init)(?:/.*)?", re.DOTALL
)
# Below /var, where most is free, what the guest cannot start without.
# /var/run and /var/lock are links into /run (file-hierarchy(7)).
_SEALED_VAR = re.compile(
    r"/var/(?:run|lock|empty|tmp|log|lib/(?:nixos|systemd|dbus))(?:/.*)?",
    re.DOTALL,
)
# Directories that may not be covered whole; anything below them may.
_SHARED = frozenset({"/home", "/var", "/var/lib", "/var/cache", "/var/spool"})


@dataclass(frozen=True, slots=True)
class HostPath:
    """A path on the host: absolute, or below the home directory of the workspaces' owner.

    Attributes:
        text: The path in its canonical form: no trailing slash; below the home
            directory it begins with `~`.
    """

    text: str

    @property
    def under_home(self) -> bool:
        """Whether the path begins with `~`, and `expand` needs the home directory."""
        return self.text.startswith("~")

    def expand(self, home: str) -> str:
        """Return the absolute path.

        Args:
            home: The absolute home directory that `~` stands for.
        """
        return home.rstrip("/") + self.text[1:] if self.under_home else self.text


def host_path(text: str) -> HostPath:
    """Check a path on the host.

    Args:
        text: `/absolute/path` or `~/path`.

    Returns:
        The path. `~` is kept; `HostPath.expand` replaces it.

    Raises:
        ValueProblem: It is relative, `/` itself, of another user's home, or
            holds what no path may hold.
    """
    if _PLAIN.fullmatch(text):
        return HostPath(text)
    if text in ("~", "~/"):
        return HostPath("~")
    if text.startswith("~/"):
        return HostPath("~" + _checked(text[1:], "~"))
    if text.startswith("~"):
        raise ValueProblem(
            code="path-other-user",
            message=f"{shown(text)} is in the home directory of a named user, which only the"
            " host knows.",
            hint=f"Write the absolute path, such as `/home/{_after_tilde(text)}`, or `~/…` for the"
            " owner of the workspaces.",
        )
    _refuse_relative(text)
    path = _checked(text)
    if path == "/":
        raise ValueProblem(
            code="path-root",
            message="`/` is the whole host.",
            hint="Name the directory that is needed, such as `/home/alice/projects/app`.",
        )
    return HostPath(path)


def container_path(text: str) -> ContainerPath:
    """Check a path inside a sandbox at which something is mounted.

    The rule: no mount may be at or below `/bin`, `/boot`, `/dev`, `/etc`,
    `/init`, `/lib`, `/lib64` and its like, `/nix`, `/proc`, `/run`, `/sbin`,
    `/sys`, `/tmp`, `/usr` and the parts of `/var` that the guest starts from;
    and none may cover `/`, `/home`, `/var`, `/var/lib`, `/var/cache` or
    `/var/spool` as a whole. All else is free: `/workspace/…`,
    `/home/agent/…`, `/srv`, `/opt`, `/mnt`, `/data`.

    Args:
        text: An absolute path.

    Returns:
        The path without a trailing slash.

    Raises:
        ValueProblem: It hides a part of the guest, is not absolute, or holds
            what no path may hold.
    """
    if text.startswith("~"):
        raise ValueProblem(
            code="container-path-home",
            message=f"{shown(text)} begins with `~`, which is not expanded inside a sandbox.",
            hint=f"Write {shown('/home/agent' + text[1:])}."
            if text.startswith("~/")
            else "Write an absolute path, such as `/home/agent/docs`.",
        )
    _refuse_relative(text)
    path = text if _PLAIN.fullmatch(text) else _checked(text)
    if _SEALED_TREE.fullmatch(path) or _SEALED_VAR.fullmatch(path):
        where = "this part of `/var`" if path.startswith("/var/") else f"`/{path.split('/', 2)[1]}`"
        raise ValueProblem(
            code="container-path-system",
            message=f"{shown(path)} would hide a part of the sandbox's system; nothing may be"
            f" mounted at or below {where}.",
            hint="Use a path below `/workspace`, `/home/agent`, `/srv`, `/opt`, `/mnt` or `/data`.",
        )
    if path == "/" or path in _SHARED:
        raise ValueProblem(
            code="container-path-hides",
            message=f"{shown(path)} would hide everything else that is in it.",
            hint="Use a directory of its own, such as "
            + ("`/workspace/docs`." if path == "/" else f"`{path}/docs`."),
        )
    return ContainerPath(path)


def protected_path(text: str) -> ProtectedPath:
    """Check a path in a workspace that is to be read-only.

    Args:
        text: A path relative to the workspace, such as `.git/hooks`.

    Returns:
        The path without a trailing slash.

    Raises:
        ValueProblem: It is absolute, leaves the workspace, is the workspace
            itself, is a pattern, or holds what no path may hold.
    """
    if text.startswith("/"):
        relative = _SLASHES.sub("/", text.removeprefix("/workspace")).strip("/")
        raise ValueProblem(
            code="protected-path-absolute",
            message=f"{shown(text)} is absolute; protected paths are relative to the workspace.",
            hint=f"Write {shown(relative)}." if relative else "Write a path such as `.git/hooks`.",
        )
    if text.startswith("~"):
        raise ValueProblem(
            code="protected-path-home",
            message=f"{shown(text)} has a `~`; protected paths are relative to the workspace.",
            hint="Write a path such as `.git/hooks`.",
        )
    if text in ("", ".", "./"):
        raise ValueProblem(
            code="protected-path-whole",
            message=f"{shown(text)} is the whole workspace.",
            hint="Write `readOnlyWorkspace = true` to protect all of it, or a path such as"
            " `.git/hooks`.",
        )
    if "*" in text or "?" in text:
        raise ValueProblem(
            code="protected-path-pattern",
            message=f"{shown(text)} looks like a pattern; a protected path is one file or"
            " directory.",
            hint="Name the file or directory itself, such as `.github`.",
        )
    return ProtectedPath(_checked("/" + text, "", shown_text=text)[1:])


def is_at_or_below(path: str, ancestor: str) -> bool:
    """Return whether a canonical path is another one, or inside it."""
    return path == ancestor or path.startswith(ancestor.rstrip("/") + "/")


def overlaps(a: str, b: str) -> bool:
    """Return whether of two canonical paths one is, or contains, the other.

    By the parts of the paths: `/data/a` and `/data/ab` do not overlap.
    """
    return is_at_or_below(a, b) or is_at_or_below(b, a)


def _after_tilde(text: str) -> str:
    return "".join(c for c in text[1:] if c.isprintable())[:60]


def _refuse_relative(text: str) -> None:
    if text.startswith("/"):
        return
    if text == "":
        raise ValueProblem(
            code="path-empty",
            message="The path is empty.",
            hint="Write an absolute path, such as `/srv/data`.",
        )
    refuse_unsafe(text, "path-control-character", "a path")
    if _VARIABLE.match(text):
        home = _HOME_VARIABLE.match(text)
        hint = f"Write {shown('~' + text[home.end() :])}." if home else "Write the absolute path."
        raise ValueProblem(
            code="path-variable",
            message=f"{shown(text)} begins with a variable; Forage does not expand variables.",
            hint=hint,
        )
    raise ValueProblem(
        code="path-relative",
        message=f"{shown(text)} is not an absolute path.",
        hint="Write a path that begins with `/`.",
    )


def _checked(path: str, before: str = "", *, shown_text: str | None = None) -> str:
    """Check the parts of a path that begins with a slash; drop trailing slashes.

    Args:
        path: The path, from its first slash on.
        before: What stands before it: `~` or nothing.
        shown_text: How the path is shown, if not as it was written.
    """
    text = before + path if shown_text is None else shown_text
    refuse_unsafe(text, "path-control-character", "a path")
    if ":" in text:
        raise ValueProblem(
            code="path-colon",
            message=f"{shown(text)} contains `:`, which separates paths in `PATH` and in"
            " nspawn's settings.",
            hint="Rename the directory, or use a link to it without `:` in its name.",
        )
    stripped = _TRAILING_SLASHES.sub("", path)
    parts = stripped.split("/")[1:]
    for part in parts:
        _check_part(part, text)
    if len(text.encode()) > PATH_MAX:
        raise ValueProblem(
            code="path-too-long",
            message=f"{shown(text)} is longer than {PATH_MAX} bytes.",
            hint="Use a shorter path.",
        )
    return stripped or "/"


def _check_part(part: str, text: str) -> None:
    if part == "":
        corrected = _TRAILING_SLASHES.sub("", _SLASHES.sub("/", text)) or "/"
        raise ValueProblem(
            code="path-empty-part",
            message=f"{shown(text)} contains an empty part (`//`).",
            hint=f"Write {shown(corrected)}.",
        )
    if part in (".", ".."):
        raise ValueProblem(
            code="path-dots",
            message=f"{shown(text)} contains {shown(part)}, so it means another place than it"
            " shows.",
            hint="Write the path without `.` and `..`.",
        )
    if part != part.rstrip():
        corrected = "/".join(part.rstrip() for part in text.split("/"))
        raise ValueProblem(
            code="path-trailing-space",
            message=f"{shown(text)} has white space at the end of a part, which systemd drops.",
            hint=f"Write {shown(corrected)}.",
        )
    if len(part.encode()) > NAME_MAX:
        raise ValueProblem(
            code="path-part-too-long",
            message=f"{shown(part)} is longer than the {NAME_MAX} bytes of a file name.",
            hint="Use a shorter name.",
        )
