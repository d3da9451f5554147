"""The profile of the sandboxes, as far as a kernel without AppArmor shows anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.host.activate import TREE

if TYPE_CHECKING:
    from tests.host.activate import Activated


def test_the_parser_of_the_host_takes_it(forage: Activated) -> None:
    path = f"{TREE}/apparmor/forage-sandbox"
    forage.host.run("apparmor_parser", "--skip-kernel-load", "--skip-cache", path)


def test_each_sandbox_is_to_run_under_it_if_its_template_does_not_say_otherwise(
    forage: Activated,
) -> None:
    assert forage.property("coder", "AppArmorProfile") == "forage-sandbox"
    assert forage.property("shared", "AppArmorProfile") == ""


def test_where_apparmor_is_off_it_changes_nothing(forage: Activated) -> None:
    assert forage.host.run("ls", "/sys/module/apparmor", check=False).returncode
    assert forage.running("coder").state() == "running"
