#!/usr/bin/env bash
# boot.sh ROOT USR GUEST HIERARCHY...: becomes the systemd of the test host.
#
# It is process 1 of namespaces of its own, on a terminal that records the console.
# ROOT is the host's own disk. USR and GUEST are trees that all hosts share: they
# are bound into it read-only. HIERARCHY are the control group hierarchies to mount
# side by side, or the word "version2".
set -euo pipefail

root=$1
usr=$2
guest=$3
shift 3

console=$(tty)

mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"

share() {
  mount --bind "$1" "$2"
  mount -o remount,bind,ro "$2"
}
mount --bind usr/local mnt # the one part of /usr that is the host's own
share "$usr" usr
mount --move mnt usr/local
mkdir -p var/lib/forage/guests/trixie
share "$guest" var/lib/forage/guests/trixie

mount -t proc -o nosuid,nodev,noexec proc proc
mount -t sysfs -o nosuid,nodev,noexec sysfs sys
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=0755,nosuid tmpfs dev
mkdir dev/mqueue dev/net dev/pts dev/shm run/lock

# systemd would mount these itself, but looks at changes to the mount table only five
# times a second, then rests until the second is over: the boot would wait for that.
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=1777,nosuid,nodev,noexec tmpfs run/lock
mount -t mqueue -o nosuid,nodev,noexec mqueue dev/mqueue

for device in null zero full random urandom tty fuse net/tun; do
  if [[ -e /dev/$device ]]; then
    cp -a "/dev/$device" "dev/$device"
  fi
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
: >dev/console
mount --bind "$console" dev/console

if [[ $1 == version2 ]]; then
  mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
  words=()
else
  mount -t tmpfs -o mode=0755,nosuid,nodev,noexec tmpfs sys/fs/cgroup
  for hierarchy; do
    mkdir "sys/fs/cgroup/$hierarchy"
    type=cgroup
    options=$hierarchy
    case $hierarchy in
      systemd) options=none,name=systemd ;;
      unified) type=cgroup2 options=rw ;;
    esac
    mount -t "$type" -o "nosuid,nodev,noexec,$options" "$type" "sys/fs/cgroup/$hierarchy"
  done
  # systemd 256 and later refuse version 1 unless told twice.
  words=(systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1)
fi

# The kernel is shared: what is not a namespace's own stays as the machine has it.
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount --bind proc/sys/user proc/sys/user
mount -o remount,bind,ro proc/sys
mount -o remount,bind,ro sys

hostname "$(<etc/hostname)"
pivot_root . mnt
umount -l /mnt
# As on a booted machine; without it the mounts of services do not reach nspawn,
# and LoadCredential= fails.
mount --make-rshared /

exec env -i container=forage-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd "${words[@]}"
