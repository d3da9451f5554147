"""What a person may write wrongly, what they then read, and where it points.

Each case is one file of an otherwise valid project; «this» is what is marked.
"""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.read.projects import (
    FORAGE,
    GOOD,
    TEMPLATE,
    as_json,
    finding,
    findings,
    marked,
    place_of,
    text_at,
)

if TYPE_CHECKING:
    from pathlib import Path


class Bad(NamedTuple):
    """A mistake: the file's text with a mark, then code and parts of message and hint."""

    text: str
    code: str
    message: str
    hint: str


USER = 'user = "alice"\n'
AGENT = '[agents.claude]\npackage = "claude-code"\n'
TARGET = '[workspace.mounts.d]\ncontainerPath = "/srv/d"\n'
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKDIhUq9XsgnrdApUJU8CAkpv9LUdpAv+ec93L4x+uE"
RESTRICTED = 'network = "restricted"\nallowedHosts = ["x.org", "x.org:22", "x.org:2222"]\n'
SSH = '[agentIdentity]\nsshSecretName = "anthropic"\n'
MOUNT = '[workspace.mounts.docs]\nhostPath = "~/docs"\n'
SANDBOX = 'template = "web"\nworkspace = "/srv/web"\n'

IN_TEMPLATE = {
    "a key in another case": Bad(
        "«allowedhosts» = []", "unknown-key", "`allowedhosts`", "`allowedHosts`"
    ),
    "a key in snake_case": Bad(
        "«extra_packages» = []", "unknown-key", "`extra_packages`", "`extraPackages`"
    ),
    "a key like no other": Bad(
        "«zzz» = 1", "unknown-key", "`zzz`", "keys here are `agentIdentity`"
    ),
    "a key in a table": Bad(
        '[resourceLimits]\n«memoryMaxx» = "1G"', "unknown-key", "`memoryMaxx`", "`memoryMax`"
    ),
    "a key below a free name": Bad(
        f'{AGENT}«secretname» = "anthropic"', "unknown-key", "`secretname`", "`secretName`"
    ),
    "a dotted key": Bad('agentIdentity.«gituser» = "A"', "unknown-key", "`gituser`", "`gitUser`"),
    "a key in an inline table": Bad(
        "isolation = { «private» = true }", "unknown-key", "`private`", "`privateUsers`"
    ),
    "a key in quotes": Bad('«"net work"» = "none"', "unknown-key", "`net work`", "`network`"),
    "a key in Unicode": Bad('«"ネット"» = 1', "unknown-key", "`ネット`", "The keys here are"),
    "a key with a control character": Bad(
        '«"a\\u0007"» = 1', "unknown-key", "`a\\x07`", "The keys here are"
    ),
    "a table that does not exist": Bad("[«limit»]\ncpu = 1", "unknown-key", "`limit`", "keys here"),
    "a key that pydantic marks names with": Bad(
        '«"[key]"» = 1', "unknown-key", "`[key]`", "The keys here are"
    ),
    "a string for a boolean": Bad(
        'nixDaemon = «"yes"»', "wrong-type", "must be `true` or `false`, not a string", "= true`"
    ),
    "a number for a boolean": Bad(
        "nixDaemon = «1»", "wrong-type", "must be `true` or `false`, not a number", "= true`"
    ),
    "a boolean for a number": Bad(
        "[resourceLimits]\ntasksMax = «true»",
        "wrong-type",
        "must be a whole number, not `true` or `false`",
        "`tasksMax = 512`",
    ),
    "a fraction for a number": Bad(
        "[resourceLimits]\ntasksMax = «5.5»",
        "wrong-type",
        "a whole number, not a number with a fraction",
        "`tasksMax = 512`",
    ),
    "a number for a string": Bad(
        "[resourceLimits]\nmemoryMax = «4»", "wrong-type", "a string, not a number", '"4G"`'
    ),
    "a string for a list": Bad(
        'extraPackages = «"ripgrep"»', "wrong-type", "a list, not a string", '["ripgrep", '
    ),
    "an item that is no string": Bad(
        'extraPackages = ["fd", «5»]', "wrong-type", "Each item of `extraPackages`", '["ripgrep", '
    ),
    "a list for a table": Bad(
        "resourceLimits = «[1, 2]»", "wrong-type", "a table, not a list", "`[resourceLimits]`"
    ),
    "an array of tables for a table": Bad(
        "[[«resourceLimits»]]\ntasksMax = 512", "wrong-type", "a table, not a list", "Write"
    ),
    "a string for a table of names": Bad(
        'agents = «"claude"»', "wrong-type", "`agents` must be a table", "`[agents]`"
    ),
    "a string for a named table": Bad(
        'agents.claude = «"x"»', "wrong-type", "`claude` must be a table", "`[agents.claude]`"
    ),
    "a date": Bad(
        "description = «2024-05-01»", "wrong-type", "a string, not a date or time", "`description"
    ),
    "a filter that is a number": Bad(
        "[isolation]\nsyscallFilter = «5»", "wrong-type", "a string or a list of strings", "Write"
    ),
    "a filter with a number": Bad(
        '[isolation]\nsyscallFilter = «["@mount", 1]»', "wrong-type", "list of strings", "Write"
    ),
    "a value of no choice": Bad(
        'network = «"restrictd"»', "bad-value", "`restrictd`, which is none", "`restricted`"
    ),
    "a value unlike any choice": Bad(
        'network = «"x"»', "bad-value", "`x`", 'one of `"full"`, `"restricted"`, `"none"`.'
    ),
    "a way to a key that there is not": Bad(
        f'{AGENT}auth = «"proxi"»', "bad-value", "`proxi`", "`proxy`"
    ),
    "an agent without a package": Bad(
        "[agents.«claude»]", "missing-key", "`claude` has no `package`", 'package = "claude-code"'
    ),
    "a mount without a source": Bad(
        '[workspace.mounts.«docs»]\ncontainerPath = "/srv/docs"',
        "missing-key",
        "`hostPath`",
        "~/docs",
    ),
    "a mount without a target": Bad(
        '[workspace.mounts.«docs»]\nhostPath = "~/docs"', "missing-key", "`containerPath`", "docs"
    ),
    "an agent's name": Bad(
        '[agents.«My_Agent»]\npackage = "claude-code"', "name-invalid", "an agent", "`my-agent`"
    ),
    "a mount's name": Bad(
        '[workspace.mounts.«"a b"»]\nhostPath = "/a"\ncontainerPath = "/srv/a"',
        "name-invalid",
        "a mount",
        "`a-b`",
    ),
    "a name that pydantic marks names with": Bad(
        '[agents.«"[key]"»]\npackage = "claude-code"', "name-invalid", "`[key]`", "`key`"
    ),
    "an unknown parent": Bad(
        'extends = «"wob"»', "no-such-parent", "no template `wob`", "The other templates: there are"
    ),
    "an unknown secret": Bad(
        f'{AGENT}secretName = «"antropic"»', "no-such-secret", "`antropic`", "`anthropic`?"
    ),
    "a secret unlike any other": Bad(
        f'{AGENT}secretName = «"zz"»', "no-such-secret", "`zz`", 'zz = "/run/secrets/zz"'
    ),
    "itself as its parent": Bad(
        'extends = «"web"»', "inheritance-cycle", "`web` → `web`", "Remove `extends`."
    ),
    "a variable without a secret": Bad(
        f'{AGENT}«authEnvVar» = "A_KEY"', "auth-without-secret", "has no effect", "remove"
    ),
    "a helper without a secret": Bad(
        f"{AGENT}«keyHelper» = true", "auth-without-secret", "has no effect", "secret"
    ),
    "a helper beside a variable": Bad(
        f'{AGENT}secretName = "anthropic"\nauth = "wrapper"\nauthEnvVar = "A_KEY"\n'
        "«keyHelper» = true",
        "key-helper-with-variable",
        "no variable",
        "Remove `authEnvVar`",
    ),
    "a helper of an unknown agent": Bad(
        '[agents.x]\npackage = "hello"\nauthEnvVar = "A_KEY"\n'
        'auth = "wrapper"\nsecretName = "anthropic"\n«keyHelper» = true',
        "key-helper-unknown-agent",
        "`hello`",
        "Remove `keyHelper`",
    ),
    "a reset that never comes": Bad(
        "«resetWhileAttached» = true", "attached-without-reset", "has no effect", "resetEvery"
    ),
    "an unknown agent's key": Bad(
        '[agents.x]\npackage = "hello"\nauth = "wrapper"\n«secretName» = "anthropic"',
        "missing-key",
        "`hello`",
        "authEnvVar",
    ),
    "an unknown agent's permissions": Bad(
        '[agents.x]\npackage = "hello"\n[agents.x.«permissions»]\nallow = ["Read"]',
        "permissions-unknown-agent",
        "`hello`",
        "`claude-code`",
    ),
    "an unknown agent's configuration": Bad(
        '[agents.x]\npackage = "hello"\n«hostConfigDir» = "~/.x"',
        "missing-key",
        "`hello`",
        "/home/agent",
    ),
    "a target without a source": Bad(
        f'{AGENT}«containerConfigDir» = "/home/agent/.c"',
        "config-dir-without-host",
        "`containerConfigDir` has no effect",
        "hostConfigDir",
    ),
    "one program twice": Bad(
        f'{AGENT}[agents.other]\npackage = «"claude-code"»', "agent-twice", "`other`", "second"
    ),
    "skipAll with allow": Bad(
        f'{AGENT}permissions.allow = ["Read"]\npermissions.«skipAll» = true',
        "skip-all-with-allow",
        "so `allow` has no effect",
        "Remove `skipAll`",
    ),
    "a public host in full": Bad(
        'network = "full"\nallowedHosts = [«"example.org"»]',
        "public-host-in-full",
        "every public",
        "10.0.0.5",
    ),
    "a public address in full": Bad(
        'network = "full"\nallowedHosts = ["10.0.0.5", «"203.0.113.7"»]',
        "public-host-in-full",
        "`203.0.113.7`",
        "private",
    ),
    "a host in none": Bad(
        'network = "none"\nallowedHosts = [«"10.0.0.5"»]',
        "hosts-without-network",
        "`none`",
        "restricted",
    ),
    "a host in the default, none": Bad(
        'allowedHosts = [«"example.org"»]',
        "hosts-without-network",
        "of `web` is `none`",
        "restricted",
    ),
    "a key for SSH that is for no host": Bad(
        '[agentIdentity]\nsshSecretName = «"anthropic"»',
        "ssh-key-without-hosts",
        "`anthropic` may log in nowhere",
        'sshHosts = ["git@github.com"]',
    ),
    "hosts without a key for them": Bad(
        '[agentIdentity]\n«sshHosts» = ["git@github.com"]',
        "ssh-without-key",
        "has no effect",
        "sshSecretName",
    ),
    "an unknown key for SSH": Bad(
        f'{RESTRICTED}[agentIdentity]\nsshSecretName = «"antropic"»\nsshHosts = ["x.org"]\n'
        f'knownHosts = ["x.org {HOST_KEY}"]',
        "no-such-secret",
        "`antropic`",
        "`anthropic`?",
    ),
    "a host whose key nobody knows": Bad(
        f'{RESTRICTED}{SSH}sshHosts = [«"git@x.org:2222"»]',
        "ssh-host-key-missing",
        "`git@x.org:2222`",
        "`ssh-keyscan -p 2222 x.org`",
    ),
    "a host key for nothing": Bad(
        f'{RESTRICTED}{SSH}sshHosts = ["x.org"]\n'
        f'knownHosts = ["x.org {HOST_KEY}", «"y.org {HOST_KEY}"»]',
        "known-host-unused",
        "`y.org`",
        "`sshHosts`",
    ),
    "a key for SSH that an agent has, too": Bad(
        f'{RESTRICTED}{AGENT}secretName = «"anthropic"»\n{SSH}sshHosts = ["x.org"]\n'
        f'knownHosts = ["x.org {HOST_KEY}"]',
        "ssh-key-given",
        "`claude`",
        "another secret",
    ),
    "a host for SSH without a network": Bad(
        f'{SSH}sshHosts = [«"git@x.org"»]\nknownHosts = ["x.org {HOST_KEY}"]',
        "ssh-without-network",
        "of `web` is `none`",
        'allowedHosts = ["x.org:22"]',
    ),
    "a host for SSH that is closed": Bad(
        'network = "restricted"\nallowedHosts = ["x.org"]\n'
        f'{SSH}sshHosts = [«"git@x.org"»]\nknownHosts = ["x.org {HOST_KEY}"]',
        "ssh-host-closed",
        "does not have `x.org:22`",
        'Add `"x.org:22"`',
    ),
    "an address for SSH that is closed": Bad(
        'network = "restricted"\nallowedHosts = ["198.51.100.0/24:22"]\n'
        f'{SSH}sshHosts = ["198.51.100.7", «"203.0.113.7"»]\n'
        f'knownHosts = ["198.51.100.7,203.0.113.7 {HOST_KEY}"]',
        "ssh-host-closed",
        "`203.0.113.7:22`",
        "Add",
    ),
    "a private address for SSH in full": Bad(
        'network = "full"\nallowedHosts = ["10.0.0.5:22"]\n'
        f'{SSH}sshHosts = ["198.51.100.7", "10.0.0.5", «"10.0.0.6"»]\n'
        f'knownHosts = ["198.51.100.7,10.0.0.5,10.0.0.6 {HOST_KEY}"]',
        "ssh-host-closed",
        "`10.0.0.6:22`",
        "Add",
    ),
    "a host for SSH where a proxy reads names": Bad(
        f'{RESTRICTED}{SSH}sshHosts = [«"git@x.org:443"»]\nknownHosts = ["[x.org]:443 {HOST_KEY}"]',
        "ssh-host-proxied",
        "a proxy reads names",
        "another port",
    ),
    "restricted to nothing": Bad(
        'network = «"restricted"»', "restricted-without-hosts", "`web`", 'network = "none"'
    ),
    "the local network in restricted": Bad(
        'network = "restricted"\nallowedHosts = ["x.org"]\n«allowLan» = true',
        "lan-without-full",
        "of `web` is `restricted`",
        "192.168.1.20:8080",
    ),
    "the local network in none": Bad(
        "«allowLan» = true", "lan-without-full", "of `web` is `none`", '`network = "full"`'
    ),
    "a local host with the local network": Bad(
        'network = "full"\nallowLan = true\nallowedHosts = ["100.64.0.9", «"172.20.0.0/16:22"»]',
        "local-host-with-lan",
        "`172.20.0.0/16:22`",
        "safer",
    ),
    "the local network as a word": Bad(
        'network = "full"\nallowLan = «"yes"»', "wrong-type", "`true` or `false`", "= true`"
    ),
    "an exception in full": Bad(
        'network = "full"\nallowedHosts = [«"!a.example.org"»]',
        "exception-in-full",
        "`!a.example.org`",
        "restricted",
    ),
    "an exception in none": Bad(
        'allowedHosts = [«"!a.example.org"»]', "hosts-without-network", "`none`", "restricted"
    ),
    "an exception from nothing": Bad(
        'network = "restricted"\nallowedHosts = ["x.org", «"!a.x.org"»]',
        "exception-without-wildcard",
        "takes nothing away",
        "`*.x.org`",
    ),
    "an exception from another's wildcard": Bad(
        'network = "restricted"\nallowedHosts = ["*.x.org", «"!x.org"»]',
        "exception-without-wildcard",
        "takes nothing away",
        "`*.example.org`",
    ),
    "an exception from a wildcard that is narrower": Bad(
        'network = "restricted"\nallowedHosts = ["*.a.x.org", «"!*.x.org"»]',
        "exception-without-wildcard",
        "`!*.x.org`",
        "Remove it",
    ),
    "an exception below another": Bad(
        'network = "restricted"\nallowedHosts = ["*.x.org", "!*.a.x.org", «"!b.a.x.org"»]',
        "exception-without-wildcard",
        "`!b.a.x.org`",
        "Remove it",
    ),
    "an exception of a name that is listed": Bad(
        'network = "restricted"\nallowedHosts = ["*.x.org", "a.x.org:22", «"!A.x.org."»]',
        "exception-of-listed",
        "`!A.x.org.`",
        "replaces",
    ),
    "an exception of a wildcard that is listed": Bad(
        'network = "restricted"\nallowedHosts = ["*.x.org", «"!*.x.org"»]',
        "exception-of-listed",
        "`!*.x.org`",
        "Remove one",
    ),
    "an exception of the agent's own host": Bad(
        'network = "restricted"\nallowedHosts = ["*.anthropic.com", «"!api.anthropic.com"»]\n'
        f"{AGENT}",
        "exception-of-listed",
        "cannot work without",
        "the agent",
    ),
    "an exception with a port": Bad(
        'network = "restricted"\nallowedHosts = ["*.x.org", «"!a.x.org:443"»]',
        "exception-port",
        "at all ports",
        "`!a.x.org`",
    ),
    "an exception of an address": Bad(
        'network = "restricted"\nallowedHosts = ["10.0.0.0/8", «"!10.0.0.1"»]',
        "exception-address",
        "by name",
        "smaller",
    ),
    "IPv6": Bad(
        'network = "restricted"\nallowedHosts = [«"2001:db8::1"»]',
        "no-ipv6",
        "IPv6",
        "IPv4 address",
    ),
    "the sandboxes themselves": Bad(
        'network = "restricted"\nallowedHosts = [«"10.100.0.5"»]',
        "subnet-collision",
        "10.100.0.0/16",
        "subnet",
    ),
    "a wildcard at other ports": Bad(
        'network = "restricted"\nallowedHosts = ["x.org:1", «"*.x.org:2"»]',
        "wildcard-ports",
        "`*.x.org`",
        "1 or 2",
    ),
    "a wildcard below the agent's own host": Bad(
        f'network = "restricted"\nallowedHosts = [«"*.api.anthropic.com:8443"»]\n{AGENT}',
        "wildcard-ports",
        "`api.anthropic.com`",
        "80, 443 or 8443",
    ),
    "a URL": Bad('allowedHosts = [«"https://x.org/"»]', "host-url", "URL", "`x.org`"),
    "a port": Bad('allowedHosts = [«"x.org:99999"»]', "port-range", "65535", "443"),
    "a prefix": Bad(
        'allowedHosts = [«"10.0.0.1/8"»]', "host-bits", "first address", "`10.0.0.0/8`"
    ),
    "no host name": Bad('allowedHosts = [«"a_b!.org"»]', "host-label", "`a_b!.org`", "letters"),
    "a wildcard for everything": Bad(
        'allowedHosts = [«"*"»]', "host-everything", "every host", "full"
    ),
    "no international name": Bad(
        'allowedHosts = [«"☃☃.org"»]', "host-international", "IDNA", "xn--"
    ),
    "a relative path": Bad(
        f'{MOUNT}containerPath = «"docs"»', "path-relative", "`docs`", "begins with `/`"
    ),
    "dots": Bad(f'{TARGET}hostPath = «"/srv/../etc"»', "path-dots", "`..`", "without"),
    "another user's home": Bad(
        f'{TARGET}hostPath = «"~bob/d"»', "path-other-user", "`~bob/d`", "`/home/bob/d`"
    ),
    "a control character": Bad(
        f'{TARGET}hostPath = «"/a\\u001bb"»', "path-control-character", "escape", "without"
    ),
    "a newline": Bad(
        f'{TARGET}hostPath = «"/a\\nb"»', "path-control-character", "newline", "without"
    ),
    "a colon": Bad(f'{TARGET}hostPath = «"/a:b"»', "path-colon", "`:`", "Rename"),
    "the store": Bad(
        f'{MOUNT}containerPath = «"/nix/x"»', "container-path-system", "`/nix`", "/workspace"
    ),
    "/run": Bad(
        f'{MOUNT}containerPath = «"/run/x"»', "container-path-system", "`/run`", "/workspace"
    ),
    "/proc": Bad(
        f'{MOUNT}containerPath = «"/proc"»', "container-path-system", "`/proc`", "/workspace"
    ),
    "/etc": Bad(
        f'{MOUNT}containerPath = «"/etc/x"»', "container-path-system", "`/etc`", "/workspace"
    ),
    "the workspace itself": Bad(
        f'{MOUNT}containerPath = «"/workspace"»',
        "mounts-overlap",
        "where the workspace",
        "/workspace/docs",
    ),
    "two mounts at one place": Bad(
        f'{MOUNT}containerPath = "/srv/a"\n'
        '[workspace.mounts.two]\nhostPath = "/b"\ncontainerPath = «"/srv/a/b"»',
        "mounts-overlap",
        "`/srv/a/b` overlaps the mount at `/srv/a`",
        "outside",
    ),
    "a mount over an agent's state": Bad(
        f'{AGENT}hostConfigDir = «"~/.claude"»\n{MOUNT}containerPath = "/home/agent/.claude/x"',
        "mounts-overlap",
        "`/home/agent/.claude`",
        "outside",
    ),
    "a mount over a path that is protected": Bad(
        f'protectedPaths = ["docs/secret"]\n{MOUNT}containerPath = «"/workspace/docs"»',
        "mounts-overlap",
        "`/workspace/docs/secret`",
        "protectedPaths",
    ),
    "a mount over a path that is protected by default": Bad(
        f'{MOUNT}containerPath = «"/workspace/.git/hooks/x"»',
        "mounts-overlap",
        ".git/hooks",
        "outside",
    ),
    "a Nix daemon that is the host's root": Bad(
        "nixDaemon = true\n[isolation]\nprivateUsers = «false»",
        "nix-daemon-as-host-root",
        "the host's root",
        "`nixDaemon = false`",
    ),
    "a part of the store, and the daemon of all of it": Bad(
        "nixDaemon = true\n[isolation]\nstoreClosure = «true»",
        "store-closure-with-daemon",
        "`nixDaemon`",
        "`nixDaemon = false`",
    ),
    "a part of the store for a root that is in it": Bad(
        'nixDaemon = false\nrootfs = "/nix/store/x-rootfs"\n[isolation]\nstoreClosure = «true»',
        "store-closure-of-rootfs",
        "`rootfs`",
        "NixOS guest",
    ),
    "a group of protected paths that there is not": Bad(
        'protectedPaths = [«"@gti"»]', "protected-path-group", "`@gti`", "`@git`"
    ),
    "a protected path outside": Bad(
        'protectedPaths = [«"/etc"»]', "protected-path-absolute", "`/etc`", "`etc`"
    ),
    "a size": Bad(
        '[resourceLimits]\nmemoryMax = «"4 GB"»', "memory-size-invalid", "`4 GB`", "`4G`"
    ),
    "a quota": Bad('[resourceLimits]\ncpuQuota = «"two"»', "cpu-quota-invalid", "`two`", "200%"),
    "a disk": Bad('[resourceLimits]\ndiskMax = «"50%"»', "disk-size-invalid", "`50%`", "4G"),
    "tasks": Bad("[resourceLimits]\ntasksMax = «1»", "tasks-max-small", "`1`", "16"),
    "a calendar": Bad('resetEvery = «"dayly"»', "calendar-invalid", "`dayly`", "`daily`"),
    "a package with a version": Bad(
        'extraPackages = [«"python@3.11"»]', "package-version", "`python@3.11`", "`python`"
    ),
    "no attribute path": Bad('extraPackages = [«"a..b"»]', "package-invalid", "`a..b`", "dots"),
    "a system call": Bad(
        '[isolation]\nsyscallFilter = «["ptraze"]»', "syscall-unknown", "`ptraze`", "`ptrace`"
    ),
    "a finding allowed without a reason": Bad(
        'allowFindings.no-limits = «" "»', "reason-empty", "no reason", "why it is right here"
    ),
    "a reason of two lines": Bad(
        'allowFindings.no-limits = «"a\\nb"»', "text-invalid", "newline", "a reason without"
    ),
    "a list of what is allowed": Bad(
        'allowFindings = «["no-limits"]»', "wrong-type", "must be a table", "`allowFindings = {"
    ),
    "nothing to replace": Bad(
        'replaces = [«"allowedHosts"»]', "nothing-to-replace", "`allowedHosts`", "none yet"
    ),
    "a description of two lines": Bad(
        'description = «"a\\nb"»', "text-invalid", "newline", "without"
    ),
    "a command": Bad('initCommands = ["make", «""»]', "command-empty", "empty", "npm install"),
    "a permission": Bad(
        f'{AGENT}permissions.deny = [«"Bash("»]', "permission-parentheses", "`Bash(`", "rule"
    ),
    "an address": Bad(
        '[agentIdentity]\ngitEmail = «"me"»', "git-email-invalid", "`me`", "agent@example.org"
    ),
    "wide characters before it": Bad(
        'agentIdentity = { gitUser = "日本 😀", «gitMail» = "a@b.c" }',
        "unknown-key",
        "`gitMail`",
        "`gitEmail`",
    ),
    "a value of several lines": Bad(
        "[isolation]\nsyscallFilter = «[»\n  1,\n]", "wrong-type", "list of strings", "Write"
    ),
}

