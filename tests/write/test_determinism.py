from __future__ import annotations

import os
import random
import struct
import subprocess
from typing import TYPE_CHECKING

import pytest

from forage_gen.write.tree import write
from tests.requirements import require
from tests.write.builder import TREES
from tests.write.support import NOBODY, ROOT, Build, as_user, python, snapshot

if TYPE_CHECKING:
    from pathlib import Path

OLD, NEW = TREES["old"], TREES["new"]


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C", "TZ": "UTC", "PYTHONHASHSEED": "0"},
        {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "1"},
        {"LC_ALL": "ja_JP.EUC-JP", "TZ": "America/St_Johns", "PYTHONHASHSEED": "4294967295"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"},
    ],
)
@pytest.mark.parametrize("umask", ["0", "0002", "0077", "0777"])
def test_environment_and_umask(tmp_path: Path, environment: dict[str, str], umask: str) -> None:
    # Root without the power to ignore the modes that a umask leaves.
    require("root", "setpriv")
    out = tmp_path / "generated"
    for tree in ("old", "new"):
        # No byte code with such modes.
        settings = environment | {"PYTHONDONTWRITEBYTECODE": "1"}
        command = python("tests.write.builder", str(out), tree, **settings)
        script = f'umask {umask}; exec setpriv --bounding-set=-dac_override,-dac_read_search "$@"'
        subprocess.run(["sh", "-c", script, "sh", *command], check=True)
        assert snapshot(out) == TREES[tree].snapshot()


def test_user(public: Path) -> None:
    (public / "root").mkdir()
    (public / "nobody").mkdir()
    os.chown(public / "nobody", NOBODY, NOBODY)
    OLD.write(public / "root/generated")
    with as_user(NOBODY):
        OLD.write(public / "nobody/generated")
    assert snapshot(public / "root/generated") == snapshot(public / "nobody/generated")


def test_order_and_place(tmp_path: Path) -> None:
    out = tmp_path / "a long" / "wäy" / "to" / "other"
    out.parent.mkdir(parents=True)
    artifacts = list(NEW.artifacts)
    for seed in range(5):
        random.Random(seed).shuffle(artifacts)  # noqa: S311 -- no secret
        write(out, artifacts, NEW.manifest, durable=False)
        assert snapshot(out) == NEW.snapshot()
        OLD.write(out)


def test_a_directory_with_the_set_group_id_bit(tmp_path: Path) -> None:
    tmp_path.chmod(0o2775)
    NEW.write(tmp_path / "generated")
    assert snapshot(tmp_path / "generated") == NEW.snapshot()


def test_a_directory_with_a_default_acl(tmp_path: Path) -> None:
    # linux/posix_acl_xattr.h: the version; then tag, rights and id of the owner, group, others.
    entries = ((0x01, 7, -1), (0x04, 0, -1), (0x20, 0, -1))
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)
    os.setxattr(tmp_path, "system.posix_acl_default", acl)
    (tmp_path / "probe").mkdir()
    assert (tmp_path / "probe").stat().st_mode & 0o777 == 0o700
    NEW.write(tmp_path / "generated")
    assert snapshot(tmp_path / "generated") == NEW.snapshot()


def test_nothing_tells_time_or_place(tmp_path: Path) -> None:
    Build({"a": ""}).write(tmp_path / "generated")
    text = (tmp_path / "generated/manifest.json").read_text()
    assert str(tmp_path) not in text
    assert str(ROOT) not in text
    assert text == (
        '{\n  "schemaVersion": 1,\n  "generator": {\n    "name": "forage-gen",\n'
        '    "version": "1.2.3"\n  },\n  "inputs": {\n    "forage.toml": "' + "0" * 64 + '"\n  },\n'
        '  "files": {\n    "a": {"executable": false, "sha256": '
        '"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}\n  }\n}\n'
    )
