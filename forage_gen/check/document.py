"""Writes docs/lints.md from the rules: `python -m forage_gen.check.document > docs/lints.md`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from forage_gen.check.registry import LINTS, RULES

if TYPE_CHECKING:
    from forage_gen.check.rule import Rule

_HEAD = """\
# Lints

<!-- Written by `python -m forage_gen.check.document`; a test compares. Do not edit. -->

A project that breaks a rule is refused; one that a lint finds something in is
valid, and builds. `forage-gen check` reports what the lints find. Its exit code is
1 if a finding is at or over `--level`, which is `warning` unless you say otherwise.

A template is judged as it is after `extends`, so that a child may overrule its
parent. One that only others extend is judged in them alone. A value that several
templates inherit is reported once, where it is written.

## Allow a finding

Where a finding is right as it is, say so, and why:

```toml
nixDaemon = true # forage: allow(nix-daemon-without-cache): the host has all it needs

# forage: allow(no-limits, no-reset): this host has nothing else to do
description = "Batch work"
```

- The comment stands on the line of the finding, or among the comments directly
  above it, with no empty line between. What is missing from a file is reported at
  its first line, so there the comment is the first line, or above the first key.
- Several codes have commas between them. A comment for several findings on one
  line may name them all.
- The reason is not optional, and a comment that allows nothing is itself a finding:
  see [What allows](#what-allows).
- Errors cannot be allowed. Nor can differences between the project and its tree.

JSON has no comments, and a finding can be right in more than one line. For that there is the
key `allowFindings`: codes, each with the reason. A template, a sandbox and a project can have
it:

```json
{
  "user": "alice",
  "allowFindings": { "secret-outside-manager": "a token for tests, worth nothing" },
  "sandboxes": {
    "batch": {
      "template": "batch",
      "workspace": "/srv",
      "allowFindings": { "workspace-too-wide": "its work is to set up this machine" }
    }
  },
  "templates": {
    "batch": { "allowFindings": { "no-limits": "this host has nothing else to do" } }
  }
}
```

It speaks for what is found in its own table, so a project's does not speak for sandboxes and
templates, and a template's not for what it inherits: that is allowed where it is written.
"""


def document() -> str:
    """Write the page about all rules."""
    allowances = [rule for rule in RULES.values() if rule.code not in LINTS]
    return "\n".join(
        [
            _HEAD,
            "## Projects\n",
            *map(_section, LINTS.values()),
            "## What allows\n",
            *map(_section, allowances),
        ]
    )


def _section(rule: Rule) -> str:
    return (
        f"### `{rule.code}` ({rule.severity})\n\n{rule.summary}\n\n{rule.why}\n\n"
        f"Write instead:\n\n```toml\n{rule.instead}```\n"
    )


if __name__ == "__main__":
    sys.stdout.write(document())
