using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.History;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Status;
using BackupTool.Posix;

namespace BackupTool.Cli.Commands;

/// <summary>The run of a command that the history is told of, however it ends. What it came to is set by the command when it knows.</summary>
internal sealed class RecordedRun(string action, string? schedule, BackupConfiguration configuration, TimeProvider time)
{
    // The run is over, and somebody may have asked for its end: a slow disk must not hold it up for this.
    private static readonly TimeSpan PublishPatience = TimeSpan.FromMinutes(1);

    private readonly DateTimeOffset _started = time.GetUtcNow();
    private readonly long _startedAt = time.GetTimestamp();

    internal string? Snapshot { get; set; }

    internal long? ReadBytes { get; set; }

    internal long? StoredBytes { get; set; }

    /// <summary>What went wrong without ending the command.</summary>
    internal string? Problem { get; set; }

    /// <summary>Takes over what a backup came to.</summary>
    internal void Tell(BackupReport report)
    {
        Snapshot = report.Snapshot?.Id.Hex;
        ReadBytes = report.Snapshot?.Snapshot.Statistics.ReadBytes;
        StoredBytes = report.Snapshot?.Snapshot.Statistics.StoredBytes;
        Problem = report.FirstProblem;
    }

    /// <summary>Takes over what a replacement of live state came to.</summary>
    internal void Tell(BackupReport? safety, ReplacementOutcome? outcome)
    {
        Snapshot = safety?.Snapshot?.Id.Hex;
        Problem = outcome is { Problems: [var first, ..] } ? first : null;
    }

    /// <summary>Writes it down. What was mistyped, or had nothing to do, was no run.</summary>
    /// <param name="code">How it ended.</param>
    /// <param name="failure">What ended it; null when it got to its end.</param>
    /// <returns>What to warn of; null when nothing.</returns>
    internal string? End(ExitCode code, string? failure)
    {
        if (code is ExitCode.Usage or ExitCode.NothingToDo) return null;
        DateTimeOffset now = time.GetUtcNow();
        return new RunHistory(configuration.State.Path, time).Record(new RunRecord
        {
            Action = action,
            Schedule = schedule,
            Started = _started,
            // Somebody may have set the clock back.
            Finished = now >= _started ? now : _started + time.GetElapsedTime(_startedAt),
            ExitCode = (int)code,
            Snapshot = Snapshot,
            ReadBytes = ReadBytes,
            StoredBytes = StoredBytes,
            Problem = OneLine(failure ?? Problem),
        });
    }

    /// <summary>Writes the file for Prometheus, where one is configured.</summary>
    /// <returns>What to warn of; null when nothing.</returns>
    internal async Task<string?> PublishAsync()
    {
        if (configuration.Metrics.TextFile is not { } file) return null;
        using var patience = new CancellationTokenSource(PublishPatience, time);
        try
        {
            MetricsFile.Write(file, await new StatusRun(configuration, time).RunAsync(patience.Token));
            return null;
        }
        catch (Exception e) when (e is PosixException or IOException or OperationCanceledException)
        {
            return $"the metrics could not be written to {file}: {(e is OperationCanceledException ? "the repository could not be read in time" : e.Message)}";
        }
    }

    private static string? OneLine(string? text) => text?.Split('\n', 2)[0];
}
