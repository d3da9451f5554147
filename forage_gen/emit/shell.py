"""Shell scripts: what units run, and what starts an agent."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from forage_gen.artifact import Artifact
from forage_gen.emit.nspawn import over_itself, package_database
from forage_gen.emit.render import render
from forage_gen.emit.resolver import QUESTIONS
from forage_gen.quote import shell as q
from forage_gen.resolve import plan as p
from forage_gen.resolve.config_dirs import common, foreign
from forage_gen.resolve.opened import config_dirs
from forage_gen.resolve.refusals import COUNTERS, LOG_PREFIX, RECEIVED, SENT, SPOOFED
from forage_gen.resolve.services import HARMLESS, SERVICES
from forage_gen.values.protected import steps
from forage_gen.values.wide import HOMES

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPTS = (
    "forage-anew",
    "forage-limits",
    "forage-mend",
    "forage-netns",
    "forage-nix",
    "forage-prepare",
    "forage-proxy-reload",
    "forage-reason",
    "forage-release",
    "forage-reset",
    "forage-secrets",
    "forage-ssh-agent",
    "forage-store",
    "forage-subnets",
    "forage-sweep",
)

# What a person calls: where the tree has it, and its template.
_CTL = {
    "libexec/forage-ctl": "shell/ctl/forage-ctl.sh.j2",
    "libexec/ctl/monitor": "shell/ctl/monitor.sh.j2",
    "libexec/ctl/network": "shell/ctl/network.sh.j2",
    "libexec/ctl/proxy": "shell/ctl/proxy.sh.j2",
}
_CTL_COMMON = "libexec/ctl/common.sh"


def artifacts(plan: p.Plan) -> Iterator[Artifact]:
    """Yield the scripts of the units, the facts they read, and each template's own scripts."""
    for name in _SCRIPTS:
        text = render(
            q.ShellToken,
            f"shell/{name}.sh.j2",
            tree=q.word(p.TREE),
            stopped=q.word(p.STOPPED),
            switches=q.word(p.SWITCHES),
            placeholders=q.word(p.PLACEHOLDERS),
            nix_store=q.word(p.NIX_STORE),
            subnets=q.words(map(str, plan.subnets)),
            links=q.word(p.LINKS),
            counters=q.words(COUNTERS),
            spoofed=q.word(SPOOFED.counter),
            foreign=q.words((*SERVICES, *foreign(plan.owner.home))),
            harmless=q.words(HARMLESS),
            common=q.words(common(plan.owner.home)),
            homes=q.words(HOMES),
            inside=q.word(p.ENVIRONMENT),
        )
        yield Artifact(f"libexec/{name}", text.encode(), executable=True)
    if plan.ipv6:
        for name in ("forage-forward-ipv6", "forage-links-ipv6"):
            text = render(q.ShellToken, f"shell/{name}.sh.j2", links=q.word(p.LINKS))
            yield Artifact(f"libexec/{name}", text.encode(), executable=True)
    if plan.has_api:
        yield from _api(plan)
    yield from _ctl()
    for template in plan.templates:
        yield from _inside(template, plan)
    for sandbox in plan.sandboxes:
        yield _facts(sandbox, plan)
        if sandbox.environment:
            yield _environment(sandbox)


def _inside(template: p.Template, plan: p.Plan) -> Iterator[Artifact]:
    for agent in template.agents:
        yield from _agent(template, agent, plan)
    if template.init_commands:
        yield _init(template)
    if template.private_users:
        text = render(q.ShellToken, "shell/await-limits.sh.j2")
        yield Artifact(template.await_limits_file, text.encode(), executable=True)
    if template.nix_daemon:
        yield _nix_daemon(template)


