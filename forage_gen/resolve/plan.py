"""The plan: every decision about a project, made once, immutable.

Emitters read it and nothing else. A path, address or name on which two of them
must agree is a field here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from forage_gen.values.packages import source_of
from forage_gen.values.secrets import is_encrypted
from forage_gen.values.subnets import is_translated

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
    from typing import Literal

    from forage_gen.catalogue import SettingsFormat
    from forage_gen.values.forwards import Forward
    from forage_gen.values.hosts import Network as IpNetwork
    from forage_gen.values.sshhosts import KnownHost, SshHost

# Where the generated tree and its run-time state are found on a host.
TREE = "/etc/forage/tree"
SYSTEMS = "/etc/forage/systems"
CLOSURES = "/etc/forage/closures"
NIX_STORE = "/nix/store"
RUNTIME = "/run/forage"
STOPPED = f"{RUNTIME}/stopped"  # the names of sandboxes that have run
SWITCHES = f"{RUNTIME}/network"  # what `forage-ctl network` has switched sandboxes to
LINKS = f"{RUNTIME}/links"  # which networks of IPv6 the host is in, for the fence (.nft)
SWITCHED = {
    "switched": "own",
    "switched_in": "own_in",
    "switched_local": "own_local",
    "switched_names": "own_names",
    "switched_link": "own_link",
}
"""The maps of the fence that `forage-ctl network` changes, and the chains that judge where it has
not: out, in, to the host, NAT, the link."""
CLOSED = ("mode_none", "mode_none_in", "mode_none_local", "mode_none_names", "mode_none_link")
"""The chains that judge a sandbox without a network, in the same order."""
ADDED_NAMES = "/run/forage-names"
"""Names it has let sandboxes reach besides, by template: dnsmasq and nginx read it, as no root."""
PLACEHOLDERS = "/var/lib/forage/placeholders"  # what sandboxes that run have made in workspaces
UPSTREAM_FILE = "resolver/upstream.conf"  # where the tree has it
QUESTIONS_FILE = "resolver/questions.lua"
NAMES_FILE = "resolver/names"  # wildcards, and what is listed below them
MACHINES = "/var/lib/machines"
NETNS = "/run/netns"
API = "api"
API_CONF = f"{API}/nginx.conf"
API_FACTS = f"{API}/secrets.conf"  # what the scripts of the API proxy know of its keys
API_CLIENTS = f"{API}/clients.conf"
API_RUNTIME = "/run/forage-api"
API_KEYS = "/run/forage-api-keys"  # each key as nginx reads it
API_UNIT = "forage-api.service"
AUDIT = "/var/log/forage-api"
AUDIT_LOGS = {"requests": 4, "refused": 2}
"""The logs of what was asked of APIs and of what was not, each `NAME.log` in that directory.

