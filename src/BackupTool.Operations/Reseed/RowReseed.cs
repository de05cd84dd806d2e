using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Sqlite.Rows;

namespace BackupTool.Operations.Reseed;

/// <summary>Stops the services once more, copies rows into the databases that they have made, and starts them.</summary>
internal sealed class RowReseed(ReplacementRecord record, ReplacementContext context)
{
    private readonly List<FilledDatabase> _filled = [];

    /// <summary>What was copied.</summary>
    internal IReadOnlyList<FilledDatabase> Filled => _filled;

    /// <summary>How long the service was down for it.</summary>
    internal TimeSpan? Downtime { get; private set; }

    /// <summary>What was in the old databases and is not in the new ones, a sentence each.</summary>
    internal IEnumerable<string> Losses => _filled.SelectMany(static database =>
        database.Report.Skipped.Where(static table => table.LosesData).Select(table => $"{database.Database}: the table {table.Name}{(table.Rows is { } rows ? $", {rows:N0} rows," : "")} was not copied: {table.Reason}")
        .Concat(database.Report.Copied.Where(static table => table.DroppedColumns.Count > 0 && table.Rows > 0)
            .Select(table => $"{database.Database}: the new schema has no place for {string.Join(", ", table.DroppedColumns)} of the table {table.Name}")));

    /// <summary>Copies. Gives what is wrong with the services afterwards.</summary>
    /// <exception cref="ExplainedException">The services could not be stopped, or rows do not fit: nothing of that database is copied. The services run.</exception>
    internal async Task<IReadOnlyList<string>> RunAsync(IReadOnlyList<(BytePath Source, BytePath Live)> databases, CancellationToken cancellationToken)
    {
        var replacement = new Replacement(null!, context);
        QuiescePlan plan = await QuiescePlan.MakeAsync([.. record.Services.Select(service => replacement.TargetOf(service, service.IsReplaced || service.WasActive))], context.Manager, cancellationToken);
        if (plan.Problems is [var problem, ..]) throw new QuiesceException(problem.Message, problem.Hint);
        QuiesceOutcome outcome;
        await using (QuiescedServices rest = await QuiescedServices.EnterAsync(plan, context.Manager, context.Restarts, context.Time, context.Progress.Message, cancellationToken))
        {
            context.Progress.Begin("copy rows", null, null);
            foreach ((BytePath source, BytePath live) in databases)
                _filled.Add(new FilledDatabase(live, await Task.Run(() => RowCopy.Run(source, live, [], cancellationToken), cancellationToken)));
            FailPoint.Reach(FailPoint.RowsCopied);
            outcome = await rest.ResumeAsync();
        }
        Downtime = outcome.Services.FirstOrDefault(each => record.Services.Any(service => service.IsReplaced && service.Name == each.Name))?.Downtime;
        return [.. record.Services.Where(static service => service.IsReplaced || service is { WasActive: true, WasHealthy: true })
            .Select(service => outcome.Services.FirstOrDefault(each => each.Name == service.Name)).Where(static seen => seen?.IsHealthy == false)
            .Select(static seen => $"'{seen!.Name}' is not healthy with the rows in its database: {seen.HealthReason}")];
    }
}
