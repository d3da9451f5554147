# A NixOS host with one sandbox of each network mode, booted, and what an agent tries inside.
# A module of the NixOS test framework: it takes a machine that runs virtual machines.
{
  name = "forage";

  nodes = {
    machine =
      { pkgs, ... }:
      {
        imports = [ ../nixos-module ];

        virtualisation = {
          memorySize = 3072;
          diskSize = 4096;
          # A sandbox sees the store through an id-mapped mount, which ext4 and erofs can do. The
          # store of a test is else 9p below an overlay, which cannot.
          useNixStoreImage = true;
          writableStore = false;
        };

        networking = {
          useDHCP = false;
          nameservers = [ "198.18.0.1" ];
          # Of no network that counts as private: a public name may not lead to one.
          interfaces.eth1.ipv4.addresses = [
            {
              address = "198.18.0.10";
              prefixLength = 24;
            }
          ];
        };

        users.users.alice = {
          isNormalUser = true;
          uid = 1000;
        };

        systemd.tmpfiles.rules = [
          "d /home/alice/none 0755 alice users"
          "d /home/alice/restricted 0755 alice users"
          "d /home/alice/full 0755 alice users"
        ];

        services.forage = {
          enable = true;
          user = "alice";
          externalInterface = "eth1";

          templates = {
            base = {
              nixDaemon = false;
              extraPackages = [ pkgs.curl ];
            };
            none = {
              extends = "base";
              network = "none";
            };
            restricted = {
              extends = "base";
              network = "restricted";
              allowedHosts = [ "allowed.test" ];
            };
            full = {
              extends = "base";
              network = "full";
            };
          };

          sandboxes = {
            none = {
              template = "none";
              workspace = "/home/alice/none";
            };
            restricted = {
              template = "restricted";
              workspace = "/home/alice/restricted";
            };
            full = {
              template = "full";
              workspace = "/home/alice/full";
            };
          };
        };
      };

    # The internet: a name server, and a web server with two addresses.
    outside = {
      networking = {
        useDHCP = false;
        firewall.enable = false;
        interfaces.eth1.ipv4.addresses = [
          {
            address = "198.18.0.1";
            prefixLength = 24;
          }
          {
            address = "198.18.0.2";
            prefixLength = 24;
          }
        ];
      };

      services = {
        dnsmasq = {
          enable = true;
          resolveLocalQueries = false;
          settings = {
            no-resolv = true;
            address = [
              "/allowed.test/198.18.0.1"
              "/other.test/198.18.0.2"
            ];
          };
        };
        nginx = {
          enable = true;
          virtualHosts.default = {
            default = true;
            locations."/".return = "200 outside";
          };
        };
      };
    };
  };

  testScript = ''
    import shlex

    MODES = ["none", "restricted", "full"]


    def inside(sandbox, script, user="agent"):
        """The host's command that runs a script as a unit of the sandbox."""
        return (
            "systemd-run --quiet --wait --pipe --collect --service-type=exec"
            f" --machine={sandbox} --uid={user}"
            " --setenv=PATH=/run/current-system/sw/bin"
            " -- /run/current-system/sw/bin/sh -euc " + shlex.quote(script)
        )


    def fetch(place):
        return f"curl --silent --fail --max-time 10 http://{place}/"


    start_all()
    outside.wait_for_unit("dnsmasq.service")
    outside.wait_for_unit("nginx.service")
    machine.wait_for_unit("multi-user.target")
    machine.wait_until_succeeds(fetch("other.test"), timeout=60)

    for mode in MODES:
        with subtest(f"{mode} starts"):
            machine.succeed(f"systemctl start systemd-nspawn@{mode}.service")
            machine.wait_until_succeeds(
                f"systemctl --machine={mode} is-system-running | grep -qx running", timeout=120
            )

    for mode in MODES:
        with subtest(f"{mode}: the workspace is the user's own"):
            machine.succeed(inside(mode, "echo made > /workspace/made"))
            owner = machine.succeed(f"stat --format %U /home/alice/{mode}/made")
            assert owner.strip() == "alice", owner

        with subtest(f"{mode}: nobody writes to the store, and root cannot remount it"):
            machine.succeed(inside(mode, "test -d /nix/store && command -v mount", user="root"))
            machine.fail(inside(mode, "touch /nix/store/x", user="root"))
            machine.fail(inside(mode, "mount -o remount,bind,rw /nix/store", user="root"))
            machine.fail(inside(mode, "touch /nix/store/x", user="root"))

        with subtest(f"{mode}: the host's other files are not there"):
            machine.fail(inside(mode, "test -e /home/alice", user="root"))

    with subtest("none has no link but its own"):
        links = machine.succeed(inside("none", "sed '1,2d; s/:.*//; s/ //g' /proc/net/dev"))
        assert links.split() == ["lo"], links
        machine.succeed(inside("none", "command -v curl"))
        machine.fail(inside("none", fetch("198.18.0.1")))

    with subtest("restricted reaches what is allowed, and nothing else"):
        machine.succeed(inside("restricted", fetch("allowed.test")))
        machine.fail(inside("restricted", fetch("other.test")))
        machine.succeed(inside("restricted", "getent ahosts allowed.test"))
        machine.fail(inside("restricted", "getent ahosts other.test"))
        machine.fail(inside("restricted", fetch("198.18.0.2")))

    with subtest("full reaches the internet"):
        machine.succeed(inside("full", fetch("other.test")))
  '';
}
