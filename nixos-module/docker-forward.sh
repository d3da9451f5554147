#!/usr/bin/env bash
# Docker has the kernel drop what is forwarded and nobody accepts: all of the sandboxes' packets
# that the fence has let pass. This accepts them, behind all other rules. It opens nothing: the
# fence is in chains of its own, and what they drop is dropped.
set -euo pipefail

for tables in iptables ip6tables; do
  for direction in --in-interface --out-interface; do
    rule=(FORWARD "$direction" fg-+ --jump ACCEPT)
    # Without them Docker has to start all the same.
    "$tables" --wait --check "${rule[@]}" 2>/dev/null ||
      "$tables" --wait --append "${rule[@]}" ||
      echo "forage: what sandboxes send is dropped by $tables, as Docker asks it to" >&2
  done
done
