using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Replacing;

/// <summary>The states that restores and wipes have replaced and that are still there: to be had back, or to be forgotten.</summary>
public sealed class PreviousStates(ReplacementWorld world)
{
    /// <summary>Those that are kept, the newest first.</summary>
    /// <exception cref="OperationException">A record cannot be read.</exception>
    public IReadOnlyList<ReplacementRecord> List(string? service = null) =>
        [.. world.Journal.ReadPrevious().Where(record => service is null || record.ReplacedServices.Contains(service))];

    /// <summary>The one that a rollback means.</summary>
    /// <param name="what">The name of a service, for its newest; the id of one; null for the newest of all.</param>
    /// <exception cref="NothingToRollBackException">There is none.</exception>
    /// <exception cref="OperationException">A later replacement of one of its services stands before it.</exception>
    public ReplacementRecord Find(string? what)
    {
        IReadOnlyList<ReplacementRecord> all = List();
        ReplacementRecord found = all.FirstOrDefault(record => what is null || record.Id == what || record.ReplacedServices.Contains(what))
            ?? throw new NothingToRollBackException(what is null ? "No restore or wipe has left a state that could be had back." : $"No restore or wipe of '{what}' has left a state that could be had back.",
                "It is kept until 'backup restore --forget-previous', or as long as `keep-previous` in [restore] says. A snapshot labelled pre-restore or pre-wipe may still have it: see 'backup list'.");
        // A rollback of both would have to go through the one in between.
        if (all.FirstOrDefault(later => later.Began > found.Began && later.Live == Side.New && later.ReplacedServices.Intersect(found.ReplacedServices).Any()) is { } between)
            throw new OperationException($"{string.Join(", ", found.ReplacedServices)} of {found.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss} cannot be rolled back: {string.Join(", ", between.ReplacedServices)} was replaced again at {between.Began.LocalDateTime:yyyy-MM-dd HH:mm:ss}.",
                $"Roll that back first ('backup rollback {between.Id}'), or forget it.");
        return found;
    }

    /// <summary>Lets the two states of a settled replacement change places again.</summary>
    /// <param name="configuration">As it is now.</param>
    /// <param name="record">One of <see cref="List"/>.</param>
    /// <param name="cancellationToken">Until the services are at rest it cancels, then it has all put back.</param>
    public async Task<ReplacementOutcome> RollBackAsync(BackupConfiguration configuration, ReplacementRecord record, CancellationToken cancellationToken)
    {
        using HeldReplacement held = world.Hold();
        ReplacementContext context = world.ContextOf(configuration);
        ReplacementRecord begun = await PrepareAsync(configuration, record, cancellationToken);
        if (await FindProblemsAsync(configuration, begun, context, cancellationToken) is { Count: > 0 } problems) throw new RestoreRefusedException(problems);
        held.Write(begun);
        FailPoint.Reach(FailPoint.Prepared);
        var end = new ReplacementEnd(held, context);
        ReplacementOutcome outcome;
        try
        {
            outcome = await new Replacement(held, context).CarryOutAsync(begun, (_, cancellation) => SameServer.FindProblemsAsync(begun, context, cancellation), cancellationToken);
        }
        catch when (held.Journal.Read() is { Phase: ReplacementPhase.Preparing } or { Phase: ReplacementPhase.Settled })
        {
            held.End();
            throw;
        }
        await end.ConcludeAsync(outcome);
        return outcome;
    }

    /// <summary>What a rollback would do, and why it would be refused.</summary>
    public async Task<(QuiescePlan Plan, IReadOnlyList<RestoreProblem> Problems)> PlanAsync(BackupConfiguration configuration, ReplacementRecord record, CancellationToken cancellationToken)
    {
        ReplacementContext context = world.ContextOf(configuration);
        ReplacementRecord begun = await PrepareAsync(configuration, record, cancellationToken);
        var replacement = new Replacement(null!, context);
        QuiescePlan plan = await QuiescePlan.MakeAsync([.. begun.Services.Select(service => replacement.TargetOf(service, service.IsReplaced || service.WasActive))], world.Manager, cancellationToken);
        return (plan, [.. await FindProblemsAsync(configuration, begun, context, cancellationToken), .. plan.Problems.Select(static problem => new RestoreProblem(problem.Service, problem.Message, problem.Hint))]);
    }

    private static Task<IReadOnlyList<RestoreProblem>> FindProblemsAsync(BackupConfiguration configuration, ReplacementRecord begun, ReplacementContext context, CancellationToken cancellationToken) =>
        new RollbackPreflight(new LiveObstacles(configuration, MountTable.Read()), context.Databases).FindProblemsAsync(begun, cancellationToken);

    /// <summary>The record of the way back: who is up now, and where it leads.</summary>
    private async Task<ReplacementRecord> PrepareAsync(BackupConfiguration configuration, ReplacementRecord record, CancellationToken cancellationToken)
    {
        ServiceSettings[] replaced = [.. configuration.Services.Where(service => record.ReplacedServices.Contains(service.Name))];
        string[] unknown = [.. record.ReplacedServices.Except(replaced.Select(static service => service.Name))];
        if (unknown.Length > 0) throw new UnknownServiceException($"{configuration.File} has no service '{unknown[0]}' any more: what is to be stopped for it is not known.", "Add it there with its unit.");
        IReadOnlyList<AffectedService> services = await new AffectedServices(configuration, world.Manager).FindAsync(replaced, static _ => null, cancellationToken);
        return record with
        {
            Phase = ReplacementPhase.Preparing,
            Goal = record.Live == Side.New ? Side.Old : Side.New,
            WasSettled = true,
            Paths = record.Live == Side.New ? [.. record.Paths.Select(PathExchange.IdentifyKept)] : record.Paths,
            Services = [.. services.Select(service => service with { Identity = record.Live == Side.Old ? record.Services.FirstOrDefault(old => old.Name == service.Name)?.Identity : null })],
        };
    }

    /// <summary>Removes what is kept of replaced states for good.</summary>
    /// <param name="configuration">As it is now.</param>
    /// <param name="records">Which.</param>
    /// <exception cref="ExplainedException">One cannot be removed.</exception>
    public async Task ForgetAsync(BackupConfiguration configuration, IReadOnlyList<ReplacementRecord> records)
    {
        if (records.Count == 0) return;
        using HeldReplacement held = world.Hold();
        var end = new ReplacementEnd(held, world.ContextOf(configuration));
        foreach (ReplacementRecord record in records) await end.ForgetAsync(record);
    }

    /// <summary>Those that are older than the configuration keeps.</summary>
    public IReadOnlyList<ReplacementRecord> FindExpired(BackupConfiguration configuration) =>
        configuration.Restore.KeepPrevious is { } age ? [.. List().Where(record => world.Time.GetUtcNow() - record.Began > age)] : [];

    /// <summary>Removes reports and salvaged databases of replacements whose state is not kept (any more) and that are older than the configuration keeps one.</summary>
    /// <returns>What was removed.</returns>
    /// <exception cref="OperationException">A record cannot be read: then nothing is removed.</exception>
    /// <exception cref="PosixException">Something cannot be removed.</exception>
    public IReadOnlyList<BytePath> RemoveExpiredLeftovers(BackupConfiguration configuration) => configuration.Restore.KeepPrevious is { } age && !world.Journal.IsUnderWay
        ? ReplacementLeftovers.RemoveOlder(world.Journal.Directory, world.Time.GetUtcNow() - age, [.. List().Select(static record => record.Id)]) : [];
}

/// <summary>There is no replaced state that could be had back.</summary>
public sealed class NothingToRollBackException(string message, string hint) : OperationException(message, hint);
