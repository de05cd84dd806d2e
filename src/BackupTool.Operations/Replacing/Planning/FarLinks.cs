using BackupTool.Posix;
using BackupTool.Repositories.Archives;

namespace BackupTool.Operations.Replacing.Planning;

/// <summary>
/// Names of files whose content stands in the archive under a name elsewhere. Within one directory's replacements such a name can become a link again; across directories, which may be
/// different file systems, each place gets a file of its own, whose content takes room there.
/// </summary>
internal sealed class FarLinks
{
    private readonly Dictionary<BytePath, HashSet<BytePath>> _parents = [];   // of a content's name: the directories that need a copy of it
    private readonly Dictionary<(BytePath Target, BytePath Parent), int> _firstTop = [];
    private readonly Dictionary<int, long> _bytes = [];
    private FarLink _example;

    internal FarLinks(ArchiveSurvey survey, Func<int, PlacedItem?> itemOf)
    {
        if (survey.FarLinks.Count == 0) return;
        PlacementPlan plan = new() { Items = [.. Enumerable.Range(0, survey.Tops.Count).Select(itemOf).OfType<PlacedItem>()] };
        foreach (FarLink link in survey.FarLinks)
        {
            if (itemOf(link.Top) is not { } item) continue;
            BytePath parent = item.Live.Parent;
            if (plan.Find(link.Target) is { } home && home.Live.Parent == parent) continue;
            if (!_parents.TryGetValue(link.Target, out HashSet<BytePath>? parents)) _parents.Add(link.Target, parents = []);
            if (parents.Add(parent)) _firstTop.Add((link.Target, parent), link.Top);
            if (_example.Link.IsEmpty) _example = link;
        }
    }

    internal bool IsEmpty => _parents.Count == 0;

    /// <summary>Told every member of the archive, wanted or not.</summary>
    internal void Meet(CatalogEntry entry)
    {
        if (_parents.Count == 0 || !_parents.TryGetValue(entry.Path, out HashSet<BytePath>? parents)) return;
        foreach (BytePath parent in parents)
        {
            int top = _firstTop[(entry.Path, parent)];
            _bytes[top] = _bytes.GetValueOrDefault(top) + WantedTop.OnDisk(entry.StoredSize);
        }
    }

    /// <summary>What such files add to a top. After every member was met.</summary>
    internal long BytesOf(int top) => _bytes.GetValueOrDefault(top);

    /// <summary>What is worth knowing; null for nothing.</summary>
    internal string? Note => IsEmpty ? null
        : $"{_parents.Count:N0} {(_parents.Count == 1 ? "file has" : "files have")} several names in the snapshot (hard links) that are not replaced together, such as /{_example.Link} and /{_example.Target}: each place gets a file of its own, with the same content.";
}
