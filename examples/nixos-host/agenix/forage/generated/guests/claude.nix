# The system inside the sandboxes of one template.
# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
{ lib, pkgs, ... }:
{
  forage.guest = {
    template = "claude";
    uid = 1000;
    gid = 100;
    nixDaemon = false;
    init = false;
    awaitLimits = true;
    agents.claude = lib.getExe pkgs.claude-code;
  };
  environment.systemPackages = [
    pkgs.ripgrep
    pkgs.fd
  ];
}
