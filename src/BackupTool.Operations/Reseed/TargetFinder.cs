using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Reseed;

/// <summary>Finds the databases of a service, damaged or missing as they may be, and what keeps them from being moved away. Changes nothing.</summary>
internal sealed class TargetFinder(BackupConfiguration configuration, LiveDatabases databases, Action<string, string> refuse, Action<string> warn)
{
    private static readonly BytePath Media = BytePath.From("media");

    // As long as a real one: what it names must fit beside it.
    private const string AnyId = "0000000000000000";

    internal async Task<WipeTargets> FindAsync(ServiceSettings settings, CancellationToken cancellationToken)
    {
        var none = new WipeTargets { Settings = settings, Layout = null };
        if (Describe(settings) is not { } layout) return none;
        if (layout.AllDatabasesOf is not null)
        {
            refuse($"'{settings.Name}' is a whole PostgreSQL server: which of its databases is meant is not said.", "Wipe the service that a database belongs to, or name `databases` in its section.");
            return none;
        }
        var obstacles = new LiveObstacles(configuration, MountTable.Read());
        (IEnumerable<BytePath> sqlite, IEnumerable<PostgresTarget> postgres) = MainDatabasesOf(settings, layout);
        var files = new List<WipedFile>();
        foreach (BytePath database in sqlite) AddTo(files, database, false, obstacles);
        foreach (BytePath directory in layout.RocksDbDirectories) AddTo(files, directory, true, obstacles);
        WipeTargets targets = none with { Layout = layout, Files = files, Databases = [.. postgres] };
        if (layout.ExpectedDatabases.Count + layout.RocksDbDirectories.Count + targets.Databases.Count == 0)
            refuse($"No database of '{settings.Name}' (kind {settings.Kind}) is known: there is nothing to wipe.",
                ServiceProfiles.For(settings.Kind) is FilesProfile ? "Only a kind whose databases are known can be wiped; restore a snapshot instead ('backup restore SNAPSHOT --in-place')." : "See whether its directory is there and mounted.");
        foreach (PostgresTarget target in targets.Databases) await CheckAsync(target, cancellationToken);
        return targets;
    }

    private ServiceLayout? Describe(ServiceSettings settings)
    {
        try
        {
            return ServiceProfiles.For(settings.Kind)?.Describe(settings.ToFacts() with { AcceptsDamage = true }, static _ => { });
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            refuse($"Which databases '{settings.Name}' has cannot be told: {e.Message}", (e as ExplainedException)?.Hint ?? "Correct the service's configuration, or restore it from a snapshot ('backup restore SNAPSHOT --in-place').");
            return null;
        }
    }

    /// <summary>A maubot's bots, and encryption keys in a database of their own, are not in the way of a new main database.</summary>
    private (IEnumerable<BytePath>, IEnumerable<PostgresTarget>) MainDatabasesOf(ServiceSettings settings, ServiceLayout layout)
    {
        if (ServiceProfiles.For(settings.Kind) is not MaubotProfile) return (layout.ExpectedDatabases, layout.PostgresDatabases);
        string main = layout.Facts["database"];
        foreach (string other in layout.ExpectedDatabases.Select(static path => path.ToString()).Concat(layout.PostgresDatabases.Select(static target => target.ToString())).Where(other => other != main))
            warn($"{other} stays as it is: only maubot's main database is wiped");
        return (layout.ExpectedDatabases.Where(path => path.ToString() == main), layout.PostgresDatabases.Where(target => target.ToString() == main));
    }

    private void AddTo(List<WipedFile> files, BytePath configured, bool isDirectory, LiveObstacles obstacles)
    {
        try
        {
            LivePlace place = LivePlace.Find(configured, followLast: true);
            FileKind kind = isDirectory ? FileKind.Directory : FileKind.Regular;
            if (place.Missing.Count > 0) refuse($"{place.Missing[0]} does not exist, and {configured} would be in it.", "Make it, or mount its file system; or restore the service from a snapshot.");
            else if (place.Status is { } status && status.Kind != kind) refuse($"{place.Path} is a {status.Kind}, not a {kind}.", "Move it away by hand, and look what made it.");
            else if (obstacles.Find(place, kind) is { } problem) refuse(problem.Message, problem.Hint);
            IReadOnlyList<BytePath> foreign = isDirectory && place.Status is not null ? RocksDbDirectory.ReadForeignNames(place.Path) : [];
            // The media are known by that database alone.
            files.Add(new WipedFile(place.Path, isDirectory, place.Status is not null, [.. foreign.Where(static name => name != Media && !SlotName.IsSlot(name))]));
        }
        catch (NoPlaceException e)
        {
            refuse(e.Message, e.Hint!);
        }
        catch (PosixException e)
        {
            refuse($"{configured} cannot be looked at: {e.Message}", "Run this as root, and see that its file system is mounted and healthy.");
        }
    }

    private async Task CheckAsync(PostgresTarget target, CancellationToken cancellationToken)
    {
        try
        {
            RestoreOutlook outlook = await (await databases.OpenAsync(AnyId, target, cancellationToken)).CheckAsync(null, null, cancellationToken);
            foreach (RestoreObstacle obstacle in outlook.Obstacles) refuse($"{target.Database} cannot be replaced: {obstacle.What}", obstacle.WayOut);
            foreach (string warning in outlook.Warnings) warn(warning);
            if (outlook.Live is null) refuse($"There is no PostgreSQL database {target.Database} to put an empty one in the place of.", "Create it (createdb), or restore it from a snapshot ('backup restore SNAPSHOT --in-place').");
        }
        catch (SourceException e)
        {
            refuse($"{target.Database} cannot be replaced: {e.Message}", e.Hint ?? "See that the PostgreSQL server runs.");
        }
    }
}