IN_FORAGE = {
    "a misspelt key": Bad(f"«sandbox» = 1\n{FORAGE}", "unknown-key", "`sandbox`", "`sandboxes`"),
    "a missing user": Bad("«s»ubnet = '10.9.0.0/16'", "missing-key", "`user`", 'user = "alice"'),
    "a missing key of a sandbox": Bad(
        f'{USER}[sandboxes.«web»]\ntemplate = "web"', "missing-key", "`workspace`", "workspace ="
    ),
    "a missing template of a sandbox": Bad(
        f'{USER}[sandboxes]\n«web» = {{ workspace = "/srv/web" }}',
        "missing-key",
        "`template`",
        "template =",
    ),
    "an unknown template": Bad(
        f'{USER}[sandboxes.a]\ntemplate = «"wep"»\nworkspace = "/a"',
        "no-such-template",
        "`wep`",
        "`web`?",
    ),
    "a template unlike any other": Bad(
        f'{USER}[sandboxes.a]\ntemplate = «"zzz"»\nworkspace = "/a"',
        "no-such-template",
        "`zzz`",
        "templates are `web`.",
    ),
    "a sandbox's name in capitals": Bad(
        f"{USER}[sandboxes.«MyWeb»]\n{SANDBOX}", "name-invalid", "lower-case letters", "`my-web`"
    ),
    "a sandbox's name that is long": Bad(
        f"{USER}[sandboxes.«{'a' * 64}»]\n{SANDBOX}", "name-too-long", "at most 63", "Write"
    ),
    "a sandbox's name with a dot": Bad(
        f'{USER}[sandboxes.«"a.b"»]\n{SANDBOX}', "name-invalid", "`a.b`", "`a-b`"
    ),
    "a sandbox's name that is empty": Bad(
        f'{USER}[sandboxes.«""»]\n{SANDBOX}', "name-invalid", '`""`', "my-sandbox"
    ),
    "a sandbox's name that is taken": Bad(
        f"{USER}[sandboxes.«localhost»]\n{SANDBOX}", "name-reserved", "the host itself", "another"
    ),
    "a secret's name": Bad(
        f'{USER}[secrets]\n«"a b"» = "/run/secrets/x"', "secret-name-invalid", "`a b`", "`a-b`"
    ),
    "root": Bad('user = «"root"»', "user-is-root", "`root`", "person"),
    "a number that is too small": Bad(f"{USER}uid = «0»", "out-of-range", "at least 1", "1000"),
    "a number that is too large": Bad(
        f"{USER}gid = «70000»", "out-of-range", "at most 60000", "100"
    ),
    "a boolean for an id": Bad(f"{USER}uid = «true»", "wrong-type", "whole number", "1000"),
    "an interface": Bad(
        f'{USER}externalInterface = «"eth 0"»', "interface-invalid", "`eth 0`", "eth0"
    ),
    "a finding of a sandbox allowed without a reason": Bad(
        f'{USER}[sandboxes.web]\n{SANDBOX}allowFindings = {{ no-limits = «""» }}',
        "reason-empty",
        "no reason",
        "why it is right here",
    ),
    "a workspace": Bad(
        f'{USER}[sandboxes.web]\ntemplate = "web"\nworkspace = «"web"»',
        "path-relative",
        "`web`",
        "`/`",
    ),
    "a public subnet": Bad(
        f'{USER}subnet = «"8.8.0.0/16"»', "subnet-public", "private", "10.0.0.0/8"
    ),
    "a small subnet": Bad(f'{USER}subnet = «"10.0.0.0/30"»', "subnet-small", "too small", "/29"),
    "no subnet": Bad(f'{USER}subnet = «"10.0.0"»', "subnet-invalid", "`10.0.0`", "10.100.0.0/16"),
    "a link-local IPv6 prefix": Bad(
        f'{USER}ipv6Subnet = «"fe80::/64"»', "ipv6-subnet-kind", "unique local", "provider"
    ),
    "no IPv6 prefix": Bad(
        f'{USER}ipv6Subnet = «"10.0.0.0/16"»', "ipv6-subnet-invalid", "`10.0.0.0/16`", "fd5c:"
    ),
    "a secret in the store": Bad(
        f'{USER}secrets.a = «"/nix/store/x"»', "secret-in-store", "Nix store", "/run/secrets"
    ),
    "a secret in a home": Bad(f'{USER}secrets.a = «"~/key"»', "secret-in-home", "home", "sops-nix"),
    "a key of a weak kind": Bad(
        f'{USER}authorizedKeys = [«"ssh-dss AAAA"»]', "ssh-key-weak", "ssh-dss", "ed25519"
    ),
    "a key that lost its end": Bad(
        f'{USER}authorizedKeys = [«"ssh-ed25519 AAAAC3Nz a@b"»]',
        "ssh-key-damaged",
        "damaged",
        "again",
    ),
}


