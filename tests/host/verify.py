"""All units of a tree, with the instances of its templates, for systemd-analyze(1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from forage_gen.emit.emit import emit

if TYPE_CHECKING:
    from forage_gen.resolve.plan import Plan
    from tests.testhost.host import TestHost

_UNITS = "systemd/system/"

# It is found along ExecSearchPath=, by which systemd-analyze looks for nothing. test_forwards.py
# shows that systemd does.
_UNFOUND = "Command systemd-socket-proxyd is not executable: No such file or directory"


def units(plan: Plan) -> list[str]:
    """The names of the units that the plan's tree has or adds to.

    In place of a template there is each instance that the name or the text of another
    unit tells of.
    """
    texts = {
        artifact.path.removeprefix(_UNITS): artifact.content.decode()
        for artifact in emit(plan)
        if artifact.path.startswith(_UNITS)
    }
    names = {path.partition("/")[0].removesuffix(".d") for path in texts}
    everything = "\n".join([*names, *texts.values()])
    templates = {name for name in names if "@." in name}
    for template in templates:
        prefix, suffix = template.split("@.")
        # Those that no sandbox of the project has a use for are looked at all the same.
        found = re.findall(rf"\b{prefix}@([a-z0-9-]+)\.", everything) or [plan.sandboxes[0].name]
        names |= {f"{prefix}@{instance}.{suffix}" for instance in found}
    return sorted(names - templates)


def verify(host: TestHost, names: list[str]) -> str:
    """What systemd on the host has to say against the units; of good ones, nothing."""
    script = 'systemd-analyze verify --man=no "$@" 2>&1'
    said = host.sh(script, *names, check=False).stdout
    return "".join(line for line in said.splitlines(keepends=True) if _UNFOUND not in line)
