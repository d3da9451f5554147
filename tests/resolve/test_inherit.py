"""`extends`: tables merge, lists append, other values replace; and each knows where it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.read.projects import FORAGE, finding, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.resolve import plan as p
    from forage_gen.resolve.inherit import Merged

DEFAULT = (".git/hooks", ".git/config", ".git/config.worktree", ".git/commondir")

GRANDPARENT = """\
network = "restricted"
allowedHosts = ["a.org"]
extraPackages = ["fd", "jq"]

[resourceLimits]
memoryMax = "1G"
tasksMax = 100

[agents.claude]
package = "claude-code"
permissions.allow = ["Read"]
"""
PARENT = """\
extends = "grand"
description = "Parent"
extraPackages = ["ripgrep"]
resourceLimits = { memoryMax = "2G", cpuQuota = "100%" }
"""
CHILD = """\
extends = "parent"
allowedHosts = ["b.org"]
extraPackages = ["fd", "bat"]

[agents.claude]
secretName = "anthropic"
permissions.allow = ["Edit"]

[agents.hello]
package = "hello"
"""
FILES = {
    "forage.toml": FORAGE,
    "templates/grand.toml": GRANDPARENT,
    "templates/parent.toml": PARENT,
    "templates/web.toml": CHILD,
}


@pytest.fixture
def merged(tmp_path: Path) -> Merged:
    return resolved(tmp_path, FILES).templates["web"]


def template(tmp_path: Path, *texts: str) -> p.Template:
    """The template at the end of a line of templates."""
    names = [*(f"t{number}" for number in range(len(texts) - 1)), "web"]
    files = {"forage.toml": FORAGE}
    for number, (name, text) in enumerate(zip(names, texts, strict=True)):
        extends = f'extends = "{names[number - 1]}"\n' if number else ""
        files[f"templates/{name}.toml"] = extends + text
    return resolved(tmp_path, files).plan.templates[0]


def test_other_values_replace(merged: Merged) -> None:
    limits = merged.model.resource_limits
    assert limits.memory_max is not None
    assert limits.memory_max.text == "2G"
    assert merged.model.description == "Parent"
    assert merged.model.network == "restricted"


def test_tables_merge(merged: Merged) -> None:
    limits = merged.model.resource_limits
    assert limits.tasks_max is not None
    assert limits.tasks_max.count == 100
    assert limits.cpu_quota is not None
    assert sorted(merged.model.agents) == ["claude", "hello"]
    claude = merged.model.agents["claude"]  # type: ignore[index]  # a plain string in a test
    assert (claude.package, claude.secret_name) == (("claude-code",), "anthropic")


def test_lists_append_the_parents_items_first(merged: Merged) -> None:
    packages = [".".join(path) for path in merged.model.extra_packages]
    assert packages == ["fd", "jq", "ripgrep", "fd", "bat"]
    claude = merged.model.agents["claude"]  # type: ignore[index]  # as above
    assert [str(rule) for rule in claude.permissions.allow] == ["Read", "Edit"]


def test_the_plan_has_each_package_once(tmp_path: Path) -> None:
    (web,) = resolved(tmp_path, FILES).plan.templates
    assert [".".join(path) for path in web.packages] == ["fd", "jq", "ripgrep", "bat"]


@pytest.mark.parametrize(
    ("path", "name", "line", "text"),
    [
        (("network",), "grand", 1, '"restricted"'),
        (("description",), "parent", 2, '"Parent"'),
        (("resourceLimits", "memoryMax"), "parent", 4, '"2G"'),
        (("resourceLimits", "tasksMax"), "grand", 7, "100"),
        (("allowedHosts", 0), "grand", 2, '"a.org"'),
        (("allowedHosts", 1), "web", 2, '"b.org"'),
        (("extraPackages", 1), "grand", 3, '"jq"'),
        (("extraPackages", 2), "parent", 3, '"ripgrep"'),
        (("extraPackages", 3), "web", 3, '"fd"'),
        (("extraPackages", 4), "web", 3, '"bat"'),
        (("agents", "claude", "package"), "grand", 10, '"claude-code"'),
        (("agents", "claude", "permissions", "allow", 0), "grand", 11, '"Read"'),
        (("agents", "claude", "permissions", "allow", 1), "web", 7, '"Edit"'),
        (("agents", "hello"), "web", 9, "hello"),
    ],
)
def test_every_value_knows_where_it_was_written(
    merged: Merged, path: tuple[str | int, ...], name: str, line: int, text: str
) -> None:
    where = merged.value(path)
    assert (where.file, where.line) == (f"templates/{name}.toml", line)
    assert where.source_line[where.column - 1 : where.end_column - 1] == text


def test_there_is_an_origin_for_each_key_and_item_and_for_no_other(merged: Merged) -> None:
    assert ("nixDaemon",) not in merged.origins
    assert ("extends",) not in merged.origins
    assert ("extraPackages", 5) not in merged.origins
    assert len([path for path in merged.origins if path[0] == "extraPackages"]) == 6


def test_what_was_not_written_is_where_the_template_begins(merged: Merged) -> None:
    where = merged.value(("nixDaemon",))
    assert (where.file, where.line, where.column) == ("templates/web.toml", 1, 1)


def test_a_profile_replaces_a_list_with_its_items(tmp_path: Path) -> None:
    done = resolved(
        tmp_path,
        {
            "forage.toml": FORAGE,
            "templates/base.toml": '[isolation]\nsyscallFilter = ["@mount", "~ptrace"]\n',
            "templates/web.toml": 'extends = "base"\nisolation.syscallFilter = "default"\n',
        },
    )
    merged = done.templates["web"]
    assert merged.model.isolation.syscall_filter.profile == "default"
    assert "@mount" not in merged.model.isolation.syscall_filter.allow
    assert ("isolation", "syscallFilter", 0) not in merged.origins
    assert merged.value(("isolation", "syscallFilter", 0)).file == "templates/web.toml"


def test_lists_that_contradict_each_other_only_together(tmp_path: Path) -> None:
    found = finding(
        tmp_path,
        {
            "forage.toml": FORAGE,
            "templates/base.toml": '[isolation]\nsyscallFilter = ["ptrace"]\n',
            "templates/web.toml": 'extends = "base"\nisolation.syscallFilter = ["~ptrace"]\n',
        },
    )
    assert found.location.file == "templates/web.toml"
    assert "`ptrace`" in found.message


def test_null_takes_back_what_was_inherited(tmp_path: Path) -> None:
    project = """{"user": "alice", "templates": {
      "base": {"description": "Base", "resetEvery": "daily", "protectedPaths": ["a"]},
      "web": {"extends": "base", "resetEvery": null, "protectedPaths": null, "rootfs": null}
    }, "sandboxes": {"x": {"template": "web", "workspace": "/x"}}}"""
    (web,) = resolved(tmp_path, {"forage.json": project}).plan.templates
    assert (web.description, web.reset_every, web.rootfs) == ("Base", None, None)
    assert web.protected_paths == DEFAULT


def test_null_as_a_parent_is_none(tmp_path: Path) -> None:
    project = """{"user": "alice", "templates": {"web": {"extends": null}},
      "sandboxes": {"x": {"template": "web", "workspace": "/x"}}}"""
    assert resolved(tmp_path, {"forage.json": project}).plan.templates[0].name == "web"


def replacing(tmp_path: Path, keys: list[str], text: str = "") -> Merged:
    """A template that inherits from PARENT and GRANDPARENT, but not at these keys."""
    child = f'extends = "parent"\nreplaces = {keys}\n{text}'
    return resolved(tmp_path, {**FILES, "templates/web.toml": child}).templates["web"]


def test_what_is_replaced_is_not_inherited(tmp_path: Path) -> None:
    # Its parent's and its grandparent's items are gone.
    merged = replacing(tmp_path, ["extraPackages"], 'extraPackages = ["bat"]\n')
    assert merged.model.extra_packages == [("bat",)]
    assert merged.value(("extraPackages", 0)).file == "templates/web.toml"
    assert ("extraPackages", 1) not in merged.origins
    assert [host.text for host in merged.model.allowed_hosts] == ["a.org"]


def test_what_is_replaced_by_nothing_is_the_default(tmp_path: Path) -> None:
    merged = replacing(tmp_path, ["allowedHosts", "network", "resourceLimits", "description"])
    template = merged.model
    assert (template.allowed_hosts, template.network, template.description) == ([], "none", None)
    assert template.resource_limits.tasks_max is None
    assert {path[0] for path in merged.origins} == {"extraPackages", "agents"}


def test_a_key_further_inside_can_be_replaced(tmp_path: Path) -> None:
    key = "agents.claude.permissions.allow"
    merged = replacing(tmp_path, [key], f'{key} = ["Grep"]\n')
    claude = merged.model.agents["claude"]  # type: ignore[index]  # as above
    assert claude.package == ("claude-code",)
    assert [str(rule) for rule in claude.permissions.allow] == ["Grep"]


def test_a_table_and_what_is_in_it_can_be_replaced_together(tmp_path: Path) -> None:
    keys = ["resourceLimits", "resourceLimits.memoryMax"]
    assert replacing(tmp_path, keys).model.resource_limits.memory_max is None
    assert replacing(tmp_path, keys[::-1]).model.resource_limits.memory_max is None


def test_a_parent_keeps_what_a_child_replaces(tmp_path: Path) -> None:
    files = {**FILES, "templates/web.toml": 'extends = "parent"\nreplaces = ["resourceLimits"]\n'}
    parent = resolved(tmp_path, files).templates["parent"]
    assert parent.model.resource_limits.memory_max is not None


def test_what_a_parent_replaces_its_children_do_not_inherit(tmp_path: Path) -> None:
    parent = f'{PARENT}replaces = ["allowedHosts"]\n'
    files = {
        **FILES,
        "templates/parent.toml": parent.replace("extends", "network = 'none'\nextends"),
    }
    child = 'extends = "parent"\nnetwork = "restricted"\nallowedHosts = ["b.org"]\n'
    files["templates/web.toml"] = child
    merged = resolved(tmp_path, files).templates["web"]
    assert [host.text for host in merged.model.allowed_hosts] == ["b.org"]


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("alowedHosts", "`allowedHosts`?"),
        ("agents.clod", "`agents.claude`?"),
        ("resourceLimits.diskMax", "`resourceLimits"),
        ("extends", "The inherited keys are"),
        ("extraPackages.0", "`extraPackages`?"),
        ("", "The inherited keys are"),
    ],
)
def test_nothing_to_replace(tmp_path: Path, key: str, hint: str) -> None:
    text = f'extends = "parent"\nreplaces = ["{key}"]\n'
    found = finding(tmp_path, {**FILES, "templates/web.toml": text})
    assert (found.code, found.location.line) == ("nothing-to-replace", 2)
    assert hint in found.hint


def test_allowed_findings_are_not_inherited(tmp_path: Path) -> None:
    files = {**FILES, "templates/parent.toml": f"{PARENT}[allowFindings]\nno-reset = 'a test'\n"}
    merged = resolved(tmp_path, files).templates["web"]
    assert merged.model.allow_findings == {}
    assert ("allowFindings",) not in merged.origins


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["# nothing"], DEFAULT),
        (["# nothing", ""], DEFAULT),
        (["protectedPaths = []"], ()),
        (["protectedPaths = []", ""], ()),
        (["protectedPaths = ['.github']"], (".github",)),
        (["protectedPaths = ['.github']", "protectedPaths = ['.git']"], (".github", ".git")),
        (["protectedPaths = ['a', 'a/']", "protectedPaths = ['a']"], ("a",)),
        (["protectedPaths = ['a', '@git']", "protectedPaths = ['@git']"], ("a", *DEFAULT)),
        (["readOnlyWorkspace = true"], ()),
    ],
)
def test_protected_paths(tmp_path: Path, texts: list[str], expected: tuple[str, ...]) -> None:
    assert template(tmp_path, *texts).protected_paths == expected


def test_a_long_line_of_templates(tmp_path: Path) -> None:
    texts = [f"extraPackages = ['p{number}']" for number in range(100)]
    assert len(template(tmp_path, *texts).packages) == 100


def test_two_children_of_one_parent_share_nothing(tmp_path: Path) -> None:
    done = resolved(
        tmp_path,
        {
            "forage.toml": FORAGE + '[sandboxes.b]\ntemplate = "b"\nworkspace = "/b"\n',
            "templates/base.toml": "[agents.x]\npackage = 'x'\n",
            "templates/web.toml": "extends = 'base'\n[agents.y]\npackage = 'y'\n",
            "templates/b.toml": "extends = 'base'\nagents.x.package = 'z'\n",
        },
    )
    agents = {
        each.name: [".".join(agent.package) for agent in each.agents]
        for each in done.plan.templates
    }
    assert agents == {"b": ["z"], "web": ["x", "y"]}