@pytest.mark.parametrize("case", IN_TEMPLATE.values(), ids=IN_TEMPLATE)
def test_in_a_template(tmp_path: Path, case: Bad) -> None:
    text, place = marked(case.text)
    found = finding(tmp_path, {**GOOD, "templates/web.toml": text})
    assert (found.code, found.location.file) == (case.code, "templates/web.toml")
    assert place_of(found) == place
    assert found.location.source_line == text.split("\n")[place.line - 1]
    assert case.message in found.message
    assert case.hint in found.hint


@pytest.mark.parametrize("case", IN_FORAGE.values(), ids=IN_FORAGE)
def test_in_forage_toml(tmp_path: Path, case: Bad) -> None:
    text, place = marked(case.text)
    found = finding(tmp_path, {**GOOD, "forage.toml": text})
    assert (found.code, found.location.file) == (case.code, "forage.toml")
    assert place_of(found) == place
    assert found.location.source_line == text.split("\n")[place.line - 1]
    assert case.message in found.message
    assert case.hint in found.hint


def _same(toml: str, as_json: str) -> bool:
    """Whether two stretches, of TOML and of JSON, say the same."""
    expected: object = json.loads(as_json)
    try:
        value: object = tomllib.loads(f"x = {toml}")["x"]
    except tomllib.TOMLDecodeError:
        value = toml
    return value == expected


