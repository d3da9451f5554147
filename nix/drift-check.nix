# A derivation that fails where a checked-in tree is not what a build of its project writes,
# or where a lint finds something: `forage-gen check`, for the `checks` of a flake.
{
  lib,
  runCommand,
  forage-gen,
}:

{
  src,
  tree ? src + "/generated",
  name ? "forage-drift",
}:

runCommand name { } ''
  export HOME=$TMPDIR
  cp -r ${src} project
  cp -r ${tree} tree
  # In the store nothing is writable; a build's files are.
  chmod -R u+w project tree
  ${lib.getExe forage-gen} check project -o tree
  touch $out
''
