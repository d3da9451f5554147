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


def _checked(kind: type, wrong: str, json_type: str, parse: Callable[..., Parsed]) -> _Grammar:
    def read(value: object, _info: ValidationInfo) -> Parsed:
        if type(value) is not kind:  # not isinstance: a bool is no int here
            raise _wrong_type(wrong)
        try:
            return parse(value)
        except ValueProblem as problem:
            raise refusal(problem) from None

    return _Grammar(read, {"type": json_type})


def _text(parse: Callable[[str], Parsed]) -> _Grammar:
    return _checked(str, _NO_STRING, "string", parse)


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


_STRING_OR_LIST: dict[str, object] = {
    "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
}

SandboxName = Annotated[names.SandboxName, _text(names.sandbox_name)]
TemplateName = Annotated[names.TemplateName, _text(names.template_name)]
AgentName = Annotated[names.AgentName, _text(names.agent_name)]
SecretName = Annotated[names.SecretName, _text(names.secret_name)]
MountName = Annotated[names.MountName, _text(names.mount_name)]
ProxyName = Annotated[names.ProxyName, _text(names.proxy_name)]
SourceName = Annotated[names.SourceName, _text(names.source_name)]
UserName = Annotated[accounts.UserName, _text(accounts.user_name)]
InterfaceName = Annotated[accounts.InterfaceName, _text(accounts.interface_name)]
OneLine = Annotated[accounts.OneLine, _text(accounts.one_line)]
Reason = Annotated[accounts.Reason, _text(accounts.reason)]
HostPath = Annotated[paths.HostPath, _text(paths.host_path)]
ContainerPath = Annotated[paths.ContainerPath, _text(paths.container_path)]
Protected = Annotated[protected.Protected, _text(protected.protected)]
SecretPath = Annotated[secrets.SecretPath, _Grammar(_secret_path, {"type": "string"})]
AllowedHost = Annotated[hosts.AllowedHost, _text(hosts.allowed_host)]
Forward = Annotated[forwards.Forward, _text(forwards.forward)]
Subnet = Annotated[IPv4Network, _text(subnets.sandbox_subnet)]
Ipv6Subnet = Annotated[IPv6Network, _text(subnets.sandbox_ipv6_subnet)]
CpuQuota = Annotated[limits.CpuQuota, _text(limits.cpu_quota)]
MemorySize = Annotated[limits.MemorySize, _text(limits.memory_size)]
DiskSize = Annotated[limits.DiskSize, _text(limits.disk_size)]
TasksMax = Annotated[limits.TasksMax, _checked(int, _NO_INTEGER, "integer", limits.tasks_max)]
Calendar = Annotated[str, _text(calendar.calendar_expression)]
PackagePath = Annotated[tuple[str, ...], _text(packages.attribute_path)]
AuthorizedKey = Annotated[sshkeys.AuthorizedKey, _text(sshkeys.authorized_key)]
SshHost = Annotated[sshhosts.SshHost, _text(sshhosts.ssh_host)]
KnownHost = Annotated[sshhosts.KnownHost, _text(sshhosts.known_host)]
Capability = Annotated[capabilities.Capability, _text(capabilities.capability)]
SyscallFilter = Annotated[syscalls.SyscallFilter, _Grammar(_syscall_filter, _STRING_OR_LIST)]
EnvVarName = Annotated[env.EnvVarName, _text(env.env_var_name)]
ApiUrl = Annotated[apis.ApiUrl, _text(apis.api_url)]
ApiHeader = Annotated[apis.ApiHeader, _text(apis.api_header)]
ApiPath = Annotated[apis.ApiPath, _text(apis.api_path)]
Method = Annotated[apis.Method, _text(apis.method)]
ByteSize = Annotated[apis.ByteSize, _text(apis.byte_size)]
ApiVariable = Annotated[apis.ApiVariable, _text(apis.api_variable)]
InitCommand = Annotated[commands.InitCommand, _text(commands.init_command)]
PermissionRule = Annotated[commands.PermissionRule, _text(commands.permission_rule)]
GitUser = Annotated[str, _text(commands.git_name)]
GitEmail = Annotated[str, _text(commands.git_email)]
SourceUrl = Annotated[sources.SourceUrl, _text(sources.source_url)]
GitRev = Annotated[sources.GitRev, _text(sources.git_rev)]
GitRef = Annotated[sources.GitRef, _text(sources.git_ref)]
Subpath = Annotated[sources.Subpath, _text(sources.subpath)]
PackageFile = Annotated[sources.PackageFile, _text(sources.package_file)]
