using System.Security.Cryptography;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// Things of the snapshot that cannot be replaced where they are, in a store or on a read-only file system: compared with what is there. What is as in the snapshot needs nothing.
/// </summary>
internal sealed class ManagedThings
{
    private readonly List<Thing> _things = [];

    internal bool IsEmpty => _things.Count == 0;

    internal void Add(WantedTop top, LivePlace place, bool isSystemOwned) => _things.Add(new Thing(top, place, isSystemOwned));

    /// <summary>Told every wanted member of the archive.</summary>
    internal void Meet(CatalogEntry entry)
    {
        if (_things.Find(other => entry.Path.IsAtOrBelow(other.Top.Member)) is not { } thing) return;
        BytePath live = new([.. thing.Place.Path.Bytes, .. entry.Path.Bytes[thing.Top.Member.Length..]]);
        if (IsAsInSnapshot(live, entry)) return;
        if (thing.Different++ == 0) thing.Example = live;
    }

    /// <summary>After every member was met.</summary>
    internal IEnumerable<PlacementProblem> FindProblems(Action<string> note)
    {
        foreach (Thing thing in _things.Where(static thing => thing.Different > 0))
        {
            if (!thing.IsSystemOwned) yield return LiveObstacles.ReadOnly(thing.Place);
            else note(thing.Place.Status is null
                ? $"{thing.Place.Path} is not there any more: it is the system's own, and not restored. The system's configuration of that time makes it."
                : $"{thing.Place.Path} is not as in the snapshot ({thing.Different:N0} {(thing.Different == 1 ? "entry" : "entries")}, {thing.Example} is the first): it is the system's own, and left as it is.");
        }
    }

    private static bool IsAsInSnapshot(BytePath live, CatalogEntry entry)
    {
        if (!PosixDirectory.Current.TryGetStatus(live, out FileStatus status) || status.Kind != entry.Kind) return false;
        if (entry.Kind == FileKind.SymbolicLink) return PosixDirectory.Current.ReadLink(live) == entry.LinkTarget;
        if (entry.Kind != FileKind.Regular || entry.IsHardLink) return true;
        return entry.IsUnchanged(status, entry.ChangeKey) || (status.Size == entry.Size && entry.ContentKey == ContentKeyOf(live, status));
    }

    // Of larger files the key is made of their chunks: there the status alone decides.
    private static string ContentKeyOf(BytePath path, in FileStatus status)
    {
        if (status.Size > 64 << 20) return "";
        using SafeFileHandle file = PosixDirectory.Current.OpenForReading(path);
        var content = new byte[status.Size];
        int read = PosixFile.ReadFully(file, content, 0, path);
        return $"s:{Convert.ToHexStringLower(SHA256.HashData(content.AsSpan(0, read)))}";
    }

    private sealed class Thing(WantedTop top, LivePlace place, bool isSystemOwned)
    {
        internal WantedTop Top => top;

        internal LivePlace Place => place;

        internal bool IsSystemOwned => isSystemOwned;

        internal long Different { get; set; }

        internal BytePath Example { get; set; }
    }
}
