"""The pydantic models of `forage.toml` and of a template.

They hold what was written, checked value by value. What spans several values
(inheritance, references, combinations that cancel each other) is checked in
`forage_gen.resolve`, on the merged template.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from forage_gen.schema import fields as f
from forage_gen.values.apis import Method
from forage_gen.values.protected import DEFAULT, GROUPS

_GROUPS = ", ".join(f"`{name}`" for name in GROUPS)


class _Strict(BaseModel):
    """No unknown key, no conversion of types, camelCase names, immutable."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        arbitrary_types_allowed=True,
    )


class Permissions(_Strict):
    """What the agent may do without asking, as the agent itself enforces it."""

    allow: list[f.PermissionRule] = Field(
        default=[],
        examples=[["Read", "Edit(src/**)"]],
        description="Tools, or uses of a tool, that need no confirmation.",
    )
    deny: list[f.PermissionRule] = Field(
        default=[],
        examples=[["Bash(rm -rf *)"]],
        description="Tools, or uses of a tool, that are refused. Wins over `allow`.",
    )
    skip_all: bool = Field(
        default=False,
        examples=[True],
        description="Ask for nothing. Not together with `allow`: everything is allowed already.",
    )


class Agent(_Strict):
    """One agent program in the sandbox."""

    package: f.PackagePath | None = Field(
        default=None,
        examples=["claude-code"],
        description="Required. The nixpkgs attribute path of the program, or `sources.NAME`.",
    )
    secret_name: f.SecretName | None = Field(
        default=None,
        examples=["anthropic"],
        description="The key in `[secrets]` that this agent may use.",
    )
    auth_env_var: f.EnvVarName | None = Field(
        default=None,
        examples=["ANTHROPIC_API_KEY"],
        description="The variable in which the program expects its key. Known agents have a "
        "default.",
    )
    auth: Literal["proxy", "wrapper"] = Field(
        default="proxy",
        examples=["wrapper"],
        description="Where its key is. `proxy`: on the host, where a proxy adds it to what the "
        "agent asks of its API; it never enters the sandbox. `wrapper`: in /run/secrets, read at "
        "run time, for its process alone.",
    )
    key_helper: bool | None = Field(
        default=None,
        examples=[False],
        description="Whether the program asks a command for its key, as its settings tell it, and "
        "has it in no variable: what it starts does not inherit it. Default: for agents that can "
        "do so, unless `authEnvVar` names a variable.",
    )
    host_config_dir: f.HostPath | None = Field(
        default=None,
        examples=["~/.claude"],
        description="A directory of the host with the agent's own state, such as a login. Mounted "
        "inside.",
    )
    container_config_dir: f.ContainerPath | None = Field(
        default=None,
        examples=["/home/agent/.claude"],
        description="Where `hostConfigDir` appears inside. Known agents have a default.",
    )
    host_config_dir_read_only: bool = Field(
        default=True,
        examples=[False],
        description="Whether the agent may only read `hostConfigDir`.",
    )
    permissions: Permissions = Field(
        default=Permissions(),
        examples=[{"allow": ["Read"], "deny": ["Bash(rm -rf *)"]}],
        description="What the agent may do without asking.",
    )


class ResourceLimits(_Strict):
    """What the sandbox may spend. Each is enforced by the host's kernel."""

    cpu_quota: f.CpuQuota | None = Field(
        default=None,
        examples=["200%"],
        description="Share of processor time; `100%` is one whole processor.",
    )
    memory_max: f.MemorySize | None = Field(
        default=None,
        examples=["4G"],
        description="Memory of all its processes together. Past it, the kernel kills inside the "
        "sandbox.",
    )
    tasks_max: f.TasksMax | None = Field(
        default=None,
        examples=[512],
        description="Processes and threads.",
    )
    io_weight: Annotated[int, Field(ge=1, le=10000)] | None = Field(
        default=None,
        examples=[50],
        description="Its share of the disks' time when others want it, too; the others have 100. "
        "It takes an I/O scheduler that counts: BFQ, or the kernel's io.cost.",
    )
    disk_max: f.DiskSize = Field(
        default="2G",
        examples=["2G"],
        validate_default=True,
        description="Size of the ephemeral root. It lives in memory and is gone on restart.",
    )


