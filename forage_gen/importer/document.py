"""Writes docs/migrating.md: `python -m forage_gen.importer.document > docs/migrating.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.importer.keys import HOST_KEYS, TEMPLATE_KEYS
from forage_gen.importer.render import TITLE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from forage_gen.importer.keys import Key

_HEAD = f"""\
# {TITLE}

<!-- Written by `python -m forage_gen.importer.document`. Change forage_gen/importer/keys.py. -->

firefly-forage makes sandboxes on the host, when you ask for one. Forage compiles them
beforehand: what a sandbox may do is in files that you read, and commit. The keys have the
same names.

## Move in

Its NixOS module writes each template to /etc/firefly-forage/templates. Convert them, in the
directory of your new project:

```console
$ forage-gen init
$ forage-gen import /etc/firefly-forage/templates/claude.json
$ forage-gen import /etc/firefly-forage/templates/claude.json -o . --force
$ forage-gen build
```

`import` prints the template, or with `-o DIR` writes `DIR/templates/NAME.toml`. It replaces
no file that differs unless you say `--force`; here that is the starter project's own `claude`.
What cannot be carried over is a warning at its place, and a comment in the new file that says
why. A key that firefly-forage does not know is an error, and so is a value that would make no
template; nothing is written then.

A sandbox there is made by a command (`forage-ctl up NAME --template T`). Here it is three
lines of [forage.toml](reference.md#foragetoml):

```toml
# forage.toml
user = "alice"

[secrets]
anthropic = "/run/secrets/anthropic-api-key"

[sandboxes.myproject]
template = "claude"
workspace = "~/projects/myproject"
```

Then take firefly-forage's module out of your configuration, import the generated tree, and
switch: see [Install](install.md). The two do not disturb each other meanwhile, as long as no
sandbox of one has the name of a container of the other.

"""

_TEMPLATES = """\
## Templates, key by key

What `forage-gen import` does with each key of a template's JSON. In their NixOS options a
template's mounts are called `workspace.mounts`, and an agent's `packagePath` is `package`.

"""

_HOST = """\
## The host, key by key

The options below `services.firefly-forage`, and the keys of /etc/firefly-forage/config.json.
They are few; write them into forage.toml by hand.

"""


def document() -> str:
    """Write the page."""
    return f"{_HEAD}{_TEMPLATES}{_table(TEMPLATE_KEYS)}\n{_HOST}{_table(HOST_KEYS)}\n{_DIFFERENT}"


_DIFFERENT = """\
## What is different without a key

- **There is no Nix daemon** unless a template has `nixDaemon = true`, and then it is not the
  host's but [one of the sandbox's own](nix.md).
- **Keys stay on the host.** A proxy there adds them to what an agent asks of its API; see
  `auth`. What Forage knows no API of keeps its key inside, until you describe the API below
  `[proxies]`.
- **Networks start closed.** A template that says nothing has no network.
- **The workspace has protected paths.** git's hooks and settings are read-only inside, as
  the host would run what is in them: `protectedPaths`.
- **The root has a size**, `diskMax`, and a sandbox can start afresh by itself, `resetEvery`.
- **Names are those of host names**: small letters, digits and hyphens.
- **Repositories are not checked out.** There is no `--repo`: a workspace is a directory.
- **SSH is off** until forage.toml has `authorizedKeys`.
"""


def _table(keys: Iterable[Key]) -> str:
    rows = (f"| `{key.dotted}` | {_becomes(key)} | {key.note} |\n" for key in keys)
    return "".join(["| there | here | to know |\n| --- | --- | --- |\n", *rows])


def _becomes(key: Key) -> str:
    if key.becomes:
        return f"`{'.'.join(key.becomes)}`"
    return "not carried over" if key.told else ""


if __name__ == "__main__":
    sys.stdout.write(document())
