using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Quiescing;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Decides what a restore in place does, and finds what is in its way. Reads; changes nothing.</summary>
internal sealed class RestorePlanner(BackupConfiguration configuration, Repository repository, ChunkIndex index, ReplacementContext context)
{
    private readonly List<RestoreProblem> _problems = [];
    private readonly List<string> _warnings = [];

    /// <summary>Plans.</summary>
    /// <exception cref="ExplainedException">The snapshot or systemd cannot be read.</exception>
    internal async Task<RestorePlan> PlanAsync(InPlaceRequest request, CancellationToken cancellationToken)
    {
        var restores = new List<PlannedRestore>();
        bool hasHomeserver = request.Services.Any(static service => StateEdits.IsHomeserver(service.Kind));
        foreach (ServiceSnapshot service in request.Services)
            if (FindSettings(service, request) is { } settings && await PlanAsync(service, settings, request, hasHomeserver, cancellationToken) is { } restore) restores.Add(restore);
        RefuseOverlaps(restores);
        if (restores.Count > 1 && _problems.Count == 0) RefuseWithoutRoom(restores);
        IReadOnlyList<AffectedService> services = await new AffectedServices(configuration, context.Manager)
            .FindAsync([.. restores.Select(static restore => restore.Settings)], settings => IdentityOf(restores, settings), cancellationToken);
        var replacement = new Replacement(null!, context);
        QuiescePlan quiesce = await QuiescePlan.MakeAsync([.. services.Select(service => replacement.TargetOf(service, service.IsReplaced || service.WasActive))], context.Manager, cancellationToken);
        _problems.AddRange(quiesce.Problems.Select(static problem => new RestoreProblem(problem.Service, problem.Message, problem.Hint)));
        WarnOfOthers(request, services);
        return new RestorePlan(restores, services)
        {
            Problems = _problems,
            Warnings = _warnings,
            Steps = RestoreSteps.Describe(request, restores, quiesce),
            Quiesce = quiesce,
        };
    }

    // A part of a server's state does not make another server of it.
    private static ServerIdentity? IdentityOf(List<PlannedRestore> restores, ServiceSettings settings) =>
        restores.First(restore => restore.Settings.Name == settings.Name) is { Selection.IsEverything: true } restore ? ServerIdentity.Of(restore.Stored.Facts) : null;

    private ServiceSettings? FindSettings(ServiceSnapshot service, InPlaceRequest request)
    {
        if (configuration.Services.FirstOrDefault(each => each.Name == service.Name) is not { } settings)
        {
            Refuse(service.Name, $"{configuration.File} has no service '{service.Name}': what is to be stopped for it is not known.", "Add it there with its unit, choose others with --service, or restore into a directory with --target.");
            return null;
        }
        if (settings.Unit is null && !request.AllowsNoUnit && ServiceProfiles.For(settings.Kind) is not PostgresProfile)
            Refuse(service.Name, $"it has no unit: nothing would be stopped while its state is exchanged, and nothing started.", "Give it 'unit', or add --without-stopping if no program uses its files.");
        return settings;
    }

    private async Task<PlannedRestore?> PlanAsync(ServiceSnapshot service, ServiceSettings settings, InPlaceRequest request, bool hasHomeserver, CancellationToken cancellationToken)
    {
        ServiceLayout? layout = Describe(settings);
        var selection = new MemberSelection(request.Include, service);
        await selection.ScanAsync(repository, index, service.Archive, cancellationToken);
        var wanted = await WantedMembers.ReadAsync(repository, index, service, selection, cancellationToken);
        LivePlacement placement = await PlacementPlanner.PlanAsync(repository, index, new PlacementRequest
        {
            Service = service,
            Include = request.Include,
            Settings = settings,
            LiveLayout = layout,
            Configuration = configuration,
            Owners = request.Owners,
        }, cancellationToken);
        foreach (PlacementProblem problem in placement.Problems) Refuse(service.Name, problem.Message, problem.Hint);
        _warnings.AddRange(placement.Notes.Select(note => $"{service.Name}: {note}"));
        IReadOnlyList<PlannedDatabase> databases = DumpTargets.Find(configuration, service, request.Include.Count > 0 ? null : layout, wanted.Dumps, _problems.Add);
        if (placement.Items.Count == 0 && databases.Count == 0)
        {
            Refuse(service.Name, request.Include.Count > 0 ? $"Nothing of '{service.Name}' in the snapshot matches." : $"The snapshot has nothing of '{service.Name}' that could be restored.",
                "Run 'backup show SNAPSHOT SERVICE' to see what it has; a pattern without a slash matches names at any depth.");
            return null;
        }
        databases = await new DatabasePreflight(repository, index, context.Databases, Refuse, _warnings.Add).CheckAsync(service, databases, cancellationToken);
        await new SkewPreflight(context, request.IgnoresVersions, Refuse, _warnings.Add).CheckAsync(service, settings, layout, databases, cancellationToken);
        return new PlannedRestore
        {
            Settings = settings,
            Stored = service,
            Layout = layout,
            Selection = selection,
            Placement = placement,
            Databases = databases,
            Edits = StateEdits.For(settings.Kind, wanted.SqliteDatabases, databases.Count > 0, hasHomeserver),
        };
    }