class ApiLimits(_Strict):
    """What a sandbox may ask of APIs through the proxy, of all of them together."""

    requests_per_minute: Annotated[int, Field(ge=1, le=1000000)] = Field(
        default=300,
        examples=[60],
        description="Requests a minute. Half as many may come at once.",
    )
    concurrent_requests: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=32,
        examples=[8],
        description="Requests at the same time.",
    )
    body_max: f.ByteSize = Field(
        default="32M",
        examples=["32M"],
        validate_default=True,
        description="Size of what one request may send.",
    )


class Isolation(_Strict):
    """How the sandbox is held. The defaults are the tightest that run common agents."""

    private_users: bool = Field(
        default=True,
        examples=[True],
        description="A user namespace: root inside is nobody on the host.",
    )
    syscall_filter: f.SyscallFilter = Field(
        default="default",
        examples=["default", ["~@debug", "~@aio"]],
        validate_default=True,
        description="`default`; `strict`, without io_uring, debuggers and what else exploits use; "
        "or a list of system calls and groups in systemd's syntax, which adds to the default.",
    )
    user_namespaces: bool | None = Field(
        default=None,
        examples=[False],
        description="Whether programs inside may make user namespaces, as nested containers and "
        "bubblewrap do. They open much of the kernel. Default: not with `strict`.",
    )
    capabilities: list[f.Capability] = Field(
        default=[],
        examples=[["CAP_SYS_PTRACE"]],
        description="What its root may do besides what a booted system needs: capabilities that "
        "systemd-nspawn would leave to it and Forage drops.",
    )
    apparmor: bool = Field(
        default=True,
        examples=[False],
        description="Whether it runs under the AppArmor profile `forage-sandbox` on a host with "
        "AppArmor enabled. There, without the profile, it does not start.",
    )
    store_closure: bool = Field(
        default=False,
        examples=[True],
        description="Whether only that part of /nix/store is visible that the system inside needs. "
        "With a `rootfs`, which needs none of it, nothing is. Not together with `nixDaemon`.",
    )


class Mount(_Strict):
    """A directory or file of the host that the sandbox sees."""

    container_path: f.ContainerPath | None = Field(
        default=None,
        examples=["/workspace/docs"],
        description="Required. Where it appears inside.",
    )
    host_path: f.HostPath | None = Field(
        default=None,
        examples=["~/docs"],
        description="Required. What is mounted.",
    )
    read_only: bool = Field(
        default=True,
        examples=[True],
        description="Whether the sandbox may only read it.",
    )


class WorkspaceOptions(_Strict):
    """What is mounted besides the workspace."""

    mounts: dict[f.MountName, Mount] = Field(
        default={},
        examples=[{"docs": {"containerPath": "/workspace/docs", "hostPath": "~/docs"}}],
        description="Further directories of the host, each under a name of its own.",
    )


class AgentIdentity(_Strict):
    """Who the agent is in version control."""

    git_user: f.GitUser | None = Field(
        default=None,
        examples=["Forage Agent"],
        description="Author and committer name.",
    )
    git_email: f.GitEmail | None = Field(
        default=None,
        examples=["agent@example.org"],
        description="Author and committer e-mail address.",
    )
    ssh_secret_name: f.SecretName | None = Field(
        default=None,
        examples=["deploy-key"],
        description="The private key in `[secrets]` that the agent logs in with by SSH, to "
        "`sshHosts` alone. It stays on the host, in an ssh-agent.",
    )
    ssh_hosts: list[f.SshHost] = Field(
        default=[],
        examples=[["git@github.com"]],
        description="Where that key may log in: `[USER@]HOST[:PORT]`. The network has to reach "
        "them: in `restricted`, list `github.com:22` in `allowedHosts` as well.",
    )
    known_hosts: list[f.KnownHost] = Field(
        default=[],
        examples=[["github.com ssh-ed25519 AAAA..."]],
        description="The host keys of `sshHosts`, as lines of known_hosts. No other host key is "
        "taken for theirs.",
    )


NetworkMode = Literal["full", "restricted", "none"]
ResolveTime = Literal["run", "build"]


