# services.matrix-backup: the configuration as Nix attributes, checked when the system is built, and the same units as `backup install` writes.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.matrix-backup;
  toml = pkgs.formats.toml { };
  backup = "${cfg.package}/bin/backup";
  state = cfg.settings.state.path or "/var/lib/backup";
  usesAgent = cfg.runner == "agent";

  # A schedule means the machine's zone, also where it is built in another.
  schedules = lib.mapAttrs (_: schedule: { time-zone = if config.time.timeZone == null then "UTC" else config.time.timeZone; } // schedule) cfg.schedules;

  copySchedules = lib.concatStringsSep "\n" (lib.mapAttrsToList (name: schedule: "cp ${toml.generate "${name}.toml" schedule} $out/schedules/${name}.toml") schedules);

  # 3: it is good, and there is something to say about it. What the services' own files say is not known where the system is built.
  configuration = pkgs.runCommand "backup-configuration" { TZDIR = "${pkgs.tzdata}/share/zoneinfo"; } ''
    mkdir -p $out/schedules
    cp ${toml.generate "backup.toml" cfg.settings} $out/backup.toml
    ${copySchedules}
    ${backup} --config $out/backup.toml config check --files-only || [ $? = 3 ]
  '';

  credentials = lib.mapAttrsToList (name: path: "${name}:${path}") cfg.credentials;

  # When they run is translated by the tool itself: Nix knows no cron expressions.
  timers = pkgs.runCommand "backup-timers" { TZDIR = "${pkgs.tzdata}/share/zoneinfo"; } ''
    mkdir -p root/etc $out/lib/systemd/system
    cp -r ${configuration} root/etc/backup
    ${backup} install --timer --root root --config /etc/backup/backup.toml --program ${backup} ${lib.concatMapStringsSep " " (credential: "--credential ${lib.escapeShellArg credential}") credentials} --yes --quiet
    cp root/etc/systemd/system/*.timer $out/lib/systemd/system/
  '';

  isPostgres = service: service.kind or "" == "postgres" || service.kind or "" == "postgresql";
  unitName = name: if builtins.match ".*\\.(service|socket|target|timer|path|mount)" name == null then "${name}.service" else name;
  unitsOf = isMeant: lib.unique (map (service: unitName service.unit) (builtins.filter (service: service ? unit && isMeant service) (builtins.attrValues (cfg.settings.service or { }))));
  own = unitsOf (service: !isPostgres service);
  servers = lib.subtractLists own (lib.unique (unitsOf isPostgres ++ [ "postgresql.service" ]));

  # As in schedules/systemd/, where the reasons are; a test compares the two.
  hardening = {
    CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETFCAP CAP_SETGID CAP_SETUID CAP_SYS_ADMIN CAP_SYS_NICE";
    LockPersonality = "yes";
    NoNewPrivileges = "yes";
    PrivateDevices = "yes";
    ProtectClock = "yes";
    ProtectControlGroups = "yes";
    ProtectHostname = "yes";
    ProtectKernelLogs = "yes";
    ProtectKernelModules = "yes";
    ProtectKernelTunables = "yes";
    ProtectSystem = "yes";
    RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
    RestrictNamespaces = "yes";
    RestrictRealtime = "yes";
    SystemCallArchitectures = "native";
    SystemCallErrorNumber = "EPERM";
    SystemCallFilter = "@system-service";
    UMask = "0077";
  };

  service = description: more: lib.recursiveUpdate {
    inherit description;
    environment.BACKUP_CONFIG = "/etc/backup/backup.toml";
    path = [ config.systemd.package ] ++ cfg.path;
    # A switch of the system must not end a run, nor start one.
    restartIfChanged = false;
    stopIfChanged = false;
    serviceConfig = hardening // lib.optionalAttrs (state == "/var/lib/backup") {
      StateDirectory = "backup";
      StateDirectoryMode = "0700";
    } // lib.optionalAttrs (credentials != [ ]) {
      LoadCredential = credentials;
      # Where there is no such file: else the unit would not start at all, be it the one that tells, or undoes a restore.
      SetCredential = map (name: "${name}:\\n") (builtins.attrNames cfg.credentials);
    };
  } more;

  mounts = more: lib.concatStringsSep " " (lib.unique ([ "/etc/backup" state ] ++ more));
  repository = [ (cfg.settings.repository.path or "/var/backups") (cfg.settings.staging.path or "${state}/staging") ];
  afterBoot = [ "backup-recover.service" "backup-resume.service" "network-online.target" "time-sync.target" ];
in
{
  options.services.matrix-backup = {
    enable = lib.mkEnableOption "backups of a self-hosted Matrix stack";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      description = "The package that has bin/backup.";
    };

    settings = lib.mkOption {
      type = toml.type;
      default = { };
      description = "backup.toml. Secrets are named by *-credential keys, and given by `credentials`.";
      example = {
        repository.path = "/var/backups/stack";
        service.maubot = { kind = "maubot"; unit = "maubot.service"; data = "/var/lib/maubot"; };
      };
    };

    schedules = lib.mkOption {
      type = lib.types.attrsOf toml.type;
      default = { };
      description = "schedules/NAME.toml, by name.";
      example.nightly = { cron = "30 2 * * *"; jitter = "10m"; run = [ "backup" "verify" "rotate" ]; };
    };

    drills = lib.mkOption {
      type = lib.types.attrsOf toml.type;
      default = { };
      description = "restore-drills/NAME.toml, by name. This version has no drills yet.";
    };

    runner = lib.mkOption {
      type = lib.types.enum [ "timer" "agent" ];
      default = "timer";
      description = "Who starts the runs: a systemd timer for each schedule, or the agent.";
    };

    credentials = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      description = "Secrets that systemd hands to the units (LoadCredential=): names, and where they are. Only paths stand in the store.";
      example = lib.literalExpression "{ ntfy-token = config.sops.secrets.ntfy-token.path; }";
    };

    path = lib.mkOption {
      type = lib.types.listOf lib.types.package;
      default = lib.optional config.services.postgresql.enable config.services.postgresql.package;
      description = "Packages whose programs the units find: PostgreSQL's, and those of health and notify commands.";
    };

    onFailure = lib.mkOption {
      type = lib.types.listOf lib.types.str;
      default = [ "backup-failure@%n.service" ];
      description = "Units that are started when one of these fails. The default tells by the channels of settings.notify.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      { assertion = cfg.drills == { }; message = "services.matrix-backup.drills: this version of backup has no drills yet."; }
      { assertion = cfg.schedules != { }; message = "services.matrix-backup.schedules is empty: nothing would ever be backed up."; }
      { assertion = cfg.settings ? repository.path; message = "services.matrix-backup.settings.repository.path is not set."; }
    ];

    environment.etc.backup.source = configuration;
    environment.systemPackages = [
      (pkgs.writeShellScriptBin "backup" ''
        export BACKUP_CONFIG="''${BACKUP_CONFIG:-/etc/backup/backup.toml}"
        exec ${backup} "$@"
      '')
    ];

    systemd.packages = lib.optional (!usesAgent) timers;
    systemd.timers = lib.optionalAttrs (!usesAgent) (lib.mapAttrs' (name: _: lib.nameValuePair "backup@${name}" { wantedBy = [ "timers.target" ]; }) cfg.schedules);

    systemd.services = {
      backup-recover = service "Undo an interrupted restore before the services start" {
        wantedBy = [ "multi-user.target" ];
        after = [ "local-fs.target" ] ++ servers;
        before = own;
        inherit (cfg) onFailure;
        unitConfig = { RequiresMountsFor = mounts [ ]; ConditionPathExists = "${state}/replacement.json"; };
        serviceConfig = { Type = "oneshot"; ExecStart = "${backup} recover --before-services"; SuccessExitStatus = "3"; TimeoutStartSec = "10min"; };
      };

      backup-resume = service "Start again what an interrupted backup had stopped" {
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = [ "backup-recover.service" "network-online.target" ] ++ own ++ servers;
        inherit (cfg) onFailure;
        unitConfig = { RequiresMountsFor = mounts [ ]; ConditionPathExists = [ "|${state}/replacement.json" "|${state}/restarts.json" ]; };
        serviceConfig = { Type = "exec"; ExecStart = "${backup} recover"; TimeoutStopSec = "15min"; KillMode = "mixed"; };
      };

      "backup-failure@" = service "Tell that %i failed" {
        wants = [ "network-online.target" ];
        after = [ "network-online.target" ];
        serviceConfig = { Type = "oneshot"; ExecStart = "${backup} notify unit-failed %i"; SuccessExitStatus = "3 75"; TimeoutStartSec = "10min"; };
      };
    } // lib.optionalAttrs (!usesAgent) {
      "backup@" = service "Backup, schedule %i" {
        wants = [ "network-online.target" ];
        after = afterBoot;
        inherit (cfg) onFailure;
        unitConfig.RequiresMountsFor = mounts repository;
        serviceConfig = {
          Type = "oneshot";
          ExecStart = "${backup} run %i";
          ExecStopPost = "${backup} recover --quiet";
          SuccessExitStatus = "3";
          TimeoutStartSec = "infinity";
          TimeoutStopSec = "15min";
          KillMode = "mixed";
        };
      };
    } // lib.optionalAttrs usesAgent {
      backup-agent = service "Backup agent" {
        wantedBy = [ "multi-user.target" ];
        wants = [ "network-online.target" ];
        after = afterBoot;
        inherit (cfg) onFailure;
        # A new configuration is read without an end of what runs.
        reloadTriggers = [ configuration ];
        # One that never gets up must become a failure, of which people are told.
        unitConfig = { RequiresMountsFor = mounts repository; StartLimitIntervalSec = "1h"; StartLimitBurst = "20"; };
        serviceConfig = {
          Type = "notify";
          ExecStart = "${backup} agent";
          ExecReload = "${pkgs.coreutils}/bin/kill -HUP $MAINPID";
          ExecStopPost = "${backup} recover --quiet";
          Restart = "on-failure";
          RestartSec = "10s";
          WatchdogSec = "2min";
          TimeoutStartSec = "infinity";
          TimeoutStopSec = "15min";
          KillMode = "mixed";
          RuntimeDirectory = "backup";
          RuntimeDirectoryMode = "0750";
        };
      };
    };
  };
}
