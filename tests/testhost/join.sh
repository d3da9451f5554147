#!/usr/bin/env bash
# join.sh CGROUP... -- COMMAND...: runs COMMAND inside those control groups.
#
# It is the child that moves itself ("0" means the writer), because on a version 2
# tree systemd can only hand out controllers if nothing but itself sits in its root.
set -euo pipefail

while [[ $1 != -- ]]; do
  # Of version 1, systemd may have taken one away meanwhile that nothing has a use for.
  echo 0 >"$1/cgroup.procs" 2>/dev/null || [[ ! -e $1 ]]
  shift
done
shift
exec "$@"
