using System.Runtime.CompilerServices;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Archives.Tar;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Operations.Restore;

/// <summary>
/// Which members of an archive are wanted. A pattern is tried on the whole path and on the path relative to each root of the service; a directory that it
/// matches is wanted with everything in it. A wanted hard link whose first name is not wanted gets the content under its own name.
/// </summary>
internal sealed class MemberSelection
{
    private readonly IReadOnlyList<Glob> _include;
    private readonly List<BytePath> _roots;
    private readonly Dictionary<BytePath, BytePath> _movedTo = [];

    internal MemberSelection(IReadOnlyList<Glob> include, ServiceSnapshot service)
    {
        _include = include;
        _roots = [.. service.Roots.Select(static root => BytePath.From(root).WithoutLeadingSlash())];
    }

    /// <summary>Whether every member is wanted.</summary>
    internal bool IsEverything => _include.Count == 0;

    /// <summary>Members that are wanted; known after <see cref="ScanAsync"/>.</summary>
    internal long Entries { get; private set; }

    /// <summary>Bytes of their files.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Bytes that they take on a disk, holes not counted.</summary>
    internal long NeededBytes { get; private set; }

    /// <summary>Reads the catalog once, to know what is wanted before anything is written.</summary>
    internal async Task ScanAsync(Repository repository, ChunkIndex index, Archive archive, CancellationToken cancellationToken)
    {
        if (IsEverything)
        {
            (Entries, Bytes, NeededBytes) = (archive.Entries, archive.ContentBytes, Math.Min(archive.ContentBytes, archive.Bytes));
            return;
        }
        var linksTo = new List<(BytePath Link, BytePath Target)>();
        var sizes = new Dictionary<BytePath, long>();
        using var reader = new ArchiveReader(repository, index, archive);
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (!IsWanted(entry.Path, entry.Kind)) continue;
            Entries++;
            Bytes += entry.Size;
            NeededBytes += entry.StoredSize;
            if (entry.IsHardLink && !IsWanted(entry.LinkTarget, FileKind.Regular)) linksTo.Add((entry.Path, entry.LinkTarget));
        }
        foreach ((BytePath link, BytePath target) in linksTo) _movedTo.TryAdd(target, link);
    }

    /// <summary>Where the wanted members stand in the stream, neighbours joined; null for the whole stream.</summary>
    internal IAsyncEnumerable<StreamRange>? Ranges(Repository repository, ChunkIndex index, Archive archive, CancellationToken cancellationToken) =>
        IsEverything ? null : FindRangesAsync(repository, index, archive, static _ => true, cancellationToken);

    /// <summary>Where those of the wanted members stand that are restored under a name which is asked for.</summary>
    internal IAsyncEnumerable<StreamRange> RangesWithin(Repository repository, ChunkIndex index, Archive archive, Func<BytePath, bool> isAskedFor, CancellationToken cancellationToken) =>
        FindRangesAsync(repository, index, archive, isAskedFor, cancellationToken);

    /// <summary>Whether a member is wanted, or is the content of one that is.</summary>
    internal bool Concerns(CatalogEntry entry) => IsWanted(entry.Path, entry.Kind) || _movedTo.ContainsKey(entry.Path);

    /// <summary>Under which name a member is restored.</summary>
    internal BytePath PlaceOf(BytePath member) => _movedTo.GetValueOrDefault(member, member);

    private async IAsyncEnumerable<StreamRange> FindRangesAsync(
        Repository repository, ChunkIndex index, Archive archive, Func<BytePath, bool> isAskedFor, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var reader = new ArchiveReader(repository, index, archive);
        StreamRange? open = null;
        await foreach (CatalogEntry entry in reader.ReadCatalogAsync(cancellationToken))
        {
            if (!Concerns(entry) || !isAskedFor(PlaceOf(entry.Path))) continue;
            long end = entry.StreamOffset + entry.StreamBytes;
            if (open is { } before && before.End == entry.StreamOffset)
            {
                open = before with { End = end };
                continue;
            }
            if (open is { } whole) yield return whole;
            open = new StreamRange(entry.StreamOffset, end);
        }
        if (open is { } last) yield return last;
    }

    /// <summary>Under which name a member of the selected stream is restored; null for a link that has become the file itself.</summary>
    internal TarMember? Place(TarMember member)
    {
        if (_movedTo.Count == 0) return member;
        if (_movedTo.TryGetValue(member.Path, out BytePath moved)) return member with { Path = moved };
        if (!member.IsHardLink || !_movedTo.TryGetValue(member.LinkTarget, out BytePath target)) return member;
        return member.Path == target ? null : member with { LinkTarget = target };
    }

    /// <summary>Whether a member is wanted for itself: not what a wanted hard link takes its content from.</summary>
    internal bool IsWanted(BytePath path, FileKind kind)
    {
        bool isDirectory = kind == FileKind.Directory;
        foreach (Glob glob in _include)
        {
            if (glob.Covers(path, isDirectory)) return true;
            foreach (BytePath root in _roots)
                if (path.Length > root.Length && path.IsAtOrBelow(root) && glob.Covers(new BytePath(path.Bytes[(root.Length + 1)..]), isDirectory)) return true;
        }
        return IsEverything;
    }
}
