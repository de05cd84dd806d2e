using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Operations.Replacing;

/// <summary>What a replacement needs of the world.</summary>
/// <param name="Manager">systemd.</param>
/// <param name="Restarts">Where owed restarts are kept.</param>
/// <param name="CheckOf">How a service is asked for its health.</param>
/// <param name="ProbeOf">What is asked of it besides its unit.</param>
/// <param name="Databases">How PostgreSQL databases change places.</param>
/// <param name="Progress">Who is told.</param>
/// <param name="Time">The clock.</param>
internal sealed record ReplacementContext(
    IServiceManager Manager, RestartJournal Restarts, Func<AffectedService, IHealthCheck> CheckOf, Func<AffectedService, HealthProbe?> ProbeOf, LiveDatabases Databases, IProgressObserver Progress, TimeProvider Time);

/// <summary>What a replacement came to.</summary>
/// <param name="Record">Settled.</param>
/// <param name="Problems">Why the goal was given up; empty when it was reached.</param>
/// <param name="Outcome">What became of the services with the new state; null when they never got so far.</param>
/// <param name="Return">What became of them when all had been put back; null when nothing was.</param>
public sealed record ReplacementOutcome(ReplacementRecord Record, IReadOnlyList<string> Problems, QuiesceOutcome? Outcome, QuiesceOutcome? Return)
{
    /// <summary>The state that was asked for lives.</summary>
    public bool IsReached => Record.Live == Record.Goal;
}

/// <summary>
/// Carries a replacement out: brings the services to rest, lets the states change places, starts the services, and looks whether they are well. When they are not, all is put back. Each step is
/// in the journal before it is done, so that <see cref="ReplacementRecovery"/> can go on from any of them.
/// </summary>
internal sealed class Replacement(HeldReplacement held, ReplacementContext context)
{
    /// <summary>How long a service that answers must go on to.</summary>
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(2);

    /// <summary>Carries out what the record says, to its goal, or back.</summary>
    /// <param name="record">Prepared, or settled before.</param>
    /// <param name="prove">Asked when the services are well: whatever else must be true, as a list of what is not. Services that it stops it starts again.</param>
    /// <param name="cancellationToken">Until the services are at rest it cancels, then it has all put back.</param>
    /// <exception cref="QuiesceException">The services could not be brought to rest: nothing is changed.</exception>
    /// <exception cref="OperationException">The states could not change places: all is put back, or the message says what is not.</exception>
    internal async Task<ReplacementOutcome> CarryOutAsync(
        ReplacementRecord record, Func<QuiesceOutcome, CancellationToken, Task<IReadOnlyList<string>>> prove, CancellationToken cancellationToken)
    {
        QuiesceOutcome outcome;
        await using (QuiescedServices rest = await QuiescedServices.EnterAsync(
            await PlanAsync([.. record.Services.Select(service => TargetOf(service, service.IsReplaced || service.WasActive))], cancellationToken), context.Manager, context.Restarts, context.Time, context.Progress.Message, cancellationToken))
        {
            FailPoint.Reach(FailPoint.AtRest);
            record = record with { Phase = ReplacementPhase.Exchanging, Paths = record.Live == Side.Old ? [.. record.Paths.Select(PathExchange.Identify)] : record.Paths };
            await ExchangeAsync(record, rest, cancellationToken);
            record = Write(record with { Phase = ReplacementPhase.Trying });
            FailPoint.Reach(FailPoint.Trying);
            outcome = await rest.ResumeAsync();
        }
        FailPoint.Reach(FailPoint.Tried);
        IReadOnlyList<string> problems = await JudgeAsync(record, outcome, prove, cancellationToken);
        return problems.Count == 0 ? new ReplacementOutcome(Settle(record, record.Goal), [], outcome, null) : await ReturnAsync(record, problems, outcome);
    }

