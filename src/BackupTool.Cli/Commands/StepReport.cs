using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Verify;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary>What a step of a scheduled run came to. One that was left out has no code.</summary>
internal sealed record StepReport(ScheduleStep Step)
{
    private const int MostLines = 20;

    internal ExitCode? Code { get; init; }

    internal TimeSpan? Duration { get; init; }

    /// <summary>Why it was left out.</summary>
    internal string? WhyNot { get; init; }

    internal BackupReport? Backup { get; init; }

    internal VerifyReport? Verify { get; init; }

    internal RotationReport? Rotation { get; init; }

    /// <summary>What ended it before its time.</summary>
    internal ErrorReport? Failure { get; init; }

    /// <summary>What went wrong, a sentence each.</summary>
    internal IEnumerable<string> Errors => Shortened(
    [
        .. Failure is null ? [] : (string[])[Failure.Hint is null ? Failure.Message : $"{Failure.Message}\n{Failure.Hint}"],
        .. Backup?.Failures.Select(static failure => $"{failure.Name} is not in the snapshot: {failure.Reason}") ?? [],
        .. Backup?.FailedBefore.Select(static failed => $"{failed.Key} was not running: {failed.Value}") ?? [],
        .. Backup?.Outcome?.Services.Where(static service => service.IsHealthy == false).Select(static service => $"{service.Name} {(service.IsOwed ? "is not started" : "is not healthy")}: {service.HealthReason}") ?? [],
        .. Backup?.Outcome?.Units.Where(static unit => unit.Problem is not null && unit.Services.Count == 0).Select(static unit => $"{unit.Unit}: {unit.Problem}") ?? [],
        .. Verify?.Problems.Select(static problem => problem.ToString()) ?? [],
        .. Rotation?.Prune.Damage.Select(static damage => damage.Message) ?? [],
    ]);

    /// <summary>What is not as it should be, a sentence each.</summary>
    internal IEnumerable<string> Warnings => Shortened(
    [
        .. Backup?.Damaged.Select(static damage => damage.Message) ?? [],
        .. Backup?.Outcome?.Services.Where(static service => service.CopyKind == CopyKind.Crash).Select(static service => $"{service.Name}: its copy is what a crash would leave: {service.CopyReason}") ?? [],
        .. Backup?.Services.SelectMany(static service => service.Warnings.Select(warning => $"{service.Name}: {warning.Path}: {warning.Reason}")) ?? [],
        .. Verify?.Unproven.Select(static unproven => $"not proven: {unproven}") ?? [],
        .. Rotation?.Warnings ?? [],
    ]);

    internal StepVerdict Verdict => Code switch
    {
        null => StepVerdict.NotRun,
        ExitCode.Done or ExitCode.NothingToDo => StepVerdict.Done,
        ExitCode.DoneWithWarnings => StepVerdict.Warned,
        // A service that is left out matters more here than one that is not well: then there is nothing to go by.
        ExitCode.ServiceNotHealthy => Backup?.Failures.Count > 0 ? StepVerdict.Failed : StepVerdict.Unwell,
        ExitCode.NoRepository => StepVerdict.NoRepository,
        ExitCode.Cancelled => StepVerdict.Cancelled,
        _ => StepVerdict.Failed,
    };

    // A message to a telephone, not a log.
    private static IEnumerable<string> Shortened(IReadOnlyList<string> lines) => lines.Count <= MostLines ? lines : [.. lines.Take(MostLines), $"and {lines.Count - MostLines} more"];
}