class Template(_Strict):
    """A kind of sandbox: what is in it, and what it may do."""

    description: f.OneLine | None = Field(
        default=None,
        examples=["Claude Code"],
        description="One line for people.",
    )
    extends: f.TemplateName | None = Field(
        default=None,
        examples=["base"],
        description="A parent template. Tables merge, lists append, other values replace. See "
        "`replaces`.",
    )
    replaces: list[str] = Field(
        default=[],
        examples=[["allowedHosts", "agents.claude.permissions.allow"]],
        description="Keys at which nothing is inherited: this template has what it writes there "
        "itself, or the default.",
    )
    rootfs: f.HostPath | None = Field(
        default=None,
        examples=["/var/lib/forage/guests/trixie"],
        description="A root file system of the host to run instead of a NixOS system.",
    )
    extra_packages: list[f.PackagePath] = Field(
        default=[],
        examples=[["ripgrep", "python3Packages.requests"]],
        description="Programs to have inside: nixpkgs attribute paths, or `sources.NAME`. Fewer "
        "is safer.",
    )
    network: NetworkMode = Field(
        default="none",
        examples=["restricted"],
        description="`full`: the internet. `restricted`: `allowedHosts` only. `none`: nothing, "
        "not even names.",
    )
    allowed_hosts: list[f.AllowedHost] = Field(
        default=[],
        examples=[["api.anthropic.com", "*.example.org", "db.example.org:5432"]],
        description="Names, `*.` wildcards, addresses and prefixes that may be reached, each with "
        "or without a port. `!` before a name or wildcard excepts it from the wildcards above it. "
        "In `full`: private addresses, which it leaves closed, and IPv6 addresses of the networks "
        "that the host is in. In `none`: empty.",
    )
    allow_lan: bool = Field(
        default=False,
        examples=[True],
        description="In `full`: whether it also reaches the local network, 10.0.0.0/8, "
        "172.16.0.0/12 and 192.168.0.0/16, and with `ipv6Subnet` fc00::/7 and the networks that "
        "the host is in; but not this host, nor other sandboxes.",
    )
    resolve: ResolveTime = Field(
        default="run",
        examples=["build"],
        description="In `restricted`, when names are looked up. `run`: whenever they are asked "
        "for. `build`: by `forage-gen lock --hosts`; their addresses are in forage.lock, and stay "
        "as they were then.",
    )
    read_only_workspace: bool = Field(
        default=False,
        examples=[True],
        description="Whether the agent may only read the workspace.",
    )
    protected_paths: list[f.Protected] | None = Field(
        default=None,
        examples=[["@version-control", "@direnv", "deploy.sh"]],
        description="Paths in the workspace that the agent can neither change nor create, because "
        f"the host would run what is in them; and groups of such paths: {_GROUPS}. Default: "
        f"`{DEFAULT}`.",
    )
    nix_daemon: bool = Field(
        default=False,
        examples=[True],
        description="A Nix daemon of the sandbox's own: what it builds is in a layer over the "
        "host's store, up to `diskMax`, gone on restart. It reaches what the sandbox reaches.",
    )
    init_commands: list[f.InitCommand] = Field(
        default=[],
        examples=[["npm install"]],
        description="Shell commands, run in the workspace as the agent user at every start, in "
        "this order.",
    )
    reset_every: f.Calendar | None = Field(
        default=None,
        examples=["daily"],
        description="A systemd calendar expression: how often the sandbox starts afresh.",
    )
    reset_while_attached: bool = Field(
        default=False,
        examples=[True],
        description="Whether `resetEvery` also ends what somebody is doing there. If not, the "
        "sandbox starts afresh as soon as nobody is attached to it.",
    )
    agents: dict[f.AgentName, Agent] = Field(
        default={},
        examples=[{"claude": {"package": "claude-code", "secretName": "anthropic"}}],
        description="The agents, by the name of their command inside.",
    )
    proxies: list[f.ProxyName] = Field(
        default=[],
        examples=[["github"]],
        description="APIs that each of its sandboxes may ask through the proxy on the host: names "
        "of `[proxies]` in forage.toml.",
    )
    api_limits: ApiLimits = Field(
        default=ApiLimits(),
        examples=[{"requestsPerMinute": 30}],
        description="What a sandbox may ask of APIs through the proxy, of all of them together.",
    )
    resource_limits: ResourceLimits = Field(
        default=ResourceLimits(),
        examples=[{"cpuQuota": "200%", "memoryMax": "4G"}],
        description="What the sandbox may spend.",
    )
    isolation: Isolation = Field(
        default=Isolation(),
        examples=[{"syscallFilter": "strict"}],
        description="How the sandbox is held.",
    )
    workspace: WorkspaceOptions = Field(
        default=WorkspaceOptions(),
        examples=[{"mounts": {"docs": {"containerPath": "/srv/docs", "hostPath": "~/docs"}}}],
        description="What is mounted besides the workspace.",
    )
    agent_identity: AgentIdentity = Field(
        default=AgentIdentity(),
        examples=[{"gitUser": "Forage Agent", "gitEmail": "agent@example.org"}],
        description="Who the agent is in version control.",
    )
    allow_findings: dict[str, f.Reason] = Field(
        default={},
        examples=[{"no-limits": "this host has nothing else to do"}],
        description="Lints that are right as they are in this template: codes, each with the "
        "reason. It is not inherited.",
    )


