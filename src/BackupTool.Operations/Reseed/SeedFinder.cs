using BackupTool.Operations.Restore.InPlace;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;

namespace BackupTool.Operations.Reseed;

/// <summary>Finds the snapshot whose databases fill the new ones: the one that is named, or the newest good one.</summary>
internal sealed class SeedFinder(SnapshotSource source)
{
    /// <summary>The newest snapshot that has a service and is none that a restore or wipe made of what it replaced; null when there is none.</summary>
    internal async Task<StoredSnapshot?> FindNewestAsync(string service, CancellationToken cancellationToken) => (await ListAsync(service, cancellationToken)).FirstOrDefault();

    /// <summary>Finds it.</summary>
    /// <exception cref="OperationException">There is none, or the one that was named does not do; says why.</exception>
    internal async Task<WipeSeed> FindAsync(WipeTargets targets, StoredSnapshot? named, CancellationToken cancellationToken)
    {
        string name = targets.Settings.Name;
        var reasons = new List<string>();
        foreach (StoredSnapshot snapshot in named is null ? await ListAsync(name, cancellationToken) : [named])
        {
            (WipeSeed? seed, string reason) = await TryAsync(targets, snapshot, cancellationToken);
            if (seed is not null) return seed;
            reasons.Add($"{snapshot.Id.Prefix}: {reason}");
        }
        throw new OperationException(reasons.Count == 0 ? $"No snapshot has '{name}'." : $"No snapshot can be used: {string.Join("; ", reasons.Take(5))}{(reasons.Count > 5 ? $"; and {reasons.Count - 5} more" : "")}.",
            "Name another with --snapshot ('backup list' shows all), take what can be salvaged (--reseed rows --snapshot salvaged), or begin afresh (--reseed none).");
    }

    private async Task<IEnumerable<StoredSnapshot>> ListAsync(string service, CancellationToken cancellationToken) =>
        (await source.Repository.ListSnapshotsAsync(cancellationToken)).Reverse().Where(snapshot => !SafetySnapshot.Is(snapshot.Snapshot) && snapshot.Snapshot.Services.Any(each => each.Name == service));

    private async Task<(WipeSeed? Seed, string Reason)> TryAsync(WipeTargets targets, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        if (snapshot.Snapshot.Services.FirstOrDefault(each => each.Name == targets.Settings.Name) is not { } service) return (null, $"it does not hold '{targets.Settings.Name}'");
        var found = new List<CatalogEntry>();
        var plugins = new List<CatalogEntry>();
        using var reader = new ArchiveReader(source.Repository, source.Index, service.Archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (entry.IsDatabase && !entry.IsHardLink) found.Add(entry);
            else if (entry.Kind == FileKind.Regular && !entry.IsHardLink && entry.Path.Name.Bytes.EndsWith(".mbp"u8)) plugins.Add(entry);
        }
        var databases = new Dictionary<BytePath, CatalogEntry>();
        foreach (WipedFile file in targets.SqliteFiles)
        {
            if (MemberOf(file.Live, found) is not { } member) return (null, $"it has no {file.Live.Name} of which SQLite could read the content");
            if (service.Warnings.FirstOrDefault(warning => warning.Path == $"/{member.Path}") is { } warning) return (null, $"its {file.Live.Name}: {warning.Reason}");
            databases.Add(file.Live, member);
        }
        return (new WipeSeed(snapshot, service, databases, OwnPlugins(plugins, targets)), "");
    }

    /// <summary>At the same place, or else the only one of that name: the service may have moved since.</summary>
    private static CatalogEntry? MemberOf(BytePath live, List<CatalogEntry> databases)
    {
        BytePath member = live.WithoutLeadingSlash();
        List<CatalogEntry> sameName = databases.FindAll(entry => entry.Path.Name == live.Name);
        return databases.Find(entry => entry.Path == member) ?? (sameName.Count == 1 ? sameName[0] : null);
    }

    // What is in the trash has been replaced by another version, or did not do.
    private static List<CatalogEntry> OwnPlugins(List<CatalogEntry> plugins, WipeTargets targets)
    {
        HashSet<BytePath> names = [.. (targets.Layout?.PluginDirectories ?? []).Select(static directory => directory.Name)];
        return plugins.FindAll(plugin => names.Contains(plugin.Path.Parent.Name));
    }
}
