"""The plan of a whole project."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forage_gen.read.load import load
from forage_gen.resolve.policy import above, names_at, port_sets
from forage_gen.resolve.resolve import resolve
from tests.read.projects import FORAGE, TEMPLATE, as_json, findings, place_of, resolved

DEMO = Path(__file__).parents[2] / "examples" / "demo"


def demo() -> dict[str, str]:
    files = [DEMO / "forage.toml", *sorted(DEMO.glob("templates/*.toml"))]
    return {str(path.relative_to(DEMO)): path.read_text() for path in files}


def test_the_example_is_sound() -> None:
    inputs = load(DEMO)
    done = resolve(inputs)
    assert done.warnings == ()
    assert [sandbox.name for sandbox in done.plan.sandboxes] == [
        "backend",
        "research",
        "review",
        "website",
    ]
    # No sandbox uses `base`.
    assert [template.name for template in done.plan.templates] == ["claude", "research", "review"]
    assert [file.name for file in inputs.files] == ["forage.toml", *sorted(demo())[1:]]


def test_toml_and_json_give_the_same_plan(tmp_path: Path) -> None:
    files = demo()
    in_toml = resolved(tmp_path / "toml", files)
    in_json = resolved(tmp_path / "json", as_json(files))
    assert in_json.plan == in_toml.plan
    assert in_json.lock.render() == in_toml.lock.render()


MOUNTS = """\
[workspace.mounts.one]
hostPath = "~/docs/"
containerPath = "/srv/docs"
readOnly = false

