"""Ways to APIs through the proxy on the host, which adds the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forage_gen import catalogue
from forage_gen.diagnostics import error
from forage_gen.resolve import plan as p
from forage_gen.resolve.names import agent_kind, is_proxied
from forage_gen.values.apis import TLS_PORT, URL_PLACE
from forage_gen.values.packages import format_attribute_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from forage_gen.diagnostics import Diagnostic
    from forage_gen.read.load import Inputs
    from forage_gen.read.locate import KeyPath
    from forage_gen.resolve.inherit import Merged
    from forage_gen.schema import models as m


def routes(name: str, model: m.Template, project: m.Project) -> tuple[p.Route, ...]:
    """List the ways to APIs of the sandboxes from a template, sorted by path.

    A proxy that does not exist is reported where it is named, and is left out.
    """
    everybodys = project.proxies.keys() & model.proxies
    own = {
        sandbox_name: (project.proxies.keys() & sandbox.proxies) - everybodys
        for sandbox_name, sandbox in project.sandboxes.items()
        if sandbox.template == name
    }
    found = [
        _of_agent(agent_name, agent)
        for agent_name, agent in model.agents.items()
        if is_proxied(agent)
    ]
    found += [_of_proxy(each, project.proxies[each], None) for each in everybodys]
    for each in sorted(set().union(*own.values())):
        users = tuple(sorted(name for name, proxies in own.items() if each in proxies))
        found.append(_of_proxy(each, project.proxies[each], users))
    return tuple(sorted(found, key=lambda route: route.path))


def agent_path(name: str) -> str:
    """Where an agent finds its API below the proxy's address."""
    return f"/agents/{name}"


def _proxy_path(name: str) -> str:
    """Where an API of the project is below that address."""
    return f"/proxies/{name}"


def _of_agent(name: str, agent: m.Agent) -> p.Route:
    kind = agent_kind(agent)
    if kind is None or agent.secret_name is None:
        message = "an agent is proxied only if it is known and has a secret"
        raise AssertionError(message)
    api = kind.proxied.api
    return p.Route(
        name=name,
        path=agent_path(name),
        upstream=p.Upstream(api.host, TLS_PORT, ""),
        secret=agent.secret_name,
        header=api.header,
        scheme=None,
        requests=tuple(p.ApiRequest(each.methods, each.path) for each in api.requests),
    )


def _of_proxy(name: str, proxy: m.Proxy, sandboxes: tuple[str, ...] | None) -> p.Route:
    url = proxy.upstream
    methods = tuple(dict.fromkeys(proxy.methods))
    return p.Route(
        name=name,
        path=_proxy_path(name),
        upstream=p.Upstream(url.host, url.port, url.prefix),
        secret=proxy.secret_name,
        header=proxy.header.name,
        scheme=proxy.header.scheme,
        requests=tuple(p.ApiRequest(methods, path) for path in dict.fromkeys(proxy.paths)),
        sandboxes=sandboxes,
    )


def environment(sandbox: m.Sandbox, model: m.Template, project: m.Project) -> dict[str, str]:
    """List the variables that tell programs of a sandbox where its APIs are."""
    gateway = project.subnet.network_address + 1
    return {
        variable: value.replace(URL_PLACE, f"http://{gateway}{_proxy_path(name)}")
        for name in sorted(project.proxies.keys() & {*model.proxies, *sandbox.proxies})
        for variable, value in sorted(project.proxies[name].env.items())
    }


def secrets(templates: Iterable[p.Template]) -> set[str]:
    """Name the secrets that the proxy has."""
    return {route.secret for template in templates for route in template.routes}


def check_agent(merged: Merged, at: KeyPath, agent: m.Agent) -> Iterator[Diagnostic]:
    """Refuse an agent whose API nobody knows, and keys that a proxied one does not have."""
    written = (*at, "auth") in merged.origins
    if agent.secret_name is None:
        if written:
            message = "`auth` has no effect without `secretName`."
            hint = "Name the secret, or remove `auth`."
            yield error("auth-without-secret", message, hint, merged.key((*at, "auth")))
        return
    if agent.auth != "proxy":
        return
    if agent_kind(agent) is None:
        package = f"`{format_attribute_path(agent.package or ())}`"
        message = f"Forage does not know which API {package} asks, so the proxy cannot add its key."
        hint = (
            'Write `auth = "wrapper"`, which puts the key into the sandbox; or remove `secretName`,'
            " describe the API below `[proxies.NAME]` in forage.toml, and list NAME in `proxies`."
            f" Forage knows: {catalogue.known_packages()}."
        )
        where = merged.value((*at, "auth")) if written else merged.key((*at, "secretName"))
        yield error("api-unknown", message, hint, where)
    elif agent.key_helper is not None:
        message = "`keyHelper` has no effect: the agent asks through the proxy, and has no key."
        hint = 'Remove it, which is safer, or write `auth = "wrapper"`.'
        yield error("key-helper-with-proxy", message, hint, merged.key((*at, "keyHelper")))


def check_environment(inputs: Inputs, templates: dict[str, Merged]) -> Iterator[Diagnostic]:
    """Refuse two APIs of one sandbox that want the same variable."""
    project = inputs.project
    for name, sandbox in project.sandboxes.items():
        template = templates.get(sandbox.template)
        if template is None:
            continue
        taken: dict[str, str] = {}
        for proxy in sorted({*template.model.proxies, *sandbox.proxies}):
            for variable in project.proxies[proxy].env if proxy in project.proxies else ():
                other = taken.setdefault(variable, proxy)
                if other != proxy:
                    message = (
                        f"The sandbox `{name}` uses the proxies `{other}` and `{proxy}`, and both"
                        f" set `{variable}`."
                    )
                    hint = "Let one of them set another variable."
                    path = ("proxies", proxy, "env", variable)
                    yield error("variable-twice", message, hint, inputs.project_file.key(path))
