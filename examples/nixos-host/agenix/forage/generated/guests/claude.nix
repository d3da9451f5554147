# The system inside the sandboxes of one template.
# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
{ lib, pkgs, ... }:
{
  forage.guest = {
    template = "claude";
    uid = 1000;
    gid = 100;
    nixDaemon = false;
    agents.claude = {
      program = lib.getExe' pkgs.claude-code "claude";
      wrapper = ./claude/root/opt/forage/bin/claude;
    };
    etc = {
      "claude-code/managed-settings.json" = ./claude/root/etc/claude-code/managed-settings.json;
      gitconfig = ./claude/root/etc/gitconfig;
      "resolv.conf" = ./claude/root/etc/resolv.conf;
    };
  };
  environment.systemPackages = [
    pkgs.ripgrep
    pkgs.fd
  ];
}
