#!/usr/bin/env bash
# join.sh CGROUP... -- COMMAND...: runs COMMAND inside those control groups.
#
# It is the child that moves itself ("0" means the writer), because on a version 2
# tree systemd can only hand out controllers if nothing but itself sits in its root.
set -euo pipefail

while [[ $1 != -- ]]; do
  echo 0 >"$1/cgroup.procs"
  shift
done
shift
exec "$@"
