# The host's half of Forage: it puts a generated tree where systemd, NixOS and the units of
# the tree look for it, and keeps the host's own services off the sandboxes' interfaces.
#
# What differs between sandboxes is in the tree's files. Only templates are evaluated here,
# one NixOS system each, so a host with many sandboxes costs no more than one with few.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;

  cfg = config.services.forage;

  # A path inside a flake's source would change with every commit of that source. Copied on
  # its own it changes with its content alone, and its name says what it is. A tree that a
  # derivation makes is a string already, and must not be read at evaluation.
  tree =
    if builtins.isPath cfg.tree then
      builtins.path {
        path = cfg.tree;
        name = "forage-tree";
      }
    else
      cfg.tree;

  # systemd.packages wants the layout of a package. Drop-in directories of units that come
  # from elsewhere (systemd-nspawn@NAME.service.d) are merged by NixOS with the rest.
  units = pkgs.linkFarm "forage-units" [
    {
      name = "lib/systemd/system";
      path = "${tree}/systemd/system";
    }
  ];

  nftables = config.networking.nftables.enable;

  owner = config.users.users.${cfg.user};
  ownerGroup = config.users.groups.${owner.group} or { gid = null; };

  # By which entries of trusted-users the host's Nix daemon does for the owner what root wants.
  groupsOfOwner = [
    owner.group
  ]
  ++ owner.extraGroups
  ++ lib.attrNames (lib.filterAttrs (_: group: lib.elem cfg.user group.members) config.users.groups);
  trustedBy =
    if config.nix.enable && config.users.users ? ${cfg.user} then
      lib.intersectLists config.nix.settings.trusted-users (
        [
          "*"
          cfg.user
        ]
        ++ map (group: "@${group}") groupsOfOwner
      )
    else
      [ ];

  agrees = declared: ours: declared == null || declared == ours;

  inherit (cfg) needs;
  ipv6 = needs.network != [ ] && cfg.ipv6Subnet != null;
  ownUsers = lib.subtractLists needs.sharedUsers (lib.attrNames cfg.guests);

  version = {
    systemd = config.systemd.package.version;
    kernel = config.boot.kernelPackages.kernel.version;
    util-linux = pkgs.util-linux.version;
    dnsmasq = pkgs.dnsmasq.version;
  };
  # The API proxy has nginx look names up again (`server ... resolve`).
  plainNginx =
    if lib.versionOlder pkgs.nginx.version "1.27.3" then pkgs.nginxMainline else pkgs.nginx;
  # It reads counts of tokens by a module that has to be compiled in. What nixpkgs compiles in
  # otherwise is of no use to it.
  nginx =
    if needs.tokenCounts == [ ] then plainNginx else plainNginx.override { modules = [ nginxUsage ]; };
  # What nixpkgs wants to know of a module: `src` and `name` until 2026, then those of a derivation.
  nginxUsage = rec {
    name = pname;
    pname = "forage-usage";
    src = builtins.path {
      name = "nginx-${pname}";
      path = ./nginx-usage;
    };
    outPath = src;
    meta.license = [ lib.licenses.mit ];
  };

  tooOld = what: least: lib.versionOlder version.${what} least;

  # Names in `used` that a sandbox has too, for an error message.
  takenBy = used: lib.filter used cfg.sandboxNames;
  quoted = lib.concatMapStringsSep ", " (name: "\"${name}\"");

  guestModule =
    { name, config, ... }:
    {
      options = {
        modules = mkOption {
          type = types.listOf types.deferredModule;
          default = [ ];
          example = lib.literalExpression "[ ./generated/guests/${name}.nix ]";
          description = ''
            The generated NixOS modules of this template: `guests/${name}.nix` of the tree.
          '';
        };

        extraModules = mkOption {
          type = types.listOf types.deferredModule;
          default = [ ];
          example = lib.literalExpression "[ { programs.direnv.enable = true; } ]";
          description = ''
            More NixOS configuration for the system inside the sandboxes of this template. It is
            as trusted as the host's own configuration, but takes effect only inside: the
            network fence, the limits and the mounts are the host's.
          '';
        };

        nixos = mkOption {
          type = types.raw;
          readOnly = true;
          internal = true;
          default = import (pkgs.path + "/nixos/lib/eval-config.nix") {
            # These two are the host's own, evaluated already.
            inherit (pkgs) lib;
            system = null;
            prefix = [
              "services"
              "forage"
              "guests"
              name
              "nixos"
            ];
            modules = [
              ./guest.nix
              guestDefaults
            ]
            ++ config.modules
            ++ config.extraModules;
          };
          defaultText = lib.literalMD "the evaluated NixOS system";
          description = "The evaluated NixOS system of this template, with `config` and `options`.";
        };

        system = mkOption {
          type = types.package;
          readOnly = true;
          default = config.nixos.config.system.build.toplevel;
          defaultText = lib.literalMD "the system that {option}`modules` describe";
          description = ''
            The NixOS system that every sandbox of this template boots. It is linked at
            `/etc/forage/systems/${name}`.
          '';
        };
      };
    };

  guestDefaults = {
    _file = ./default.nix;
    nixpkgs = {
      inherit pkgs;
      # `nix shell nixpkgs#...` inside then means the nixpkgs that the host has already.
      flake.source = lib.mkDefault config.nixpkgs.flake.source;
    };
  };