    /// <summary>Whether everything is as it should be.</summary>
    internal async Task<IReadOnlyList<string>> JudgeAsync(
        ReplacementRecord record, QuiesceOutcome outcome, Func<QuiesceOutcome, CancellationToken, Task<IReadOnlyList<string>>> prove, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        // What has no unit is not started: when it was not well before either, that is not the new state's fault.
        foreach (AffectedService service in record.Services.Where(static service => service is { IsReplaced: true, Unit: not null } or { IsReplaced: true, WasHealthy: true } or { WasActive: true, WasHealthy: true }))
        {
            ServiceOutcome? seen = outcome.Services.FirstOrDefault(each => each.Name == service.Name);
            if (seen?.IsHealthy == false) problems.Add($"'{service.Name}' is not healthy: {seen.HealthReason}");
            else if (seen?.IsHealthy is null && (service.IsReplaced || seen is null) && await AskAsync(service) is { } reason) problems.Add($"'{service.Name}' is not healthy: {reason}");
        }
        if (problems.Count > 0) return problems;
        try
        {
            IReadOnlyList<string> unproven = await prove(outcome, cancellationToken);
            return unproven.Count > 0 ? unproven : await FindFallenAsync(record, outcome, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return ["it was cancelled"];
        }
        catch (Exception e)
        {
            return [e.Message];   // whatever it is, nothing is proven: all is put back
        }
    }

    /// <summary>Those that were well and are not any more: a program that answers first, and then falls over what it reads, is not well.</summary>
    private async Task<IReadOnlyList<string>> FindFallenAsync(ReplacementRecord record, QuiesceOutcome outcome, CancellationToken cancellationToken)
    {
        AffectedService[] well = [.. record.Services.Where(service => service is { IsReplaced: true, Unit: not null } && outcome.Services.FirstOrDefault(each => each.Name == service.Name)?.IsHealthy == true)];
        if (well.Length == 0) return [];
        await Task.Delay(Settling, context.Time, cancellationToken);
        var fallen = new List<string>();
        foreach (AffectedService service in well)
            if (await AskAsync(service) is { } reason) fallen.Add($"'{service.Name}' was healthy with the new state, and is not any more: {reason}");
        return fallen;
    }

    private async Task<string?> AskAsync(AffectedService service)
    {
        HealthWait wait = await HealthGate.WaitAsync(context.CheckOf(service), TimeSpan.FromSeconds(service.HealthTimeoutSeconds), context.Time, CancellationToken.None);
        return wait.Answer.IsHealthy ? null : wait.Answer.Reason;
    }

    /// <summary>Puts all back, and starts what was up before. Takes no cancellation.</summary>
    internal async Task<ReplacementOutcome> ReturnAsync(ReplacementRecord record, IReadOnlyList<string> problems, QuiesceOutcome? outcome)
    {
        // Of a run that nobody killed the caller tells them, with what became of the services.
        if (outcome is null) foreach (string problem in problems) context.Progress.Warn(problem);
        context.Progress.Message(record.Live == Side.Old ? "putting the state before it back" : "putting the state that was there back");
        record = Write(record with { Phase = ReplacementPhase.Returning });
        FailPoint.Reach(FailPoint.Returning);
        await KeepDownAsync(record);
        QuiesceOutcome back;
        await using (QuiescedServices rest = await QuiescedServices.EnterAgainAsync(
            await PlanAsync([.. record.Services.Select(TargetBefore)], CancellationToken.None), context.Manager, context.Restarts, context.Time, context.Progress.Message))
        {
            await MoveAsync(record, record.Live, rest, problems);
            back = await rest.ResumeAsync();
        }
        return new ReplacementOutcome(Settle(record, record.Live), problems, outcome, back);
    }

    /// <summary>As <see cref="ReturnAsync"/>, of services that are all down, and stay so.</summary>
    /// <exception cref="OperationException">Not all could be put back.</exception>
    internal async Task<ReplacementOutcome> ReturnAtRestAsync(ReplacementRecord record, IReadOnlyList<string> problems)
    {
        record = Write(record with { Phase = ReplacementPhase.Returning });
        FailPoint.Reach(FailPoint.Returning);
        ForgiveThoseThatWereDown(record, context.Restarts);
        try
        {
            await MoveAsync(record, record.Live);
        }
        catch (Exception e)
        {
            throw StillMixed(record, problems, e);
        }
        return new ReplacementOutcome(Settle(record, record.Live), problems, null, null);
    }

    private static OperationException StillMixed(ReplacementRecord record, IReadOnlyList<string> reasons, Exception e) =>
        new($"{string.Join("; ", reasons)}; and not all could be put back: {e.Message.TrimEnd('.')}. {string.Join(", ", record.ReplacedServices)}: left stopped, because some of the state is the old one and some the new.",
            $"{(e is ExplainedException { Hint: { } hint } ? $"{hint} " : "")}Mend that, then run 'backup recover': it goes on putting back, and starts the services.", e);

    /// <summary>What was down before is not started with the old state: somebody had stopped it, or it had failed with that.</summary>
    private async Task KeepDownAsync(ReplacementRecord record)
    {
        string[] units = ForgiveThoseThatWereDown(record, context.Restarts);
        if (units.Length == 0) return;
        IReadOnlyList<UnitState> states = await context.Manager.DescribeAsync(units, CancellationToken.None);
        foreach ((string unit, UnitState state) in units.Zip(states).Where(static pair => pair.Second.IsActive))
            await context.Manager.StopAsync([unit], TimeSpan.FromSeconds(record.Services.First(service => service.Unit == unit).StopSeconds), CancellationToken.None);
    }

    /// <summary>Takes back the promise that what was down before would be up after. Returns those units.</summary>
    internal static string[] ForgiveThoseThatWereDown(ReplacementRecord record, RestartJournal restarts)
    {
        string[] units = [.. record.Services.Where(static service => service is { WasActive: false, Unit: not null }).Select(static service => service.Unit!)];
        if (units.Length > 0) Recovery.Forgive(restarts, units.ToHashSet(StringComparer.Ordinal));
        return units;
    }

    private async Task<QuiescePlan> PlanAsync(IReadOnlyList<QuiesceTarget> targets, CancellationToken cancellationToken)
    {
        QuiescePlan plan = await QuiescePlan.MakeAsync(targets, context.Manager, cancellationToken);
        if (plan.Problems is [var problem, ..]) throw new QuiesceException(problem.Message, problem.Hint);
        return plan;
    }

    /// <summary>How a service is brought to rest for a replacement.</summary>
    internal QuiesceTarget TargetOf(AffectedService service, bool isToBeUp) => new()
    {
        Name = service.Name,
        Unit = service.Unit,
        Mode = service.Unit is null ? QuiesceMode.Online : QuiesceMode.Stop,
        After = service.After,
        Health = context.CheckOf(service),
        Probe = service.Probe?.ToProbe(),
        HealthTimeout = TimeSpan.FromSeconds(service.HealthTimeoutSeconds),
        StopPatience = TimeSpan.FromSeconds(service.StopSeconds),
        // What is new may be what makes it well: it is waited for.
        WasHealthy = service.IsReplaced || service.WasHealthy,
        StartsInAnyCase = service.Unit is not null && isToBeUp,
    };

    /// <summary>The same, for going back to the state before: what was not healthy with that keeps nobody waiting.</summary>
    private QuiesceTarget TargetBefore(AffectedService service) => TargetOf(service, service.WasActive) with { WasHealthy = service.WasHealthy, MayBeUnwell = !service.WasHealthy };

    private async Task ExchangeAsync(ReplacementRecord record, QuiescedServices rest, CancellationToken cancellationToken)
    {
        try
        {
            cancellationToken.ThrowIfCancellationRequested();
            Write(record);
            FailPoint.Reach(FailPoint.Exchanging);
            await MoveAsync(record, record.Goal);
        }
        catch (Exception e)
        {
            await MoveAsync(record, record.Live, rest, [e.Message]);
            rest.LeaveDownWhatWasDown();
            QuiesceOutcome back = await rest.ResumeAsync();
            Settle(record, record.Live);
            string[] unwell = [.. back.Services.Where(static service => service.IsHealthy == false).Select(static service => $"'{service.Name}' is not healthy: {service.HealthReason}")];
            foreach (string problem in unwell) context.Progress.Warn(problem);
            if (e is OperationCanceledException) throw;
            throw new OperationException($"The states could not change places: {e.Message.TrimEnd('.')}. {(unwell.Length == 0 ? "All is as it was." : $"What was there is back, but {string.Join("; ", unwell)}.")}",
                unwell.Length == 0 ? (e as ExplainedException)?.Hint : "Run 'backup recover', then 'backup health'.", e);
        }
    }

    /// <summary>Puts all back. What cannot be is left at rest: a service on a mixture of two states would do harm.</summary>
    private async Task MoveAsync(ReplacementRecord record, Side side, QuiescedServices rest, IReadOnlyList<string> reasons)
    {
        try
        {
            await MoveAsync(record, side);
        }
        catch (Exception e)
        {
            rest.LeaveAtRest();
            throw StillMixed(record, reasons, e);
        }
    }

    private async Task MoveAsync(ReplacementRecord record, Side side)
    {
        foreach (ReplacedDatabase database in record.Databases) await context.Databases.MoveToAsync(record, database, side);
        FailPoint.Reach(FailPoint.DatabasesExchanged);
        foreach (ReplacedPath path in record.Paths.Where(path => !PathExchange.IsAllThereIs(path, side)))
        {
            using var exchange = new PathExchange(path);
            exchange.MoveTo(side);
        }
    }

    private ReplacementRecord Write(ReplacementRecord record)
    {
        held.Write(record);
        return record;
    }

    /// <summary>What lives stays. The other side is kept when it may be wanted again.</summary>
    internal ReplacementRecord Settle(ReplacementRecord record, Side live)
    {
        record = Write(record with { Phase = ReplacementPhase.Settled, Live = live });
        FailPoint.Reach(FailPoint.Settled);
        return record;
    }
}
