# What the commands of forage-ctl share.
# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
# shellcheck shell=bash disable=SC2034

tree=/etc/forage/tree
manifest=$tree/manifest.json

# Ends the command: 1 is an error, 2 a sandbox that is not there.
fail() {
  local code=$1
  shift
  printf 'forage-ctl: %s\n' "$*" >&2
  exit "$code"
}

# Checks that there is such a sandbox.
need_sandbox() {
  local shown
  [[ -e $manifest ]] || fail 1 "there is no $manifest"
  jq --exit-status --arg name "$1" '.sandboxes | has($name)' "$manifest" >/dev/null && return
  printf -v shown %q "$1"
  fail 2 "there is no sandbox $shown; there are: $(jq -r '.sandboxes | keys | join(", ")' "$manifest")"
}