Of each there are so many files, with the one that is written. They are apart, as a sandbox can be
refused as often as it likes.
"""
AUDIT_PARTS = 2 * sum(AUDIT_LOGS.values())
"""Of so many parts is what is kept. A log begins anew when it has one of them, and cannot have more
than two (`LimitFSIZE=`).
"""
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"  # on NixOS and on Debian

HTTP, TLS = 80, 443
PROXIED = (HTTP, TLS)
"""The ports at which a proxy reads names."""
GATEWAY_PORT = 80
"""The port of the gateway at which a sandbox finds the API proxy."""

# Paths inside a sandbox.
WORKSPACE = "/workspace"
SECRETS = "/run/secrets"
SSH_AGENT = "/run/ssh-agent"
SSH_AUTH_SOCK = f"{SSH_AGENT}/socket"
SSH_KNOWN_HOSTS = "/etc/ssh/forage_known_hosts"
AGENT_HOME = "/home/agent"
AGENT_PROGRAMS = "/etc/forage/agents"
OWN_BIN = "/opt/forage/bin"
KEY_HELPERS = "/opt/forage/key-helpers"
INIT_SCRIPT = "/opt/forage/init"
AWAIT_LIMITS_SCRIPT = "/opt/forage/await-limits"
ENVIRONMENT = "/etc/forage/environment.sh"  # a sandbox's own variables
FACTS_INSIDE = "/etc/forage.json"
NIX_LAYER = "/nix/.forage"  # what the sandbox's own Nix daemon works on; its root's alone
NIX_CONF_DIR = "/etc/forage/nix"
NIX_DAEMON = "/opt/forage/nix-daemon"

UIDS_PER_SANDBOX = 65536
PROXY_UID = 0x70000000
API_UID = PROXY_UID + 1
# The bit of a packet's mark that says that the fence has let it come in from a sandbox's link. The
# kernel drops what is from a sandbox and has none, whether rules are loaded or not.
ADMITTED = 0x20000000
"""Who the proxies are on the host: the first numbers behind those of containers, which nobody
else is given (https://systemd.io/UIDS-GIDS)."""
USER_NAMESPACES = 1024
"""The most that may be made in a sandbox, where any may."""

# tmpfs counts inodes apart from bytes; one of its pages has 4,096 bytes (tmpfs(5)).
_PAGE = 4096


class Network(StrEnum):
    """The three modes of the security model."""

    FULL = "full"
    RESTRICTED = "restricted"
    NONE = "none"


class SourceType(StrEnum):
    """What a source is: one file, an archive with one directory in it, or a repository."""

    URL = "url"
    TARBALL = "tarball"
    GIT = "git"


@dataclass(frozen=True, slots=True)
class Owner:
    """The host user who owns the workspaces. The agent inside has the same numbers."""

    name: str
    uid: int
    gid: int
    home: str


@dataclass(frozen=True, slots=True)
class NameRule:
    """A host name that may be reached at TCP `ports`. `name` is ASCII, lower case."""

    name: str
    wildcard: bool
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NameException:
    """A host name, or with `wildcard` all below it, that no wildcard above it opens."""

    name: str
    wildcard: bool


@dataclass(frozen=True, slots=True)
class LockedName:
    """A host name whose addresses were looked up before the build."""

    name: str
    addresses: tuple[IPv4Address | IPv6Address, ...]


@dataclass(frozen=True, slots=True)
class AddressRule:
    """A prefix that may be reached; `port` None means every port and protocol."""

    network: IpNetwork
    port: int | None


@dataclass(frozen=True, slots=True)
class Permissions:
    """What an agent may do without asking."""

    allow: tuple[str, ...]
    deny: tuple[str, ...]
    skip_all: bool


@dataclass(frozen=True, slots=True)
class Mount:
    """A part of the host (`source`, absolute) that is seen inside at `target`.

    `name` is unique in the template.
    """

    name: str
    source: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Upstream:
    """An API: a host that is asked by TLS at `port`, and what all of its paths begin with."""

    host: str
    port: int
    prefix: str


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """What may be asked of an API: methods, and a pattern of paths as people write it."""

    methods: tuple[str, ...]
    path: str


@dataclass(frozen=True, slots=True)
class Route:
    """A way to an API through the proxy, which adds the key.

    `path` is what stands before the API's own paths, such as `/agents/claude`. `header` holds
    the key, after `scheme` if there is one. `sandboxes` names those that may use it; None means
    all of the template.
    """

    name: str
    path: str
    upstream: Upstream
    secret: str
    header: str
    scheme: str | None
    requests: tuple[ApiRequest, ...]
    sandboxes: tuple[str, ...] | None = None

    def is_for(self, sandbox: str) -> bool:
        """Whether a sandbox of the template may use it."""
        return self.sandboxes is None or sandbox in self.sandboxes


@dataclass(frozen=True, slots=True)
class ApiLimits:
    """What a sandbox may ask through the proxy. `body_max` is in bytes."""

    requests_per_minute: int
    concurrent_requests: int
    body_max: int


@dataclass(frozen=True, slots=True)
class Proxied:
    """How an agent finds its API: two variables, for the proxy's address and for a key."""

    path: str
    base_url: str
    placeholder: str


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent. `program` is the executable's name, `secret` the file's name in /run/secrets.

    Its key is in `auth_env_var`, or with `key_helper` in no variable: a command prints it. With
    `proxied` it has none, and no secret.
    """

    name: str
    package: tuple[str, ...]
    program: str
    secret: str | None
    auth_env_var: str | None
    key_helper: bool
    hosts: tuple[str, ...]
    settings: SettingsFormat | None
    permissions: Permissions
    proxied: Proxied | None = None

    @property
    def key_helper_path(self) -> str:
        """Where the command that prints its key is inside: a path with nothing to quote."""
        return f"{KEY_HELPERS}/{self.name}"


@dataclass(frozen=True, slots=True)
class Ssh:
    """A key that stays on the host, in an ssh-agent: `secret` is its name in [secrets]."""

    secret: str
    hosts: tuple[SshHost, ...]
    known_hosts: tuple[KnownHost, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits: texts that systemd takes, `disk_max` in bytes; None where there is none."""

    cpu_quota: str | None
    memory_max: str | None
    tasks_max: int | None
    io_weight: int | None
    disk_max: int

    @property
    def inodes(self) -> int:
        """As many inodes as pages: empty files cannot outgrow the size."""
        return self.disk_max // _PAGE


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of sandbox, with everything it inherits.

    `locked` has every name of `names` if they were looked up before the build, or nothing.
    `nft_name` is a valid nftables identifier. `resolver_port` is the port on the
    host where the template's dnsmasq listens. `rootfs` is None for a NixOS guest.
    """

    name: str
    description: str
    network: Network
    names: tuple[NameRule, ...]
    exceptions: tuple[NameException, ...]
    locked: tuple[LockedName, ...]
    addresses: tuple[AddressRule, ...]
    allow_lan: bool
    nft_name: str
    resolver_port: int
    tls_port: int
    http_port: int
    packages: tuple[tuple[str, ...], ...]
    agents: tuple[Agent, ...]
    init_commands: tuple[str, ...]
    nix_daemon: bool
    read_only_workspace: bool
    protected_paths: tuple[str, ...]
    mounts: tuple[Mount, ...]
    limits: Limits
    private_users: bool
    user_namespaces: bool
    capabilities_dropped: tuple[str, ...]
    syscall_profile: str | None
    apparmor: bool
    store_closure: bool
    syscalls_allowed: tuple[str, ...]
    syscalls_denied: tuple[str, ...]
    git_user: str | None
    git_email: str | None
    ssh: Ssh | None
    reset_every: str | None
    reset_while_attached: bool
    rootfs: str | None
    api_port: int
    api_limits: ApiLimits
    routes: tuple[Route, ...] = ()

    @property
    def has_network(self) -> bool:
        """Whether its sandboxes reach anything by a network, and have names."""
        return self.network is not Network.NONE

    @property
    def has_api(self) -> bool:
        """Whether any of its sandboxes asks an API through the proxy."""
        return bool(self.routes)

    @property
    def api_file(self) -> str:
        """Where the tree has what the API proxy does for its sandboxes."""
        return f"{API}/templates/{self.name}.conf"

    @property
    def resolver_unit(self) -> str:
        """The unit that answers its sandboxes' questions for names."""
        return f"forage-resolver@{self.name}.service"

    @property
    def resolver_file(self) -> str:
        """Where the tree has the configuration of that."""
        return f"resolver/templates/{self.name}.conf"

    @property
    def is_proxied(self) -> bool:
        """Whether a proxy reads which names its sandboxes ask for, at ports 443 and 80."""
        reads_names = self.network is Network.RESTRICTED and not self.locked
        return reads_names and any(port in rule.ports for rule in self.names for port in PROXIED)

    @property
    def proxy_unit(self) -> str:
        """The unit of that proxy."""
        return f"forage-proxy@{self.name}.service"

    @property
    def proxy_file(self) -> str:
        """Where the tree has the configuration of that."""
        return f"proxy/templates/{self.name}.conf"

    @property
    def proxy_clients_file(self) -> str:
        """Where it has which sandbox has which address."""
        return f"proxy/templates/{self.name}.clients"

    @property
    def added_names(self) -> str:
        """The directory of names that single sandboxes may reach besides, while the host runs."""
        return f"{ADDED_NAMES}/{self.name}"

    @property
    def proxy_runtime(self) -> str:
        """Where the proxy has its sockets and its temporary files."""
        return f"/run/forage-proxy-{self.name}"

    @property
    def guest_root(self) -> str:
        """Where the tree has files of the guest, by their path inside."""
        return f"guests/{self.name}/root"

    @property
    def init_file(self) -> str:
        """Where the tree has the script of the init commands."""
        return self.guest_root + INIT_SCRIPT

    @property
    def await_limits_file(self) -> str:
        """Where the tree has the script that waits for the limits of the user namespace."""
        return self.guest_root + AWAIT_LIMITS_SCRIPT

    @property
    def facts_file(self) -> str:
        """Where the tree has what an agent may know about its sandbox."""
        return f"guests/{self.name}/forage.json"

    @property
    def nix_daemon_file(self) -> str:
        """Where the tree has the script that starts the sandbox's own Nix daemon."""
        return self.guest_root + NIX_DAEMON

    @property
    def known_hosts_file(self) -> str:
        """Where the tree has the host keys of where its SSH key may log in."""
        return self.guest_root + SSH_KNOWN_HOSTS

    def wrapper_file(self, agent: Agent) -> str:
        """Where the tree has the script that starts an agent."""
        return f"{self.guest_root}{OWN_BIN}/{agent.name}"

    def key_helper_file(self, agent: Agent) -> str:
        """Where the tree has the script that prints an agent's key."""
        return self.guest_root + agent.key_helper_path

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the sources that it uses, sorted."""
        paths = (*self.packages, *(agent.package for agent in self.agents))
        return tuple(sorted({name for path in paths if (name := source_of(path)) is not None}))

    @property
    def system(self) -> str:
        """The guest's root on the host: a NixOS system or a root file system."""
        return self.rootfs or f"{SYSTEMS}/{self.name}"

    @property
    def closure(self) -> str | None:
        """Where the host lists what the guest needs of the store, if it sees no more."""
        is_narrow = self.store_closure and self.rootfs is None
        return f"{CLOSURES}/{self.name}" if is_narrow else None


@dataclass(frozen=True, slots=True)
class Source:
    """A program from outside of nixpkgs, at one content.

    `rev` is the full hash of a repository's commit, `hash` SHA-256 in SRI form.
    `extension` says what kind of archive it is. `package` is the text of the Nix file
    that makes a package of it; without one, the file at `subpath` is the program.
    """

    name: str
    type: SourceType
    url: str
    rev: str | None
    hash: str
    extension: str | None
    subpath: str | None
    package: str | None

    @property
    def package_file(self) -> str:
        """Where the tree has the Nix file that makes a package of it."""
        return f"sources/{self.name}.nix"


@dataclass(frozen=True, slots=True)
class Bind:
    """A part of the host that a sandbox sees.

    `source` is where it is on the host; `staging` where a mount unit puts it, with
    the owner's ids mapped, for nspawn to take; `target` where it appears inside.
    """

    source: str
    staging: str
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential: `name` inside, `source` the file on the host."""

    name: str
    source: str

    @property
    def encrypted(self) -> bool:
        """Whether the file is what `systemd-creds encrypt` wrote."""
        return is_encrypted(self.source)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """One sandbox, with every number and path it has been given."""

    name: str
    template: Template
    slot: int
    address: IPv4Address
    interface: str
    uid_base: int
    workspace: Bind
    mounts: tuple[Bind, ...]
    secrets: tuple[Secret, ...]
    auto_start: bool
    restart_if_changed: bool
    forwards: tuple[Forward, ...] = ()
    ipv6_address: IPv6Address | None = None
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def routes(self) -> tuple[Route, ...]:
        """The ways to APIs that it may use."""
        return tuple(route for route in self.template.routes if route.is_for(self.name))

    @property
    def has_link(self) -> bool:
        """Whether it has an interface at all."""
        return self.template.has_network or bool(self.routes)

    @property
    def environment_file(self) -> str:
        """Where the tree has its variables."""
        return f"sandboxes/{self.name}.environment.sh"

    ssh_key: Secret | None = None
    proxied_secrets: tuple[Secret, ...] = ()

    @property
    def held_secrets(self) -> tuple[Secret, ...]:
        """Every secret that the host reads for it, whether it sees that or not."""
        key = [self.ssh_key] if self.ssh_key else []
        return (*self.secrets, *key, *self.proxied_secrets)

    @property
    def ssh_agent_unit(self) -> str:
        """The unit of the ssh-agent that has its SSH key."""
        return f"forage-ssh-agent@{self.name}.service"

    @property
    def ssh_agent_dir(self) -> str:
        """Where that has its socket on the host: not below `RUNTIME`, as it is no root."""
        return f"/run/forage-ssh-agent-{self.name}"

    @property
    def unit(self) -> str:
        """The stock unit that runs it."""
        return f"systemd-nspawn@{self.name}.service"

    @property
    def writable(self) -> tuple[Bind, ...]:
        """What it may write of the host."""
        return tuple(bind for bind in (self.workspace, *self.mounts) if not bind.read_only)

    @property
    def mac(self) -> str:
        """The hardware address of its end of the link, a local one made of its address."""
        return mac_of(self.address)

    def forward_unit(self, forward: Forward) -> str:
        """The unit of a forwarded port, without its kind: a socket and the service behind it."""
        # No name of a sandbox has `_`, so an address of one kind is never read as another's.
        address = str(forward.address).replace(".", "-").replace(":", "_")
        return f"forage-forward@{self.name}-{address}-{forward.outside}"

    @property
    def root(self) -> str:
        """The machine's directory, where the stock unit looks for it."""
        return f"{MACHINES}/{self.name}"

    @property
    def netns(self) -> str:
        """The name of its network namespace, as ip-netns(8) knows it."""
        return f"forage-{self.name}"

    @property
    def store(self) -> str | None:
        """What it sees as /nix/store: all of it, a part, or nothing."""
        if self.template.nix_daemon:
            return f"{self.nix_layer}/store"
        if not self.template.store_closure:
            return NIX_STORE
        return f"{RUNTIME}/stores/{self.name}/view/store" if self.template.closure else None

    @property
    def secrets_dir(self) -> str:
        """Where its secrets are laid out on the host while it runs."""
        return f"{RUNTIME}/secrets/{self.name}"

    @property
    def nix_layer(self) -> str:
        """Where its own layer over the host's Nix store is on the host while it runs."""
        return f"{RUNTIME}/nix/{self.name}"

    @property
    def uid_shift(self) -> int:
        """What the host adds to the numbers of users inside."""
        return self.uid_base if self.template.private_users else 0


def variable_of(text: str) -> str:
    """Make a part of a variable's name of a name: no two names give the same.

    nginx and the shell take letters, digits and `_`, and nginx does not tell capital letters
    from small ones.
    """
    return re.sub(r"[^a-z0-9]", lambda match: f"_{ord(match[0]):02x}_", text)


def key_variable(secret: str) -> str:
    """Name the variable in which the API proxy has a key."""
    return f"key_{variable_of(secret)}"


def mac_of(address: IPv4Address) -> str:
    """Make a local hardware address of an address."""
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x66, *address.packed))


