"""AppArmor's own parser takes the profile. Kernels without AppArmor can enforce none."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from forage_gen.emit.apparmor import PROFILE
from forage_gen.emit.render import TEMPLATES
from tests.requirements import require

TEXT = (TEMPLATES / "apparmor" / f"{PROFILE}.j2").read_text()


# What a kernel can enforce, by the parser's own package; this one may have no AppArmor at all.
FEATURES = Path("/etc/apparmor.d/abi/3.0")


def parse(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Compile a policy, and load nothing."""
    require("apparmor_parser")
    known = [f"--features-file={FEATURES}"] if FEATURES.exists() else []
    argv = ("apparmor_parser", "--skip-kernel-load", "--skip-cache", *known, *options)
    return subprocess.run([*argv, path], check=False, capture_output=True, text=True)


def test_the_parser_takes_it_without_a_warning(tmp_path: Path) -> None:
    file = tmp_path / PROFILE
    file.write_text(TEXT)
    done = parse(file, *(["--Werror"] if FEATURES.exists() else []))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("wrong", ["nonsense,", "deny capability sys_modul,", "file"])
def test_it_would_say_what_is_wrong(tmp_path: Path, wrong: str) -> None:
    # The control.
    file = tmp_path / PROFILE
    file.write_text(TEXT.replace("  file,\n", f"  file,\n  {wrong}\n"))
    assert parse(file).returncode


def test_it_has_the_name_that_the_units_use_also_where_it_is_included(tmp_path: Path) -> None:
    # As NixOS's option has it.
    (tmp_path / PROFILE).write_text(TEXT)
    file = tmp_path / "policy"
    file.write_text(f'include "{tmp_path / PROFILE}"\n')
    done = parse(file, "--names")
    assert (done.returncode, done.stdout) == (0, f"{PROFILE}\n")


def test_a_workspace_is_not_in_its_way() -> None:
    # A rule for any place would deny a source tree its `dev/md5.c`.
    denied = [line.split()[2] for line in TEXT.splitlines() if "deny /" in line]
    assert denied
    assert all(path.startswith(("/proc/", "/sys/", "/dev/")) for path in denied)
