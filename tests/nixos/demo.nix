# examples/demo, written as NixOS options.
{ pkgs, ... }:
{
  services.forage = {
    enable = true;
    user = "alice";
    externalInterface = "eth0";
    subnet = "10.100.0.0/16";
    authorizedKeys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@laptop"
    ];
    secrets.anthropic = "/run/secrets/anthropic-api-key";
    lockFile = ../../examples/demo/forage.lock;

    sandboxes = {
      website = {
        template = "claude";
        workspace = "/home/alice/projects/website";
        autoStart = true;
        forwardPorts = [ "8080:3000" ];
      };
      backend = {
        template = "claude";
        workspace = "/home/alice/projects/backend";
      };
      review = {
        template = "review";
        workspace = "/home/alice/projects/backend-review";
      };
      research = {
        template = "research";
        workspace = "/home/alice/projects/research";
      };
    };

    templates = {
      base = {
        description = "Common ground";
        extraPackages = with pkgs; [
          ripgrep
          fd
        ];
        resetEvery = "daily";
        resourceLimits = {
          cpuQuota = "200%";
          memoryMax = "4G";
          tasksMax = 512;
          diskMax = "2G";
        };
        agentIdentity = {
          gitUser = "Forage Agent";
          gitEmail = "agent@example.org";
        };
      };

      claude = {
        description = "Claude Code";
        extends = "base";
        network = "restricted";
        allowedHosts = [
          "registry.npmjs.org"
          "*.githubusercontent.com"
          "db.example.org:5432"
        ];
        extraPackages = [
          pkgs.nodejs
          pkgs.python3Packages.requests
        ];
        initCommands = [ "npm install --no-audit" ];
        agents.claude = {
          package = pkgs.claude-code;
          secretName = "anthropic";
          permissions = {
            allow = [
              "Read"
              "Glob"
              "Grep"
              "Edit(src/**)"
            ];
            deny = [ "Bash(rm -rf *)" ];
          };
        };
        workspace.mounts.docs = {
          containerPath = "/workspace/docs";
          hostPath = "~/docs";
          readOnly = true;
        };
      };

      research = {
        description = "Research: the whole internet, but nothing private";
        extends = "base";
        network = "full";
        allowedHosts = [ "192.168.1.20:8080" ];
      };

      review = {
        description = "Review: reads the code, changes nothing, reaches nothing";
        extends = "base";
        network = "none";
        readOnlyWorkspace = true;
      };
    };
  };
}
