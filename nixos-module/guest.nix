# The NixOS system inside a sandbox, as far as it is the same for every template.
#
# Nothing here is a boundary. Whoever is root in a sandbox can undo all of it; what must hold
# is held by the host: mounts, limits, user namespace and the network's fence.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib)
    mkDefault
    mkIf
    mkOption
    types
    ;

  cfg = config.forage.guest;

  # A sandbox has 65,536 user numbers of its own; 0 is root and 65534 is nobody.
  idType = types.ints.between 1 65533;

  usersGid = config.ids.gids.users;

  nix = config.nix.package;
  # Lix went its own way before Nix had it.
  hasOverlayStore = lib.versionAtLeast (lib.getVersion nix) "2.22" && lib.getName nix != "lix";
in
{
  options.forage.guest = {
    template = mkOption {
      type = types.str;
      example = "claude";
      description = "The name of the template that this system belongs to.";
    };

    uid = mkOption {
      type = idType;
      example = 1000;
      description = "The agent's user number: the one that the workspace's owner has on the host.";
    };

    gid = mkOption {
      type = idType;
      example = 100;
      description = "The number of the agent's primary group.";
    };

    agents = mkOption {
      type = types.attrsOf types.path;
      default = { };
      example = lib.literalExpression "{ claude = lib.getExe pkgs.claude-code; }";
      description = ''
        The programs of the agents that can be started in the sandbox, by the name of their
        command. Each is linked at `/etc/forage/agents/NAME`, where its wrapper finds it.
      '';
    };

    init = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the template has commands that the agent's user runs in `/workspace` each time
        that the sandbox starts, before anybody can log in.
      '';
    };

    nixDaemon = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether `nix` is there, with a daemon that runs inside. Its store is a layer of the
        sandbox's own over the host's.
      '';
    };

    awaitLimits = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the system waits, before anything of the agent runs, until the host has set the
        limits of its user namespace.
      '';
    };

    sshAuthSock = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/ssh-agent/socket";
      description = ''
        The socket of the agent on the host that has the SSH key of the template, if it has one.
        The host puts the configuration that leads to it, and host keys, there at each start.
      '';
    };

    authorizedKeys = mkOption {
      type = types.listOf types.singleLineStr;
      default = [ ];
      example = [ "ssh-ed25519 AAAA... alice@laptop" ];
      description = ''
        SSH keys that may log in as `agent`. Without any, no SSH server runs.
      '';
    };
  };

  config = lib.mkMerge [
    {
      boot = {
        enableContainers = false;
      }
      # Newer releases tell nspawn from other containers.
      // (
        if options.boot ? isNspawnContainer then { isNspawnContainer = true; } else { isContainer = true; }
      );

      system = {
        name = "forage-${cfg.template}";

        # The root is made anew at each start: there is no state that an older release made.
        stateVersion = mkDefault config.system.nixos.release;

        # A sandbox gets a new system by starting again, never by a switch inside it.
        switch.enable = false;
        disableInstallerTools = true;
      };

      networking = {
        # One system serves every sandbox of the template. nspawn sets the name, from the
        # sandbox's own settings; without /etc/hostname systemd keeps it, and nss-myhostname
        # resolves it.
        hostName = "";

        # The host makes the link, its address and its routes before anything starts here, and
        # fences it from outside.
        useDHCP = false;
        dhcpcd.enable = false;
        firewall.enable = false;

        # The host puts its own /etc/resolv.conf there at each start.
        useHostResolvConf = false;
        resolvconf.enable = false;
      };

      users = {
        mutableUsers = false;

        # Nobody has a password here. The host's root gets in by `machinectl shell`.
        allowNoPasswordLogin = true;

        users.agent = {
          isNormalUser = true;
          inherit (cfg) uid;
          group = if cfg.gid == usersGid then "users" else "agent";
          home = "/home/agent";
          description = "Agent";
          openssh.authorizedKeys.keys = cfg.authorizedKeys;
        };
        groups = mkIf (cfg.gid != usersGid) { agent = { inherit (cfg) gid; }; };
      };

      security.sudo.enable = false;

      environment = {
        etc =
          lib.mapAttrs' (name: program: {
            name = "forage/agents/${name}";
            value.source = program;
          }) cfg.agents
          // {
            # A file of the log takes its whole size from the start, of memory.
            "systemd/journald.conf.d/forage.conf".text = ''
              [Journal]
              Storage=volatile
              RuntimeMaxFileSize=1M
            '';
          };

        systemPackages = [
          pkgs.git
          pkgs.jujutsu
          pkgs.tmux
        ];

        # What the project says of APIs, in sandboxes of which it says something.
        extraInit = "[ ! -r /etc/forage/environment.sh ] || . /etc/forage/environment.sh";

        # The host puts the agents' wrappers into its `bin` at each start. They come before
        # the programs that they are named like.
        profiles = lib.mkBefore [ "/opt/forage" ];

        # Templates say what a sandbox holds.
        defaultPackages = mkDefault [ ];
      };

      # What a machine for people has and an agent has no use for.
      documentation = {
        enable = false;
        man.enable = false; # else man-db stays
      };
      programs.command-not-found.enable = mkDefault false;
      services.logrotate.enable = mkDefault false;
      systemd.oomd.enable = mkDefault false;

      # forage_gen/emit/guest_masks.py says why; the tests compare the two.
      systemd.generators = lib.genAttrs [
        "systemd-cryptsetup-generator"
        "systemd-debug-generator"
        "systemd-getty-generator"
        "systemd-gpt-auto-generator"
        "systemd-hibernate-resume-generator"
        "systemd-integritysetup-generator"
        "systemd-run-generator"
        "systemd-ssh-generator"
        "systemd-system-update-generator"
        "systemd-tpm2-generator"
        "systemd-veritysetup-generator"
      ] (_: mkDefault "/dev/null");
      systemd.suppressedSystemUnits = [
        "systemd-ask-password-console.path"
        "systemd-ask-password-wall.path"
        "systemd-creds.socket"
        "systemd-initctl.socket"
        "systemd-journal-flush.service"
        "systemd-pcrextend.socket"
        "systemd-pcrlock.socket"
        "systemd-remount-fs.service"
        "systemd-sysext.socket"
        "systemd-tmpfiles-setup-dev-early.service"
        "systemd-tmpfiles-setup-dev.service"
      ];
      xdg = {
        autostart.enable = mkDefault false;
        icons.enable = mkDefault false;
        mime.enable = mkDefault false;
        sounds.enable = mkDefault false;
      };

      nix.enable = cfg.nixDaemon;
    }

    (mkIf cfg.nixDaemon {
      environment.variables.NIX_REMOTE = "daemon";

      assertions = [
        {
          assertion = hasOverlayStore;
          message = ''
            The Nix inside is ${lib.getName nix} ${lib.getVersion nix}, and a layer over the host's
            store needs Nix 2.22 or later. Take NixOS 24.11 or later, or write
            nix.package = pkgs.nixVersions.latest in this template's extraModules, or
            nixDaemon = false in the template.
          '';
        }
      ];

      nix = {
        channel.enable = false;
        settings.experimental-features = mkDefault [
          "nix-command"
          "flakes"
        ];
      };

      # The host puts this script there at each start, and the daemon's own nix.conf. What NixOS
      # writes to /etc/nix/nix.conf is for the clients.
      systemd.services.nix-daemon = {
        path = [
          pkgs.bash
          pkgs.util-linux
        ];
        serviceConfig = {
          ExecStart = [
            ""
            "/opt/forage/nix-daemon"
          ];
          # The builders end with it.
          KillMode = lib.mkForce "mixed";
          # A builder that was killed for its memory is not the end of the daemon.
          OOMPolicy = "continue";
        };
      };
    })

    (mkIf cfg.init {
      systemd.services.forage-init = {
        description = "Prepare the workspace";
        wantedBy = [ "multi-user.target" ];
        before = [ "systemd-user-sessions.service" ];
        after = [ "nss-user-lookup.target" ];
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          User = "agent";
          WorkingDirectory = "/workspace";

          # Nobody can log in before it is done, so it must not hang for ever.
          TimeoutStartSec = "15min";
        };
        # As in a login shell, every program of the system is there.
        script = ''
          . ${config.system.build.setEnvironment}
          exec /opt/forage/init
        '';
      };
    })

    (mkIf cfg.awaitLimits {
      systemd.services.forage-limits = {
        description = "Wait for the limits that the host sets";
        wantedBy = [ "sysinit.target" ];
        before = [ "sysinit.target" ];
        path = [ pkgs.bash ];

        # It ends with the system, and so does the sandbox, if it fails.
        unitConfig = {
          DefaultDependencies = false;
          FailureAction = "exit-force";
        };
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "/opt/forage/await-limits";
        };
      };
    })

    (mkIf (cfg.sshAuthSock != null) {
      environment.variables.SSH_AUTH_SOCK = cfg.sshAuthSock;
      programs.ssh.extraConfig = "Include /etc/ssh/ssh_config.d/forage.conf";
    })

    (mkIf (cfg.authorizedKeys != [ ]) {
      services.openssh = {
        enable = true;
        settings = {
          AllowUsers = [ "agent" ];
          KbdInteractiveAuthentication = false;
          PasswordAuthentication = false;
          PermitRootLogin = "no";
        };
      };
    })
  ];
}
