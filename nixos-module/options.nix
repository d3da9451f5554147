# The keys of a project as NixOS options: one set of options for each kind of table.
# Written by `python -m forage_gen.schema.nixos_options`. Change forage_gen/schema/models.py.
{
  lib,
  # Makes the type of a table from its options.
  table,
}:

let
  inherit (lib) mkOption types;

  # Text of a form. What has it, the compiler may refuse still, and the build says why.
  like =
    form: example:
    types.strMatching form.pattern // { description = "${form.what} like ${example}"; };

  # A table whose names have a form.
  named =
    form: type:
    types.addCheck (types.attrsOf type) (
      set: lib.all (name: builtins.match form.pattern name != null) (lib.attrNames set)
    )
    // {
      description = "${(types.attrsOf type).description}, by names that match ${form.pattern}";
      # NixOS makes the type anew with this, and would lose the check.
      substSubModules = modules: named form (type.substSubModules modules);
    };

  forms = {
    ipv4Network = {
      what = "IPv4 network";
      pattern = "^([0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2})$";
    };
    ipv6Prefix = {
      what = "IPv6 prefix";
      pattern = "^([0-9A-Fa-f:]+/[0-9]{2,3})$";
    };
    addressOfAnAPI = {
      what = "address of an API";
      pattern = "^(https://[^ \t\n@]+)$";
    };
    calendarExpression = {
      what = "calendar expression";
      pattern = "^([A-Za-z0-9*~.,:/_+-]+( +[A-Za-z0-9*~.,:/_+-]+)*)$";
    };
    capability = {
      what = "capability";
      pattern = "^(CAP_[A-Z_]+)$";
    };
    header = {
      what = "header";
      pattern = "^([A-Za-z0-9-]+(: ?[A-Za-z0-9-]+)?)$";
    };
    host = {
      what = "host";
      pattern = "^(!?([*][.])?[^ \t\n@/:*]+(:[0-9]{1,5})?|[0-9]{1,3}([.][0-9]{1,3}){3}/[0-9]{1,2}(:[0-9]{1,5})?|[0-9A-Fa-f:.]+(/[0-9]{1,3})?|\\[[0-9A-Fa-f:.]+(/[0-9]{1,3})?.(:[0-9]{1,5})?)$";
    };
    interfaceName = {
      what = "interface name";
      pattern = "^([A-Za-z0-9_][A-Za-z0-9_.-]{0,14})$";
    };
    mailAddress = {
      what = "mail address";
      pattern = "^([^ \t\n@<>]+@[^ \t\n@<>]+)$";
    };
    method = {
      what = "method";
      pattern = "^([A-Z]{2,16})$";
    };
    name = {
      what = "name";
      pattern = "^([a-z][a-z0-9]*(-[a-z0-9]+)*)$";
    };
    nameOfASecret = {
      what = "name of a secret";
      pattern = "^([A-Za-z0-9_-][A-Za-z0-9_.-]*)$";
    };
    nameOfAnAuthor = {
      what = "name of an author";
      pattern = "^([^<>\n]+)$";
    };
    oneLine = {
      what = "one line";
      pattern = "^([^\n]*)$";
    };
    pathInTheWorkspace = {
      what = "path in the workspace";
      pattern = "^([^~/:*?\n][^:*?\n]*)$";
    };
    pathInside = {
      what = "path inside";
      pattern = "^((/[^/:\n]+)+/*)$";
    };
    pathOfASecret = {
      what = "path of a secret";
      pattern = "^/";
    };
    pathOfTheHost = {
      what = "path of the host";
      pattern = "^(~/*|~?(/[^/:\n]+)+/*)$";
    };
    patternOfPaths = {
      what = "pattern of paths";
      pattern = "^(/[^ \t\n?#]*)$";
    };
    percentage = {
      what = "percentage";
      pattern = "^([0-9]{1,7}([.][0-9]{1,2})?%)$";
    };
    port = {
      what = "port";
      pattern = "^((([0-9]{1,3}([.][0-9]{1,3}){3}|\\[[0-9A-Fa-f:.]{1,45}.):)?[0-9]{1,5}(:[0-9]{1,5})?)$";
    };
    profile = {
      what = "profile";
      pattern = "^(default|strict)$";
    };
    publicKey = {
      what = "public key";
      pattern = "^[ \t\n]*(ecdsa-sha2-nistp256|ecdsa-sha2-nistp384|ecdsa-sha2-nistp521|sk-ecdsa-sha2-nistp256@openssh.com|sk-ssh-ed25519@openssh.com|ssh-ed25519|ssh-rsa)[ \t]";
    };
    rule = {
      what = "rule";
      pattern = "^([A-Za-z][^\n]*)$";
    };
    size = {
      what = "size";
      pattern = "^([0-9]{1,20}([.][0-9]{1,20})?[KMGTPE]?)$";
    };
    sizeOfALog = {
      what = "size of a log";
      pattern = "^([1-9][0-9]{0,8}[MG])$";
    };
    sizeOfATmpfs = {
      what = "size of a tmpfs";
      pattern = "^([0-9]{1,20}[KMG]?)$";
    };
    sizeOfData = {
      what = "size of data";
      pattern = "^([1-9][0-9]{0,8}[KMG])$";
    };
    systemCall = {
      what = "system call";
      pattern = "^(~?@?[a-z_][a-z0-9_-]*)$";
    };
    userName = {
      what = "user name";
      pattern = "^([a-z_][a-z0-9_-]{0,30})$";
    };
    variableName = {
      what = "variable name";
      pattern = "^([A-Za-z_][A-Za-z0-9_]*)$";
    };
  };

  proxy = {
    upstream = mkOption {
      type = like forms.addressOfAnAPI "https://api.github.com";
      example = "https://api.github.com";
      description = "Required. Where it is: `https`, a host's name, and perhaps a port and the path that all requests begin with. Its certificate is checked.";
    };

    secretName = mkOption {
      type = like forms.nameOfASecret "github";
      example = "github";
      description = "Required. The key in `[secrets]` that the proxy adds.";
    };

    header = mkOption {
      type = like forms.header "x-api-key";
      default = "Authorization: Bearer";
      example = "x-api-key";
      description = "The header that holds the key, and the word before it, if there is one.";
    };

    methods = mkOption {
      type = types.listOf (like forms.method "GET");
      default = [
        "GET"
        "HEAD"
      ];
      example = [
        "GET"
        "POST"
      ];
      description = "What may be done.";
    };

    paths = mkOption {
      type = types.listOf (like forms.patternOfPaths "/repos/acme/website");
      example = [
        "/repos/acme/website"
        "/repos/acme/website/**"
      ];
      description = "Required. The paths that may be asked for, below `upstream`. `*` stands for any characters but `/`, `/**` at the end for all below.";
    };

    env = mkOption {
      type = named forms.variableName types.str;
      default = { };
      example = {
        GITHUB_API_URL = "{url}";
      };
      description = "Variables that tell programs inside of it. `{url}` stands for the address at which the sandbox finds the proxy.";
    };
  };

  sandbox = {
    template = mkOption {
      type = like forms.name "claude";
      example = "claude";
      description = "Required. The template it is made from.";
    };

    workspace = mkOption {
      type = like forms.pathOfTheHost "/home/alice/projects/myproject";
      example = "/home/alice/projects/myproject";
      description = "Required. The directory that the agent works on. It appears as /workspace.";
    };

    autoStart = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether it starts with the host.";
    };

    restartIfChanged = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether a switch of the host restarts it when its own files have changed. If not, a running agent keeps its sandbox as it is until the next reset or restart.";
    };

    proxies = mkOption {
      type = types.listOf (like forms.name "github");
      default = [ ];
      example = [ "github" ];
      description = "APIs that it may ask through the proxy, besides those of its template: names of `[proxies]`.";
    };

    forwardPorts = mkOption {
      type = types.listOf (like forms.port "8080");
      default = [ ];
      example = [
        "8080"
        "8443:443"
        "192.168.1.5:3000"
        "[2001:db8::5]:3000"
      ];
      description = "TCP ports of the host that lead into the sandbox while it runs: `[ADDRESS:]PORT[:PORT INSIDE]`. Without an address, a port of the host's loopback, 127.0.0.1. An IPv6 address is in brackets.";
    };

    allowFindings = mkOption {
      type = types.attrsOf types.nonEmptyStr;
      default = { };
      example = { workspace-too-wide = "its work is to set up this machine"; };
      description = "Lints that are right as they are in this sandbox: codes, each with the reason.";
    };
  };

  agent = {
    package = mkOption {
      type = types.nullOr types.package;
      default = null;
      example = lib.literalExpression "pkgs.claude-code";
      description = "Required. The nixpkgs attribute path of the program, or `sources.NAME`.";
    };

    secretName = mkOption {
      type = types.nullOr (like forms.nameOfASecret "anthropic");
      default = null;
      example = "anthropic";
      description = "The key in `[secrets]` that this agent may use.";
    };

    authEnvVar = mkOption {
      type = types.nullOr (like forms.variableName "ANTHROPIC_API_KEY");
      default = null;
      example = "ANTHROPIC_API_KEY";
      description = "The variable in which the program expects its key. Known agents have a default.";
    };

    auth = mkOption {
      type = types.enum [
        "proxy"
        "wrapper"
      ];
      default = "proxy";
      example = "wrapper";
      description = "Where its key is. `proxy`: on the host, where a proxy adds it to what the agent asks of its API; it never enters the sandbox. `wrapper`: in /run/secrets, read at run time, for its process alone.";
    };

    keyHelper = mkOption {
      type = types.nullOr types.bool;
      default = null;
      example = false;
      description = "Whether the program asks a command for its key, as its settings tell it, and has it in no variable: what it starts does not inherit it. Default: for agents that can do so, unless `authEnvVar` names a variable.";
    };

    hostConfigDir = mkOption {
      type = types.nullOr (like forms.pathOfTheHost "~/.claude");
      default = null;
      example = "~/.claude";
      description = "A directory of the host with the agent's own state, such as a login. Mounted inside.";
    };

    containerConfigDir = mkOption {
      type = types.nullOr (like forms.pathInside "/home/agent/.claude");
      default = null;
      example = "/home/agent/.claude";
      description = "Where `hostConfigDir` appears inside. Known agents have a default.";
    };

    hostConfigDirReadOnly = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether the agent may only read `hostConfigDir`.";
    };

    permissions = mkOption {
      type = table permissions;
      default = { };
      example = {
        allow = [ "Read" ];
        deny = [ "Bash(rm -rf *)" ];
      };
      description = "What the agent may do without asking.";
    };
  };

  agentIdentity = {
    gitUser = mkOption {
      type = types.nullOr (like forms.nameOfAnAuthor "Forage Agent");
      default = null;
      example = "Forage Agent";
      description = "Author and committer name.";
    };

    gitEmail = mkOption {
      type = types.nullOr (like forms.mailAddress "agent@example.org");
      default = null;
      example = "agent@example.org";
      description = "Author and committer e-mail address.";
    };

    sshSecretName = mkOption {
      type = types.nullOr (like forms.nameOfASecret "deploy-key");
      default = null;
      example = "deploy-key";
      description = "The private key in `[secrets]` that the agent logs in with by SSH, to `sshHosts` alone. It stays on the host, in an ssh-agent.";
    };

    sshHosts = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "git@github.com" ];
      description = "Where that key may log in: `[USER@]HOST[:PORT]`. The network has to reach them: in `restricted`, list `github.com:22` in `allowedHosts` as well.";
    };

    knownHosts = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "github.com ssh-ed25519 AAAA..." ];
      description = "The host keys of `sshHosts`, as lines of known_hosts. No other host key is taken for theirs.";
    };
  };

  apiLimits = {
    requestsPerMinute = mkOption {
      type = types.ints.between 1 1000000;
      default = 300;
      example = 60;
      description = "Requests a minute. Half as many may come at once.";
    };

    concurrentRequests = mkOption {
      type = types.ints.between 1 1000;
      default = 32;
      example = 8;
      description = "Requests at the same time.";
    };

    bodyMax = mkOption {
      type = like forms.sizeOfData "32M";
      default = "32M";
      example = "32M";
      description = "Size of what one request may send.";
    };
  };

  isolation = {
    privateUsers = mkOption {
      type = types.bool;
      default = true;
      example = true;
      description = "A user namespace: root inside is nobody on the host.";
    };

    syscallFilter = mkOption {
      type = types.either (like forms.profile "default") (
        types.listOf (like forms.systemCall "~@debug")
      );
      default = "default";
      example = "default";
      description = "`default`; `strict`, without io_uring, debuggers and what else exploits use; or a list of system calls and groups in systemd's syntax, which adds to the default.";
    };

    userNamespaces = mkOption {
      type = types.nullOr types.bool;
      default = null;
      example = false;
      description = "Whether programs inside may make user namespaces, as nested containers and bubblewrap do. They open much of the kernel. Default: not with `strict`.";
    };

    capabilities = mkOption {
      type = types.listOf (like forms.capability "CAP_SYS_PTRACE");
      default = [ ];
      example = [ "CAP_SYS_PTRACE" ];
      description = "What its root may do besides what a booted system needs: capabilities that systemd-nspawn would leave to it and Forage drops.";
    };

    apparmor = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether it runs under the AppArmor profile `forage-sandbox` on a host with AppArmor enabled. There, without the profile, it does not start.";
    };

    storeClosure = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether only that part of /nix/store is visible that the system inside needs. With a `rootfs`, which needs none of it, nothing is. Not together with `nixDaemon`.";
    };
  };

  mount = {
    containerPath = mkOption {
      type = types.nullOr (like forms.pathInside "/workspace/docs");
      default = null;
      example = "/workspace/docs";
      description = "Required. Where it appears inside.";
    };

    hostPath = mkOption {
      type = types.nullOr (like forms.pathOfTheHost "~/docs");
      default = null;
      example = "~/docs";
      description = "Required. What is mounted.";
    };

    readOnly = mkOption {
      type = types.bool;
      default = true;
      example = true;
      description = "Whether the sandbox may only read it.";
    };
  };

  permissions = {
    allow = mkOption {
      type = types.listOf (like forms.rule "Read");
      default = [ ];
      example = [
        "Read"
        "Edit(src/**)"
      ];
      description = "Tools, or uses of a tool, that need no confirmation.";
    };

    deny = mkOption {
      type = types.listOf (like forms.rule "Bash(rm -rf *)");
      default = [ ];
      example = [ "Bash(rm -rf *)" ];
      description = "Tools, or uses of a tool, that are refused. Wins over `allow`.";
    };

    skipAll = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Ask for nothing. Not together with `allow`: everything is allowed already.";
    };
  };

  resourceLimits = {
    cpuQuota = mkOption {
      type = types.nullOr (like forms.percentage "200%");
      default = null;
      example = "200%";
      description = "Share of processor time; `100%` is one whole processor.";
    };

    memoryMax = mkOption {
      type = types.nullOr (like forms.size "4G");
      default = null;
      example = "4G";
      description = "Memory of all its processes together. Past it, the kernel kills inside the sandbox.";
    };

    tasksMax = mkOption {
      type = types.nullOr (types.ints.between 16 4194304);
      default = null;
      example = 512;
      description = "Processes and threads.";
    };

    ioWeight = mkOption {
      type = types.nullOr (types.ints.between 1 10000);
      default = null;
      example = 50;
      description = "Its share of the disks' time when others want it, too; the others have 100. It takes an I/O scheduler that counts: BFQ, or the kernel's io.cost.";
    };

    diskMax = mkOption {
      type = like forms.sizeOfATmpfs "2G";
      default = "2G";
      example = "2G";
      description = "Size of the ephemeral root. It lives in memory and is gone on restart.";
    };
  };

  workspaceOptions = {
    mounts = mkOption {
      type = named forms.name (table mount);
      default = { };
      example = {
        docs = {
          containerPath = "/workspace/docs";
          hostPath = "~/docs";
        };
      };
      description = "Further directories of the host, each under a name of its own.";
    };
  };

  template = {
    description = mkOption {
      type = types.nullOr (like forms.oneLine "Claude Code");
      default = null;
      example = "Claude Code";
      description = "One line for people.";
    };

    extends = mkOption {
      type = types.nullOr (like forms.name "base");
      default = null;
      example = "base";
      description = "A parent template. Tables merge, lists append, other values replace. See `replaces`.";
    };

    replaces = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [
        "allowedHosts"
        "agents.claude.permissions.allow"
      ];
      description = "Keys at which nothing is inherited: this template has what it writes there itself, or the default.";
    };

    rootfs = mkOption {
      type = types.nullOr (like forms.pathOfTheHost "/var/lib/forage/guests/trixie");
      default = null;
      example = "/var/lib/forage/guests/trixie";
      description = "A root file system of the host to run instead of a NixOS system.";
    };

    extraPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      example = lib.literalExpression "with pkgs; [ ripgrep python3Packages.requests ]";
      description = "Programs to have inside: nixpkgs attribute paths, or `sources.NAME`. Fewer is safer.";
    };

    network = mkOption {
      type = types.enum [
        "full"
        "restricted"
        "none"
      ];
      default = "none";
      example = "restricted";
      description = "`full`: the internet. `restricted`: `allowedHosts` only. `none`: nothing, not even names.";
    };

    allowedHosts = mkOption {
      type = types.listOf (like forms.host "api.anthropic.com");
      default = [ ];
      example = [
        "api.anthropic.com"
        "*.example.org"
        "db.example.org:5432"
      ];
      description = "Names, `*.` wildcards, addresses and prefixes that may be reached, each with or without a port. `!` before a name or wildcard excepts it from the wildcards above it. In `full`: private addresses, which it leaves closed, and IPv6 addresses of the networks that the host is in. In `none`: empty.";
    };

    allowLan = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "In `full`: whether it also reaches the local network, 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16, and with `ipv6Subnet` fc00::/7 and the networks that the host is in; but not this host, nor other sandboxes.";
    };

    resolve = mkOption {
      type = types.enum [
        "run"
        "build"
      ];
      default = "run";
      example = "build";
      description = "In `restricted`, when names are looked up. `run`: whenever they are asked for. `build`: by `forage-gen lock --hosts`; their addresses are in forage.lock, and stay as they were then.";
    };

    readOnlyWorkspace = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether the agent may only read the workspace.";
    };

    protectedPaths = mkOption {
      type = types.nullOr (types.listOf (like forms.pathInTheWorkspace "@version-control"));
      default = null;
      example = [
        "@version-control"
        "@direnv"
        "deploy.sh"
      ];
      description = "Paths in the workspace that the agent can neither change nor create, because the host would run what is in them; and groups of such paths: `@git`, `@worktrees`, `@submodules`, `@jj`, `@version-control`, `@direnv`, `@editors`, `@agents`. Default: `@git`.";
    };

    nixDaemon = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "A Nix daemon of the sandbox's own: what it builds is in a layer over the host's store, up to `diskMax`, gone on restart. It reaches what the sandbox reaches.";
    };

    initCommands = mkOption {
      type = types.listOf types.nonEmptyStr;
      default = [ ];
      example = [ "npm install" ];
      description = "Shell commands, run in the workspace as the agent user at every start, in this order.";
    };

    resetEvery = mkOption {
      type = types.nullOr (like forms.calendarExpression "daily");
      default = null;
      example = "daily";
      description = "A systemd calendar expression: how often the sandbox starts afresh.";
    };

    resetWhileAttached = mkOption {
      type = types.bool;
      default = false;
      example = true;
      description = "Whether `resetEvery` also ends what somebody is doing there. If not, the sandbox starts afresh as soon as nobody is attached to it.";
    };

    agents = mkOption {
      type = named forms.name (table agent);
      default = { };
      example = lib.literalExpression "{ claude = { package = pkgs.claude-code; secretName = \"anthropic\"; }; }";
      description = "The agents, by the name of their command inside.";
    };

    proxies = mkOption {
      type = types.listOf (like forms.name "github");
      default = [ ];
      example = [ "github" ];
      description = "APIs that each of its sandboxes may ask through the proxy on the host: names of `[proxies]` in forage.toml.";
    };

    apiLimits = mkOption {
      type = table apiLimits;
      default = { };
      example = { requestsPerMinute = 30; };
      description = "What a sandbox may ask of APIs through the proxy, of all of them together.";
    };

    resourceLimits = mkOption {
      type = table resourceLimits;
      default = { };
      example = {
        cpuQuota = "200%";
        memoryMax = "4G";
      };
      description = "What the sandbox may spend.";
    };

    isolation = mkOption {
      type = table isolation;
      default = { };
      example = { syscallFilter = "strict"; };
      description = "How the sandbox is held.";
    };

    workspace = mkOption {
      type = table workspaceOptions;
      default = { };
      example = {
        mounts = {
          docs = {
            containerPath = "/srv/docs";
            hostPath = "~/docs";
          };
        };
      };
      description = "What is mounted besides the workspace.";
    };

    agentIdentity = mkOption {
      type = table agentIdentity;
      default = { };
      example = {
        gitEmail = "agent@example.org";
        gitUser = "Forage Agent";
      };
      description = "Who the agent is in version control.";
    };

    allowFindings = mkOption {
      type = types.attrsOf types.nonEmptyStr;
      default = { };
      example = { no-limits = "this host has nothing else to do"; };
      description = "Lints that are right as they are in this template: codes, each with the reason. It is not inherited.";
    };
  };

  project = {
    user = mkOption {
      type = like forms.userName "alice";
      example = "alice";
      description = "Required. The host user who owns the workspaces.";
    };

    uid = mkOption {
      type = types.ints.between 1 60000;
      default = 1000;
      example = 1000;
      description = "The numeric id of `user`.";
    };

    gid = mkOption {
      type = types.ints.between 1 60000;
      default = 100;
      example = 100;
      description = "The numeric id of the primary group of `user`; 100 is `users` on NixOS.";
    };

    home = mkOption {
      type = types.nullOr (like forms.pathOfTheHost "/home/alice");
      default = null;
      example = "/home/alice";
      description = "What `~` stands for in paths. Default: /home/ and the user.";
    };

    authorizedKeys = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "ssh-ed25519 AAAA... alice@laptop" ];
      description = "SSH public keys that may log in to the sandboxes as the agent. Without one, no sshd runs.";
    };

    externalInterface = mkOption {
      type = types.nullOr (like forms.interfaceName "eth0");
      default = null;
      example = "eth0";
      description = "The interface for which Forage masquerades. Without it, NAT is left to the host.";
    };

    subnet = mkOption {
      type = like forms.ipv4Network "10.100.0.0/16";
      default = "10.100.0.0/16";
      example = "10.100.0.0/16";
      description = "Where the sandboxes' addresses come from. The first is the gateway's.";
    };

    ipv6Subnet = mkOption {
      type = types.nullOr (like forms.ipv6Prefix "fd5c:3a1e:77b0::/64");
      default = null;
      example = "fd5c:3a1e:77b0::/64";
      description = "Where their IPv6 addresses come from; without it they have none. A unique local prefix (`fd00::/8`) is translated as `subnet` is; a global one has to be routed to this host. For hosts that reach the internet by IPv6.";
    };

    secrets = mkOption {
      type = named forms.nameOfASecret types.str;
      default = { };
      example = { anthropic = "/run/secrets/anthropic-api-key"; };
      description = "Names for files that exist on the host at run time. Never their contents.";
    };

    proxies = mkOption {
      type = named forms.name (table proxy);
      default = { };
      example = {
        github = {
          methods = [ "GET" ];
          paths = [ "/repos/example/website/**" ];
          secretName = "github";
          upstream = "https://api.github.com";
        };
      };
      description = "APIs for which the proxy on the host has a key, by name. Templates and sandboxes say which they use.";
    };

    auditMax = mkOption {
      type = like forms.sizeOfALog "1G";
      default = "200M";
      example = "1G";
      description = "Size of the logs of all requests through the proxy. Past it, the oldest go.";
    };

    auditTokens = mkOption {
      type = types.bool;
      default = true;
      example = false;
      description = "Whether that log says which model answered and how many tokens it counted, where the answer says so. It takes an nginx with a module of Forage's.";
    };

    sandboxes = mkOption {
      type = named forms.name (table sandbox);
      default = { };
      example = {
        website = {
          template = "claude";
          workspace = "~/projects/website";
        };
      };
      description = "The sandboxes, by name. The name is also host name, machine name and unit name.";
    };

    allowFindings = mkOption {
      type = types.attrsOf types.nonEmptyStr;
      default = { };
      example = { secret-outside-manager = "a token for tests, worth nothing"; };
      description = "Lints that are right as they are here, outside of sandboxes and templates: codes, each with the reason.";
    };

    templates = mkOption {
      type = named forms.name (table template);
      default = { };
      example = {
        claude = {
          extends = "base";
          network = "restricted";
        };
      };
      description = "The templates, by name. In forage.json only: beside forage.toml, each is a file of its own, templates/NAME.toml.";
    };
  };
in
{
  inherit forms;
  inherit isolation project template;
}
