{ config, lib, ... }:

let
  key = config.age.secrets.anthropic-api-key;
  named = (lib.importTOML ./forage/forage.toml).secrets.anthropic;
in
{
  age.secrets.anthropic-api-key.file = ./secrets/anthropic-api-key.age;

  assertions = [
    {
      assertion = named == key.path;
      message = ''
        forage/forage.toml reads the key from ${named}, but agenix puts it at ${key.path}.
        Write anthropic = "${key.path}" below [secrets], and run `forage-gen build forage`.
      '';
    }
  ];
}
