using BackupTool.Posix;

namespace BackupTool.Services.Profiles;

/// <summary>Gathers what a service consists of, and reduces it to roots of which none holds another.</summary>
internal sealed class RootCollector(string service)
{
    private readonly List<BytePath> _requested = [];

    /// <summary>Adds a file or directory, which must be there.</summary>
    internal void Add(BytePath path, string what)
    {
        if (!TryAdd(path))
            throw new ServiceLayoutException($"The {what} {path} of the service {service} does not exist.",
                "Correct the path in the service's own configuration or in backup.toml: a backup without it would be incomplete.");
    }

    /// <summary>Adds a file or directory if it is there. A link that leads nowhere is not.</summary>
    internal bool TryAdd(BytePath path)
    {
        if (!PosixFile.TryGetStatusFollowing(path, out _)) return false;
        if (!_requested.Contains(path)) _requested.Add(path);
        return true;
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
