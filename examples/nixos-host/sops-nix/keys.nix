{ config, lib, ... }:

let
  key = config.sops.secrets.anthropic-api-key;
  named = (lib.importTOML ./forage/forage.toml).secrets.anthropic;
in
{
  sops.defaultSopsFile = ./secrets/secrets.yaml;
  sops.secrets.anthropic-api-key = { };

  assertions = [
    {
      assertion = named == key.path;
      message = ''
        forage/forage.toml reads the key from ${named}, but sops-nix puts it at ${key.path}.
        Write anthropic = "${key.path}" below [secrets], and run `forage-gen build forage`.
      '';
    }
  ];
}
