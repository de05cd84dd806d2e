using System.Text.Json;
using System.Text.Json.Serialization;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// What came of a replacement, kept as <c>replacements/ID.json</c> (a rollback's as <c>ID-rollback-TIME.json</c>) in the state directory: the evidence of one that was not healthy, with what its services
/// said. Of this machine only: journals may say what nobody else is to read.
/// </summary>
public sealed record ReplacementReport
{
    /// <summary>In the state directory.</summary>
    internal static readonly BytePath DirectoryName = BytePath.From("replacements");

    /// <summary>1.</summary>
    public required int FormatVersion { get; init; }

    /// <summary>Of the replacement.</summary>
    public required string Id { get; init; }

    /// <summary>restore, wipe or rollback.</summary>
    public required string Action { get; init; }

    /// <summary>When it was settled, in UTC.</summary>
    public required DateTimeOffset Ended { get; init; }

    /// <summary>The snapshot that the new state is from.</summary>
    public string? Snapshot { get; init; }

    /// <summary>The snapshot of the state before.</summary>
    public string? SafetySnapshot { get; init; }

    /// <summary>Whether it was reached; false when all was put back.</summary>
    public required bool IsReached { get; init; }

    /// <summary>Why it was not.</summary>
    public required string[] Reasons { get; init; }

    /// <summary>What changed places.</summary>
    public required string[] Exchanged { get; init; }

    /// <summary>The services with the state that was asked for; empty when they were not started with it by this run.</summary>
    public required SeenService[] Services { get; init; }

    /// <summary>The services when all had been put back; empty when it was not.</summary>
    public required SeenService[] AfterReturn { get; init; }

    /// <summary>Writes one; gives its path.</summary>
    /// <exception cref="PosixException">The state directory cannot be written.</exception>
    internal static BytePath Write(BytePath stateDirectory, ReplacementOutcome outcome, DateTimeOffset now)
    {
        ReplacementRecord record = outcome.Record;
        string name = record.WasSettled ? $"{record.Id}-rollback-{now.UtcDateTime:yyMMddHHmmssfff}.json" : $"{record.Id}.json";
        var report = new ReplacementReport
        {
            FormatVersion = 1,
            Id = record.Id,
            Action = record.WasSettled ? "rollback" : record.Action,
            Ended = now,
            Snapshot = record.Snapshot,
            SafetySnapshot = record.SafetySnapshot,
            IsReached = outcome.IsReached,
            Reasons = [.. outcome.Problems],
            Exchanged = [.. record.Exchanged],
            Services = SeenService.Of(outcome.Outcome),
            AfterReturn = SeenService.Of(outcome.Return),
        };
        BytePath directory = stateDirectory.Combine(DirectoryName);
        StateDirectory.Make(directory);
        using PosixDirectory folder = PosixDirectory.Open(directory);
        folder.RemoveTree(BytePath.From(name));
        using (SafeFileHandle file = folder.CreateFile(BytePath.From(name)))
        {
            PosixFile.WriteFully(file, [.. JsonSerializer.SerializeToUtf8Bytes(report, ReplacementReportJson.Default.ReplacementReport), (byte)'\n'], 0, BytePath.From(name));
            PosixFile.Flush(file, BytePath.From(name));
        }
        folder.Flush();
        return directory.Combine(name);
    }
}

/// <summary>How a service was.</summary>
/// <param name="Name">Which.</param>
/// <param name="Unit">Its unit.</param>
/// <param name="IsHealthy">Null when it was not asked.</param>
/// <param name="Reason">What it answered.</param>
/// <param name="DowntimeSeconds">From its stop until it was healthy, or was given up.</param>
/// <param name="Journal">The last lines of its unit's journal; of one that was not healthy only.</param>
public sealed record SeenService(string Name, string? Unit, bool? IsHealthy, string? Reason, double? DowntimeSeconds, string[] Journal)
{
    internal static SeenService[] Of(QuiesceOutcome? outcome) => outcome is null ? []
        : [.. outcome.Services.Select(static service => new SeenService(service.Name, service.Unit, service.IsHealthy, service.HealthReason, service.Downtime?.TotalSeconds,
            [.. service.JournalLines.Select(static line => $"{line.Time:O} {line.Text}")]))];
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, NewLine = "\n", DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ReplacementReport))]
internal sealed partial class ReplacementReportJson : JsonSerializerContext;