@dataclass(frozen=True, slots=True)
class Ipv6:
    """Where the sandboxes' IPv6 addresses come from."""

    subnet: IPv6Network

    @property
    def gateway(self) -> IPv6Address:
        """The host's end of each link."""
        return self.subnet[1]

    @property
    def is_translated(self) -> bool:
        """Whether its addresses are the host's on the way out, as nobody routes them."""
        return is_translated(self.subnet)


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole project, decided."""

    owner: Owner
    subnet: IPv4Network
    gateway: IPv4Address
    external_interface: str | None
    authorized_keys: tuple[str, ...]
    templates: tuple[Template, ...]
    sandboxes: tuple[Sandbox, ...]
    sources: tuple[Source, ...] = ()
    ipv6: Ipv6 | None = None
    api_secrets: tuple[Secret, ...] = ()
    audit_max: int = 0
    audit_tokens: bool = True

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """The hosts and ports that the API proxy asks, each once and without a prefix."""
        found = {
            Upstream(route.upstream.host, route.upstream.port, "")
            for template in self.templates
            for route in template.routes
        }
        return tuple(sorted(found, key=lambda each: (each.host, each.port)))

    @property
    def has_api(self) -> bool:
        """Whether any sandbox asks an API through the proxy."""
        return any(template.has_api for template in self.templates)

    @property
    def subnets(self) -> tuple[IpNetwork, ...]:
        """Where its sandboxes' addresses are from, of each family."""
        return (self.subnet, *([self.ipv6.subnet] if self.ipv6 else []))

    @property
    def versions(self) -> tuple[Literal[4, 6], ...]:
        """The versions of IP that its sandboxes have addresses of."""
        return (4, 6) if self.ipv6 else (4,)

    @property
    def gateway_mac(self) -> str:
        """The hardware address of the host's end of each link, where it has to be known."""
        return mac_of(self.gateway)