JSON_CASES = {
    **{name: ("templates/web.toml", case) for name, case in IN_TEMPLATE.items()},
    **{name: ("forage.toml", case) for name, case in IN_FORAGE.items()},
}
# What one language has and the other has not: dates, values that only a header
# makes, and a place in a text without keys; and lists are broken differently.
NOT_IN_JSON = {
    "a date",
    "an array of tables for a table",
    "a missing user",
    "a value of several lines",
}


@pytest.mark.parametrize("name", sorted(set(JSON_CASES) - NOT_IN_JSON))
def test_the_same_in_json(tmp_path: Path, name: str) -> None:
    file, case = JSON_CASES[name]
    files = {**GOOD, file: marked(case.text)[0]}
    in_toml = finding(tmp_path / "toml", files)
    in_json = finding(tmp_path / "json", as_json(files))
    assert (in_json.code, in_json.message) == (in_toml.code, in_toml.message)
    assert in_json.hint == in_toml.hint
    assert in_json.location.file == "forage.json"
    written = text_at(in_json)
    # A list goes on over several lines, and is marked in its first.
    assert written == "[" or _same(text_at(in_toml), written)


def test_null_is_a_value_of_json_only(tmp_path: Path) -> None:
    template = '{"nixDaemon": null}'
    project = f'{{"user": "a", "templates": {{"web": {template}}}}}'
    found = finding(tmp_path, {"forage.json": project})
    assert (found.code, text_at(found)) == ("wrong-type", "null")
    assert "must be `true` or `false`, not null" in found.message


