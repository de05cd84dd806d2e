using BackupTool.Posix;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>Whether the new state has room beside the old one, on every file system that gets some of it. Of several services together when it is told the items of them all.</summary>
internal sealed class SpaceCheck
{
    private const long MostReserved = 64 << 20;

    private readonly Dictionary<ulong, (BytePath Directory, long Bytes)> _needed = [];

    internal void Add(PlacedItem item)
    {
        BytePath directory = item.Live.Parent;
        FileStatus status;
        while (!PosixFile.TryGetStatusFollowing(directory, out status)) directory = directory.Parent;
        (BytePath Directory, long Bytes) before = _needed.GetValueOrDefault(status.Device, (directory, 0));
        _needed[status.Device] = before with { Bytes = before.Bytes + item.NeededBytes };
    }

    internal IEnumerable<PlacementProblem> FindProblems()
    {
        foreach ((BytePath directory, long bytes) in _needed.Values)
        {
            long free = PosixFile.GetFreeBytes(directory);
            // Not all: the services go on writing. But not more than a small file system can spare.
            long reserve = Math.Min(MostReserved, free / 10);
            if (free >= bytes + reserve) continue;
            yield return new PlacementProblem(
                $"The file system of {directory} has {free:N0} bytes free; {bytes:N0} are to be restored there beside what it has now, and {reserve:N0} are kept free.",
                "Make room there, or restore less with --include or --service.");
        }
    }
}
