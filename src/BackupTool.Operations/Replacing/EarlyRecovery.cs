using BackupTool.Posix;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Replacing;

/// <summary>What <see cref="EarlyRecovery"/> came to.</summary>
public enum EarlyRecoveryStatus
{
    /// <summary>None was under way.</summary>
    NothingUnderWay,
    /// <summary>A living process carries one out.</summary>
    HeldByLivingRun,
    /// <summary>All that lives is of one state: the services may start, and a recovery beside them does the rest.</summary>
    OfOneState,
    /// <summary>It had been a mixture, perhaps. Now all is as it was before.</summary>
    PutBack,
}

/// <summary>What <see cref="EarlyRecovery"/> came to.</summary>
/// <param name="Status">In a word.</param>
/// <param name="Record">The replacement; null when none was under way.</param>
/// <param name="LeftOver">Why what the replacement had made could not be cleared away; null when it was, or is not to be yet.</param>
public sealed record EarlyRecoveryReport(EarlyRecoveryStatus Status, ReplacementRecord? Record, string? LeftOver);

/// <summary>
/// The part of a recovery that must come before the services at boot: where some of what lives may be of one state and some of another, all is put back. Starts nothing, because a unit that is
/// ordered before others waits for ever for their start; what is left to do is <see cref="ReplacementRecovery"/>'s, beside the services.
/// </summary>
internal sealed class EarlyRecovery(ReplacementJournal journal, ReplacementContext context)
{
    /// <summary>Recovers.</summary>
    /// <exception cref="OperationException">Not all can be put back, or services run already: the message says what to do, and the journal stays. The services that are concerned must not start.</exception>
    internal async Task<EarlyRecoveryReport> RunAsync(CancellationToken cancellationToken)
    {
        if (!journal.IsUnderWay) return new EarlyRecoveryReport(EarlyRecoveryStatus.NothingUnderWay, null, null);
        using HeldReplacement? held = journal.TryHold();
        if (held is null) return new EarlyRecoveryReport(EarlyRecoveryStatus.HeldByLivingRun, null, null);
        if (journal.Read() is not { } record) return new EarlyRecoveryReport(EarlyRecoveryStatus.NothingUnderWay, null, null);
        if (IsOfOneState(record)) return new EarlyRecoveryReport(EarlyRecoveryStatus.OfOneState, record, null);
        Recovery.MakeLegible(context.Restarts, context.Time, context.Progress.Message);
        await RefuseRunningAsync(record, cancellationToken);
        context.Progress.Message($"a {(record.WasSettled ? "rollback" : record.Action)} of {string.Join(", ", record.ReplacedServices)} was interrupted: putting the state that was there back");
        ReplacementOutcome outcome = await PutBackAsync(record, held);
        string? leftOver = null;
        try
        {
            await new ReplacementEnd(held, context).ConcludeAsync(outcome);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            leftOver = e.Message;   // the journal says that it is settled: the recovery beside the services clears it away
        }
        return new EarlyRecoveryReport(EarlyRecoveryStatus.PutBack, outcome.Record, leftOver);
    }

    private async Task<ReplacementOutcome> PutBackAsync(ReplacementRecord record, HeldReplacement held)
    {
        try
        {
            return await new Replacement(held, context).ReturnAtRestAsync(record, ["the machine went down in the middle of it"]);
        }
        catch (OperationException)
        {
            // They are queued to start after us: stopping them takes them out of the queue.
            if (UnitsOf(record) is { Length: > 0 } units) await context.Manager.StopAsync(units, TimeSpan.FromMinutes(2), CancellationToken.None);
            throw;
        }
    }

    /// <summary>Nothing has changed places yet, or everything has and is whole.</summary>
    internal static bool IsOfOneState(ReplacementRecord record) => record.Phase switch
    {
        ReplacementPhase.Preparing or ReplacementPhase.Settled => true,
        ReplacementPhase.Trying => record.IsTriedByStarting,
        _ => false,
    };

    private async Task RefuseRunningAsync(ReplacementRecord record, CancellationToken cancellationToken)
    {
        string[] units = UnitsOf(record);
        if (units.Length == 0) return;
        // One that is only about to be started waits for us: systemd calls it inactive.
        UnitState[] up = [.. (await context.Manager.DescribeAsync(units, cancellationToken)).Where(static unit => unit.IsActive || unit.ActiveState == "deactivating")];
        if (up.Length > 0)
            throw new OperationException($"{string.Join(", ", up.Select(static unit => unit.Name))}: running already, and their state may be half old and half new.", "Run 'backup recover' without --before-services: it stops them first.");
    }

    /// <summary>The units whose own state is replaced.</summary>
    internal static string[] UnitsOf(ReplacementRecord record) => [.. record.Services.Where(static service => service is { IsReplaced: true, Unit: not null }).Select(static service => service.Unit!).Distinct()];
}
