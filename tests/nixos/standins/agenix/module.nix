# Stands in for agenix where the tests do not have it. It declares the options that the
# example uses, with agenix's own types and defaults (modules/age.nix), and installs nothing.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  directory = config.age.secretsDir;
in
{
  options.age = {
    secretsDir = mkOption {
      type = types.path;
      default = "/run/agenix";
    };

    secrets = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options.file = mkOption { type = types.path; };
            options.path = mkOption {
              type = types.str;
              default = "${directory}/${name}";
            };
          }
        )
      );
    };
  };
}
