using BackupTool.Cli.Output;
using BackupTool.Operations.Schedules;

namespace BackupTool.Cli.Commands;

/// <summary>The JSON of <c>run</c>.</summary>
public sealed record ScheduledRunDocument(string Schedule, bool DryRun, int ExitCode, DateTimeOffset Started, double Seconds, string? Snapshot, StepDocument[] Steps);

/// <summary>A step of a run: result is done, done with warnings, failed, cancelled, not run; or "done, but a service is not well". Of backup, verify and rotation the step's own is there.</summary>
public sealed record StepDocument(
    string Step, string Result, int? ExitCode, double? Seconds, string? WhyNot, string[] Errors, string[] Warnings, NowDocument? Backup, VerifyDocument? Verify, RunRotationDocument? Rotation, ErrorBody? Error)
{
    internal static StepDocument From(StepReport report) => new(ScheduleLookup.WordOf(report.Step), RunCommand.WordFor(report), (int?)report.Code, report.Duration?.TotalSeconds, report.WhyNot,
        [.. report.Errors], [.. report.Warnings], report.Backup is { } backup ? NowDocument.From(backup) : null, report.Verify is { } verify ? VerifyDocument.From(verify) : null,
        report.Rotation is { } rotation ? RunRotationDocument.From(rotation) : null, report.Failure is { } failure ? new ErrorBody(failure.Message, failure.Hint, (int)failure.Code) : null);
}

/// <summary>What a run's rotation did; of a dry run, what it would do.</summary>
public sealed record RunRotationDocument(int Kept, string[] Forgotten, string[] Warnings, PruneDocument Prune)
{
    internal static RunRotationDocument From(Operations.Rotation.RotationReport report)
    {
        string[] forgotten = [.. report.DryRun ? report.Plan.Removed.Select(static snapshot => snapshot.Id.Hex) : report.Forgotten.Select(static id => id.Hex)];
        return new(report.Plan.Decisions.Count - forgotten.Length, forgotten, [.. report.Warnings], PruneDocument.From(report.Prune));
    }
}
