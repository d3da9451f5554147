# Stands in for sops-nix where the tests do not have it. It declares the options that the
# example uses, with sops-nix's own types and defaults (modules/sops/default.nix), and
# installs nothing.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;
  defaultFile = config.sops.defaultSopsFile;
in
{
  options.sops = {
    defaultSopsFile = mkOption { type = types.path; };

    secrets = mkOption {
      default = { };
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options.sopsFile = mkOption {
              type = types.path;
              default = defaultFile;
            };
            options.path = mkOption {
              type = types.str;
              default = "/run/secrets/${name}";
            };
          }
        )
      );
    };
  };
}
