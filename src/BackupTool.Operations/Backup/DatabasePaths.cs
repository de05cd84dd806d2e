using System.Globalization;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;
using BackupTool.Services.Profiles;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Operations.Backup;

/// <summary>The SQLite databases that a walk has come by, and those that it must come by.</summary>
internal sealed class DatabasePaths(ServiceSettings settings, ServiceLayout layout, bool acceptsDamage)
{
    private readonly HashSet<BytePath> _expected = [.. layout.ExpectedDatabases.Select(path => Resolve(path, acceptsDamage))];
    private readonly HashSet<BytePath> _found = [];

    // One that is missing has no real path.
    private static BytePath Resolve(BytePath path, bool mayBeMissing) =>
        mayBeMissing && !PosixFile.TryGetStatusFollowing(path, out _) ? path : SymlinkChain.Resolve(path).Target;

    internal bool IsExpected(BytePath path) => _expected.Contains(path);

    /// <summary>Those without which the backup is worth nothing, as far as the walk has come by them.</summary>
    internal IEnumerable<BytePath> ExpectedAndFound => _expected.Where(_found.Contains).Order();

    internal void Add(BytePath path) => _found.Add(path);

    internal void Remove(BytePath path) => _found.Remove(path);

    /// <summary>The files beside a database are in its copy; as files they would only do harm. In tree order a database comes before them.</summary>
    internal bool IsSidecar(BytePath path)
    {
        return IsBeside("-wal"u8) || IsBeside("-shm"u8) || IsBeside("-journal"u8);
        bool IsBeside(ReadOnlySpan<byte> suffix) => path.Bytes.EndsWith(suffix) && _found.Contains(new BytePath(path.Bytes[..^suffix.Length]));
    }

    /// <summary>Those without which the backup is worth nothing, and that the walk has not come by as databases.</summary>
    internal IEnumerable<BytePath> ExpectedAndNotFound => _expected.Where(path => !_found.Contains(path)).Order();

    /// <summary>Throws when one without which the backup is worth nothing was not found.</summary>
    internal void RequireExpected()
    {
        foreach (BytePath expected in ExpectedAndNotFound)
            throw new OperationException($"{expected} of the service {settings.Name} is not a SQLite database, or is left out: a backup without it is worth nothing.",
                "Check the path in the service's configuration, and `exclude` in this tool's.");
    }

    /// <summary>What tells that a database has changed besides its status.</summary>
    internal static string ChangeKeyOf(WalkedEntry entry) =>
        string.Create(CultureInfo.InvariantCulture, $"size {entry.Status.Size}; {SqliteChangeKey.Describe(PosixDirectory.Current, entry.Path)}");
}
