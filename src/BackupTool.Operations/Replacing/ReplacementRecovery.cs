using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Replacing;

/// <summary>What the recovery of a replacement came to.</summary>
public enum ReplacementRecoveryStatus
{
    /// <summary>None was under way.</summary>
    NothingUnderWay,
    /// <summary>A living process carries one out.</summary>
    HeldByLivingRun,
    /// <summary>Nothing live had been touched; what was prepared is thrown away.</summary>
    Abandoned,
    /// <summary>All is as it was before.</summary>
    PutBack,
    /// <summary>It had got through, and is finished.</summary>
    Finished,
}

/// <summary>What the recovery of a replacement came to.</summary>
/// <param name="Status">In a word.</param>
/// <param name="Outcome">What became of the services; null when they were not touched.</param>
public sealed record ReplacementRecoveryReport(ReplacementRecoveryStatus Status, ReplacementOutcome? Outcome)
{
    /// <summary>Every service that was up before is well.</summary>
    public bool IsWell => Outcome?.Return?.IsWell ?? true;
}

/// <summary>
/// Brings a replacement that was killed to an end: back to what was there, unless everything had changed places already and turns out to be well. May be killed and run again
/// at any time.
/// </summary>
internal sealed class ReplacementRecovery(ReplacementJournal journal, ReplacementContext context, Func<CancellationToken, Task> payRestarts)
{
    /// <summary>Recovers. Must come before owed restarts are paid: those would start services on a mixture of two states.</summary>
    /// <param name="prove">As in <see cref="Replacement.CarryOutAsync"/>.</param>
    /// <param name="cancellationToken">Stops waiting; the rest is the next recovery's.</param>
    /// <exception cref="ExplainedException">It cannot go on: the message says why, and the journal stays.</exception>
    internal async Task<ReplacementRecoveryReport> RunAsync(Func<ReplacementRecord, QuiesceOutcome, CancellationToken, Task<IReadOnlyList<string>>> prove, CancellationToken cancellationToken)
    {
        if (!journal.IsUnderWay) return new ReplacementRecoveryReport(ReplacementRecoveryStatus.NothingUnderWay, null);
        using HeldReplacement? held = journal.TryHold();
        if (held is null) return new ReplacementRecoveryReport(ReplacementRecoveryStatus.HeldByLivingRun, null);
        if (journal.Read() is not { } record) return new ReplacementRecoveryReport(ReplacementRecoveryStatus.NothingUnderWay, null);
        context.Progress.Message($"a {(record.WasSettled ? "rollback" : record.Action)} of {string.Join(", ", record.ReplacedServices)} was interrupted ({record.Phase.ToString().ToLowerInvariant()})");
        var end = new ReplacementEnd(held, context);
        Recovery.MakeLegible(context.Restarts, context.Time, context.Progress.Message);
        if (record.Phase == ReplacementPhase.Preparing)
        {
            await CleanUpAsync(() => AbandonAsync(record, held, end), cancellationToken);
            return new ReplacementRecoveryReport(ReplacementRecoveryStatus.Abandoned, null);
        }
        ReplacementOutcome outcome = record.Phase switch
        {
            ReplacementPhase.Settled => new ReplacementOutcome(record, [], null, null),
            // Of a wipe nobody knows how far the new database had been filled.
            ReplacementPhase.Trying when !record.IsTriedByStarting => await new Replacement(held, context).ReturnAsync(record, ["it was interrupted before all was in the new database"], null),
            ReplacementPhase.Trying => await GoOnAsync(record, held, prove, cancellationToken),
            _ => await new Replacement(held, context).ReturnAsync(record, ["it was interrupted"], null),
        };
        await CleanUpAsync(() => end.ConcludeAsync(outcome), cancellationToken);
        return new ReplacementRecoveryReport(outcome.IsReached ? ReplacementRecoveryStatus.Finished : ReplacementRecoveryStatus.PutBack, outcome);
    }

    /// <summary>By now all that lives is of one state: that what is left over cannot be removed keeps no service down.</summary>
    private async Task CleanUpAsync(Func<Task> cleanUp, CancellationToken cancellationToken)
    {
        try
        {
            await cleanUp();
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            await payRestarts(cancellationToken);
            throw;
        }
    }

    private async Task AbandonAsync(ReplacementRecord record, HeldReplacement held, ReplacementEnd end)
    {
        Replacement.ForgiveThoseThatWereDown(record, context.Restarts);
        if (record.WasSettled) held.End();   // a rollback prepares nothing
        else await end.AbandonAsync(record);
    }

    /// <summary>Everything has changed places: the services are started, and stay when they are well.</summary>
    private async Task<ReplacementOutcome> GoOnAsync(
        ReplacementRecord record, HeldReplacement held, Func<ReplacementRecord, QuiesceOutcome, CancellationToken, Task<IReadOnlyList<string>>> prove, CancellationToken cancellationToken)
    {
        await payRestarts(cancellationToken);
        var replacement = new Replacement(held, context);
        IReadOnlyList<string> problems = await replacement.JudgeAsync(record, NothingSeen, (outcome, cancellation) => prove(record, outcome, cancellation), cancellationToken);
        cancellationToken.ThrowIfCancellationRequested();
        return problems.Count > 0 ? await replacement.ReturnAsync(record, problems, null) : new ReplacementOutcome(replacement.Settle(record, record.Goal), [], null, null);
    }

    // Every service is asked again.
    private static QuiesceOutcome NothingSeen { get; } = new() { Window = null, Services = [], Units = [], Notes = [] };
}
