using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Sanity;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup list</c></summary>
internal static class ListCommand
{
    internal static Command Create(CommandHost host)
    {
        var service = new Option<string?>("--service", "-s") { Description = "Only snapshots that hold this service", HelpName = "NAME" };
        return host.Create("list", "List the snapshots, oldest first.", async (context, cancellationToken) =>
        {
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            string? wanted = context.Value(service);
            (IReadOnlyList<StoredSnapshot> all, IReadOnlyList<RepositoryDamagedException> damaged) = await repository.ListReadableSnapshotsAsync(cancellationToken);
            List<StoredSnapshot> snapshots = [.. all.Where(s => wanted is null || s.Snapshot.Services.Any(o => o.Name == wanted))];
            SnapshotPins pins = await SnapshotPins.ReadAsync(repository.Storage, cancellationToken);
            if (context.Json) JsonReport.Write(context.Terminal, new ListDocument([.. snapshots.Select(one => SnapshotDocument.From(one, pins))]), CliJson.Default.ListDocument);
            else Print(context.Terminal, snapshots, pins);
            foreach (RepositoryDamagedException damage in damaged) context.Terminal.Error($"{damage.Message}\n  → {damage.Hint}");
            return damaged.Count > 0 ? ExitCode.RepositoryDamaged : ExitCode.Done;
        }, service);
    }

    private static void Print(Terminal terminal, List<StoredSnapshot> snapshots, SnapshotPins pins)
    {
        if (snapshots.Count == 0)
        {
            terminal.Info("no snapshots");
            return;
        }
        var table = new Table(("ID", Align.Left), ("TIME", Align.Left), ("HOST", Align.Left), ("SIZE", Align.Right), ("STORED", Align.Right), ("SERVICES", Align.Left), ("NOTES", Align.Left));
        foreach (StoredSnapshot stored in snapshots)
        {
            Snapshot s = stored.Snapshot;
            string notes = string.Join(" ", [.. s.Schedule is { } schedule ? [$"by {schedule}"] : Array.Empty<string>(), .. s.Labels, .. pins.IsPinned(stored) ? ["pinned"] : Array.Empty<string>(), .. s.Failures.Select(static f => $"WITHOUT {f.Name}"),
                .. s.Services.Where(static o => o.CrashReason is not null).Select(static o => $"CRASH COPY {o.Name}"),
                .. s.Services.Where(static o => SanityFacts.SuspicionOf(o) is not null).Select(static o => $"SUSPICIOUS {o.Name}"),
                .. s.Services.Any(static o => o.Warnings.Length > 0) ? ["warnings"] : Array.Empty<string>()]);
            table.Add(stored.Id.Prefix, $"{s.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}", s.Host, ByteSize.Format(s.Services.Sum(static o => o.Archive.ContentBytes)),
                ByteSize.Format(s.Statistics.StoredBytes), string.Join(" ", s.Services.Select(static o => o.Name)), notes);
        }
        table.WriteTo(terminal);
    }
}

/// <summary>The JSON of <c>list</c>.</summary>
public sealed record ListDocument(SnapshotDocument[] Snapshots);

/// <summary>A snapshot in JSON: what its file says, its id, and whether it is pinned now.</summary>
public sealed record SnapshotDocument(string Id, DateTimeOffset Time, string Host, string[] Labels, bool Pinned, string? Schedule, string ToolVersion, double? WindowSeconds, ServiceDocument[] Services, ServiceFailure[] Failures, SnapshotStatistics Statistics)
{
    internal static SnapshotDocument From(StoredSnapshot stored, SnapshotPins pins) => new(stored.Id.Hex, stored.Snapshot.Time, stored.Snapshot.Host, stored.Snapshot.Labels, pins.IsPinned(stored),
        stored.Snapshot.Schedule, stored.Snapshot.ToolVersion, stored.Snapshot.WindowSeconds, [.. stored.Snapshot.Services.Select(ServiceDocument.From)], stored.Snapshot.Failures, stored.Snapshot.Statistics);
}

/// <summary>A service of a snapshot in JSON.</summary>
public sealed record ServiceDocument(string Name, string Kind, string? Unit, string Quiesce, string? Copy, string? CrashReason, double? DowntimeSeconds, string[] Roots, long Entries, long Files, long ContentBytes, long ArchiveBytes,
    SortedDictionary<string, string> Facts, LeftOut[] LeftOut, LeftOut[] Warnings)
{
    internal static ServiceDocument From(ServiceSnapshot s) => new(s.Name, s.Kind, s.Unit, s.Quiesce, s.Copy, s.CrashReason, s.DowntimeSeconds, s.Roots, s.Archive.Entries, s.Archive.Files, s.Archive.ContentBytes,
        s.Archive.Bytes, s.Facts, s.LeftOut, s.Warnings);
}