class Sandbox(_Strict):
    """One running place for an agent."""

    template: f.TemplateName = Field(
        examples=["claude"],
        description="Required. The template it is made from.",
    )
    workspace: f.HostPath = Field(
        examples=["/home/alice/projects/myproject"],
        description="Required. The directory that the agent works on. It appears as /workspace.",
    )
    auto_start: bool = Field(
        default=False,
        examples=[True],
        description="Whether it starts with the host.",
    )
    restart_if_changed: bool = Field(
        default=True,
        examples=[False],
        description="Whether a switch of the host restarts it when its own files have changed. If "
        "not, a running agent keeps its sandbox as it is until the next reset or restart.",
    )
    proxies: list[f.ProxyName] = Field(
        default=[],
        examples=[["github"]],
        description="APIs that it may ask through the proxy, besides those of its template: names "
        "of `[proxies]`.",
    )
    forward_ports: list[f.Forward] = Field(
        default=[],
        examples=[["8080", "8443:443", "192.168.1.5:3000", "[2001:db8::5]:3000"]],
        description="TCP ports of the host that lead into the sandbox while it runs: "
        "`[ADDRESS:]PORT[:PORT INSIDE]`. Without an address, a port of the host's loopback, "
        "127.0.0.1. An IPv6 address is in brackets.",
    )
    allow_findings: dict[str, f.Reason] = Field(
        default={},
        examples=[{"workspace-too-wide": "its work is to set up this machine"}],
        description="Lints that are right as they are in this sandbox: codes, each with the "
        "reason.",
    )


SourceType = Literal["url", "tarball", "git"]


class Source(_Strict):
    """A program that nixpkgs lacks, pinned in forage.lock by `forage-gen lock`."""

    type: SourceType = Field(
        examples=["url"],
        description="Required. `url`: one file. `tarball`: an archive with one directory in it. "
        "`git`: a repository.",
    )
    url: f.SourceUrl = Field(
        examples=["https://example.org/tool/v1.2/tool-linux-x86_64"],
        description="Required. Where it is: `https`, `http`, and for git `ssh`. Credentials do not "
        "belong here.",
    )
    rev: f.GitRev | None = Field(
        default=None,
        examples=["3f786850e387550fdab836ed7e6dc881de23001b"],
        description="Of a git repository: the commit.",
    )
    ref: f.GitRef | None = Field(
        default=None,
        examples=["refs/tags/v1.2"],
        description="Of a git repository, instead of `rev`: the branch or tag. `forage-gen lock` "
        "notes the commit that it is then; `--update` moves on.",
    )
    subpath: f.Subpath | None = Field(
        default=None,
        examples=["bin/tool"],
        description="The part of the archive or repository that is used. Without `package`: the "
        "file that is the program.",
    )
    package: f.PackageFile | None = Field(
        default=None,
        examples=["packages/tool.nix"],
        description="A Nix file of the project that makes a package of it: a function for "
        "`pkgs.callPackage` that also takes `src`. Without it, the source is the program.",
    )