def _api(plan: p.Plan) -> Iterator[Artifact]:
    for name in ("forage-api-keys", "forage-api-key", "forage-api-log", "forage-api-test"):
        text = render(
            q.ShellToken,
            f"shell/{name}.sh.j2",
            tree=q.word(p.TREE),
            keys=q.word(p.API_KEYS),
            runtime=q.word(p.API_RUNTIME),
            facts=q.word(p.API_FACTS),
            logs=q.words(p.AUDIT_LOGS),
            directory=q.word(p.AUDIT),
            part=q.integer(plan.audit_max // p.AUDIT_PARTS),
            conf=q.word(f"{p.TREE}/{p.API_CONF}"),
            # Where the credential of a unit is; systemd says so.
            secret=q.ShellToken("$CREDENTIALS_DIRECTORY/$name"),
            name=q.word("the API proxy"),
        )
        yield Artifact(f"libexec/{name}", text.encode(), executable=True)
    text = render(
        q.ShellToken,
        "shell/api-secrets.conf.j2",
        secrets=q.words(secret.name for secret in plan.api_secrets),
        sources=q.words(secret.source for secret in plan.api_secrets),
    )
    yield Artifact(p.API_FACTS, text.encode())


def _environment(sandbox: p.Sandbox) -> Artifact:
    text = render(
        q.ShellToken,
        "shell/environment.sh.j2",
        name=q.word(sandbox.name),
        variables=[(q.word(name), q.word(value)) for name, value in sandbox.environment],
    )
    return Artifact(sandbox.environment_file, text.encode())


def _ctl() -> Iterator[Artifact]:
    tree = q.word(p.TREE)
    common = render(q.ShellToken, "shell/ctl/common.sh.j2", tree=tree)
    yield Artifact(_CTL_COMMON, common.encode())
    for path, template in _CTL.items():
        text = render(
            q.ShellToken,
            template,
            tree=tree,
            log_prefix=q.word(LOG_PREFIX),
            sent=q.word(SENT),
            received=q.word(RECEIVED),
            switches=q.word(p.SWITCHES),
            switched=q.words(p.SWITCHED),
            added=q.word(p.ADDED_NAMES),
            questions=q.word(str(QUESTIONS)),
            gateway_port=q.integer(p.GATEWAY_PORT),
            keys=q.word(p.API_KEYS),
            api_unit=q.word(p.API_UNIT),
            logs=q.word(p.AUDIT),
        )
        yield Artifact(path, text.encode(), executable=True)


def _agent(template: p.Template, agent: p.Agent, plan: p.Plan) -> Iterator[Artifact]:
    yield _wrapper(template, agent, plan)
    if agent.key_helper:
        yield _key_helper(template, agent)


def _wrapper(template: p.Template, agent: p.Agent, plan: p.Plan) -> Artifact:
    proxied = agent.proxied
    search = template.rootfs is not None
    program = agent.program if search else f"{p.AGENT_PROGRAMS}/{agent.name}"
    text = render(
        q.ShellToken,
        "shell/wrapper.sh.j2",
        name=q.word(agent.name),
        template=q.word(template.name),
        search=search,
        program=q.word(program),
        secret=q.word(f"{p.SECRETS}/{agent.secret}") if agent.secret else None,
        variable=q.word(agent.auth_env_var) if agent.auth_env_var else None,
        environment=q.word(p.ENVIRONMENT),
        base_url=q.word(proxied.base_url) if proxied else None,
        placeholder=q.word(proxied.placeholder) if proxied else None,
        url=q.word(f"http://{plan.gateway}{proxied.path}") if proxied else None,
        ssh_auth_sock=q.word(p.SSH_AUTH_SOCK) if template.ssh else None,
    )
    return Artifact(template.wrapper_file(agent), text.encode(), executable=True)


def _key_helper(template: p.Template, agent: p.Agent) -> Artifact:
    text = render(
        q.ShellToken,
        "shell/key-helper.sh.j2",
        name=q.word(agent.name),
        template=q.word(template.name),
        secret=q.word(f"{p.SECRETS}/{agent.secret}"),
    )
    return Artifact(template.key_helper_file(agent), text.encode(), executable=True)


def _init(template: p.Template) -> Artifact:
    text = render(
        q.ShellToken,
        "shell/init.sh.j2",
        template=q.word(template.name),
        workspace=q.word(p.WORKSPACE),
        environment=q.word(p.ENVIRONMENT),
        commands=[q.word(command) for command in template.init_commands],
    )
    return Artifact(template.init_file, text.encode(), executable=True)


def _nix_daemon(template: p.Template) -> Artifact:
    text = render(
        q.ShellToken,
        "shell/nix-daemon.sh.j2",
        layer=q.word(p.NIX_LAYER),
        store=q.word(p.NIX_STORE),
        conf_dir=q.word(p.NIX_CONF_DIR),
    )
    return Artifact(template.nix_daemon_file, text.encode(), executable=True)


def _facts(sandbox: p.Sandbox, plan: p.Plan) -> Artifact:
    template = sandbox.template
    owner = plan.owner
    dirs = [mount.source for mount in config_dirs(template.mounts)]
    below = [m for m in sandbox.mounts if m.target.startswith(f"{p.WORKSPACE}/")]
    text = render(
        q.ShellToken,
        "shell/facts.conf.j2",
        name=q.word(sandbox.name),
        root=q.word(sandbox.root),
        rootfs=q.word(template.rootfs) if template.rootfs else None,
        package_database=q.word(package_database(template) or ""),
        system=q.word(template.system),
        closure=q.word(template.closure) if template.closure else None,
        root_uid=q.integer(sandbox.uid_shift),
        guest_files=q.word(f"{p.TREE}/{template.guest_root}"),
        owner_uid=q.integer(owner.uid),
        owner_gid=q.integer(owner.gid),
        uid_base=q.integer(sandbox.uid_base) if template.private_users else None,
        user_namespaces=q.integer(p.USER_NAMESPACES if template.user_namespaces else 0),
        secrets_uid=q.integer(sandbox.uid_shift + owner.uid),
        secrets_gid=q.integer(sandbox.uid_shift + owner.gid),
        workspace=q.word(sandbox.workspace.source),
        secrets_dir=q.word(sandbox.secrets_dir),
        secrets=q.words(secret.name for secret in sandbox.secrets),
        interface=q.word(sandbox.interface) if sandbox.has_link else None,
        environment=q.word(f"{p.TREE}/{sandbox.environment_file}") if sandbox.environment else None,
        address=q.word(str(sandbox.address)),
        mac=q.word(sandbox.mac),
        gateway=q.word(str(plan.gateway)),
        ipv6_address=q.word(str(sandbox.ipv6_address)) if sandbox.ipv6_address else None,
        ipv6_gateway=q.word(str(plan.ipv6.gateway)) if plan.ipv6 else None,
        gateway_mac=q.word(plan.gateway_mac),
        nix_layer=q.word(sandbox.nix_layer) if template.nix_daemon else None,
        disk_max=q.integer(template.limits.disk_max),
        inodes=q.integer(template.limits.inodes),
        protected=[
            q.words((step.path, step.role, over_itself(sandbox.workspace, step.path)))
            for step in steps(template.protected_paths)
        ],
        config_dirs=q.words(dirs) if dirs else None,
        secret_sources=q.words(secret.source for secret in sandbox.held_secrets),
        ssh_secret=q.word(template.ssh.secret) if template.ssh else None,
        ssh_hosts=q.words(map(str, template.ssh.hosts)) if template.ssh else None,
        ssh_known_hosts=q.word(f"{p.TREE}/{template.known_hosts_file}"),
        ssh_agent_dir=q.word(sandbox.ssh_agent_dir),
        home_directories=q.words(_above_mounts_in_home(sandbox)),
        mount_sources=q.words(mount.source for mount in below),
        mount_targets=q.words(mount.target.removeprefix(f"{p.WORKSPACE}/") for mount in below),
    )
    return Artifact(f"sandboxes/{sandbox.name}.conf", text.encode())


def _above_mounts_in_home(sandbox: p.Sandbox) -> list[str]:
    """List the directories of the agent's home that lead to mounts, each after what it is in."""
    home = PurePosixPath(p.AGENT_HOME)
    above = {
        str(parent)
        for mount in sandbox.mounts
        for parent in PurePosixPath(mount.target).parents
        if home in parent.parents
    }
    return sorted(above)
