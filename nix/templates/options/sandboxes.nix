# What the sandboxes are. `docs/reference.md` of Forage has every option.
{ pkgs, ... }:
{
  services.forage = {
    enable = true;
    user = "alice";

    # The interface that leads to the internet; `ip route get 1.1.1.1` names it.
    externalInterface = "eth0";

    # A file that a secret manager puts there at run time. Never the key itself.
    secrets.anthropic = "/run/secrets/anthropic-api-key";

    sandboxes.myproject = {
      template = "claude";
      workspace = "/home/alice/projects/myproject";
    };

    templates.claude = {
      description = "Claude Code";
      network = "restricted";
      nixDaemon = false;
      extraPackages = [
        pkgs.ripgrep
        pkgs.fd
      ];
      resourceLimits = {
        cpuQuota = "200%";
        memoryMax = "4G";
        tasksMax = 512;
      };
      agents.claude = {
        package = pkgs.claude-code;
        secretName = "anthropic";
        permissions = {
          allow = [
            "Read"
            "Glob"
            "Grep"
          ];
          deny = [ "Bash(rm -rf *)" ];
        };
      };
    };
  };
}
