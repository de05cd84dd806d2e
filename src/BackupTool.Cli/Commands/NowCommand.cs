using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup now</c></summary>
internal static class NowCommand
{
    internal static Command Create(CommandHost host)
    {
        var services = new Option<string[]>("--service", "-s") { Description = "Only this service (may be given several times)", HelpName = "NAME" };
        var labels = new Option<string[]>("--label", "-l") { Description = "A word to find the snapshot by, such as pre-upgrade (may be given several times)", HelpName = "NAME" };
        var pin = new Option<bool>("--pin") { Description = "Never forget this snapshot" };
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what would be read; store nothing" };
        var lockWait = new Option<string?>("--lock-wait") { Description = "How long to wait for another run, such as 30s or 10m [default: the configured time]", HelpName = "TIME" };
        return host.Create("now", "Back up now: cut, store, read back, commit.", async (context, cancellationToken) =>
        {
            var request = new BackupRequest
            {
                Services = context.Value(services) ?? [],
                Labels = context.Value(labels) ?? [],
                Pinned = context.Value(pin),
                DryRun = context.Value(dryRun),
                LockWait = ParseWait(context.Value(lockWait)),
            };
            BackupReport report = await new BackupRun(context.ReadConfiguration(), context.Progress, context.Time).RunAsync(request, cancellationToken);
            context.Progress.Dispose();
            if (context.Json) JsonReport.Write(context.Terminal, NowDocument.From(report), CliJson.Default.NowDocument);
            else Print(context, report);
            return report.Failures.Count > 0 ? ExitCode.Failed : report.HasWarnings ? ExitCode.DoneWithWarnings : ExitCode.Done;
        }, services, labels, pin, dryRun, lockWait);
    }

    private static TimeSpan? ParseWait(string? text) =>
        text is null ? null : DurationText.TryParse(text, out TimeSpan wait) ? wait
            : throw new UsageException($"--lock-wait: '{text}' is no time.", "Write a number and a unit: 30s, 10m, 2h.");

    private static void Print(CommandContext context, BackupReport report)
    {
        foreach (ServiceFailure failure in report.Failures) context.Terminal.Error($"{failure.Name} is NOT in this snapshot: {failure.Reason}");
        if (context.Quiet) return;
        var table = new Table(("SERVICE", Align.Left), ("ENTRIES", Align.Right), ("SIZE", Align.Right), ("CHANGED", Align.Right), ("WARNINGS", Align.Right));
        foreach (ServiceReport service in report.Services)
            table.Add(service.Name, $"{service.Entries:N0}", ByteSize.Format(service.Bytes), ByteSize.Format(service.ChangedBytes), $"{service.Warnings.Count}");
        table.WriteTo(context.Terminal);
        if (report.Snapshot is not { } stored)
        {
            context.Terminal.WriteLine("dry run: nothing was stored");
            return;
        }
        SnapshotStatistics statistics = stored.Snapshot.Statistics;
        context.Terminal.WriteLine($"snapshot {stored.Id.Prefix}: stored and read back {ByteSize.Format(statistics.StoredBytes)} in {Duration.Format(TimeSpan.FromSeconds(statistics.Seconds))}"
            + $" (read {ByteSize.Format(statistics.ReadBytes)}, {statistics.ReusedEntries:N0} entries unchanged)");
    }
}

/// <summary>The JSON of <c>now</c>.</summary>
public sealed record NowDocument(string? Snapshot, DateTimeOffset? Time, long StoredBytes, long ReadBytes, long ReusedEntries, double Seconds, ServiceReport[] Services, ServiceFailure[] Failures)
{
    internal static NowDocument From(BackupReport report)
    {
        SnapshotStatistics? statistics = report.Snapshot?.Snapshot.Statistics;
        return new NowDocument(report.Snapshot?.Id.Hex, report.Snapshot?.Snapshot.Time, statistics?.StoredBytes ?? 0, statistics?.ReadBytes ?? 0,
            statistics?.ReusedEntries ?? 0, statistics?.Seconds ?? 0, [.. report.Services], [.. report.Failures]);
    }
}
