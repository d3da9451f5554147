# The system inside the sandboxes of one template.
# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
{ lib, pkgs, ... }:
{
  forage.guest = {
    template = "claude";
    uid = 1000;
    gid = 100;
    nixDaemon = false;
    init = true;
    awaitLimits = true;
    authorizedKeys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@laptop"
    ];
    agents.claude = lib.getExe pkgs.claude-code;
  };
  environment.systemPackages = [
    pkgs.ripgrep
    pkgs.fd
    pkgs.nodejs
    pkgs.python3Packages.requests
  ];
}
