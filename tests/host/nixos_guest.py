"""A guest that starts as a NixOS system does, made from Debian's files.

A NixOS system is a directory of the Nix store with a script `init`. The script finds
a root with a store and little else, makes what is missing, and becomes systemd. Its
interpreter and all that it runs are files of the store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.testhost.host import TestHost

MACHINE = "x86_64"

_STORE = "/nix/store"
_GUEST = f"{_STORE}/guest"
_LINKER = f"{_STORE}/ld.so"
_TOPLEVEL = f"{_STORE}/toplevel"

_INIT = f"""\
#!{_LINKER} {_GUEST}/usr/bin/dash
set -eu

run() {{
  program=$1
  shift
  {_LINKER} "{_GUEST}/usr/bin/$program" "$@"
}}

run rmdir /usr/lib /usr
run ln -s {_GUEST}/usr /usr
for name in bin lib lib64; do
  run ln -sfn "usr/$name" "/$name"
done
run rm /etc/os-release
run cp -a --no-target-directory {_GUEST}/etc /etc
run cp -a --no-target-directory {_GUEST}/var /var
# It would write to /usr.
run ln -s /dev/null /etc/systemd/system/ldconfig.service
exec /usr/lib/systemd/systemd "$@"
"""

# Debian's linker looks for libraries below /lib, which is not there when `init` starts.
# A path of the same length stands in for it.
_MAKE = r"""
rootfs=$1 guest=$2 linker=$3 toplevel=$4
mkdir -p "$guest" "$toplevel" /etc/forage/systems
cp -a "$rootfs"/{usr,etc,var} "$guest"
libraries=/nix/store/guest-lib0
ln -s "$guest/usr/lib/x86_64-linux-gnu" "$libraries"
sed "s#/lib/x86_64-linux-gnu/#$libraries/#g" \
  "$rootfs/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2" >"$linker"
chmod 0755 "$linker"
cat >"$toplevel/init"
chmod 0755 "$toplevel/init"
"""


def install(host: TestHost, template: str) -> None:
    """Put the guest into the host's store and link it where the template looks for it."""
    host.sh(_MAKE, host.guest_rootfs, _GUEST, _LINKER, _TOPLEVEL, input=_INIT)
    host.run("ln", "-s", _TOPLEVEL, f"/etc/forage/systems/{template}")


def remove(host: TestHost, template: str) -> None:
    """Remove what `install` made."""
    host.run("rm", "-rf", _GUEST, _LINKER, _TOPLEVEL, f"{_STORE}/guest-lib0")
    host.run("rm", f"/etc/forage/systems/{template}")
