using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>What in the live file system keeps something from being exchanged as a whole.</summary>
internal sealed class LiveObstacles
{
    private readonly IReadOnlyList<MountPoint> _mounts;
    private readonly List<(BytePath Path, string What)> _ownDirectories = [];
    private readonly Dictionary<BytePath, PlacementProblem?> _byParent = [];

    internal LiveObstacles(BackupConfiguration configuration, IReadOnlyList<MountPoint> mounts)
    {
        _mounts = mounts;
        foreach ((BytePath path, string what) in new[] { (configuration.Repository.Path, "repository"), (configuration.State.Path, "state directory"), (configuration.Staging.Path, "staging directory") })
            _ownDirectories.Add((LivePlace.Find(path, followLast: true).Path, what));
    }

    /// <summary>Why it cannot be replaced; null when nothing is in the way. A directory is judged once, for all that is replaced in it.</summary>
    internal PlacementProblem? Find(LivePlace place, FileKind member) =>
        FindShared(place, member) ?? FindMount(place) ?? FindOwnDirectory(place) ?? FindProtectionOfParent(place) ?? FindProtection(place);

    private static PlacementProblem? FindShared(LivePlace place, FileKind member)
    {
        if (!(member == FileKind.Directory || place.Status is { Kind: FileKind.Directory }) || !SharedDirectories.Contains(place.Path)) return null;
        string everything = place.Path.Length == 1 ? "'*/*'" : $"'{LiteralPattern.Of(place.Path)}/*'";
        return new PlacementProblem($"{place.Path} is not one service's alone: it is not replaced as a whole.",
            $"Restore what belongs to the service with --include, or all that the snapshot has in it, thing by thing, with --include {everything}.");
    }

    private PlacementProblem? FindMount(LivePlace place)
    {
        foreach (MountPoint mount in _mounts)
        {
            if (!mount.Path.IsAtOrBelow(place.Path)) continue;
            bool isDirectory = place.Status is { Kind: FileKind.Directory };
            string what = mount.Path == place.Path ? $"{place.Path} is a mount point ({mount.FileSystem})" : $"{mount.Path} below {place.Path} is a mount point ({mount.FileSystem})";
            string beside = mount.Path == place.Path ? "" : $", and what is beside it in {place.Path} with an --include for each thing";
            string include = isDirectory ? $"Restore what is on it with --include '{LiteralPattern.Of(mount.Path)}/*'{beside}; or restore" : "Restore";
            return new PlacementProblem($"{what}: it cannot be exchanged by a rename.", $"{include} with --target into a directory on that file system, and move it into place by hand while the service is stopped.");
        }
        return null;
    }

    private PlacementProblem? FindOwnDirectory(LivePlace place)
    {
        foreach ((BytePath path, string what) in _ownDirectories)
        {
            if (path.IsAtOrBelow(place.Path))
                return new PlacementProblem($"The {what} of this tool, {path}, lies in {place.Path}: it would be replaced as well.",
                    $"Restore what belongs to the service with --include; or move the {what} elsewhere.");
            if (place.Path.IsAtOrBelow(path) && what == "repository")
                return new PlacementProblem($"{place.Path} lies in the {what} of this tool, {path}: nothing is restored there.", "Restore into a directory with --target.");
        }
        return null;
    }

    private PlacementProblem? FindProtectionOfParent(LivePlace place)
    {
        if (_byParent.TryGetValue(place.Above, out PlacementProblem? known)) return known;
        PlacementProblem? problem = WriteObstacles.FindIn(place.Above) switch
        {
            WriteObstacle.ReadOnlyFileSystem => ReadOnly(place),
            WriteObstacle.Immutable => new PlacementProblem($"{place.Above} is immutable (chattr +i): nothing in it can be replaced.", "Run 'chattr -i' on it if that is meant to be changed."),
            WriteObstacle.AppendOnly => new PlacementProblem($"{place.Above} is append-only (chattr +a): nothing in it can be replaced.", "Run 'chattr -a' on it if that is meant to be changed."),
            WriteObstacle.NoPermission => new PlacementProblem($"This process may not write in {place.Above}.", "Run this as root."),
            _ => null,
        };
        return _byParent[place.Above] = problem;
    }

    private static PlacementProblem? FindProtection(LivePlace place)
    {
        if (place.Status is null || WriteObstacles.FindOn(place.Path) is not (var obstacle and not WriteObstacle.None)) return null;
        (string what, string option) = obstacle == WriteObstacle.Immutable ? ("immutable", "i") : ("append-only", "a");
        return new PlacementProblem($"{place.Path} is {what} (chattr +{option}): it cannot be replaced.", $"Run 'chattr -{option}' on it if that is meant to be changed.");
    }

    /// <summary>For what lies on a file system that is mounted read-only and is not as in the snapshot.</summary>
    internal static PlacementProblem ReadOnly(LivePlace place) =>
        new($"{(place.Status is null ? place.Above : place.Path)} is on a file system that is mounted read-only: it cannot be replaced.",
            "Find out why (the kernel's log tells of errors of the disk), and mount it writable; in a unit of systemd's, name it in ReadWritePaths=. Or restore into a directory with --target.");
}
