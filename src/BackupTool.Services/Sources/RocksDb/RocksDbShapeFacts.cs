using System.Text;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>
/// What tells one RocksDB from another without opening it: before a restore's server has started and after. An empty database that a server made afresh has another identity, though the
/// same column families, which the program makes.
/// </summary>
/// <param name="Identity">The content of IDENTITY, made once with the database; null when it has none: RocksDB's own backups (BackupEngine) leave it out.</param>
/// <param name="ColumnFamilies">
/// How many sections <c>[CFOptions "…"]</c> the newest OPTIONS file has, which the engine writes anew whenever it opens the database or one is added or dropped; null when there is none.
/// </param>
public sealed record RocksDbShapeFacts(string? Identity, int? ColumnFamilies)
{
    private const int MaxIdentityBytes = 4 << 10, MaxOptionsBytes = 64 << 20, LongestIdentity = 100;

    /// <summary>Reads them from a database's directory, whether it is in use or not.</summary>
    /// <exception cref="PosixException">The directory cannot be read.</exception>
    public static RocksDbShapeFacts Read(BytePath directory)
    {
        using PosixDirectory opened = PosixDirectory.Open(directory);
        return Read(opened.ReadNames().Select(name => (name, directory.Combine(name))));
    }

    /// <summary>Reads them from a staged database.</summary>
    public static RocksDbShapeFacts Read(IEnumerable<StagedFile> staged)
    {
        ArgumentNullException.ThrowIfNull(staged);
        return Read(staged.Select(static file => (file.OriginalPath.Name, file.StagedPath)));
    }

    private static RocksDbShapeFacts Read(IEnumerable<(BytePath Name, BytePath Path)> files)
    {
        BytePath? identity = null, options = null;
        BytePath newest = default;
        foreach ((BytePath name, BytePath path) in files)
        {
            if (name.Bytes.SequenceEqual("IDENTITY"u8)) identity = path;
            if (RocksDbFile.RoleOf(name) != RocksDbFileRole.Mutable || !name.Bytes.StartsWith("OPTIONS-"u8)) continue;
            // Numbers have at least six digits: a longer one is the greater.
            if (options is not null && (name.Length, name).CompareTo((newest.Length, newest)) <= 0) continue;
            (newest, options) = (name, path);
        }
        return new RocksDbShapeFacts(identity is { } at ? ReadIdentity(at) : null, options is { } text ? CountColumnFamilies(text) : null);
    }

    private static string? ReadIdentity(BytePath path)
    {
        if (TryRead(path, MaxIdentityBytes) is not { } bytes) return null;
        string identity = Encoding.UTF8.GetString(bytes).Trim();
        return identity.Length is > 0 and <= LongestIdentity && !identity.Any(char.IsControl) ? identity : null;
    }

    private static int? CountColumnFamilies(BytePath path)
    {
        if (TryRead(path, MaxOptionsBytes) is not { } bytes) return null;
        int count = 0;
        foreach (Range line in bytes.AsSpan().Split((byte)'\n'))
            if (bytes.AsSpan(line).TrimStart(" \t"u8).StartsWith("[CFOptions \""u8)) count++;
        return count > 0 ? count : null;
    }

    // The engine replaces its OPTIONS files while it runs: one that is gone by now says nothing.
    private static byte[]? TryRead(BytePath path, int maxBytes)
    {
        try
        {
            return PosixFile.ReadAllFollowing(path, maxBytes);
        }
        catch (PosixException e) when (e.IsNotFound || e.Errno == Errno.EFBIG)
        {
            return null;
        }
    }
}
