using BackupTool.Posix;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Files;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// Where the service, as it is configured now, looks for the databases that it cannot do without, and whether the snapshot restores something there. Otherwise it would start with something
/// else, or with nothing, and look healthy.
/// </summary>
internal sealed class EssentialPlaces
{
    private const int MaxLinks = 40;

    private readonly ServiceSnapshot _service;
    private readonly List<Essential> _essentials = [];
    private readonly BytePath? _config;
    private readonly HashSet<BytePath> _asked = [], _found = [];

    /// <param name="service">What is restored.</param>
    /// <param name="layout">The service as it is configured now; null when that is not known: then nothing is asked.</param>
    /// <param name="replaced">Everything that would be replaced, with the targets of those that are links.</param>
    /// <param name="isLeft">Whether one of them stays as it is, because it is the system's own.</param>
    internal EssentialPlaces(ServiceSnapshot service, ServiceLayout? layout, IReadOnlyList<(PlacedItem Item, BytePath LinkTarget)> replaced, Func<PlacedItem, bool> isLeft)
    {
        _service = service;
        if (layout is null) return;
        foreach (BytePath path in Databases(layout)) _essentials.Add(Essential.Find(path, replaced));
        if (layout.Facts.TryGetValue("config", out string? config)) _config = Essential.Find(BytePath.From(config), [.. replaced.Where(other => !isLeft(other.Item))]).Members.Cast<BytePath?>().LastOrDefault();
        _asked.UnionWith(_essentials.SelectMany(static essential => essential.Members));
        if (_config is { } file) _asked.Add(file);
    }

    // The directory of a homeserver's database need not be there: it is made, and filled with a new server, where the configuration has it.
    private static IEnumerable<BytePath> Databases(ServiceLayout layout) =>
        layout.RocksDbDirectories.Concat(layout.ExpectedDatabases).Concat(layout.Facts.TryGetValue("database-path", out string? path) ? [BytePath.From(path)] : []).Distinct();

    internal bool IsEmpty => _asked.Count == 0;

    /// <summary>Told every member of the archive that is restored.</summary>
    internal void Meet(BytePath member)
    {
        if (_asked.Contains(member)) _found.Add(member);
    }

    /// <summary>What is wrong, after every member was met. A service whose configuration is restored as well looks where the snapshot's databases are: that is only noted.</summary>
    internal IEnumerable<PlacementProblem> FindProblems(IReadOnlyList<BytePath> databases, Action<string> note)
    {
        foreach (Essential essential in _essentials)
        {
            if (essential.Members.Exists(_found.Contains)) continue;
            string has = databases.Count == 0 ? "it has no database" : $"its databases are {string.Join(", ", databases.Select(static path => $"/{path}"))}";
            string message = $"The service {_service.Name} keeps its database at {essential.Configured} now, where the snapshot has nothing: {has}.";
            if (_config is { } config && _found.Contains(config))
                note($"{message} Its configuration /{config} is restored as well, so it will look there again; what is at {essential.Configured} stays as it is.");
            else
                yield return new PlacementProblem(message,
                    "Let the service's own configuration name the place that the snapshot has, and restore again; or restore into a directory with --target and move the database by hand while the service is stopped.");
        }
    }

    /// <param name="Configured">As the configuration writes it.</param>
    /// <param name="Members">The members that would have to be in the archive: one of them is enough.</param>
    private sealed record Essential(BytePath Configured, List<BytePath> Members)
    {
        internal static Essential Find(BytePath path, IReadOnlyList<(PlacedItem Item, BytePath LinkTarget)> replaced)
        {
            var members = new List<BytePath>();
            try
            {
                Add(SymlinkChain.Resolve(path).Target);
                Add(FollowAsReplaced(path, replaced));
            }
            catch (Services.Sources.SourceException)
            {
                Add(path);   // it is not there (any more): the path itself is all there is to go by
            }
            return new Essential(path, [.. members.Distinct()]);

            void Add(BytePath real)
            {
                foreach ((PlacedItem item, _) in replaced)
                    if (real.IsAtOrBelow(item.Live)) members.Add(new BytePath([.. item.Member.Bytes, .. real.Bytes[item.Live.Length..]]));
            }
        }

        /// <summary>Where a path leads once the links of the snapshot are there: a directory of today may be one of them.</summary>
        private static BytePath FollowAsReplaced(BytePath path, IReadOnlyList<(PlacedItem Item, BytePath LinkTarget)> replaced)
        {
            for (int followed = 0; followed < MaxLinks; followed++)
            {
                (PlacedItem? link, BytePath target) = replaced.FirstOrDefault(other => other.Item.Kind == FileKind.SymbolicLink && path.IsAtOrBelow(other.Item.Live));
                if (link is null) return path;
                BytePath above = target.IsAbsolute ? target : link.Live.Parent.Combine(target);
                path = new BytePath([.. above.Bytes, .. path.Bytes[link.Live.Length..]]);
            }
            return path;
        }
    }
}
