using BackupTool.Cli.Output;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;

namespace BackupTool.Cli.Commands;

/// <summary>A backup with what belongs around it: what <c>now</c> and a schedule's step have in common.</summary>
internal static class BackupAction
{
    /// <summary>Pays what a killed run owes, then backs up.</summary>
    /// <exception cref="ReplacementUnderWayException">The live state may be half old and half new.</exception>
    internal static async Task<BackupReport> RunAsync(CommandContext context, BackupConfiguration configuration, BackupRequest request, CancellationToken cancellationToken)
    {
        if (!request.DryRun) await context.RecoverFirstAsync(configuration, cancellationToken);
        if (context.UnfinishedReplacement is { } unfinished)
            throw new ReplacementUnderWayException($"The state of services may be half old and half new, and is not backed up: {unfinished.TrimEnd('.')}.", "Wait for it to finish, or run 'backup recover'.");
        return await new BackupRun(configuration, context.ServiceManager, context.Progress, context.Time).RunAsync(request, cancellationToken);
    }

    /// <summary>Removes what restores and wipes have replaced longer ago than it is to be kept. That it cannot be removed makes the backup no worse.</summary>
    internal static async Task ForgetExpiredAsync(CommandContext context, BackupConfiguration configuration)
    {
        var previous = new PreviousStates(context.ReplacementWorld(configuration));
        try
        {
            IReadOnlyList<ReplacementRecord> expired = previous.FindExpired(configuration);
            await previous.ForgetAsync(configuration, expired);
            foreach (BytePath removed in previous.RemoveExpiredLeftovers(configuration)) context.Terminal.Detail($"removed {removed}");
            foreach (ReplacementRecord record in expired) context.Terminal.Info($"forgot what the {record.Action} of {string.Join(", ", record.ReplacedServices)} at {record.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss} had replaced");
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            context.Terminal.Warn($"what earlier restores have replaced could not be removed: {e.Message}");
        }
    }

    /// <summary>A service that is down matters more than one that is not in the snapshot, and that more than a warning.</summary>
    internal static ExitCode CodeOf(BackupReport report, bool owesRestarts) =>
        report.IsUnwell || owesRestarts ? ExitCode.ServiceNotHealthy : report.Failures.Count > 0 ? ExitCode.Failed : report.HasWarnings ? ExitCode.DoneWithWarnings : ExitCode.Done;
}
