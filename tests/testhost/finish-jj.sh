#!/usr/bin/env bash
# finish-jj.sh ROOT: makes jj and its libraries run from wherever the tree is.
set -euo pipefail

root=$1

cat >"$root/jj" <<'EOF'
#!/bin/sh
tree=${0%/*}
libraries=$tree/usr/lib/x86_64-linux-gnu
exec "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" "$tree/usr/bin/jj" "$@"
EOF
chmod 0755 "$root/jj"
rm -rf "${root:?}"/{dev,etc,tmp,var}
