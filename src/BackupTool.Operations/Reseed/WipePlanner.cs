using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Restore.InPlace;
using BackupTool.Services.Profiles;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Reseed;

/// <summary>Decides what a wipe does, and finds what is in its way. Nothing is touched.</summary>
internal sealed class WipePlanner(BackupConfiguration configuration, SnapshotSource? source, ReplacementContext context)
{
    private readonly List<RestoreProblem> _problems = [];
    private readonly List<string> _warnings = [];

    /// <summary>Plans.</summary>
    /// <exception cref="ExplainedException">The repository or systemd cannot be read.</exception>
    internal async Task<WipePlan> PlanAsync(WipeRequest request, ServiceSettings settings, CancellationToken cancellationToken)
    {
        void Refuse(string message, string hint) => _problems.Add(new RestoreProblem(settings.Name, message, hint));
        if (settings.Unit is null && ServiceProfiles.For(settings.Kind) is not PostgresProfile)
            Refuse($"'{settings.Name}' has no unit: nothing would be stopped while its databases are moved away, and nothing started.", "Give it 'unit'.");
        WipeTargets targets = await new TargetFinder(configuration, context.Databases, Refuse, message => _warnings.Add($"{settings.Name}: {message}")).FindAsync(settings, cancellationToken);
        WipeSeed? seed = null;
        if (FindMisfit(request, targets) is var (misfit, wayOut)) Refuse(misfit, wayOut);
        else if (_problems.Count == 0 && request.Method is ReseedMethod.Rows or ReseedMethod.Api && !request.UsesSalvage) seed = await FindSeedAsync(targets, request, Refuse, cancellationToken);

        IReadOnlyList<AffectedService> services = await new AffectedServices(configuration, context.Manager).FindAsync([settings], static _ => null, cancellationToken);
        var replacement = new Replacement(null!, context);
        QuiescePlan quiesce = await QuiescePlan.MakeAsync([.. services.Select(service => replacement.TargetOf(service, service.IsReplaced || service.WasActive))], context.Manager, cancellationToken);
        _problems.AddRange(quiesce.Problems.Select(static problem => new RestoreProblem(problem.Service, problem.Message, problem.Hint)));
        foreach (AffectedService needed in services.Where(static service => !service.IsReplaced && service.Unit is null && !service.WasHealthy))
            _warnings.Add($"'{needed.Name}' is not healthy, and {settings.Name} will be started all the same");
        return new WipePlan(targets, services, seed) { Problems = _problems, Warnings = _warnings, Steps = WipeSteps.Describe(request, targets, seed, quiesce) };
    }

    private static (string Misfit, string WayOut)? FindMisfit(WipeRequest request, WipeTargets targets)
    {
        string name = targets.Settings.Name;
        bool isSqlite = targets.Files.All(static file => !file.IsDirectory) && targets.Databases.Count == 0;
        return request.Method switch
        {
            ReseedMethod.Api when !targets.IsMaubot => ($"--reseed api goes through maubot's management interface, and '{name}' is of the kind {targets.Settings.Kind}.", "Use --reseed snapshot or none; rows for a service with SQLite databases."),
            ReseedMethod.Api or ReseedMethod.Rows when targets.Layout is not null && !isSqlite =>
                ($"--reseed {(request.Method == ReseedMethod.Api ? "api" : "rows")} reads SQLite databases, and that of '{name}' is {(targets.Databases.Count > 0 ? "in PostgreSQL" : "a RocksDB")}.", "Use --reseed snapshot, or none."),
            _ => null,
        };
    }

    private async Task<WipeSeed?> FindSeedAsync(WipeTargets targets, WipeRequest request, Action<string, string> refuse, CancellationToken cancellationToken)
    {
        try
        {
            return await new SeedFinder(source!).FindAsync(targets, request.Snapshot, cancellationToken);
        }
        catch (OperationException e)
        {
            refuse(e.Message, e.Hint!);
            return null;
        }
    }
}
