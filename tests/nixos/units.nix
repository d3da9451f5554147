# The directory that NixOS makes /etc/systemd/system from, of Forage's units and of those of
# NixOS that they meet. NixOS's own script merges them; around it is a package of three empty
# units in place of all of systemd, so that it can be built without building systemd.
{
  config,
  lib,
  pkgs,
  utils,
}:

let
  upstream = pkgs.runCommand "upstream-units" { } ''
    cd "$(mkdir -p $out/example/systemd/system && echo $out/example/systemd/system)"
    mkdir multi-user.target.wants
    ln -s ../machines.target multi-user.target.wants/machines.target
    printf '[Unit]\n' | tee machines.target multi-user.target systemd-nspawn@.service
  '';

  # What lndir does, where the package set has no real one.
  lndir = pkgs.writeTextFile {
    name = "lndir";
    destination = "/bin/lndir";
    executable = true;
    text = ''
      #!/bin/sh
      exec cp -rs "$1"/. "$2"/
    '';
  };

  systemdLib = import (pkgs.path + "/nixos/lib/systemd-lib.nix") {
    inherit config lib utils;
    pkgs = pkgs // {
      buildPackages = pkgs.buildPackages // {
        inherit lndir;
        xorg = pkgs.buildPackages.xorg // {
          inherit lndir;
        };
      };
    };
  };
in
systemdLib.generateUnits {
  type = "system";
  units = lib.getAttrs [
    "multi-user.target"
    "systemd-nspawn@.service"
  ] config.systemd.units;
  upstreamUnits = [
    "machines.target"
    "multi-user.target"
    "systemd-nspawn@.service"
  ];
  upstreamWants = [ "multi-user.target.wants" ];
  packages = lib.filter (package: package.name or "" == "forage-units") config.systemd.packages;
  package = upstream;
}
