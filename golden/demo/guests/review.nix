# The system inside the sandboxes of one template.
# Written by forage-gen. Do not edit: change the project and run `forage-gen build`.
{ pkgs, ... }:
{
  forage.guest = {
    template = "review";
    uid = 1000;
    gid = 100;
    nixDaemon = false;
    init = false;
    awaitLimits = true;
    authorizedKeys = [
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl alice@laptop"
    ];
  };
  environment.systemPackages = [
    pkgs.ripgrep
    pkgs.fd
  ];
}
