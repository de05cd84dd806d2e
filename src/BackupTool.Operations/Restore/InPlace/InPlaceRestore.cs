using System.Globalization;
using System.Security.Cryptography;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives.Extraction;
using BackupTool.Repositories.Index;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>What came of a restore in place.</summary>
public sealed record InPlaceReport
{
    /// <summary>What was, or would be, done.</summary>
    public required RestorePlan Plan { get; init; }

    /// <summary>Members restored.</summary>
    public long Entries { get; init; }

    /// <summary>Bytes of their files.</summary>
    public long Bytes { get; init; }

    /// <summary>What could not be restored as it was.</summary>
    public IReadOnlyList<ExtractionFinding> Findings { get; init; } = [];

    /// <summary>The backup of the state before; null when none was made.</summary>
    public BackupReport? Safety { get; init; }

    /// <summary>How it ended; null in a dry run.</summary>
    public ReplacementOutcome? Outcome { get; init; }

    /// <summary>Rows of the PostgreSQL databases that were restored, by database: tables and rows.</summary>
    public IReadOnlyList<string> Databases { get; init; } = [];
}

/// <summary>
/// Brings a snapshot's state back to where it lives: prepares it beside the present one while the services run, stops them, lets the two change places, starts them, and undoes
/// it when they are not well. What can go wrong is looked for before anything is stopped.
/// </summary>
public sealed class InPlaceRestore(BackupConfiguration configuration, Repository repository, ChunkIndex index, ReplacementWorld world)
{
    /// <summary>Restores.</summary>
    /// <exception cref="ExplainedException">Nothing was replaced; or the message says what is not as it was.</exception>
    public async Task<InPlaceReport> RunAsync(InPlaceRequest request, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(request);
        using HeldReplacement held = world.Hold();
        ReplacementContext context = world.ContextOf(configuration);
        RestorePlan plan = await new RestorePlanner(configuration, repository, index, context).PlanAsync(request, cancellationToken);
        if (request.DryRun) return new InPlaceReport { Plan = plan };
        if (plan.Problems.Count > 0) throw new RestoreRefusedException(plan.Problems);
        foreach (string warning in plan.Warnings) world.Progress.Warn(warning);

        ReplacementRecord record = RecordOf(request, plan);
        held.Write(record);
        FailPoint.Reach(FailPoint.Prepared);
        var end = new ReplacementEnd(held, context);
        var files = new NewState(repository, index, plan, world.Progress);
        var databases = new NewDatabases(repository, index, plan, context.Databases);
        BackupReport? safety = null;
        ReplacementOutcome outcome;
        try
        {
            await files.MakeAsync(record.Id, cancellationToken);
            await databases.MakeAsync(record, cancellationToken);
            FailPoint.Reach(FailPoint.NewStateMade);
            // Only now: it may stop services for its cut, and they are not stopped for a restore that cannot be made.
            if (!request.SkipsSafety)
            {
                safety = await new SafetySnapshot(configuration, world.Manager, world.Progress, world.Time).MakeAsync([.. plan.Restores.Select(static restore => restore.Settings.Name)], request.SafetyLabel, cancellationToken);
                record = record with { SafetySnapshot = safety.Snapshot?.Id.Hex };
                held.Write(record);
            }
            outcome = await new Replacement(held, context).CarryOutAsync(record, (_, cancellation) => SameServer.FindProblemsAsync(record, context, cancellation), cancellationToken);
        }
        catch (Exception e) when (held.Journal.Read() is { Phase: ReplacementPhase.Preparing } or { Phase: ReplacementPhase.Settled })
        {
            await EndAsync(end, record, e);
            throw;
        }
        await end.ConcludeAsync(outcome);
        return new InPlaceReport { Plan = plan, Entries = files.Entries, Bytes = files.Bytes, Findings = files.Findings, Safety = safety, Outcome = outcome, Databases = databases.Restored };
    }

    // What was prepared may lie on the very disk that is full: that it cannot be removed must not hide why.
    private static async Task EndAsync(ReplacementEnd end, ReplacementRecord record, Exception failure)
    {
        try
        {
            await end.AbandonAsync(record);
        }
        catch (Exception e) when (e is ExplainedException or Posix.PosixException)
        {
            throw new OperationException($"{failure.Message}; and what was prepared could not be removed: {e.Message}", "Run 'backup recover', which tries again.", failure);
        }
    }

    private ReplacementRecord RecordOf(InPlaceRequest request, RestorePlan plan)
    {
        string id = NewId(world.Time);
        return new ReplacementRecord
        {
            FormatVersion = ReplacementRecord.CurrentVersion,
            Id = id,
            Action = "restore",
            Began = world.Time.GetUtcNow(),
            Snapshot = request.Snapshot.Id.Hex,
            Phase = ReplacementPhase.Preparing,
            Goal = Side.New,
            Live = Side.Old,
            Services = [.. plan.Services],
            Paths = NewState.PathsOf(plan, id),
            Databases = NewDatabases.Of(plan),
        };
    }

    /// <summary>Sorts by time, and is short enough for the name of a database.</summary>
    internal static string NewId(TimeProvider time) =>
        time.GetUtcNow().UtcDateTime.ToString("yyMMddHHmmss", CultureInfo.InvariantCulture) + RandomNumberGenerator.GetHexString(4, lowercase: true);
}

/// <summary>Something is in the way of a restore; nothing was touched.</summary>
public sealed class RestoreRefusedException(IReadOnlyList<RestoreProblem> problems) : OperationException(
    string.Join("\n", problems.Select(problem => $"{problem.Service}: {problem.Message}{(problems.Count > 1 ? $" {problem.Hint}" : "")}")),
    problems.Count == 1 ? problems[0].Hint : "Nothing was stopped, and nothing replaced. Correct this and run it again.");