class Proxy(_Strict):
    """An API, and what sandboxes may ask of it with a key that stays on the host."""

    upstream: f.ApiUrl = Field(
        examples=["https://api.github.com"],
        description="Required. Where it is: `https`, a host's name, and perhaps a port and the "
        "path that all requests begin with. Its certificate is checked.",
    )
    secret_name: f.SecretName = Field(
        examples=["github"],
        description="Required. The key in `[secrets]` that the proxy adds.",
    )
    header: f.ApiHeader = Field(
        default="Authorization: Bearer",
        examples=["x-api-key"],
        validate_default=True,
        description="The header that holds the key, and the word before it, if there is one.",
    )
    methods: list[f.Method] = Field(
        default=[Method("GET"), Method("HEAD")],
        min_length=1,
        examples=[["GET", "POST"]],
        description="What may be done.",
    )
    paths: list[f.ApiPath] = Field(
        min_length=1,
        examples=[["/repos/acme/website", "/repos/acme/website/**"]],
        description="Required. The paths that may be asked for, below `upstream`. `*` stands for "
        "any characters but `/`, `/**` at the end for all below.",
    )
    env: dict[f.EnvVarName, f.ApiVariable] = Field(
        default={},
        examples=[{"GITHUB_API_URL": "{url}"}],
        description="Variables that tell programs inside of it. `{url}` stands for the address at "
        "which the sandbox finds the proxy.",
    )


class Project(_Strict):
    """The keys of `forage.toml`."""

    user: f.UserName = Field(
        examples=["alice"],
        description="Required. The host user who owns the workspaces.",
    )
    uid: Annotated[int, Field(ge=1, le=60000)] = Field(
        default=1000,
        examples=[1000],
        description="The numeric id of `user`.",
    )
    gid: Annotated[int, Field(ge=1, le=60000)] = Field(
        default=100,
        examples=[100],
        description="The numeric id of the primary group of `user`; 100 is `users` on NixOS.",
    )
    home: f.HostPath | None = Field(
        default=None,
        examples=["/home/alice"],
        description="What `~` stands for in paths. Default: /home/ and the user.",
    )
    authorized_keys: list[f.AuthorizedKey] = Field(
        default=[],
        examples=[["ssh-ed25519 AAAA... alice@laptop"]],
        description="SSH public keys that may log in to the sandboxes as the agent. Without one, "
        "no sshd runs.",
    )
    external_interface: f.InterfaceName | None = Field(
        default=None,
        examples=["eth0"],
        description="The interface for which Forage masquerades. Without it, NAT is left to the "
        "host.",
    )
    subnet: f.Subnet = Field(
        default="10.100.0.0/16",
        examples=["10.100.0.0/16"],
        validate_default=True,
        description="Where the sandboxes' addresses come from. The first is the gateway's.",
    )
    ipv6_subnet: f.Ipv6Subnet | None = Field(
        default=None,
        examples=["fd5c:3a1e:77b0::/64"],
        description="Where their IPv6 addresses come from; without it they have none. A unique "
        "local prefix (`fd00::/8`) is translated as `subnet` is; a global one has to be routed to "
        "this host. For hosts that reach the internet by IPv6.",
    )
    secrets: dict[f.SecretName, f.SecretPath] = Field(
        default={},
        examples=[{"anthropic": "/run/secrets/anthropic-api-key"}],
        description="Names for files that exist on the host at run time. Never their contents.",
    )
    proxies: dict[f.ProxyName, Proxy] = Field(
        default={},
        examples=[
            {
                "github": {
                    "upstream": "https://api.github.com",
                    "secretName": "github",
                    "methods": ["GET"],
                    "paths": ["/repos/example/website/**"],
                }
            }
        ],
        description="APIs for which the proxy on the host has a key, by name. Templates and "
        "sandboxes say which they use.",
    )
    audit_max: f.LogSize = Field(
        default="200M",
        examples=["1G"],
        validate_default=True,
        description="Size of the logs of all requests through the proxy. Past it, the oldest go.",
    )
    audit_tokens: bool = Field(
        default=True,
        examples=[False],
        description="Whether that log says which model answered and how many tokens it counted, "
        "where the answer says so. It takes an nginx with a module of Forage's.",
    )
    sources: dict[f.SourceName, Source] = Field(
        default={},
        examples=[{"tool": {"type": "url", "url": "https://example.org/tool/v1.2/tool"}}],
        description="What nixpkgs lacks, by the name of the program. Packages call it "
        "`sources.NAME`.",
    )
    sandboxes: dict[f.SandboxName, Sandbox] = Field(
        default={},
        examples=[{"website": {"template": "claude", "workspace": "~/projects/website"}}],
        description="The sandboxes, by name. The name is also host name, machine name and unit "
        "name.",
    )
    allow_findings: dict[str, f.Reason] = Field(
        default={},
        examples=[{"secret-outside-manager": "a token for tests, worth nothing"}],
        description="Lints that are right as they are here, outside of sandboxes and templates: "
        "codes, each with the reason.",
    )