def test_every_mistake_of_every_file_in_one_run_in_order(tmp_path: Path) -> None:
    found = findings(
        tmp_path,
        {
            "forage.toml": 'user = 5\nsubnet = "x"\n[sandboxes.a]\ntemplate = "nope"\n',
            "templates/a.toml": 'extends = "nobody"\nnetwrk = "none"\nnixDaemon = 1\n',
            "templates/b.toml": 'network = "restricted"\n[agents.claude]\nsecretName = "x"\n',
            "templates/c.toml": "network = \n",
            "forage.lock": "version = 1\n[sandboxes]\na = true\n",
        },
    )
    assert [(each.location.file, each.location.line, each.code) for each in found] == [
        ("forage.lock", 3, "lock-damaged"),
        ("forage.toml", 1, "wrong-type"),
        ("forage.toml", 2, "subnet-invalid"),
        ("forage.toml", 3, "missing-key"),
        ("forage.toml", 4, "no-such-template"),
        ("templates/a.toml", 1, "no-such-parent"),
        ("templates/a.toml", 2, "unknown-key"),
        ("templates/a.toml", 3, "wrong-type"),
        ("templates/b.toml", 1, "restricted-without-hosts"),
        ("templates/b.toml", 2, "missing-key"),
        ("templates/b.toml", 3, "no-such-secret"),
        ("templates/c.toml", 1, "toml-syntax"),
    ]


