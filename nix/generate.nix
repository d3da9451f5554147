# Compiles a project in a derivation. Nothing reads its outputs at evaluation: `out` is the
# tree, and `lock` the forage.lock to check in.
#
# A project is a directory (`src`), or one file forage.json (`project`).
{
  lib,
  runCommand,
  forage-gen,
}:

{
  src ? null,
  project ? null,
  lockFile ? null,
  name ? "forage-tree",
}:

let
  place =
    if src != null then
      "cp -r ${src} project && chmod -R u+w project"
    else
      "mkdir project && cp ${project} project/forage.json";
in
assert lib.assertMsg ((src == null) != (project == null)) "generate: write either src or project";
runCommand name
  {
    outputs = [
      "out"
      "lock"
    ];
    passthru = lib.optionalAttrs (project != null) { inherit project; };
  }
  ''
    export HOME=$TMPDIR
    ${place}
    cd project
    ${lib.optionalString (lockFile != null) "install -m 0644 ${lockFile} forage.lock"}
    ${lib.getExe forage-gen} build . -o ../tree
    cp -r ../tree $out
    cp forage.lock $lock
  ''
