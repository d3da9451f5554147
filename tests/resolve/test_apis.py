"""Ways to APIs through the proxy: who has which, what programs are told, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from forage_gen import catalogue
from tests.read.projects import TEMPLATE, finding, findings, marked, place_of, resolved

if TYPE_CHECKING:
    from pathlib import Path

    from forage_gen.resolve import plan as p

SECRETS = """\
user = "alice"
subnet = "10.9.0.0/24"

[secrets]
anthropic = "/run/secrets/anthropic"
github = "/run/secrets/github"
other = "/run/secrets/other"
"""
PROXIES = """
[proxies.github]
upstream = "https://github.example:8443/api/v3/"
secretName = "github"
methods = ["GET", "POST", "GET"]
paths = ["/repos/acme/**", "/user", "/user"]
env = { GH_URL = "{url}/x?{url}", GH_HOST = "plain" }

[proxies.tracker]
upstream = "https://tracker.example"
secretName = "github"
header = "x-key"
paths = ["/issues/*"]
env = { TRACKER = "{url}" }
"""
AGENT = """\
[agents.claude]
package = "claude-code"
secretName = "anthropic"
"""


def sandbox(name: str, template: str = "web", proxies: str = "[]") -> str:
    return (
        f'\n[sandboxes.{name}]\ntemplate = "{template}"\nworkspace = "/srv/{name}"\n'
        f"proxies = {proxies}\n"
    )


def plan(tmp_path: Path, sandboxes: str, proxies: str = PROXIES, **templates: str) -> p.Plan:
    files = {f"templates/{name}.toml": text or TEMPLATE for name, text in templates.items()}
    return resolved(tmp_path, {"forage.toml": SECRETS + proxies + sandboxes, **files}).plan


def test_the_route_of_an_agent(tmp_path: Path) -> None:
    (one,) = plan(tmp_path, sandbox("one"), web=AGENT).sandboxes
    (route,) = one.routes
    assert (route.name, route.path, route.sandboxes) == ("claude", "/agents/claude", None)
    assert (route.upstream.host, route.upstream.port, route.upstream.prefix) == (
        "api.anthropic.com",
        443,
        "",
    )
    assert (route.secret, route.header, route.scheme) == ("anthropic", "x-api-key", None)
    assert [(each.methods, each.path) for each in route.requests] == [
        (each.methods, each.path) for each in catalogue.ANTHROPIC.requests
    ]
    (agent,) = one.template.agents
    assert agent.proxied is not None
    assert (agent.proxied.base_url, agent.proxied.placeholder) == (
        "ANTHROPIC_BASE_URL",
        "ANTHROPIC_AUTH_TOKEN",
    )
    # The key is nowhere inside, and the API's own host is not open.
    assert (agent.secret, agent.auth_env_var, agent.key_helper, agent.hosts) == (
        None,
        None,
        False,
        (),
    )
    assert one.secrets == ()
    assert one.template.names == ()
    assert one.has_link
    assert not one.template.has_network


def test_a_variable_that_the_project_says_holds_the_placeholder(tmp_path: Path) -> None:
    text = f'{AGENT}authEnvVar = "MY_TOKEN"\n'
    (one,) = plan(tmp_path, sandbox("one"), web=text).sandboxes
    (agent,) = one.template.agents
    assert agent.proxied is not None
    assert agent.proxied.placeholder == "MY_TOKEN"


@pytest.mark.parametrize("text", [f'{AGENT}auth = "wrapper"\n', AGENT.partition("secretName")[0]])
def test_an_agent_with_its_key_inside_or_none_has_no_route(tmp_path: Path, text: str) -> None:
    made = plan(tmp_path, sandbox("one"), web=text)
    (one,) = made.sandboxes
    (agent,) = one.template.agents
    assert one.routes == ()
    assert agent.proxied is None
    assert agent.hosts == ("api.anthropic.com",)
    assert not one.has_link
    assert not made.has_api
    assert made.api_secrets == ()
    assert [each.name for each in one.secrets] == (["anthropic"] if "secretName" in text else [])


def test_the_route_of_a_proxy(tmp_path: Path) -> None:
    (one,) = plan(tmp_path, sandbox("one", proxies='["github"]'), web="").sandboxes
    (route,) = one.routes
    assert (route.name, route.path, route.sandboxes) == ("github", "/proxies/github", ("one",))
    assert (route.upstream.host, route.upstream.port, route.upstream.prefix) == (
        "github.example",
        8443,
        "/api/v3",
    )
    assert (route.secret, route.header, route.scheme) == ("github", "Authorization", "Bearer")
    # Each once.
    assert [(each.methods, each.path) for each in route.requests] == [
        (("GET", "POST"), "/repos/acme/**"),
        (("GET", "POST"), "/user"),
    ]


def test_a_proxy_is_of_the_template_or_of_some_of_its_sandboxes(tmp_path: Path) -> None:
    sandboxes = (
        sandbox("a", proxies='["tracker", "github", "tracker"]')
        + sandbox("b", proxies='["tracker"]')
        + sandbox("c")
        + sandbox("d", "bare", '["tracker"]')
        + sandbox("e", "bare")
    )
    made = plan(tmp_path, sandboxes, web=f'proxies = ["github", "github"]\n{AGENT}', bare="")
    bare, web = made.templates
    assert [(route.path, route.sandboxes) for route in web.routes] == [
        ("/agents/claude", None),
        ("/proxies/github", None),
        ("/proxies/tracker", ("a", "b")),
    ]
    assert [(route.path, route.sandboxes) for route in bare.routes] == [
        ("/proxies/tracker", ("d",)),
    ]
    assert {each.name: [route.name for route in each.routes] for each in made.sandboxes} == {
        "a": ["claude", "github", "tracker"],
        "b": ["claude", "github", "tracker"],
        "c": ["claude", "github"],
        "d": ["tracker"],
        "e": [],
    }
    assert {each.name for each in made.sandboxes if each.has_link} == {"a", "b", "c", "d"}
    assert web.api_port != bare.api_port


def test_upstreams_and_secrets_are_those_in_use_each_once(tmp_path: Path) -> None:
    made = plan(tmp_path, sandbox("a", proxies='["tracker", "github"]'), web=AGENT)
    assert [(each.host, each.port, each.prefix) for each in made.upstreams] == [
        ("api.anthropic.com", 443, ""),
        ("github.example", 8443, ""),
        ("tracker.example", 443, ""),
    ]
    assert [(each.name, each.source) for each in made.api_secrets] == [
        ("anthropic", "/run/secrets/anthropic"),
        ("github", "/run/secrets/github"),
    ]


def test_what_programs_are_told(tmp_path: Path) -> None:
    sandboxes = sandbox("a", proxies='["tracker"]') + sandbox("b") + sandbox("c", "bare")
    made = plan(tmp_path, sandboxes, web='proxies = ["github"]\n', bare=AGENT)
    github = (
        ("GH_HOST", "plain"),
        ("GH_URL", "http://10.9.0.1/proxies/github/x?http://10.9.0.1/proxies/github"),
    )
    assert {each.name: each.environment for each in made.sandboxes} == {
        "a": (*github, ("TRACKER", "http://10.9.0.1/proxies/tracker")),
        "b": github,
        # The agent's wrapper tells it.
        "c": (),
    }


@pytest.mark.parametrize(
    ("child", "routes"),
    [
        ("", ["github"]),
        ('proxies = ["tracker"]\n', ["github", "tracker"]),
        ('proxies = ["tracker"]\nreplaces = ["proxies"]\n', ["tracker"]),
        ('proxies = []\nreplaces = ["proxies"]\n', []),
    ],
)
def test_proxies_are_inherited_as_lists_are(tmp_path: Path, child: str, routes: list[str]) -> None:
    web = f'extends = "base"\n{child}'
    made = plan(tmp_path, sandbox("a"), web=web, base='proxies = ["github"]\n')
    assert [route.name for route in made.sandboxes[0].routes] == routes


def test_limits_are_inherited_key_by_key(tmp_path: Path) -> None:
    web = 'extends = "base"\n[apiLimits]\nrequestsPerMinute = 5\n'
    base = '[apiLimits]\nrequestsPerMinute = 9\nbodyMax = "2M"\n'
    (template,) = plan(tmp_path, sandbox("a"), web=web, base=base).templates
    limits = template.api_limits
    assert (limits.requests_per_minute, limits.concurrent_requests, limits.body_max) == (
        5,
        32,
        2 * 1024**2,
    )


def test_the_size_of_the_log(tmp_path: Path) -> None:
    assert plan(tmp_path / "a", sandbox("a"), web="").audit_max == 200 * 1024**2
    files = {"forage.toml": f'auditMax = "1G"\n{SECRETS}'}
    assert resolved(tmp_path / "b", files).plan.audit_max == 1024**3


def test_tokens_are_counted_unless_the_project_says_no(tmp_path: Path) -> None:
    assert plan(tmp_path / "a", sandbox("a"), web="").audit_tokens
    files = {"forage.toml": f"auditTokens = false\n{SECRETS}"}
    assert not resolved(tmp_path / "b", files).plan.audit_tokens


# --- mistakes --------------------------------------------------------------------------

UNKNOWN = '[agents.x]\npackage = "hello"\n'


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        (
            f'{UNKNOWN}«secretName» = "anthropic"\n',
            "api-unknown",
            "which API `hello` asks",
            'Write `auth = "wrapper"`',
        ),
        (
            f'{UNKNOWN}secretName = "anthropic"\nauth = «"proxy"»\n',
            "api-unknown",
            "which API `hello` asks",
            "Forage knows: `claude-code`",
        ),
        (
            f'{UNKNOWN}«auth» = "proxy"\n',
            "auth-without-secret",
            "`auth` has no effect without `secretName`",
            "remove `auth`",
        ),
        (
            '[agents.claude]\npackage = "claude-code"\n«auth» = "wrapper"\n',
            "auth-without-secret",
            "`auth` has no effect",
            "Name the secret",
        ),
        (
            f"{AGENT}«keyHelper» = true\n",
            "key-helper-with-proxy",
            "asks through the proxy, and has no key",
            '`auth = "wrapper"`',
        ),
        (
            f"{AGENT}«keyHelper» = false\n",
            "key-helper-with-proxy",
            "asks through the proxy, and has no key",
            "Remove it",
        ),
        (
            'proxies = ["github", «"gihtub"»]\n',
            "no-such-proxy",
            "There is no proxy `gihtub`.",
            "`github`?",
        ),
        (
            'proxies = [«"zzz"»]\n',
            "no-such-proxy",
            "There is no proxy `zzz`.",
            "The proxies are `github`, `tracker`.",
        ),
    ],
)
def test_mistakes_in_a_template(
    tmp_path: Path, text: str, code: str, message: str, hint: str
) -> None:
    template, place = marked(text)
    files = {"forage.toml": SECRETS + PROXIES + sandbox("a"), "templates/web.toml": template}
    found = finding(tmp_path, files)
    assert (found.code, found.location.file) == (code, "templates/web.toml")
    assert place_of(found) == place
    assert message in found.message
    assert hint in found.hint


PROXY = '[proxies.p]\nupstream = "https://a.example"\nsecretName = "github"\npaths = ["/"]\n'


@pytest.mark.parametrize(
    ("text", "code", "message", "hint"),
    [
        (
            sandbox("a", proxies='[«"gh"»]'),
            "no-such-proxy",
            "There is no proxy `gh`.",
            "below `[proxies.gh]`",
        ),
        (
            PROXY.replace('"github"', '«"gtihub"»'),
            "no-such-secret",
            "`gtihub`",
            "`github`?",
        ),
        (
            PROXY.replace('"https://a.example"', '«"http://a.example"»'),
            "api-in-clear",
            "in clear text",
            "`https://a.example`",
        ),
        (PROXY.replace('"/"', '"/", «"x"»'), "api-path-invalid", "`x`", "Begin with `/`"),
        (PROXY.replace('["/"]', "«[]»"), "empty-list", "`paths` needs an item.", "`paths = ["),
        (f"{PROXY}methods = «[]»\n", "empty-list", "`methods` needs an item.", "`methods = ["),
        (f'{PROXY}methods = ["GET", «"get"»]\n', "api-method-invalid", "`get`", "Write `GET`."),
        (f'{PROXY}header = «"Host"»\n', "api-header-reserved", "`Host`", "documents"),
        (f'{PROXY}env = {{ A = «"é"» }}\n', "api-variable-invalid", "ASCII", "{url}"),
        (f'{PROXY}env = {{ «"a-b"» = "x" }}\n', "", "`a-b`", ""),
        (PROXY.replace(".p]", ".«P»]"), "name-invalid", "a proxy", "`p`"),
        (
            PROXY.replace('paths = ["/"]\n', "").replace(".p]", ".«p»]"),
            "missing-key",
            "`paths`",
            "",
        ),
        (
            PROXY.replace('upstream = "https://a.example"\n', "").replace(".p]", ".«p»]"),
            "missing-key",
            "`upstream`",
            "https://",
        ),
        (
            PROXY.replace('secretName = "github"\n', "").replace(".p]", ".«p»]"),
            "missing-key",
            "`secretName`",
            "",
        ),
    ],
)
def test_mistakes_in_forage_toml(
    tmp_path: Path, text: str, code: str, message: str, hint: str
) -> None:
    project, place = marked(SECRETS + text)
    found = finding(tmp_path, {"forage.toml": project, "templates/web.toml": TEMPLATE})
    assert found.location.file == "forage.toml"
    assert not code or found.code == code
    assert place_of(found) == place
    assert message in found.message
    assert hint in found.hint


def test_the_size_of_the_log_is_a_size(tmp_path: Path) -> None:
    project, place = marked(f'auditMax = «"much"»\n{SECRETS}')
    found = finding(tmp_path, {"forage.toml": project, "templates/web.toml": TEMPLATE})
    assert (found.code, place_of(found)) == ("byte-size-invalid", place)


TWICE = PROXIES.replace("TRACKER", "«GH_HOST»")


@pytest.mark.parametrize(
    ("own", "of_template"),
    [('["github", "tracker"]', ""), ('["tracker"]', 'proxies = ["github"]\n')],
)
def test_two_proxies_of_a_sandbox_set_one_variable(
    tmp_path: Path, own: str, of_template: str
) -> None:
    project, place = marked(SECRETS + TWICE + sandbox("a", proxies=own))
    found = finding(
        tmp_path, {"forage.toml": project, "templates/web.toml": of_template or TEMPLATE}
    )
    assert (found.code, found.location.file) == ("variable-twice", "forage.toml")
    assert place_of(found) == place
    assert "The sandbox `a` uses the proxies `github` and `tracker`" in found.message
    assert "`GH_HOST`" in found.message


def test_two_sandboxes_may_be_told_otherwise_in_one_variable(tmp_path: Path) -> None:
    project, _ = marked(
        SECRETS + TWICE + sandbox("a", proxies='["github"]') + sandbox("b", proxies='["tracker"]')
    )
    assert findings(tmp_path, {"forage.toml": project, "templates/web.toml": TEMPLATE}) == []


def test_a_file_that_cannot_be_read_is_no_reason_to_call_its_proxies_missing(
    tmp_path: Path,
) -> None:
    files = {"forage.toml": f"{SECRETS}x", "templates/web.toml": 'proxies = ["github"]\n'}
    assert [each.code for each in findings(tmp_path, files)] == ["toml-syntax"]
