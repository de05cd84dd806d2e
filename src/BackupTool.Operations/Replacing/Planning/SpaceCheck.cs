using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>Whether the new state has room beside the old one, on every file system that gets some of it.</summary>
internal sealed class SpaceCheck
{
    private const long ReserveBytes = 64 << 20;

    private readonly Dictionary<ulong, (BytePath Directory, long Bytes)> _needed = [];

    /// <param name="directory">An existing directory on the file system.</param>
    /// <param name="bytes">What it gets.</param>
    internal void Add(BytePath directory, long bytes)
    {
        ulong device = PosixFile.TryGetStatusFollowing(directory, out FileStatus status) ? status.Device : 0;
        (BytePath Directory, long Bytes) before = _needed.GetValueOrDefault(device, (directory, 0));
        _needed[device] = before with { Bytes = before.Bytes + bytes };
    }

    internal IEnumerable<PlacementProblem> FindProblems()
    {
        foreach ((BytePath directory, long bytes) in _needed.Values)
        {
            long free = PosixFile.GetFreeBytes(directory);
            if (free >= bytes + ReserveBytes) continue;
            yield return new PlacementProblem(
                $"The file system of {directory} has {free:N0} bytes free; {bytes:N0} are to be restored there beside what it has now, and {ReserveBytes:N0} are kept free.",
                "Make room there, or restore less with --include or --service.");
        }
    }
}
