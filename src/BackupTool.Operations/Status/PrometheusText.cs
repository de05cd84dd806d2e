using System.Globalization;
using System.Text;
using BackupTool.Operations.History;

namespace BackupTool.Operations.Status;

/// <summary>A status in the text format of Prometheus (version 0.0.4). Times are seconds since 1970.</summary>
public static class PrometheusText
{
    /// <summary>The text, ending in a line feed. What is not known has no line.</summary>
    public static string Write(StatusReport status)
    {
        ArgumentNullException.ThrowIfNull(status);
        var text = new StringBuilder();
        Add(text, "backup_repository_readable", "Whether the repository could be read.", [([], status.Failure is null ? 1 : 0)]);
        Add(text, "backup_repository_bytes", "Size of the repository.", status.Contents is { } size ? [([], size.Bytes)] : []);
        Add(text, "backup_snapshots", "Snapshots in the repository that can be read.", status.Contents is { } held ? [([], held.Snapshots)] : []);
        Add(text, "backup_snapshots_damaged", "Snapshots in the repository that cannot be read.", status.Contents is null ? [] : [([], status.Damaged.Count)]);
        AddServices(text, status.Services);
        AddRuns(text, status);
        Add(text, "backup_next_run_timestamp_seconds", "Next run of a schedule.", status.Schedules.Where(static schedule => schedule.Next is not null)
            .Select(static schedule => (Labels("schedule", schedule.Name), Seconds(schedule.Next!.Value))));
        return text.ToString();
    }

    private static void AddServices(StringBuilder text, IReadOnlyList<ServiceStatus> services)
    {
        ServiceStatus[] good = [.. services.Where(static service => service.LastGood is not null)];
        Add(text, "backup_last_success_timestamp_seconds", "Last good snapshot of a service.", good.Select(static service => (Labels("service", service.Name), Seconds(service.LastGood!.Time))));
        Add(text, "backup_snapshot_bytes", "Size of a service in its last good snapshot.", good.Select(static service => (Labels("service", service.Name), (double)service.LastGood!.Bytes)));
        Add(text, "backup_service_downtime_seconds", "How long a service was down for its last good snapshot.", good.Where(static service => service.LastGood!.Downtime is not null)
            .Select(static service => (Labels("service", service.Name), service.LastGood!.Downtime!.Value.TotalSeconds)));
        Add(text, "backup_expected_age_seconds", "How old the last good snapshot of a service may be.", services.Where(static service => service.ExpectedAge is not null)
            .Select(static service => (Labels("service", service.Name), service.ExpectedAge!.Value.TotalSeconds)));
        Add(text, "backup_stale", "1 when a service has no good snapshot of the age that is expected.", services.Where(static service => service.State != BackupState.Unknown)
            .Select(static service => (Labels("service", service.Name), service.State == BackupState.Good ? 0d : 1d)));
        Add(text, "backup_last_verify_timestamp_seconds", "Last verification that looked at a snapshot of a service and found nothing wrong.", services.Where(static service => service.LastVerify is not null)
            .Select(static service => (VerifyLabels(service), Seconds(service.LastVerify!.Time))));
    }

    private static void AddRuns(StringBuilder text, StatusReport status)
    {
        // Of each schedule its whole run; and what people, or a timer of their own, ran.
        ((string, string)[] Labels, RunRecord Run)[] last =
        [
            .. status.Schedules.Where(static schedule => schedule.Last is not null).Select(static schedule => (LabelsOf(schedule.Last!), schedule.Last!)),
            .. status.Runs.Where(static run => run.Schedule is null).DistinctBy(static run => run.Action).OrderBy(static run => run.Action, StringComparer.Ordinal).Select(static run => (LabelsOf(run), run)),
        ];
        Add(text, "backup_last_run_timestamp_seconds", "Begin of the last run.", last.Select(static run => (run.Labels, Seconds(run.Run.Started))));
        Add(text, "backup_last_run_duration_seconds", "How long the last run took.", last.Select(static run => (run.Labels, (run.Run.Finished - run.Run.Started).TotalSeconds)));
        Add(text, "backup_last_run_exit_code", "Exit code of the last run: 0 done, 3 done with warnings.", last.Select(static run => (run.Labels, (double)run.Run.ExitCode)));
    }

    private static (string, string)[] LabelsOf(RunRecord run) => [("schedule", run.Schedule ?? ""), ("action", run.Action)];

    private static (string, string)[] Labels(string name, string value) => [(name, value)];

    private static (string, string)[] VerifyLabels(ServiceStatus service) => [("service", service.Name), ("level", service.LastVerify!.Level)];

    private static double Seconds(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;

    private static void Add(StringBuilder text, string name, string help, IEnumerable<((string Name, string Value)[] Labels, double Value)> samples)
    {
        bool isFirst = true;
        foreach (((string Name, string Value)[] labels, double value) in samples)
        {
            if (isFirst) text.Append("# HELP ").Append(name).Append(' ').Append(help).Append("\n# TYPE ").Append(name).Append(" gauge\n");
            isFirst = false;
            text.Append(name);
            if (labels.Length > 0) text.Append('{').AppendJoin(',', labels.Select(static label => $"{label.Name}=\"{Escape(label.Value)}\"")).Append('}');
            text.Append(' ').Append(value.ToString("0.###", CultureInfo.InvariantCulture)).Append('\n');
        }
    }

    private static string Escape(string value) => value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
