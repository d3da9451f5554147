#!/usr/bin/env bash
# finish-guest.sh ROOT: makes a bare Debian tree fit to be the inside of a sandbox.
set -euo pipefail

root=$1

# mmdebstrap copies these two from the machine it runs on.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"

# The host has set up network and names before the guest starts.
systemctl --quiet --root="$root" mask \
  systemd-modules-load.service modprobe@.service \
  systemd-networkd.service systemd-networkd.socket systemd-resolved.service \
  console-getty.service getty@.service getty.target \
  apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer

# Nothing to bring up to date at boot.
touch "$root/etc/.updated" "$root/var/.updated"

# The agent, with the ids that NixOS gives to the first ordinary user.
chroot "$root" useradd --uid 1000 --gid 100 --create-home --shell /bin/bash agent

# A program of the catalogue of agents, for the tests that mount one, or what stands for it.
ln -s /srv/agent/claude "$root/usr/local/bin/claude"
