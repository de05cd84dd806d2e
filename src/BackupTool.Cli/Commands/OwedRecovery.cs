using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Cli.Commands;

/// <summary>Pays what a run that was killed owes, before a command changes anything. That it cannot keeps nobody from making a backup of what is whole.</summary>
internal sealed class OwedRecovery(CommandContext context)
{
    /// <summary>Whether services that an earlier run stopped are still down.</summary>
    internal bool OwesRestarts { get; private set; }

    /// <summary>Why the live state may be half old and half new; null when it is not. Such a state must not be backed up.</summary>
    internal string? UnfinishedReplacement { get; private set; }

    internal async Task RunAsync(BackupConfiguration configuration, CancellationToken cancellationToken)
    {
        var journal = new RestartJournal(configuration.State.Path);
        if (!await EndReplacementAsync(configuration, journal, cancellationToken)) return;
        try
        {
            if (!journal.IsOwed) return;
            RecoveryReport report = await context.RecoverAsync(journal, cancellationToken);
            OwesRestarts = report.Status == RecoveryStatus.NotAllPaid;
            foreach (UnitOutcome unit in report.Units.Where(static unit => unit.Problem is not null)) UnitProblems.Print(context.Terminal, unit.Unit, unit.Problem!, unit.JournalLines);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            OwesRestarts = true;
            context.Terminal.Error($"an earlier run may have left services stopped, and they could not be started: {e.Message}\n  → Run 'backup recover'.");
        }
    }

    /// <summary>Brings a replacement that was killed to an end. False when it could not be: then nothing must be started, because some of the state may be old and some new.</summary>
    private async Task<bool> EndReplacementAsync(BackupConfiguration configuration, RestartJournal journal, CancellationToken cancellationToken)
    {
        ReplacementWorld world = context.ReplacementWorld(configuration);
        if (!world.Journal.IsUnderWay) return true;
        try
        {
            ReplacementRecoveryReport report = await world.RecoverAsync(configuration, cancellation => context.RecoverAsync(journal, cancellation), cancellationToken);
            if (report.Status == ReplacementRecoveryStatus.HeldByLivingRun) UnfinishedReplacement = "another restore, rollback or wipe is under way";
            else if (!report.IsWell) OwesRestarts = true;
            RecoverCommand.Tell(context.Terminal, report);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            UnfinishedReplacement = e.Message;
            context.Terminal.Error($"an interrupted restore, rollback or wipe could not be brought to an end: {e.Message}\n  → Run 'backup recover'.");
        }
        return UnfinishedReplacement is null;
    }
}