    // What is broken is what is being restored: that it cannot be described is no reason against it.
    private ServiceLayout? Describe(ServiceSettings settings)
    {
        try
        {
            return ServiceProfiles.For(settings.Kind)?.Describe(settings.ToFacts() with { AcceptsDamage = true }, static _ => { });
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            _warnings.Add($"{settings.Name}: its present state cannot be described ({e.Message.TrimEnd('.')}): it is restored to where the snapshot has it");
            return null;
        }
    }

    /// <summary>Each by itself has room; all together need it, too.</summary>
    private void RefuseWithoutRoom(List<PlannedRestore> restores)
    {
        var space = new SpaceCheck();
        foreach (PlacedItem item in restores.SelectMany(static restore => restore.Placement.Items)) space.Add(item);
        foreach (PlacementProblem problem in space.FindProblems()) Refuse(string.Join(", ", restores.Select(static restore => restore.Settings.Name)), problem.Message, problem.Hint);
    }

    private void RefuseOverlaps(List<PlannedRestore> restores)
    {
        // In tree order what lies in another follows it at once.
        (string Service, BytePath Live)? outer = null;
        foreach ((string service, BytePath live) in restores.SelectMany(static restore => restore.Placement.Items.Select(item => (Service: restore.Settings.Name, item.Live))).OrderBy(static item => item.Live))
        {
            if (outer is { } above && live.IsAtOrBelow(above.Live))
                Refuse(service, $"{live} of '{service}' {(live == above.Live ? "belongs to" : $"lies in {above.Live}, which is restored with")} '{above.Service}'{(live == above.Live ? ", too" : "")}.", "Restore one after the other, each with its own --service.");
            else
                outer = (service, live);
        }
        foreach (IGrouping<string, string> database in restores.SelectMany(static restore => restore.Databases.Select(each => (restore.Settings.Name, Key: each.Target.ToString()))).GroupBy(static each => each.Key, static each => each.Name))
            if (database.Count() > 1) Refuse(database.Last(), $"The PostgreSQL database {database.Key} belongs to {string.Join(" and ", database)}.", "Restore one of them only, with --service.");
    }

    private void WarnOfOthers(InPlaceRequest request, IReadOnlyList<AffectedService> services)
    {
        HashSet<string> replaced = [.. services.Where(static service => service.IsReplaced).Select(static service => service.Name)];
        foreach (AffectedService service in services.Where(static service => !service.IsReplaced && service.Unit is null && !service.WasHealthy))
            _warnings.Add($"'{service.Name}' is not healthy, and {string.Join(", ", services.Where(other => replaced.Contains(other.Name) && other.After.Contains(service.Name)).Select(static other => other.Name))} will be started all the same");
        if (!request.Services.Any(static service => StateEdits.IsHomeserver(service.Kind)) || request.Include.Count > 0) return;
        string[] ahead = [.. services.Where(static service => !service.IsReplaced && service.Unit is not null).Select(static service => service.Name)];
        if (ahead.Length > 0)
            _warnings.Add($"{string.Join(", ", ahead)} would be ahead of the restored homeserver: rooms and messages that they know are not in it. Restore them from the same snapshot, without --service");
    }

    private void Refuse(string service, string message, string hint) => _problems.Add(new RestoreProblem(service, message, hint));
}
