using System.Globalization;
using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Posix;
using BackupTool.Services.Profiles;

namespace BackupTool.Operations.Installation;

/// <summary>The unit files for a configuration: those of schedules/systemd/, with this machine's paths, services and schedules in them.</summary>
public static class UnitTexts
{
    internal const string RunUnit = "backup@.service", AgentUnit = "backup-agent.service", FailureUnit = "backup-failure@.service", RecoverUnit = "backup-recover.service", ResumeUnit = "backup-resume.service";

    /// <summary>What undoes an interrupted restore at boot.</summary>
    public const string RecoverName = RecoverUnit;

    /// <summary>What starts at boot what a run had stopped.</summary>
    public const string ResumeName = ResumeUnit;

    private const string ShippedTimer = "backup@nightly.timer", ShippedProgram = "/usr/local/bin/backup", ShippedConfiguration = "/etc/backup/backup.toml", ShippedState = "/var/lib/backup", Postgres = "postgresql.service";
    private static readonly string[] SystemDirectories = ["/usr", "/boot", "/efi"];
    private static readonly string[] Suffixes = [".service", ".socket", ".target", ".timer", ".path", ".mount", ".slice", ".scope", ".device", ".swap", ".automount"];

    /// <summary>Makes them: name and text, in the order of names.</summary>
    /// <param name="settings">What is to be installed.</param>
    /// <param name="configuration">Its file is where the units will find it.</param>
    /// <param name="now">From when on the timers must be right.</param>
    /// <exception cref="CalendarException">systemd cannot say when a schedule runs.</exception>
    public static SortedDictionary<string, string> Make(InstallSettings settings, BackupConfiguration configuration, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(configuration);
        var texts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        if (settings.Mode == InstallMode.Agent) texts[AgentUnit] = Service(AgentUnit, settings, configuration).ToString();
        else
        {
            texts[RunUnit] = Service(RunUnit, settings, configuration).ToString();
            foreach (ScheduleSettings schedule in configuration.Schedules) texts[TimerOf(schedule.Name)] = Timer(schedule, now);
        }
        texts[FailureUnit] = Service(FailureUnit, settings, configuration).ToString();
        string[] own = [.. UnitsOf(configuration, static service => !IsPostgres(service))], servers = [.. UnitsOf(configuration, IsPostgres).Append(Postgres).Distinct().Except(own)];
        string state = TextOf(configuration.State.Path).Replace("%", "%%", StringComparison.Ordinal), replacement = $"{state}/replacement.json", restarts = $"{state}/restarts.json";
        texts[RecoverUnit] = Service(RecoverUnit, settings, configuration).Set("Unit", "After", ["local-fs.target", .. servers]).Set("Unit", "Before", own).Set("Unit", "ConditionPathExists", replacement).ToString();
        texts[ResumeUnit] = Service(ResumeUnit, settings, configuration).Set("Unit", "After", [RecoverUnit, "network-online.target", .. own, .. servers])
            .Set("Unit", "ConditionPathExists", $"|{replacement}", $"|{restarts}").ToString();
        return texts;
    }

    /// <summary>What must be enabled for it, in the order of starting.</summary>
    public static IReadOnlyList<string> Enabled(InstallSettings settings, BackupConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(configuration);
        return [RecoverUnit, ResumeUnit, .. settings.Mode == InstallMode.Agent ? [AgentUnit] : configuration.Schedules.Select(static schedule => TimerOf(schedule.Name))];
    }

    /// <summary>The timer of a schedule.</summary>
    public static string TimerOf(string schedule) => $"backup@{schedule}.timer";

    private static UnitFile Service(string name, InstallSettings settings, BackupConfiguration configuration)
    {
        UnitFile unit = UnitFile.Shipped(name);
        bool isUsual = configuration.State.Path == BytePath.From(ShippedState);
        if (name != FailureUnit)
        {
            IEnumerable<BytePath> places = [configuration.File.Parent, configuration.State.Path, .. name is RecoverUnit or ResumeUnit ? [] : new[] { configuration.Repository.Path, configuration.Staging.Path }];
            unit.Set("Unit", "RequiresMountsFor", string.Join(' ', places.Distinct().Select(static place => UnitFile.Word(TextOf(place)))));
        }
        if (!isUsual) unit.Set("Service", "StateDirectory").Set("Service", "StateDirectoryMode");
        if (NeedsTheSystem(configuration)) unit.Set("Service", "ProtectSystem");
        if (settings.Credentials.Count > 0)
        {
            unit.Set("Service", "LoadCredential", settings.Credentials.Select(static credential => $"{credential.Name}:{credential.Source.Replace("%", "%%", StringComparison.Ordinal)}"));
            // What systemd hands over where there is no such file: else it would not start the unit at all, be it the one that tells, or undoes a restore.
            unit.Set("Service", "SetCredential", settings.Credentials.Select(static credential => $"{credential.Name}:\\n"));
        }
        string file = TextOf(configuration.File);
        unit.Set("Service", "Environment", file == ShippedConfiguration ? $"BACKUP_CONFIG={file}" : UnitFile.Word($"BACKUP_CONFIG={file}"));
        return unit.Replace(ShippedProgram, UnitFile.Word(settings.Program, isCommand: true));
    }

    /// <summary>Something that must be written to is where ProtectSystem=yes leaves nothing to write.</summary>
    private static bool NeedsTheSystem(BackupConfiguration configuration) =>
        configuration.Services.SelectMany(static service => service.DataPaths).Concat([configuration.Repository.Path, configuration.State.Path, configuration.Staging.Path])
            .Any(static path => SystemDirectories.Any(system => path.IsAtOrBelow(BytePath.From(system))));

    private static string Timer(ScheduleSettings schedule, DateTimeOffset now) => UnitFile.Shipped(ShippedTimer)
        .Replace("schedule nightly", $"schedule {schedule.Name}").Replace("schedules/nightly.toml", $"schedules/{schedule.Name}.toml")
        .Set("Timer", "OnCalendar", CalendarExpression.From(schedule.Cron, schedule.TimeZone, now)).Set("Timer", "Persistent", schedule.CatchUp ? "true" : "false")
        .Set("Timer", "RandomizedDelaySec", schedule.Jitter > TimeSpan.Zero ? [((long)schedule.Jitter.TotalSeconds).ToString(CultureInfo.InvariantCulture)] : [])
        .Set("Timer", "FixedRandomDelay", schedule.Jitter > TimeSpan.Zero ? ["true"] : []).ToString();

    private static bool IsPostgres(ServiceSettings service) => ServiceProfiles.For(service.Kind)?.Kind == "postgres";

    private static IEnumerable<string> UnitsOf(BackupConfiguration configuration, Func<ServiceSettings, bool> isMeant) =>
        configuration.Services.Where(service => service.Unit is not null && isMeant(service)).Select(static service => Suffixes.Any(service.Unit!.EndsWith) ? service.Unit! : $"{service.Unit}.service").Distinct();

    // It came from a TOML text or a command line, so it is UTF-8.
    internal static string TextOf(BytePath path) => Encoding.UTF8.GetString(path.Bytes);
}
