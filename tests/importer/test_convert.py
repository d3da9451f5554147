"""What is carried over, what is left behind with a word, and what is refused."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings

from forage_gen.check.lint import lint
from forage_gen.diagnostics import Diagnostic, InvalidProjectError
from forage_gen.importer.convert import Imported, import_template
from forage_gen.importer.keys import HOST_KEYS, NAME, TEMPLATE_KEYS, Key
from forage_gen.project import compile_project
from forage_gen.schema.models import Project
from tests.importer.samples import COMPANY, LEFT_BEHIND, PLAIN, VALUES, Json
from tests.quote.samples import TEXTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Table = dict[str, Json]


def imported(tmp_path: Path, data: Json, name: str = "from-file") -> Imported:
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(data, indent=2))
    return import_template(file)


def refused(tmp_path: Path, data: Json) -> list[Diagnostic]:
    with pytest.raises(InvalidProjectError) as failure:
        imported(tmp_path, data)
    return failure.value.diagnostics


def compiled(tmp_path: Path, *templates: Imported) -> list[str]:
    """Build a project of imported templates, and name what `check` finds in it."""
    project = tmp_path / "project"
    (project / "templates").mkdir(parents=True)
    lines = ['user = "alice"', "[secrets]"]
    lines += [f'{name} = "/run/secrets/{name}"' for name in ("anthropic", "openai")]
    for template in templates:
        lines += [f"[sandboxes.{template.name}]", f'template = "{template.name}"']
        lines += [f'workspace = "/home/alice/{template.name}"']
        (project / "templates" / f"{template.name}.toml").write_text(template.text)
    (project / "forage.toml").write_text("\n".join(lines))
    return [finding.code for finding in lint(compile_project(project).resolved)]


def test_a_template_is_carried_over_whole(tmp_path: Path) -> None:
    result = imported(tmp_path, PLAIN)
    assert (result.name, result.left_behind) == ("claude", [])
    assert tomllib.loads(result.text) == {
        "description": "Claude Code",
        "network": "restricted",
        "allowedHosts": ["registry.npmjs.org", "*.example.org", "db.example.org:5432"],
        "readOnlyWorkspace": False,
        "extraPackages": ["ripgrep", "fd"],
        "initCommands": ["npm install", "printf '%s\\n' \"$HOME\" >notes.txt"],
        "agents": {
            "claude": {
                "package": "claude-code",
                "secretName": "anthropic",
                "permissions": {"skipAll": False, "allow": ["Read"], "deny": ["Bash(rm -rf *)"]},
            },
            "aider": {
                "package": "aider-chat",
                "secretName": "openai",
                "auth": "wrapper",
                "authEnvVar": "OPENAI_API_KEY",
                "hostConfigDir": "/home/alice/.aider",
                "containerConfigDir": "/home/agent/.aider",
                "hostConfigDirReadOnly": False,
            },
        },
        "resourceLimits": {"cpuQuota": "200%", "memoryMax": "4G", "tasksMax": 512},
        "workspace": {
            "mounts": {
                "docs": {
                    "containerPath": "/workspace/docs",
                    "hostPath": "/srv/docs",
                    "readOnly": True,
                },
                "cache": {
                    "containerPath": "/workspace/.cache",
                    "hostPath": "/srv/cache",
                    "readOnly": False,
                },
            }
        },
        "agentIdentity": {"gitUser": 'The "Agent"', "gitEmail": "agent@example.org"},
    }


AGENT: Table = {"packagePath": "claude-code", "secretName": "anthropic"}


def test_the_key_of_an_agent_that_is_known_stays_on_the_host(tmp_path: Path) -> None:
    result = imported(
        tmp_path, {"agents": {"claude": {**AGENT, "authEnvVar": "ANTHROPIC_API_KEY"}}}
    )
    assert at(tomllib.loads(result.text), ("agents", "claude")) == {
        "package": "claude-code",
        "secretName": "anthropic",
    }
    assert "inside" not in result.text
    other = imported(tmp_path, {"agents": {"claude": {**AGENT, "authEnvVar": "MY_KEY"}}})
    assert at(tomllib.loads(other.text), ("agents", "claude", "authEnvVar")) == "MY_KEY"


def test_the_key_of_an_unknown_agent_stays_inside_and_the_file_says_so(tmp_path: Path) -> None:
    unknown: Table = {"packagePath": "pkgs.hello", "secretName": "openai", "authEnvVar": "A_KEY"}
    result = imported(tmp_path, {"agents": {"hello": unknown, "claude": AGENT}})
    agents = at(tomllib.loads(result.text), ("agents",))
    assert agents == {
        "hello": {
            "package": "hello",
            "secretName": "openai",
            "auth": "wrapper",
            "authEnvVar": "A_KEY",
        },
        "claude": {"package": "claude-code", "secretName": "anthropic"},
    }
    head = result.text.replace("\n# ", " ")
    assert "their keys are inside, as they were: hello. See `auth`" in head
    compiled(tmp_path, result)


def test_an_unknown_agent_without_a_key_is_carried_over_as_it_is(tmp_path: Path) -> None:
    result = imported(tmp_path, {"agents": {"hello": {"packagePath": "hello"}}})
    assert at(tomllib.loads(result.text), ("agents", "hello")) == {"package": "hello"}


def test_what_was_imported_builds(tmp_path: Path) -> None:
    left = imported(tmp_path, LEFT_BEHIND)
    compiled(tmp_path, imported(tmp_path, PLAIN), left)


def test_what_is_left_behind_is_told_at_its_place_and_in_the_file(tmp_path: Path) -> None:
    result = imported(tmp_path, LEFT_BEHIND)
    lines = json.dumps(LEFT_BEHIND, indent=2).splitlines()
    for found in result.left_behind:
        what = found.message.removesuffix(" is not carried over.")
        assert what.strip("`").split(".")[-1] in lines[found.location.line - 1]
        assert f"# - {what}: {found.hint.split()[0]}" in result.text
    assert [found.message.split("`")[1] for found in result.left_behind] == [
        "useProxy",
        "multiplexer",
        "tmuxWindows",
        "agentIdentity.sshKeyPath",
        "workspaceMounts.beads.repo",
        "workspaceMounts.beads.mode",
        "workspaceMounts.beads.branch",
        "workspaceMounts.beads",
    ]
    assert tomllib.loads(result.text) == {
        "network": "full",
        "agentIdentity": {"gitUser": "Agent"},
    }


# --- the table -------------------------------------------------------------------------


def nested(*paths: tuple[str, ...]) -> Table:
    data: Table = {}
    for path in paths:
        table = data
        for part in path[:-1]:
            below = table.setdefault("claude" if part == NAME else part, {})
            assert isinstance(below, dict)
            table = below
        table[path[-1]] = VALUES[path]
    return data


def at(data: object, path: tuple[str, ...]) -> object:
    for part in path:
        assert isinstance(data, dict)
        data = data["claude" if part == NAME else part]
    return data


def test_the_samples_have_every_key() -> None:
    assert list(VALUES) == [key.path for key in TEMPLATE_KEYS]


@pytest.mark.parametrize("key", TEMPLATE_KEYS, ids=lambda key: key.dotted)
def test_each_key_becomes_what_the_table_says(tmp_path: Path, key: Key) -> None:
    needed = [COMPANY[key.path]] if key.path in COMPANY else []
    if key.path[0] == "agents":
        needed.append(("agents", NAME, "packagePath"))
    if key.path[0] == "workspaceMounts":
        needed += [("workspaceMounts", NAME, each) for each in ("containerPath", "hostPath")]
    result = imported(tmp_path, nested(*needed, key.path))
    left = [found.message.split("`")[1] for found in result.left_behind]
    dotted = key.dotted.replace(NAME, "claude")
    if key.becomes is not None:
        assert at(tomllib.loads(result.text), key.becomes) == VALUES[key.path]
        assert dotted not in left
    elif key.told:
        assert left == [dotted]
    assert (result.name == "other") == (key.path == ("name",))
    compiled(tmp_path, result)


@pytest.mark.parametrize("key", HOST_KEYS, ids=lambda key: key.dotted)
def test_what_a_key_of_the_host_becomes_is_there(key: Key) -> None:
    known = {field.alias for field in Project.model_fields.values()}
    assert key.becomes is None or set(key.becomes) <= known
    assert key.becomes or key.note


# --- what the two take for granted -----------------------------------------------------


@pytest.mark.parametrize("network", [{}, {"network": ""}, {"network": None}])
def test_a_network_that_is_left_out_stays_full(tmp_path: Path, network: Table) -> None:
    assert tomllib.loads(imported(tmp_path, network).text) == {"network": "full"}


@pytest.mark.parametrize("network", ["full", "none"])
def test_hosts_without_effect_are_left_behind(tmp_path: Path, network: str) -> None:
    result = imported(tmp_path, {"network": network, "allowedHosts": ["a.example.org"]})
    assert tomllib.loads(result.text) == {"network": network}
    assert [found.message.split("`")[1] for found in result.left_behind] == ["allowedHosts"]


def test_a_configuration_directory_stays_writable(tmp_path: Path) -> None:
    agent: Json = {"packagePath": "claude-code", "hostConfigDir": "/home/alice/.claude"}
    result = imported(tmp_path, {"agents": {"claude": agent}})
    claude = at(tomllib.loads(result.text), ("agents", "claude"))
    assert isinstance(claude, dict)
    assert claude["hostConfigDirReadOnly"] is False


def test_nothing_is_what_go_writes_for_nothing(tmp_path: Path) -> None:
    nothing: Table = {
        "description": "",
        "allowedHosts": [],
        "extraPackages": None,
        "resourceLimits": {"cpuQuota": "", "tasksMax": 0},
        "useProxy": False,
        "tmuxWindows": [],
        "workspaceMounts": {},
        "agentIdentity": None,
    }
    result = imported(tmp_path, nothing)
    assert tomllib.loads(result.text) == {"network": "full"}
    assert result.left_behind == []


# --- mistakes --------------------------------------------------------------------------


def test_every_unknown_key_is_told_with_its_place(tmp_path: Path) -> None:
    found = refused(
        tmp_path,
        {
            "netwrok": "full",
            "agents": {"claude": {"packagePath": "claude-code", "secret": "x"}},
            "workspaceMounts": {"docs": {"hostPath": "/srv", "containerPath": "/x", "ro": True}},
            "portRange": {"from": 1},
        },
    )
    assert [(each.code, each.location.line, each.location.column) for each in found] == [
        ("unknown-key", 2, 3),
        ("unknown-key", 6, 7),
        ("unknown-key", 13, 7),
        ("unknown-key", 16, 3),
    ]
    assert found[0].hint == "Did you mean `network`?"


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        ({"network": "fulll"}, "bad-value", 2),
        ({"network": []}, "bad-value", 2),
        ({"network": "restricted", "allowedHosts": ["ok.example.org", "http://x"]}, None, 5),
        ({"resourceLimits": {"tasksMax": "many"}}, "wrong-type", 3),
        ({"resourceLimits": {"tasksMax": False}}, "wrong-type", 3),
        ({"resourceLimits": 5}, "wrong-type", 2),
        ({"agents": []}, "wrong-type", 2),
        ({"agents": {"claude": {}}}, "missing-key", 3),
        ({"agents": {"claude": {"packagePath": 5}}}, "wrong-type", 4),
        ({"agents": {"Claude Code": {"packagePath": "claude-code"}}}, None, 3),
        ({"workspaceMounts": {"docs": {"hostPath": "srv", "containerPath": "/x"}}}, None, 4),
        ({"name": "My Template"}, None, 2),
        ({"name": 5}, "wrong-type", 2),
        ({"name": "../../etc/passwd"}, None, 2),
        ({"description": "two\nlines"}, None, 2),
    ],
)
def test_what_makes_no_template_is_refused_at_its_place(
    tmp_path: Path, data: Table, code: str | None, line: int
) -> None:
    (found,) = refused(tmp_path, data)
    assert found.location.line == line
    assert code is None or found.code == code


def test_a_combination_is_refused_at_its_place(tmp_path: Path) -> None:
    agent: Json = {"packagePath": "codex", "permissions": {"allow": ["Read"]}}
    (found,) = refused(tmp_path, {"agents": {"codex": agent}})
    assert (found.code, found.location.line) == ("permissions-unknown-agent", 5)


KEY = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"


def test_a_key_in_the_place_of_its_name_is_refused_and_not_shown(tmp_path: Path) -> None:
    agent: Json = {"packagePath": "claude-code", "secretName": KEY, "other": 1}
    found = refused(tmp_path, {"agents": {"claude": agent}})
    assert sorted(each.code for each in found) == ["secret-is-key", "unknown-key"]
    assert KEY not in str(found)


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("x.toml", "", "not-json"),
        ("x.json", "", "file-empty"),
        ("x.json", "[]", "wrong-type"),
        ("x.json", "{", "json-syntax"),
        ("x.json", '{"name": "a", "name": "b"}', "duplicate-key"),
        ("x.json", None, "file-not-found"),
    ],
)
def test_a_file_that_holds_no_template_is_refused(
    tmp_path: Path, name: str, text: str | None, code: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InvalidProjectError) as failure:
        import_template(tmp_path / name)
    (found,) = failure.value.diagnostics
    assert found.code == code
    assert "forage.toml" not in found.hint
    assert "forage-gen init" not in found.hint


PLACES: dict[str, Callable[[str], Table]] = {
    "description": lambda text: {"description": text},
    "initCommands": lambda text: {"initCommands": [text]},
    "gitUser": lambda text: {"agentIdentity": {"gitUser": text}},
    "allow": lambda text: {
        "agents": {"claude": {"packagePath": "claude-code", "permissions": {"allow": [text]}}}
    },
    "hostPath": lambda text: {
        "workspaceMounts": {"docs": {"containerPath": "/docs", "hostPath": f"/{text}"}}
    },
    "repository": lambda text: {"workspaceMounts": {text: {"repo": text}}},
    "unknown": lambda text: {text: text},
}


@pytest.mark.parametrize("place", PLACES)
def test_hostile_text_is_refused_or_arrives_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, place: str
) -> None:
    accepted = 0

    @settings(max_examples=200)
    @example(text="Read")
    @given(text=TEXTS)
    def try_one(text: str) -> None:
        nonlocal accepted
        try:
            result = imported(tmp_path_factory.mktemp("hostile"), PLACES[place](text))
        except InvalidProjectError:
            return
        accepted += 1
        read = tomllib.loads(result.text)
        wanted = PLACES[place](text)
        if place == "allow":
            assert at(read, ("agents", "claude", "permissions", "allow")) == [text]
        elif place == "hostPath":
            assert at(read, ("workspace", "mounts", "docs", "hostPath")) == f"/{text}"
        elif place in {"description", "initCommands", "gitUser"} and text:
            assert read == wanted | {"network": "full"}
        else:
            assert read == {"network": "full"}
        assert "\x1b" not in result.text

    try_one()
    assert accepted or place == "unknown"