def test_a_lock_that_cannot_be_read_hides_nothing(tmp_path: Path) -> None:
    files = {"forage.toml": 'user = "root"\n', "forage.lock": "<<<<<<< HEAD\n"}
    found = findings(tmp_path, {**GOOD, **files})
    assert [each.code for each in found] == ["merge-conflict", "user-is-root"]


def test_a_file_that_cannot_be_read_is_no_reason_to_call_its_template_missing(
    tmp_path: Path,
) -> None:
    found = finding(tmp_path, {**GOOD, "templates/web.toml": "network"})
    assert found.code == "toml-syntax"


CYCLES = {
    "one": ({"web": "web"}, ["web"]),
    "two": ({"web": "b", "b": "web"}, ["b"]),
    "three": ({"web": "c", "c": "a", "a": "web"}, ["a"]),
    "two at once": ({"web": "web", "x": "y", "y": "x"}, ["web", "x"]),
    "with a template that leads there": ({"web": "b", "b": "web", "c": "b"}, ["b"]),
}


@pytest.mark.parametrize(("parents", "reported"), CYCLES.values(), ids=CYCLES)
def test_each_cycle_is_reported_once(
    tmp_path: Path, parents: dict[str, str], reported: list[str]
) -> None:
    files = {f"templates/{name}.toml": f'extends = "{of}"\n' for name, of in parents.items()}
    found = findings(tmp_path, {**GOOD, **files})
    assert [(each.code, each.location.file) for each in found] == [
        ("inheritance-cycle", f"templates/{name}.toml") for name in reported
    ]


