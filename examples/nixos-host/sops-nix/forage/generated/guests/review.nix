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
  };
  environment.systemPackages = [
    pkgs.ripgrep
    pkgs.fd
  ];
}
