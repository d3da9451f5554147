# Stands for the NixOS systems of a tree's templates, with Debian's programs in them.
#
# NixOS itself takes nixpkgs to build. A system here has its shape: a directory of the store
# with `init`, `etc`, `sw` and `systemd`, made from the template's generated module. Of the
# options in nixos-module/guest.nix it lacks the SSH server's and Nix's.
{
  tree, # the generated tree, in the store
  rootfs, # a Debian root file system with a merged /usr
}:

let
  inherit (builtins) attrNames concatStringsSep match;

  # What nothing here needs is left out: copying takes seconds.
  debian = builtins.path {
    name = "debian";
    path = rootfs;
    filter =
      path: _:
      match "${rootfs}/(usr|etc)(/.*)?" path != null
      && match "${rootfs}/usr/(share/(doc|perl|zoneinfo)|include|src)(/.*)?" path == null;
  };
  ofDebian = name: "${debian}/usr/bin/${name}";

  # What the modules name. A package is its programs here.
  lib.getExe = package: package.${builtins.head (attrNames package)};
  pkgs = {
    claude-code.claude = ofDebian "python3";
    fd.fd = ofDebian "find";
    nodejs.npm = "${./npm}";
    python3Packages.requests = { };
    ripgrep.rg = ofDebian "grep";
  };

  swBin = "/run/current-system/sw/bin";

  under =
    directory: set:
    builtins.listToAttrs (
      map (name: {
        name = "${directory}/${name}";
        value = "${set.${name}}";
      }) (attrNames set)
    );

  merge = builtins.foldl' (all: set: all // set) { };

  system =
    template:
    let
      module = import "${tree}/guests/${template}.nix";
      config = if builtins.isFunction module then module { inherit lib pkgs; } else module;
      inherit (config.forage) guest;
      programs = merge (config.environment.systemPackages or [ ]);

      initService = {
        "systemd/system/forage-init.service" = builtins.toFile "forage-init.service" ''
          [Unit]
          Description=Prepare the workspace
          [Service]
          Type=oneshot
          RemainAfterExit=yes
          User=agent
          WorkingDirectory=/workspace
          Environment=PATH=${swBin}:/usr/bin
          ExecStart=/opt/forage/init
        '';
        "systemd/system/multi-user.target.wants/forage-init.service" = "../forage-init.service";
      };

      etc = merge [
        (under "forage/agents" (guest.agents or { }))
        (if guest.init then initService else { })
        { "profile.d/system.sh" = builtins.toFile "system.sh" "PATH=/opt/forage/bin:${swBin}:$PATH\n"; }
      ];

      links = merge [
        (under "etc" etc)
        (under "sw/bin" programs)
        { systemd = "${debian}/usr"; }
      ];
    in
    derivation {
      name = "nixos-system-forage-${template}";
      system = builtins.currentSystem;
      builder = ofDebian "bash-static";
      args = [ ./build ];
      PATH = "/usr/bin:/bin";
      links = concatStringsSep "\n" (map (path: "${path} ${links.${path}}") (attrNames links));
      init = ./init;
      inherit debian;
      inherit (guest) uid gid;
    };

  templateOf = file: match "(.*)[.]nix" file;
  files = builtins.filter (file: templateOf file != null) (
    attrNames (builtins.readDir "${tree}/guests")
  );
in
builtins.listToAttrs (
  map (file: rec {
    name = builtins.head (templateOf file);
    value = system name;
  }) files
)
