"""The types of single values: `forage_gen.values` made into pydantic fields."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, TypeVar

from pydantic import ValidationInfo
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from forage_gen.values import (
    accounts,
    apis,
    calendar,
    capabilities,
    commands,
    env,
    forwards,
    hosts,
    limits,
    names,
    packages,
    paths,
    protected,
    secrets,
    sources,
    sshhosts,
    sshkeys,
    subnets,
    syscalls,
)
from forage_gen.values.problem import ValueProblem

Parsed = TypeVar("Parsed")

# The key under which the project's directory reaches the validators that need it.
PROJECT_DIRECTORY = "project_directory"


def refusal(problem: ValueProblem) -> PydanticCustomError:
    """Carry a problem through pydantic, with its code, message and hint."""
    # The message is passed as a variable: braces in it must not be read as fields.
    return PydanticCustomError(
        problem.code,
        "{message}",
        {"message": problem.message, "hint": problem.hint, "sensitive": problem.sensitive},
    )


# The kinds of wrong type, as pydantic calls them; `forage_gen.read` words the message.
_NO_STRING = "string_type"
_NO_INTEGER = "int_type"
_NO_STRING_OR_LIST = "string_or_list_type"


def _wrong_type(kind: str, *, sensitive: bool = False) -> PydanticCustomError:
    return PydanticCustomError(kind, "wrong type", {"sensitive": sensitive})


@dataclass(frozen=True, slots=True, eq=False)
class _Grammar:
    """A field of which pydantic knows no more than how to read it.

    Like `PlainValidator`, but without a schema for what the grammar returns. Nobody
    serializes the models, and making these schemas takes most of their import.
    """

    read: Callable[[object, ValidationInfo], object]
    json_schema: dict[str, object]

    def __get_pydantic_core_schema__(self, _source: object, _handler: object) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _schema: object, _handler: object) -> dict[str, object]:
        return dict(self.json_schema)


def _checked(
    kind: type, wrong: str, json_schema: dict[str, object], parse: Callable[..., Parsed]
) -> _Grammar:
    def read(value: object, _info: ValidationInfo) -> Parsed:
        if type(value) is not kind:  # not isinstance: a bool is no int here
            raise _wrong_type(wrong)
        try:
            return parse(value)
        except ValueProblem as problem:
            raise refusal(problem) from None

    return _Grammar(read, json_schema)


def _text(parse: Callable[[str], Parsed], form: dict[str, object] | None = None) -> _Grammar:
    return _checked(str, _NO_STRING, _STRING | (form or {}), parse)


def _like(what: str, pattern: str) -> dict[str, object]:
    """Say what a text is, and roughly what it looks like, for those who cannot ask the grammar.

    The pattern is read by editors (ECMAScript) and by Nix (POSIX, extended), so it has nothing
    that one of them reads otherwise. What the grammar takes, it takes; what it takes besides,
    the grammar refuses. Nix's engine recurses, so a text that may be long has none.
    """
    return {"title": what, "pattern": f"^({pattern})$"}


def _secret_path(value: object, info: ValidationInfo) -> secrets.SecretPath:
    if not isinstance(value, str):
        # A key in a list or a table is a key all the same.
        raise _wrong_type(_NO_STRING, sensitive=True)
    project = (info.context or {}).get(PROJECT_DIRECTORY)
    try:
        return secrets.secret_path(value, project=project)
    except ValueProblem as problem:
        raise refusal(problem) from None


def _syscall_filter(value: object, _info: ValidationInfo) -> syscalls.SyscallFilter:
    items = [item for item in value if isinstance(item, str)] if isinstance(value, list) else None
    if not isinstance(value, str) and (items is None or items != value):
        raise _wrong_type(_NO_STRING_OR_LIST)
    try:
        return syscalls.syscall_filter(value if isinstance(value, str) else items or [])
    except ValueProblem as problem:
        raise refusal(problem) from None


def _begins(what: str, pattern: str) -> dict[str, object]:
    """The same of what may hold a key by mistake: only how it begins, and no message shows it."""
    return {"title": what, "pattern": f"^{pattern}"}


_NOT_EMPTY: dict[str, object] = {"minLength": 1}
_NAME = _like("name", "[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SECRET_NAME = _like("name of a secret", "[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_USER_NAME = _like("user name", "[a-z_][a-z0-9_-]{0,30}")
_INTERFACE = _like("interface name", "[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_VARIABLE = _like("variable name", "[A-Za-z_][A-Za-z0-9_]*")
_ONE_LINE = _like("one line", "[^\n]*")
_PARTS = "(/[^/:\n]+)+"
_HOST_PATH = _like("path of the host", f"~/*|~?{_PARTS}/*")
_CONTAINER_PATH = _like("path inside", f"{_PARTS}/*")
_PROTECTED = _like("path in the workspace", "[^~/:*?\n][^:*?\n]*")
_PORT = "[0-9]{1,5}"
_IPV4 = "[0-9]{1,3}([.][0-9]{1,3}){3}"
# A bracket: no way to write it means the same to both.
_CLOSING = "."
_HOST = _like(
    "host",
    "|".join(
        (
            f"!?([*][.])?[^ \t\n@/:*]+(:{_PORT})?",
            f"{_IPV4}/[0-9]{{1,2}}(:{_PORT})?",
            "[0-9A-Fa-f:.]+(/[0-9]{1,3})?",
            rf"\[[0-9A-Fa-f:.]+(/[0-9]{{1,3}})?{_CLOSING}(:{_PORT})?",
        )
    ),
)
_FORWARD = _like("port", rf"(({_IPV4}|\[[0-9A-Fa-f:.]{{1,45}}{_CLOSING}):)?{_PORT}(:{_PORT})?")
_SUBNET = _like("IPv4 network", f"{_IPV4}/[0-9]{{1,2}}")
_IPV6_SUBNET = _like("IPv6 prefix", "[0-9A-Fa-f:]+/[0-9]{2,3}")
_QUOTA = _like("percentage", "[0-9]{1,7}([.][0-9]{1,2})?%")
_MEMORY = _like("size", "[0-9]{1,20}([.][0-9]{1,20})?[KMGTPE]?")
_DISK = _like("size of a tmpfs", "[0-9]{1,20}[KMG]?")
_WORD = "[A-Za-z0-9*~.,:/_+-]+"
_CALENDAR = _like("calendar expression", f"{_WORD}( +{_WORD})*")
_CAPABILITY = _like("capability", "CAP_[A-Z_]+")
_PROFILE = _like("profile", "|".join(syscalls.SYSCALL_PROFILES))
_SYSCALL = _like("system call", "~?@?[a-z_][a-z0-9_-]*")
_RULE = _like("rule", "[A-Za-z][^\n]*")
_GIT_NAME = _like("name of an author", "[^<>\n]+")
_EMAIL = _like("mail address", "[^ \t\n@<>]+@[^ \t\n@<>]+")
_URL = _like("address of an API", "https://[^ \t\n@]+")
_HEADER = _like("header", "[A-Za-z0-9-]+(: ?[A-Za-z0-9-]+)?")
_PATTERN = _like("pattern of paths", "/[^ \t\n?#]*")
_METHOD = _like("method", "[A-Z]{2,16}")
_BYTES = _like("size of data", "[1-9][0-9]{0,8}[KMG]")
_LOG = _like("size of a log", "[1-9][0-9]{0,8}[MG]")
_SECRET_PATH = _begins("path of a secret", "/")
_PUBLIC_KEY = _begins("public key", f"[ \t\n]*({'|'.join(sorted(sshkeys.TYPES))})[ \t]")

_STRING: dict[str, object] = {"type": "string"}
_PROFILE_OR_LIST: dict[str, object] = {
    "anyOf": [_STRING | _PROFILE, {"type": "array", "items": _STRING | _SYSCALL}]
}
_TASKS: dict[str, object] = {
    "type": "integer",
    "minimum": limits.TASKS_MIN,
    "maximum": limits.TASKS_MAX,
}

SandboxName = Annotated[names.SandboxName, _text(names.sandbox_name, _NAME)]
TemplateName = Annotated[names.TemplateName, _text(names.template_name, _NAME)]
AgentName = Annotated[names.AgentName, _text(names.agent_name, _NAME)]
SecretName = Annotated[names.SecretName, _text(names.secret_name, _SECRET_NAME)]
MountName = Annotated[names.MountName, _text(names.mount_name, _NAME)]
ProxyName = Annotated[names.ProxyName, _text(names.proxy_name, _NAME)]
SourceName = Annotated[names.SourceName, _text(names.source_name, _NAME)]
UserName = Annotated[accounts.UserName, _text(accounts.user_name, _USER_NAME)]
InterfaceName = Annotated[accounts.InterfaceName, _text(accounts.interface_name, _INTERFACE)]
OneLine = Annotated[accounts.OneLine, _text(accounts.one_line, _ONE_LINE)]
Reason = Annotated[accounts.Reason, _text(accounts.reason, _NOT_EMPTY)]
HostPath = Annotated[paths.HostPath, _text(paths.host_path, _HOST_PATH)]
ContainerPath = Annotated[paths.ContainerPath, _text(paths.container_path, _CONTAINER_PATH)]
Protected = Annotated[protected.Protected, _text(protected.protected, _PROTECTED)]
SecretPath = Annotated[secrets.SecretPath, _Grammar(_secret_path, _STRING | _SECRET_PATH)]
AllowedHost = Annotated[hosts.AllowedHost, _text(hosts.allowed_host, _HOST)]
Forward = Annotated[forwards.Forward, _text(forwards.forward, _FORWARD)]
Subnet = Annotated[IPv4Network, _text(subnets.sandbox_subnet, _SUBNET)]
Ipv6Subnet = Annotated[IPv6Network, _text(subnets.sandbox_ipv6_subnet, _IPV6_SUBNET)]
CpuQuota = Annotated[limits.CpuQuota, _text(limits.cpu_quota, _QUOTA)]
MemorySize = Annotated[limits.MemorySize, _text(limits.memory_size, _MEMORY)]
DiskSize = Annotated[limits.DiskSize, _text(limits.disk_size, _DISK)]
TasksMax = Annotated[limits.TasksMax, _checked(int, _NO_INTEGER, _TASKS, limits.tasks_max)]
Calendar = Annotated[str, _text(calendar.calendar_expression, _CALENDAR)]
PackagePath = Annotated[tuple[str, ...], _text(packages.attribute_path)]
AuthorizedKey = Annotated[sshkeys.AuthorizedKey, _text(sshkeys.authorized_key, _PUBLIC_KEY)]
SshHost = Annotated[sshhosts.SshHost, _text(sshhosts.ssh_host)]
KnownHost = Annotated[sshhosts.KnownHost, _text(sshhosts.known_host)]
Capability = Annotated[capabilities.Capability, _text(capabilities.capability, _CAPABILITY)]
SyscallFilter = Annotated[syscalls.SyscallFilter, _Grammar(_syscall_filter, _PROFILE_OR_LIST)]
EnvVarName = Annotated[env.EnvVarName, _text(env.env_var_name, _VARIABLE)]
ApiUrl = Annotated[apis.ApiUrl, _text(apis.api_url, _URL)]
ApiHeader = Annotated[apis.ApiHeader, _text(apis.api_header, _HEADER)]
ApiPath = Annotated[apis.ApiPath, _text(apis.api_path, _PATTERN)]
Method = Annotated[apis.Method, _text(apis.method, _METHOD)]
ByteSize = Annotated[apis.ByteSize, _text(apis.byte_size, _BYTES)]
LogSize = Annotated[apis.ByteSize, _text(apis.log_size, _LOG)]
ApiVariable = Annotated[apis.ApiVariable, _text(apis.api_variable)]
InitCommand = Annotated[commands.InitCommand, _text(commands.init_command, _NOT_EMPTY)]
PermissionRule = Annotated[commands.PermissionRule, _text(commands.permission_rule, _RULE)]
GitUser = Annotated[str, _text(commands.git_name, _GIT_NAME)]
GitEmail = Annotated[str, _text(commands.git_email, _EMAIL)]
SourceUrl = Annotated[sources.SourceUrl, _text(sources.source_url)]
GitRev = Annotated[sources.GitRev, _text(sources.git_rev)]
GitRef = Annotated[sources.GitRef, _text(sources.git_ref)]
Subpath = Annotated[sources.Subpath, _text(sources.subpath)]
PackageFile = Annotated[sources.PackageFile, _text(sources.package_file)]
