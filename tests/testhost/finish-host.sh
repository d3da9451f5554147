#!/usr/bin/env bash
# finish-host.sh ROOT [MODULE]: makes a bare Debian tree fit to boot as the test host. Its nginx gets
# the module with the sources in that directory.
set -euo pipefail

root=$1
module=${2-}

# mmdebstrap copies these two from the machine it runs on.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
# Each copy of the tree gets an id of its own before it boots.
: >"$root/etc/machine-id"

# What has no place in a container that shares its kernel, or would compete with
# the units under test for interfaces and names.
systemctl --quiet --root="$root" mask \
  systemd-modules-load.service modprobe@.service \
  systemd-networkd.service systemd-networkd.socket systemd-resolved.service \
  console-getty.service getty@.service getty.target \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
  fstrim.timer systemd-pstore.service dnsdist.service nginx.service ssh.service ssh.socket \
  dev-hugepages.mount sys-kernel-config.mount sys-kernel-debug.mount \
  sys-kernel-tracing.mount sys-fs-fuse-connections.mount \
  var-lib-machines.mount
# It would listen for log-ins now that there is an sshd, which is for the internet of the tests.
install -d -m 0755 "$root/etc/systemd/system-generators"
ln -s /dev/null "$root/etc/systemd/system-generators/systemd-ssh-generator"
systemctl --quiet --root="$root" set-default multi-user.target
# Nothing to bring up to date at boot.
touch "$root/etc/.updated" "$root/var/.updated"

# What a sandbox sees on a real host is version 2 of control groups. Here it would
# be shown version 1, as the test host may have no other. Its limits bind either way.
install -D -m 0644 /dev/stdin \
  "$root/etc/systemd/system/systemd-nspawn@.service.d/testhost.conf" <<'CONF'
[Service]
Environment=SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
CONF

# The store as NixOS has it: there from the start, the daemon behind its socket
# alone, and the socket open to every user (nix.conf says who may do what).
chroot "$root" install -d -m 1775 -o root -g nixbld /nix/store
systemctl --quiet --root="$root" disable nix-daemon.service
systemctl --quiet --root="$root" enable nix-daemon.socket
install -D -m 0644 /dev/stdin "$root/etc/tmpfiles.d/testhost.conf" <<'CONF'
z /nix/var/nix/daemon-socket 0755 root root
CONF

[[ $module ]] || exit 0
# By what was laid there with nginx, which is not of use to it any more.
build=$(mktemp -d)
trap 'rm -r "$build"' EXIT
cp -r "$root/opt/nginx-dev/usr/share/nginx/src" "$build"
rm -r "$root/opt/nginx-dev"
(
  cd "$build/src"
  ./configure --with-compat --with-cc-opt="-O2 -fPIC" --add-dynamic-module="$module" >/dev/null
  make --quiet -f objs/Makefile modules >/dev/null
)
install -m 0644 -t "$root/usr/lib/nginx/modules" "$build/src/objs/ngx_http_forage_usage_module.so"
echo 'load_module modules/ngx_http_forage_usage_module.so;' \
  >"$root/etc/nginx/modules-enabled/60-forage-usage.conf"
