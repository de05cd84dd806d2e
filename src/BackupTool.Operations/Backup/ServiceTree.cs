using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Backup;

/// <summary>
/// Everything of a service as one listing in tree order: its roots with the links that lead to them, less what is left out, and a staged database's files in the
/// place of the live ones.
/// </summary>
internal sealed class ServiceTree
{
    // sops-nix and systemd keep secrets there, in memory: their names may be recorded, never their contents.
    private static readonly BytePath Volatile = BytePath.From("/run");

    private readonly List<(BytePath Configured, BytePath Target)> _roots = [];
    private readonly List<WalkedEntry> _links = [];
    private readonly List<Exclusion> _exclusions;
    private readonly BytePath _repository;
    private readonly Action<SourceFinding> _onFinding;
    private readonly Action<BytePath, string> _onLeftOut;

    internal ServiceTree(
        ServiceSettings settings, ServiceLayout layout, BytePath repository, Action<SourceFinding> onFinding, Action<BytePath, string> onLeftOut)
    {
        (_repository, _onFinding, _onLeftOut) = (repository, onFinding, onLeftOut);
        foreach (BytePath root in layout.Roots)
        {
            ResolvedRoot resolved = SymlinkChain.Resolve(root);
            _links.AddRange(resolved.Links);
            if (resolved.Target.IsAtOrBelow(Volatile)) onLeftOut(resolved.Target, "lies in /run: a secret, or gone with the next boot; only its name is recorded");
            else _roots.Add((root, resolved.Target));
        }
        _links.Sort(static (a, b) => a.Path.CompareTo(b.Path));
        _roots.RemoveAll(root => _roots.Exists(other => other.Target != root.Target && root.Target.IsAtOrBelow(other.Target)));
        _roots.Sort(static (a, b) => a.Target.CompareTo(b.Target));
        for (int i = _roots.Count - 1; i > 0; i--)
            if (_roots[i].Target == _roots[i - 1].Target) _roots.RemoveAt(i);
        RocksDbDirectories = [.. layout.RocksDbDirectories.Select(static directory => SymlinkChain.Resolve(directory).Target)];
        _exclusions = [.. layout.Exclusions, .. layout.Roots.SelectMany(root => settings.Exclude.Select(glob => new Exclusion(root, glob, $"exclude = \"{glob}\"")))];
    }

    /// <summary>The RocksDB databases, by their real paths.</summary>
    internal BytePath[] RocksDbDirectories { get; }

    /// <summary>Walks the roots, without the files that are staged instead.</summary>
    internal IEnumerable<WalkedEntry> Walk() =>
        TreeOrderMerge.Merge([.. _roots.Select(root => FileTree.Walk(root.Target, (path, status) => IsLeftOut(root.Configured, root.Target, path, status), OnFinding))]);

    /// <summary>
    /// Walks only what of the roots lies at or below a real directory, or the part of a root that it is: to learn what is left out there. A directory that lies in no root and holds none
    /// has nothing.
    /// </summary>
    internal IEnumerable<WalkedEntry> WalkAt(BytePath directory) =>
        _roots.Where(root => root.Target.IsAtOrBelow(directory) || directory.IsAtOrBelow(root.Target))
            .SelectMany(root => FileTree.Walk(
                directory.IsAtOrBelow(root.Target) ? directory : root.Target, (path, status) => IsLeftOut(root.Configured, root.Target, path, status), OnFinding));

    /// <summary>Lists what <see cref="Walk"/> found; the staged files stand where the databases' own would, and the dumps where nothing does.</summary>
    internal IEnumerable<WalkedEntry> List(IEnumerable<WalkedEntry> walked, IEnumerable<StagedFile> staged, IEnumerable<WalkedEntry> dumps) =>
        TreeOrderMerge.Merge([_links, dumps, walked, staged.Select(static file => new WalkedEntry(file.OriginalPath, file.OriginalStatus, default)).OrderBy(static entry => entry.Path)]);

    private bool IsLeftOut(BytePath configured, BytePath target, BytePath path, FileStatus status)
    {
        bool isDirectory = status.Kind == FileKind.Directory;
        if (status.Kind == FileKind.Regular && IsInRocksDb(path)) return IsStagedInstead(path);
        if (isDirectory && StagingDirectory.IsStagingName(path.Name)) return true;
        if (isDirectory && SlotName.IsSlot(path.Name))
        {
            _onLeftOut(path, "what a restore in place works in, or what it replaced");
            return true;
        }
        if (isDirectory && path == _repository)
        {
            _onLeftOut(path, "the repository itself");
            return true;
        }
        BytePath asConfigured = configured == target ? path : new BytePath([.. configured.Bytes.TrimEnd((byte)'/'), .. path.Bytes[target.Length..]]);
        foreach (Exclusion exclusion in _exclusions)
        {
            if (!exclusion.Covers(asConfigured, isDirectory)) continue;
            _onLeftOut(path, exclusion.Reason);
            return true;
        }
        return false;
    }

    /// <summary>An engine's file that went while the directory was walked is no loss: it was staged, or belongs to a later moment.</summary>
    private void OnFinding(SourceFinding finding)
    {
        if (finding.Kind == FindingKind.Vanished && IsInRocksDb(finding.Path) && IsStagedInstead(finding.Path)) return;
        _onFinding(finding);
    }

    // Asked for every entry in the window: without making a path of the directory.
    private bool IsInRocksDb(BytePath path)
    {
        int slash = path.Bytes.LastIndexOf((byte)'/');
        foreach (BytePath directory in RocksDbDirectories)
            if (path.Bytes[..slash].SequenceEqual(directory.Bytes)) return true;
        return false;
    }

    /// <summary>What the engine wrote after the staging belongs to no moment that is backed up; other files there do.</summary>
    private static bool IsStagedInstead(BytePath path) => RocksDbStaging.IsEngineFile(path.Name);
}
