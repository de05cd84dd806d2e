using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Rotation;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Pruning;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup prune</c></summary>
internal static class PruneCommand
{
    internal static Command Create(CommandHost host)
    {
        var dryRun = new Option<bool>("--dry-run", "-n") { Description = "Say what would be marked, packed anew and removed; change nothing" };
        var grace = new Option<string?>("--grace") { Description = "How long a pack that nothing needs stays before it is removed; 0s removes it at once [default: the configured time]", HelpName = "TIME" };
        var maxRepack = new Option<string?>("--max-repack") { Description = "Pack anew at most so many bytes of packs in this run, such as 2GiB or 0 [default: the configured bound]", HelpName = "BYTES" };
        var lockWait = new LockWaitOption();
        return host.Create("prune", "Give back the room of what no snapshot needs any more: packs are marked first, and removed by a run after the grace period.", async (context, cancellationToken) =>
        {
            bool isDry = context.Value(dryRun);
            TimeSpan? graceGiven = context.TimeOf(grace);
            TimeSpan wait = lockWait.ValueOrUsual(context);
            long? repackGiven = ParseBytes("--max-repack", context.Value(maxRepack));
            if (!isDry) context.StartRecording("prune", context.TryReadConfiguration());
            if (!isDry) await context.RecoverFirstAsync(cancellationToken);
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            RotationSettings settings = context.TryReadConfiguration()?.Rotation ?? new RotationSettings();   // with --repository there need not be one
            var options = new PruneOptions { Grace = graceGiven ?? settings.Grace, MaxWaste = settings.MaxWaste, MaxRepackBytes = repackGiven ?? settings.MaxRepackBytes, DryRun = isDry };
            await using IAsyncDisposable held = isDry
                ? await context.LockForReadingAsync(repository, "prune --dry-run", cancellationToken)
                : await SpaceReserve.AcquireLockAsync(repository.Storage, "prune", wait, context.Time, context.Terminal.Info, cancellationToken);
            var progress = new PruneProgress(context.Progress.Begin, context.Progress.Advance, context.Progress.Message);
            PruneReport report = await new Pruner(repository, held as RepositoryLock, context.Time).RunAsync(options, progress, cancellationToken);
            context.Progress.Dispose();
            if (context.Recorded is { } run)
            {
                run.StoredBytes = report.RewrittenBytes - report.RemovedBytes;
                run.Problem = report.Damage is [var damage, ..] ? damage.Message : report.Warnings is [var warning, ..] ? warning : null;
            }
            PruneText.PrintProblems(context.Terminal, report);
            if (context.Json) JsonReport.Write(context.Terminal, PruneDocument.From(report), CliJson.Default.PruneDocument);
            else if (!context.Quiet) PruneText.Print(context.Terminal, report);
            return CodeOf(report);
        }, dryRun, grace, maxRepack, lockWait.Option);
    }

    /// <summary>How a run ends that pruned so.</summary>
    internal static ExitCode CodeOf(PruneReport report) =>
        report.Damage.Count > 0 ? ExitCode.RepositoryDamaged : report.Warnings.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;

    private static long? ParseBytes(string option, string? text) =>
        text is null ? null : ByteSize.TryParse(text, out long bytes) ? bytes
            : throw new UsageException($"{option}: '{text}' is no number of bytes.", "Write a number and a unit: 500MiB, 2GiB; 0 packs nothing anew.");
}
