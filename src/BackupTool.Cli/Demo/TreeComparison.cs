using BackupTool.Posix;
using BackupTool.Services.Sources.Files;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Cli.Demo;

/// <summary>Compares two trees entry by entry: names, kinds, modes, owners, sizes, times to the nanosecond, links, attributes and every byte.</summary>
internal static class TreeComparison
{
    /// <summary>The first differences, as sentences; empty when the trees are equal.</summary>
    /// <param name="left">One root.</param>
    /// <param name="right">The other.</param>
    internal static List<string> FindDifferences(BytePath left, BytePath right)
    {
        const int enough = 10;
        Dictionary<BytePath, WalkedEntry> others = Walk(right).ToDictionary(entry => Below(right, entry.Path));
        var differences = new List<string>();
        foreach (WalkedEntry entry in Walk(left))
        {
            BytePath path = Below(left, entry.Path);
            if (!others.Remove(path, out WalkedEntry? other)) differences.Add($"{path} is only in {left}");
            else if (Compare(entry, other) is { } difference) differences.Add($"{path}: {difference}");
            if (differences.Count == enough) return differences;
        }
        differences.AddRange(others.Keys.Take(enough - differences.Count).Select(path => $"{path} is only in {right}"));
        return differences;
    }

    private static IEnumerable<WalkedEntry> Walk(BytePath root) => FileTree.Walk(root, static (_, _) => false, static _ => { });

    private static BytePath Below(BytePath root, BytePath path) => path == root ? default : new BytePath(path.Bytes[(root.Length + 1)..]);

    private static string? Compare(WalkedEntry a, WalkedEntry b)
    {
        FileStatus x = a.Status, y = b.Status;
        if (x.Kind != y.Kind) return $"is {x.Kind} here and {y.Kind} there";
        if (x.Mode != y.Mode || x.Uid != y.Uid || x.Gid != y.Gid) return "differs in owner or mode";
        if (a.LinkTarget != b.LinkTarget) return "links elsewhere";
        if (x.Kind == FileKind.Regular && x.LinkCount != y.LinkCount) return $"has {x.LinkCount} names here and {y.LinkCount} there";
        if (x.ModifiedAt != y.ModifiedAt) return "differs in mtime";
        if (!Attributes(a.Path).SequenceEqual(Attributes(b.Path))) return "differs in extended attributes";
        return x.Kind == FileKind.Regular && !SameContent(a, b) ? "differs in content" : null;
    }

    private static IEnumerable<string> Attributes(BytePath path) =>
        PosixDirectory.Current.ReadExtendedAttributes(path).Select(static attribute => $"{attribute.Name}={Convert.ToHexString(attribute.Value)}");

    private static bool SameContent(WalkedEntry a, WalkedEntry b)
    {
        if (a.Status.Size != b.Status.Size) return false;
        byte[] mine = new byte[1 << 16], theirs = new byte[1 << 16];
        using SafeFileHandle left = PosixDirectory.Current.OpenForReading(a.Path), right = PosixDirectory.Current.OpenForReading(b.Path);
        for (long offset = 0; offset < a.Status.Size; offset += mine.Length)
        {
            int count = PosixFile.ReadFully(left, mine, offset, a.Path);
            if (count != PosixFile.ReadFully(right, theirs, offset, b.Path) || !mine.AsSpan(0, count).SequenceEqual(theirs.AsSpan(0, count))) return false;
        }
        return true;
    }
}