def test_a_cycle_is_shown_from_end_to_end(tmp_path: Path) -> None:
    files = {"web": "c", "c": "a", "a": "web"}
    found = finding(
        tmp_path,
        {**GOOD, **{f"templates/{n}.toml": f'extends = "{of}"\n' for n, of in files.items()}},
    )
    assert "`a` → `web` → `c` → `a`" in found.message
    assert place_of(found) == (1, 11, 16)


def test_skip_all_in_a_child_and_allow_in_its_parent(tmp_path: Path) -> None:
    found = finding(
        tmp_path,
        {
            **GOOD,
            "templates/base.toml": f'{AGENT}permissions.allow = ["Read"]\n',
            "templates/web.toml": 'extends = "base"\nagents.claude.permissions.skipAll = true\n',
        },
    )
    assert found.code == "skip-all-with-allow"
    assert (found.location.file, *place_of(found)) == ("templates/web.toml", 2, 27, 34)
    assert "`allow` in templates/base.toml" in found.message


def test_a_finding_in_a_parent_names_the_child_in_which_it_arises(tmp_path: Path) -> None:
    found = finding(
        tmp_path,
        {
            **GOOD,
            "templates/base.toml": 'network = "restricted"\nallowedHosts = ["x.org"]\n',
            "templates/web.toml": 'extends = "base"\nnetwork = "none"\n',
        },
    )
    assert (found.location.file, *place_of(found)) == ("templates/base.toml", 2, 17, 24)
    assert "the network of `web` is `none`" in found.message


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_endings_move_nothing(tmp_path: Path, newline: str) -> None:
    text = newline.join(['network = "none"', "nixDaemon = 1", ""])
    found = finding(tmp_path, {**GOOD, "templates/web.toml": text})
    assert place_of(found) == (2, 13, 14)
    assert found.location.source_line == "nixDaemon = 1"


@pytest.mark.parametrize("name", ["Web.toml", "a b.toml", "a.b.toml", "-.toml"])
def test_names_of_template_files(tmp_path: Path, name: str) -> None:
    found = finding(tmp_path, {**GOOD, f"templates/{name}": TEMPLATE})
    assert (found.code, found.location.file) == ("name-invalid", f"templates/{name}")


def test_the_name_of_a_file_can_be_shown_whatever_bytes_it_has(tmp_path: Path) -> None:
    name = b"templates/\xff\n.toml".decode(errors="surrogateescape")
    found = finding(tmp_path, {**GOOD, name: TEMPLATE})
    assert found.location.file == "templates/\\udcff\\n.toml"


def test_files_that_editors_leave_are_not_read(tmp_path: Path) -> None:
    files = dict.fromkeys(("templates/.web.toml", "templates/web.toml~", "templates/README"), "x")
    assert findings(tmp_path, {**GOOD, **files}) == []
