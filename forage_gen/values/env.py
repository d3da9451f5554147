"""Names of environment variables."""

import re
from typing import NewType

from forage_gen.values.problem import ValueProblem
from forage_gen.values.text import shown

EnvVarName = NewType("EnvVarName", str)

ENV_VAR_NAME_MAX = 255
"""Longer names are valid to the kernel, and a mistake."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_NAME = re.compile(r"[^A-Za-z0-9_]+")

# What decides which programs a wrapper runs, and how: the shell's own
# (bash(1), "Shell Variables"), the loader's (ld.so(8)), glibc's, those of
# interpreters that agents are written in, and of git, which runs what they name.
_RESERVED = frozenset(
    {
        *("PATH", "IFS", "ENV", "BASH_ENV", "BASHOPTS", "SHELLOPTS", "PS4", "PROMPT_COMMAND"),
        *("CDPATH", "GLOBIGNORE", "POSIXLY_CORRECT", "FUNCNEST", "EXECIGNORE", "HOSTFILE"),
        *("HOME", "USER", "LOGNAME", "SHELL", "PWD", "OLDPWD", "TERM", "TMPDIR", "TZ", "LANG"),
        *("UID", "EUID", "GID", "PPID", "RANDOM", "SECONDS", "LINENO", "OPTIND", "OPTARG"),
        *("GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NLSPATH"),
        *("RESOLV_HOST_CONF", "RES_OPTIONS", "MALLOC_TRACE", "GLIBC_TUNABLES"),
        *("NODE_OPTIONS", "NODE_PATH", "PERL5LIB", "PERL5OPT", "RUBYLIB", "RUBYOPT"),
        *("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "JAVA_TOOL_OPTIONS"),
        *("CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "NIX_REMOTE"),
    },
)
_RESERVED_PREFIXES = ("LD_", "BASH_", "LC_", "GIT_", "FORAGE_", "SYSTEMD_", "XDG_")


def env_var_name(text: str) -> EnvVarName:
    """Check the name of the environment variable that an agent gets its key in.

    A name as every shell takes it (POSIX, Base Definitions, 8.1; 3.230
    "Name"). Not one that the wrapper, the shell or the loader obeys: a key in
    `PATH` would not be a key any more.

    Args:
        text: Such as `ANTHROPIC_API_KEY`.

    Returns:
        The name, unchanged.

    Raises:
        ValueProblem: It is no name, or a reserved one.
    """
    if _NAME.fullmatch(text) is None or len(text) > ENV_VAR_NAME_MAX:
        suggestion = _NOT_NAME.sub("_", text[:60]).strip("_").upper()
        if suggestion[:1].isdigit():
            suggestion = f"_{suggestion}"
        name = suggestion if _NAME.fullmatch(suggestion) and not _reserved(suggestion) else ""
        raise ValueProblem(
            code="env-var-invalid",
            message=f"{shown(text)} cannot be the name of an environment variable: use letters,"
            " digits and `_`, and no digit at the start.",
            hint=f"Write `{name}`." if name else "Write a name such as `ANTHROPIC_API_KEY`.",
        )
    if _reserved(text):
        raise ValueProblem(
            code="env-var-reserved",
            message=f"{shown(text)} cannot hold a key: the shell, the loader or Forage obeys it.",
            hint="Write the variable that the agent documents, such as `ANTHROPIC_API_KEY`.",
        )
    return EnvVarName(text)


def _reserved(name: str) -> bool:
    return name in _RESERVED or name.startswith(_RESERVED_PREFIXES)