in
{
  imports = [ ./project.nix ];

  options.services.forage = {
    enable = lib.mkEnableOption "sandboxes for AI agents, as compiled by forage-gen";

    tree = mkOption {
      type = types.path;
      example = lib.literalExpression "./generated";
      description = ''
        The tree that `forage-gen build` wrote. Its own `default.nix` sets this option; without
        it, {option}`services.forage.templates` and {option}`services.forage.sandboxes` are
        compiled. It is linked at `/etc/forage/tree`, where the units find their scripts and
        rules.
      '';
    };

    sandboxNames = mkOption {
      type = types.listOf types.str;
      default = [ ];
      internal = true;
      description = ''
        The names of the sandboxes in the tree. They are used to tell at evaluation that another
        container of this host has the same name.
      '';
    };

    needs =
      lib.mapAttrs
        (
          _: what:
          mkOption {
            type = types.listOf types.str;
            default = [ ];
            internal = true;
            description = "The templates whose sandboxes ${what}.";
          }
        )
        {
          network = "have a network";
          nixDaemon = "have a Nix daemon of their own";
          sharedUsers = "share the host's user numbers";
          storeClosure = "see no more of the store than their system needs";
          tokenCounts = "ask APIs whose answers are read for counts of tokens";
        };

    guests = mkOption {
      type = types.attrsOf (types.submodule guestModule);
      default = { };
      example = lib.literalExpression "{ claude.extraModules = [ { programs.direnv.enable = true; } ]; }";
      description = "The NixOS system inside the sandboxes, one for each template.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = config.users.users ? ${cfg.user};
        message = ''
          services.forage.user is "${cfg.user}", but this host has no such user: a sandbox would
          have no owner for its workspace. Write users.users.${cfg.user} = { isNormalUser = true;
          uid = ${toString cfg.uid}; }, or name the right user in forage.toml (user = "...") and
          run `forage-gen build`.
        '';
      }
      {
        assertion = config.users.users ? ${cfg.user} -> agrees owner.uid cfg.uid;
        message = ''
          services.forage.uid is ${toString cfg.uid}, but users.users.${cfg.user}.uid is ${toString owner.uid}:
          the agents' files would belong to somebody else. Write uid = ${toString owner.uid} in forage.toml
          and run `forage-gen build`.
        '';
      }
      {
        assertion = config.users.users ? ${cfg.user} -> agrees ownerGroup.gid cfg.gid;
        message = ''
          services.forage.gid is ${toString cfg.gid}, but the primary group of ${cfg.user}, ${owner.group}, has the
          number ${toString ownerGroup.gid}: the agents' files would belong to another group. Write
          gid = ${toString ownerGroup.gid} in forage.toml and run `forage-gen build`.
        '';
      }
      (
        let
          taken = takenBy (
            name: config.systemd.nspawn ? ${name} || config.environment.etc ? "systemd/nspawn/${name}.nspawn"
          );
        in
        {
          assertion = taken == [ ];
          message = ''
            systemd.nspawn (or environment.etc) has settings for ${quoted taken}, and so has Forage.
            systemd would take the former and start the sandbox without its limits and mounts.
            Rename the sandbox in forage.toml and run `forage-gen build`, or remove the other.
          '';
        }
      )
      (
        let
          taken = takenBy (name: config.boot.enableContainers && config.containers ? ${name});
        in
        {
          assertion = taken == [ ];
          message = ''
            containers.<name> and Forage both have a machine named ${quoted taken}. Only one of them
            can run at a time. Rename one.
          '';
        }
      )
      {
        assertion = needs.sharedUsers == [ ] || trustedBy == [ ];
        message = ''
          The agents of ${quoted needs.sharedUsers} have the number of ${cfg.user} on the host too
          (isolation.privateUsers = false), and nix.settings.trusted-users has ${quoted trustedBy}:
          to the host's Nix daemon, ${cfg.user} is as good as root. Nothing of Forage leads to its
          socket, but a user namespace would no longer be in the way. Remove that from
          nix.settings.trusted-users, or isolation.privateUsers = false from these templates.
        '';
      }
      {
        assertion = !tooOld "systemd" "254";
        message = ''
          systemd is ${version.systemd}, and Forage's units need 254 or later (RestartMode=). Take
          NixOS 23.11 or later.
        '';
      }
      {
        assertion = ownUsers == [ ] || !tooOld "kernel" "6.3";
        message = ''
          The kernel is ${version.kernel}, and ${quoted ownUsers} need 6.3 or later (a tmpfs whose
          owners are mapped). Write boot.kernelPackages = pkgs.linuxPackages_latest, or
          isolation.privateUsers = false in these templates, which is less safe.
        '';
      }
      {
        assertion = ownUsers == [ ] || !tooOld "util-linux" "2.39";
        message = ''
          util-linux is ${version.util-linux}, and ${quoted ownUsers} need 2.39 or later (mounts whose
          owners are mapped). Take NixOS 23.11 or later.
        '';
      }
      {
        assertion = needs.network == [ ] || !tooOld "dnsmasq" "2.90";
        message = ''
          dnsmasq is ${version.dnsmasq}, and the resolvers of ${quoted needs.network} need 2.90 or later
          (filter-rr=). Take NixOS 24.05 or later.
        '';
      }
      {
        assertion =
          needs.network == [ ] || cfg.externalInterface != null || config.networking.nat.enable;
        message = ''
          The sandboxes from ${quoted needs.network} have a network, and nobody translates their
          private addresses: no answer would come back. Name the interface that leads to the
          internet, externalInterface = "eth0" (in forage.toml, or services.forage), or let the host
          do it with networking.nat.
        '';
      }
      {
        assertion = ipv6 -> config.networking.enableIPv6;
        message = ''
          The sandboxes from ${quoted needs.network} have IPv6 (ipv6Subnet), and this host has not:
          networking.enableIPv6 is false. Remove one of the two.
        '';
      }
      {
        # A prefix of any other kind is routed, with the sandboxes' own addresses.
        assertion =
          ipv6 && lib.hasPrefix "fd" (lib.toLower cfg.ipv6Subnet)
          -> cfg.externalInterface != null || config.networking.nat.enable && config.networking.nat.enableIPv6;
        message = ''
          The sandboxes from ${quoted needs.network} have the addresses of ${cfg.ipv6Subnet}, which
          nobody routes, and nobody translates: no answer would come back by IPv6. Name the
          interface that leads to the internet, externalInterface = "eth0", or let the host do it
          with networking.nat.enableIPv6.
        '';
      }
      {
        assertion =
          ipv6
          -> !lib.elem (config.boot.kernel.sysctl."net.ipv6.conf.all.forwarding" or null) [
            false
            0
            "0"
          ];
        message = ''
          boot.kernel.sysctl."net.ipv6.conf.all.forwarding" is off, and the sandboxes from
          ${quoted needs.network} have IPv6 (ipv6Subnet), which this host has to forward. Remove it:
          forage-firewall.service turns it on, and has the host keep the routes of its own router.
        '';
      }
    ]
    # A guest's failed assertions stop its own evaluation too, but do not say whose they are.
    ++ lib.concatLists (
      lib.mapAttrsToList (
        name: guest:
        map (
          { assertion, message, ... }:
          {
            inherit assertion;
            message = "services.forage.guests.${name}: ${message}";
          }
        ) guest.nixos.config.assertions
      ) cfg.guests
    );

    environment = {
      etc = {
        "forage/tree".source = tree;
      }
      // lib.mapAttrs' (name: guest: {
        name = "forage/systems/${name}";
        value.source = guest.system;
      }) cfg.guests
      # Of each such system, the paths of the store that it needs, one a line.
      // lib.listToAttrs (
        map (name: {
          name = "forage/closures/${name}";
          value.source = "${
            pkgs.closureInfo { rootPaths = [ cfg.guests.${name}.system ]; }
          }/store-paths";
        }) needs.storeClosure
      );

      # What units and scripts of the tree call by name, in the system's profile. The rest of
      # it (attr, coreutils, bash, util-linux, procps, ...) is in every NixOS system.
      systemPackages = [
        pkgs.dnsdist
        pkgs.dnsmasq
        pkgs.iproute2
        pkgs.jq
        pkgs.logrotate
        nginx
        pkgs.nftables
        # What a person calls. The link leads to the tree that is in force.
        (pkgs.linkFarm "forage-ctl" [
          {
            name = "bin/forage-ctl";
            path = "/etc/forage/tree/libexec/forage-ctl";
          }
        ])
      ]
      # A sandbox with a Nix daemon starts from a copy of the host's database.
      ++ lib.optional (needs.nixDaemon != [ ]) pkgs.sqlite;
    };

    systemd = {
      packages = [ units ];

      # NixOS links no *.wants directory of a package and reads no [Install] section.
      targets.multi-user.wants = [ "forage.target" ];

      # Sandboxes are PartOf= it: when a template's system has changed, a switch restarts this
      # and so those of them that run.
      services =
        # Each start of Docker may make its rules anew.
        lib.optionalAttrs (config.virtualisation.docker.enable && needs.network != [ ]) {
          docker = {
            path = [ pkgs.iptables ];
            postStart = builtins.readFile ./docker-forward.sh;
          };
        }
        // lib.mapAttrs' (name: guest: {
          name = "forage-guest@${name}";
          value = {
            description = "System inside the sandboxes from template ${name}";
            restartTriggers = [ guest.system ];
            stopIfChanged = false;
            serviceConfig = {
              Type = "oneshot";
              RemainAfterExit = true;
              ExecStart = "${pkgs.coreutils}/bin/true";
            };
          };
        }) cfg.guests
        // {
          # NixOS gives this unit a PATH of five packages, in a drop-in that is read after those
          # of the tree (overrides.conf sorts behind forage.conf), so the tree cannot set it. The
          # scripts that prepare a sandbox need what the tree's other units find.
          "systemd-nspawn@".path = [ "/run/current-system/sw" ];
        };

      network.networks."10-forage" = {
        matchConfig.Name = "fg-*";
        linkConfig.Unmanaged = true;
      };
    };

    # It has no effect where AppArmor is off. A file of the tree is not read here, but named.
    security.apparmor.policies.forage-sandbox.profile = ''
      include "${tree}/apparmor/forage-sandbox"
    '';

    # forage-firewall.service turns this on, but NixOS writes down that it is off, and says so
    # to the kernel again whenever a switch changes one of its settings. The priority is one
    # that no module of NixOS uses (nat has 99, docker 98, tailscale 97): two definitions of the
    # same priority are an error here, even when they agree.
    boot.kernel.sysctl = {
      "net.ipv4.conf.all.forwarding" = lib.mkOverride 96 true;

      # Each sandbox gets a part of what the host's root may have, and the kernel's 128 is too
      # little to divide. The priority is below the one of every module that raises it as well.
      "fs.inotify.max_user_instances" = lib.mkOverride 1100 8192;
    };

    # Whom the proxies run as. The fence knows their packets by the number.
    users = {
      users = {
        forage-proxy = {
          isSystemUser = true;
          uid = 1879048192;
          group = "forage-proxy";
          description = "Proxies of the sandboxes";
        };
        forage-api = {
          isSystemUser = true;
          uid = 1879048193;
          group = "forage-api";
          description = "API proxy of the sandboxes";
        };
      };
      groups = {
        forage-proxy.gid = 1879048192;
        forage-api.gid = 1879048193;
      };
    };

    networking = {
      # The table `inet forage` is the whole policy on these interfaces. A packet has to pass
      # it and the host's firewall, so the latter lets pass what the fence has let pass.
      # Each backend has its own wildcard, and takes the other's for a literal name.
      firewall = {
        trustedInterfaces = [ (if nftables then "fg-*" else "fg-+") ];
        extraForwardRules = lib.mkIf nftables ''iifname "fg-*" accept'';
      };

      # A reload of the host's firewall that flushes all tables loads this one again in the same
      # transaction, so there is no packet between the two. The patterns match nothing where
      # NixOS checks the rules, in a build.
      nftables.extraDeletions = lib.mkIf (nftables && config.networking.nftables.flushRuleset) ''
        include "/etc/forage/tree/nftables/*.nft"
        include "/etc/forage/tree/nftables/templates/*.nft"
        include "/etc/forage/tree/nftables/sandboxes/*.nft"
      '';

      dhcpcd.denyInterfaces = [ "fg-*" ];
      networkmanager.unmanaged = [ "interface-name:fg-*" ];
    };
  };
}