[agents.one]
package = "claude-code"
secretName = "anthropic"
auth = "wrapper"
hostConfigDir = "~/.claude"
"""


def test_mounts_are_staged_for_each_sandbox(tmp_path: Path) -> None:
    files = {"forage.toml": FORAGE, "templates/web.toml": MOUNTS}
    (sandbox,) = resolved(tmp_path, files).plan.sandboxes
    assert [(m.source, m.staging, m.target, m.read_only) for m in sandbox.mounts] == [
        ("/home/alice/docs", "/run/forage/mounts/web/one", "/srv/docs", False),
        ("/home/alice/.claude", "/run/forage/mounts/web/one.config", "/home/agent/.claude", True),
    ]
    assert [(s.name, s.source) for s in sandbox.secrets] == [
        ("anthropic", "/run/secrets/anthropic")
    ]


@pytest.mark.parametrize("home", ["/srv/home/a", "/srv/home/a/"])
def test_home_is_what_the_tilde_stands_for(tmp_path: Path, home: str) -> None:
    files = {"forage.toml": f'home = "{home}"\n{FORAGE}', "templates/web.toml": MOUNTS}
    plan = resolved(tmp_path, files).plan
    assert plan.owner.home == "/srv/home/a"
    assert plan.sandboxes[0].mounts[0].source == "/srv/home/a/docs"


def test_a_sandbox_gets_only_the_secrets_of_its_agents(tmp_path: Path) -> None:
    project = FORAGE.replace("[secrets]\n", '[secrets]\nother = "/run/secrets/other"\n')
    (sandbox,) = resolved(
        tmp_path, {"forage.toml": project, "templates/web.toml": MOUNTS}
    ).plan.sandboxes
    assert [secret.name for secret in sandbox.secrets] == ["anthropic"]


def warnings(
    tmp_path: Path, *sandboxes: tuple[str, str, str]
) -> list[tuple[str, tuple[int, int, int], str]]:
    """Plan sandboxes of the templates `rw` and `ro`; list code, place and whose workspace it is."""
    text = "".join(
        f'[sandboxes.{name}]\ntemplate = "{template}"\nworkspace = "{path}"\n'
        for name, template, path in sandboxes
    )
    done = resolved(
        tmp_path,
        {
            "forage.toml": f'user = "alice"\n{text}',
            "templates/rw.toml": TEMPLATE,
            "templates/ro.toml": "readOnlyWorkspace = true\n",
        },
    )
    return [
        (found.code, place_of(found), found.message.partition(":")[0]) for found in done.warnings
    ]


def test_two_sandboxes_with_one_workspace(tmp_path: Path) -> None:
    assert warnings(tmp_path, ("a", "rw", "/p"), ("b", "ro", "/p/")) == [
        ("workspace-shared", (7, 13, 18), "This is also the workspace of `a`")
    ]


def test_a_workspace_in_another(tmp_path: Path) -> None:
    assert warnings(tmp_path, ("a", "ro", "~/p"), ("b", "rw", "/home/alice/p/q")) == [
        ("workspace-shared", (7, 13, 30), "This is also part of the workspace of `a`")
    ]


@pytest.mark.parametrize(
    "sandboxes",
    [
        [("a", "ro", "/p"), ("b", "ro", "/p"), ("c", "ro", "/p/q")],
        [("a", "rw", "/p"), ("b", "rw", "/pq"), ("c", "rw", "/p-q")],
        [("a", "rw", "/p/a"), ("b", "rw", "/p/b")],
    ],
)
def test_workspaces_that_nobody_else_writes(
    tmp_path: Path, sandboxes: list[tuple[str, str, str]]
) -> None:
    assert warnings(tmp_path, *sandboxes) == []


def test_sets_of_ports(tmp_path: Path) -> None:
    hosts = ["a.org", "b.org", "*.c.org:22", "d.org:5432"]
    text = f'network = "restricted"\nallowedHosts = {hosts}\n'
    (template,) = resolved(
        tmp_path, {"forage.toml": FORAGE, "templates/web.toml": text}
    ).plan.templates
    assert [(each.name, each.ports) for each in port_sets(template)] == [
        # Of names that only the proxy lets pass; it opens nothing.
        ("t_web_pnone", ()),
        ("t_web_p22", (22,)),
        ("t_web_p5432", (5432,)),
    ]
    assert [rule.name for rule in names_at(template, 443)] == ["a.org", "b.org"]
    assert template.is_proxied
    wildcard = next(rule for rule in template.names if rule.wildcard)
    assert wildcard.name in above("x.y.c.org")
    assert wildcard.name not in above("c.org")
    assert wildcard.name not in above("xc.org")


# Every key there is, a few names, and values of every kind, some of them right.
KEYS = st.sampled_from(
    [
        *("user", "uid", "home", "subnet", "secrets", "sandboxes", "authorizedKeys", "templates"),
        *("template", "workspace", "extends", "network", "allowedHosts", "protectedPaths"),
        *("agents", "package", "secretName", "permissions", "allow", "skipAll", "hostConfigDir"),
        *("mounts", "hostPath", "containerPath", "isolation", "syscallFilter", "resetEvery"),
        *("resourceLimits", "memoryMax", "tasksMax", "web", "base", "x", "[key]", "", "\x00"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["web", "base", "alice", "/srv/a", "restricted", "claude-code", "10.0.0.0/8"])
    | st.text(max_size=6),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=6),
    max_leaves=25,
)


@given(VALUES, st.dictionaries(KEYS, VALUES, max_size=6), st.booleans())
def test_whatever_is_written_ends_in_a_plan_or_in_diagnostics(
    templates: object,
    document: dict[str, object],
    raw: bool,  # noqa: FBT001  hypothesis gives it
) -> None:
    text = json.dumps(document if raw else {"user": "alice", **document, "templates": templates})
    with TemporaryDirectory() as directory:
        for found in findings(Path(directory), {"forage.json": text}):
            assert found.location.file == "forage.json"
            assert 1 <= found.location.column < found.location.end_column


@pytest.mark.parametrize(
    ("network", "hosts", "is_proxied"),
    [
        ("restricted", ["a.org"], True),
        ("restricted", ["a.org:80"], True),
        ("restricted", ["a.org:5432"], False),
        ("restricted", ["203.0.113.0/24"], False),
        ("full", [], False),
        ("none", [], False),
    ],
)
def test_who_has_a_proxy(
    tmp_path: Path, network: str, hosts: list[str], is_proxied: object
) -> None:
    text = f'network = "{network}"\nallowedHosts = {hosts}\n'
    files = {"forage.toml": FORAGE, "templates/web.toml": text}
    (template,) = resolved(tmp_path, files).plan.templates
    assert template.is_proxied is is_proxied
    if not any(host.endswith(":5432") for host in hosts):
        assert port_sets(template) == []
