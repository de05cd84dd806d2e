using BackupTool.Operations.Restore;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// Names of files whose content stands in the archive under a name elsewhere. What is replaced in one directory is extracted together, and there such a name becomes a link again; a name whose
/// content is not wanted gets it for itself. Between things that are replaced in different directories, which may be different file systems, there is no link to be had.
/// </summary>
internal sealed class FarLinks
{
    private readonly Dictionary<BytePath, (int Top, BytePath Directory)> _moved = [];   // by the content's name: who gets it
    private readonly List<PlacementProblem> _problems = [];
    private readonly Dictionary<int, long> _bytes = [];
    private FarLink _example;

    internal FarLinks(ArchiveSurvey survey, MemberSelection selection, Func<int, PlacedItem?> itemOf)
    {
        if (survey.FarLinks.Count == 0) return;
        LivePlacement placement = new() { Items = [.. Enumerable.Range(0, survey.Tops.Count).Select(itemOf).OfType<PlacedItem>()] };
        foreach (FarLink link in survey.FarLinks)
        {
            if (itemOf(link.Top) is not { } item) continue;
            BytePath directory = item.Live.Parent;
            if (placement.Find(link.Target)?.Live.Parent == directory) continue;
            if (selection.IsWanted(link.Target, FileKind.Regular)) Refuse(link, item);
            else if (_moved.TryAdd(link.Target, (link.Top, directory))) _example = link;
            else if (_moved[link.Target].Directory != directory) Refuse(link, item);
        }
    }

    internal bool IsEmpty => _moved.Count == 0;

    /// <summary>Why it cannot be done: once, however many there are.</summary>
    internal IReadOnlyList<PlacementProblem> Problems => _problems;

    /// <summary>Told every member of the archive, wanted or not.</summary>
    internal void Meet(CatalogEntry entry)
    {
        if (_moved.Count > 0 && _moved.TryGetValue(entry.Path, out (int Top, BytePath Directory) link))
            _bytes[link.Top] = _bytes.GetValueOrDefault(link.Top) + WantedTop.OnDisk(entry.StoredSize);
    }

    /// <summary>What such files add to a top. After every member was met.</summary>
    internal long BytesOf(int top) => _bytes.GetValueOrDefault(top);

    /// <summary>What is worth knowing; null for nothing.</summary>
    internal string? Note => IsEmpty ? null
        : $"{_moved.Count:N0} {(_moved.Count == 1 ? "file that is" : "files that are")} restored had another name in the snapshot (a hard link) that is not restored: /{_example.Link} becomes a file of its own, apart from /{_example.Target}.";

    private void Refuse(FarLink link, PlacedItem item)
    {
        if (_problems.Count > 0) return;
        _problems.Add(new PlacementProblem($"/{link.Link} and /{link.Target} are one file in the snapshot (hard links), and are replaced in different directories: such a link cannot be made.",
            $"Restore one after the other, such as --include '{LiteralPattern.Of(item.Member)}' first: each then gets a file of its own. Or restore into a directory with --target."));
    }
}
