using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>Gathers what a service consists of, and reduces it to roots of which none holds another.</summary>
internal sealed class RootCollector(ServiceFacts facts)
{
    private static readonly BytePath Volatile = BytePath.From("/run");

    private readonly List<BytePath> _requested = [];
    private readonly List<LayoutDamage> _damages = [];

    /// <summary>What is missing and was let pass.</summary>
    internal IReadOnlyList<LayoutDamage> Damages => _damages;

    /// <summary>Adds a file or directory, which must be there.</summary>
    internal void Add(BytePath path, string what)
    {
        if (TryAdd(path)) return;
        AcceptOrThrow(path, $"the {what} does not exist: nothing is stored of it", new ServiceLayoutException($"The {what} {path} of the service {facts.Name} does not exist.",
            "Correct the path in the service's own configuration or in backup.toml: a backup without it would be incomplete."));
    }

    /// <summary>Notes damage where that is accepted; refuses it otherwise.</summary>
    internal void AcceptOrThrow(BytePath path, string reason, ServiceLayoutException refusal)
    {
        if (!facts.AcceptsDamage) throw refusal;
        _damages.Add(new LayoutDamage(path, reason));
    }

    /// <summary>Adds a file or directory if it is there. A link that leads nowhere is not.</summary>
    internal bool TryAdd(BytePath path)
    {
        if (!PosixFile.TryGetStatusFollowing(path, out _)) return false;
        if (!_requested.Contains(path)) _requested.Add(path);
        return true;
    }

    /// <summary>
    /// Adds an SQLite database, which must be there and hold something: the services of this stack create an empty one without a word, so a wrong path looks healthy.
    /// </summary>
    internal void AddDatabase(BytePath database, BytePath config, string key)
    {
        bool isThere = PosixFile.TryGetStatusFollowing(database, out FileStatus status) && status.Kind == FileKind.Regular && status.Size > 0;
        if (!isThere && !facts.AcceptsDamage)
            throw new ServiceLayoutException($"The database {database} of the service {facts.Name}, which {config} names, does not exist or is empty.",
                $"Relative paths start from the directory that the service runs in: set it as `data` in [service.{facts.Name}], or correct `{key}`.");
        TryAdd(database);   // what is wrong with it is found when it is read
    }

    /// <summary>
    /// Adds a file that the configuration names, or says why it is not in the backup: it is not there, or it is kept in /run, which holds what the system's own
    /// configuration puts there at every start: secrets, as a rule.
    /// </summary>
    /// <returns>Whether it was added.</returns>
    internal bool AddNamed(BytePath path, string key, Action<string> note)
    {
        if (!PosixFile.TryGetStatusFollowing(path, out _))
        {
            note($"`{key}` is {path}, which does not exist: nothing is backed up from there.");
            return false;
        }
        if (path.IsAtOrBelow(Volatile) || PosixFile.GetRealPath(path).IsAtOrBelow(Volatile))
        {
            note($"`{key}` is {path}, which is not on a disk: it is not backed up. Whatever puts it there must be restored besides.");
            return false;
        }
        return TryAdd(path);
    }

    internal List<BytePath> Collect()
    {
        List<BytePath> outer = _requested.FindAll(path => !_requested.Exists(other => other != path && path.IsAtOrBelow(other)));
        Dictionary<BytePath, BytePath> real = _requested.ToDictionary(static path => path, PosixFile.GetRealPath);

        // /var/lib/private/x beside the link /var/lib/x to it: whoever reads the link reads it too.
        List<BytePath> roots = outer.FindAll(path => real[path] != path || !outer.Exists(other => other != path && path.IsAtOrBelow(real[other])));

        // In a root by name, but behind a link that leaves it: an archive of the root holds the link only.
        foreach (BytePath path in _requested)
        {
            if (!roots.Exists(root => real[path].IsAtOrBelow(root) || (real.TryGetValue(root, out BytePath leadsTo) && real[path].IsAtOrBelow(leadsTo))))
                roots.Add(real[path]);
        }
        return roots.FindAll(path => !roots.Exists(other => other != path && path.IsAtOrBelow(other)));
    }
}
