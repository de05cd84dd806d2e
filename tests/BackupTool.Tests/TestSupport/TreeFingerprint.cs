using System.Globalization;
using System.Security.Cryptography;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Tests.TestSupport;

/// <summary>Everything about one entry of a tree that a restore must bring back.</summary>
/// <remarks>
/// Path: below the tree's root, empty for the root itself. Target: of a symbolic link, or major:minor of a device node. Attributes: extended
/// attributes with their values, ACLs among them. SameFileAs: the first path, in tree order, of the same inode; empty for that one itself.
/// </remarks>
public sealed record TreeEntry(
    string Path, FileKind Kind, string Mode, uint Uid, uint Gid, string ModifiedAt, long Size, string Sha256, string Target, string Attributes, string SameFileAs)
{
    public override string ToString() =>
        $"{(Path.Length == 0 ? "." : Path)} [{Kind} {Mode} {Uid}:{Gid} {ModifiedAt} {Size} B {Sha256}"
        + (Target.Length > 0 ? $" -> {Target}" : "") + (Attributes.Length > 0 ? $" {{{Attributes}}}" : "")
        + (SameFileAs.Length > 0 ? $" = {SameFileAs}" : "") + "]";
}

/// <summary>
/// What a tree looks like to whoever compares two: every entry in tree order with kind, mode, owner, mtime to the nanosecond, size, content hash,
/// link target, extended attributes and hard-link groups. Nothing in it depends on where the tree stands.
/// </summary>
public sealed class TreeFingerprint
{
    private readonly List<TreeEntry> _entries = [];
    private readonly Dictionary<(ulong Device, ulong Inode), string> _firstNames = [];

    private TreeFingerprint() { }

    public IReadOnlyList<TreeEntry> Entries => _entries;

    /// <param name="root">The directory whose contents count.</param>
    /// <param name="includeRoot">Whether the root's own mode, owner, mtime and attributes count, too.</param>
    public static TreeFingerprint Of(BytePath root, bool includeRoot = false)
    {
        var fingerprint = new TreeFingerprint();
        if (includeRoot) fingerprint.Add(PosixDirectory.Current, root, default);
        using PosixDirectory directory = PosixDirectory.Open(root);
        fingerprint.AddContents(directory, default);
        return fingerprint;
    }

    public static TreeFingerprint Of(string root, bool includeRoot = false) => Of(BytePath.From(root), includeRoot);

    /// <summary>This fingerprint with every entry changed: to leave out what a format cannot hold.</summary>
    public TreeFingerprint Select(Func<TreeEntry, TreeEntry> change)
    {
        var changed = new TreeFingerprint();
        changed._entries.AddRange(_entries.Select(change));
        return changed;
    }

    /// <summary>Without the entries that do not count.</summary>
    public TreeFingerprint Where(Func<TreeEntry, bool> counts)
    {
        var kept = new TreeFingerprint();
        kept._entries.AddRange(_entries.Where(counts));
        return kept;
    }

    /// <summary>One line for every entry that is missing, unexpected or different; empty when the trees are equal.</summary>
    public IReadOnlyList<string> DifferencesTo(TreeFingerprint actual)
    {
        Dictionary<string, TreeEntry> others = actual._entries.ToDictionary(entry => entry.Path);
        var differences = new List<string>();
        foreach (TreeEntry entry in _entries)
        {
            if (!others.Remove(entry.Path, out TreeEntry? other)) differences.Add($"missing: {entry}");
            else if (entry != other) differences.Add($"expected: {entry}\n     got: {other}");
        }
        differences.AddRange(others.Values.Select(entry => $"unexpected: {entry}"));
        return differences;
    }

    /// <summary>Fails, listing the differences, unless the trees are equal.</summary>
    public void ShouldBe(TreeFingerprint expected, string because = "") => expected.DifferencesTo(this).Should().BeEmpty(because);

    private void AddContents(PosixDirectory directory, BytePath path)
    {
        foreach (BytePath name in directory.ReadNames())
        {
            BytePath inner = path.Combine(name);
            Add(directory, name, inner);
            if (directory.GetStatus(name).Kind != FileKind.Directory) continue;
            using PosixDirectory child = directory.OpenDirectory(name);
            AddContents(child, inner);
        }
    }

    private void Add(PosixDirectory directory, BytePath name, BytePath path)
    {
        FileStatus status = directory.GetStatus(name);
        string shown = path.ToString(), sameFileAs = "";
        if (status.Kind != FileKind.Directory && !_firstNames.TryAdd((status.Device, status.Inode), shown)) sameFileAs = _firstNames[(status.Device, status.Inode)];
        string target = status.Kind switch
        {
            FileKind.SymbolicLink => directory.ReadLink(name).ToString(),
            FileKind.CharacterDevice or FileKind.BlockDevice => $"{status.DeviceMajor}:{status.DeviceMinor}",
            _ => "",
        };
        _entries.Add(new TreeEntry(
            shown, status.Kind, Convert.ToString(status.Mode, 8), status.Uid, status.Gid,
            string.Create(CultureInfo.InvariantCulture, $"{status.ModifiedAt.Seconds}+{status.ModifiedAt.Nanoseconds:D9}"),
            status.Kind is FileKind.Regular or FileKind.SymbolicLink ? status.Size : 0,
            status.Kind == FileKind.Regular ? Hash(directory, name) : "",
            target,
            string.Join(' ', directory.ReadExtendedAttributes(name).Select(a => $"{a.Name}={Convert.ToHexStringLower(a.Value)}")),
            sameFileAs));
    }

    private static string Hash(PosixDirectory directory, BytePath name)
    {
        using SafeFileHandle file = directory.OpenForReading(name);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[128 * 1024];
        long offset = 0;
        while (true)
        {
            int read = PosixFile.ReadFully(file, buffer, offset, name);
            if (read == 0) return Convert.ToHexStringLower(hash.GetHashAndReset());
            hash.AppendData(buffer, 0, read);
            offset += read;
        }
    }
}
