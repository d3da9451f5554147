from __future__ import annotations

import subprocess

import pytest

from forage_gen.values.env import env_var_name
from tests.requirements import require
from tests.values.table import Refused, check_refused, ids


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "_x", "a1", "PATH2", "MY_PATH", "x" * 255])
def test_env_var_name(name: str) -> None:
    assert env_var_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "IFS", "ENV", "BASH_ENV", "BASH_FUNC_x", "SHELLOPTS", "PS4", "HOME", "USER"),
        *("LD_PRELOAD", "LD_LIBRARY_PATH", "GCONV_PATH", "GLIBC_TUNABLES", "LC_ALL", "LANG"),
        *("NODE_OPTIONS", "PYTHONPATH", "PERL5LIB", "GIT_SSH_COMMAND", "XDG_CONFIG_HOME"),
        *("CREDENTIALS_DIRECTORY", "FORAGE_X", "SYSTEMD_PAGER"),
    ],
)
def test_what_the_shell_the_loader_or_forage_obeys_holds_no_key(name: str) -> None:
    check_refused(
        env_var_name,
        Refused(name, "env-var-reserved", f"`{name}` cannot hold a key", "`ANTHROPIC_API_KEY`"),
    )


@pytest.mark.parametrize(
    "case",
    [
        Refused("my-key", "env-var-invalid", "letters, digits and `_`", "`MY_KEY`"),
        Refused("1KEY", "env-var-invalid", "no digit at the start", "`_1KEY`"),
        Refused("A=b", "env-var-invalid", "`A=b`", "`A_B`"),
        Refused("a b", "env-var-invalid", "`a b`", "`A_B`"),
        Refused("$(reboot)", "env-var-invalid", "`$(reboot)`", "`REBOOT`"),
        Refused(" path ", "env-var-invalid", "` path `", "such as `ANTHROPIC_API_KEY`"),
        Refused("", "env-var-invalid", '`""`', "such as `ANTHROPIC_API_KEY`"),
        Refused("CLÉ", "env-var-invalid", "`CLÉ`", "`CL`"),
        Refused("x" * 256, "env-var-invalid", "cannot be the name", "Write"),
    ],
    ids=ids,
)
def test_env_var_name_refuses(case: Refused) -> None:
    check_refused(env_var_name, case)


@pytest.mark.parametrize("name", ["ANTHROPIC_API_KEY", "_", "a1", "x" * 255])
def test_bash_exports_what_is_taken(name: str) -> None:
    require("bash")
    done = subprocess.run(
        ["bash", "-c", 'export "$0=value" && printenv "$0"', env_var_name(name)],
        capture_output=True,
        text=True,
        check=True,
    )
    # bash itself sets `_` for each command.
    assert done.stdout == "value\n" or name == "_"
