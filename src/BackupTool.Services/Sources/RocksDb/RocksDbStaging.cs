using System.Text;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>
/// Takes a RocksDB database as the engine's own checkpoint does: immutable files get a second name, the small mutable ones are copied. To be called
/// while the service is stopped or frozen; a database that is written meanwhile is noticed, never staged half.
/// </summary>
public static class RocksDbStaging
{
    private const int MaxAttempts = 5;
    private static readonly TimeSpan FirstWait = TimeSpan.FromMilliseconds(20);

    /// <summary>Whether a directory is a RocksDB database: it has a CURRENT that names a MANIFEST which exists.</summary>
    public static bool IsDatabase(BytePath directory)
    {
        try
        {
            using PosixDirectory opened = PosixDirectory.Open(directory);
            string current = Encoding.ASCII.GetString(ReadStart(opened, "CURRENT"u8, 64)).TrimEnd('\n');
            return current.StartsWith("MANIFEST-", StringComparison.Ordinal) && !current.AsSpan().ContainsAny('/', '\0')
                && opened.TryGetStatus(BytePath.From(current), out FileStatus status) && status.Kind == FileKind.Regular;
        }
        catch (PosixException e) when (e.IsNotFound || e.Errno is Errno.ELOOP or Errno.EISDIR)
        {
            return false;
        }
    }

    /// <summary>The engine's files as they are now, in byte order: nothing is staged, so no <see cref="StagedFile.StagedPath"/> is set.</summary>
    public static IReadOnlyList<StagedFile> Look(BytePath database)
    {
        using PosixDirectory source = PosixDirectory.Open(database);
        return [.. DatabaseShape.Look(source).Files.Select(f => new StagedFile(source.Full(f.Name), default, f.Status, f.Role == RocksDbFileRole.Immutable))];
    }

    /// <summary>Whether a name in a database's directory is one that the engine gives its files.</summary>
    public static bool IsEngineFile(BytePath name) => RocksDbFile.RoleOf(name) != RocksDbFileRole.Foreign;

    /// <summary>
    /// Stages <paramref name="database"/> into the empty directory <paramref name="stagingDirectory"/> (see <see cref="StagingDirectory"/>). When the database changes
    /// meanwhile, drops what it has and tries again, five times within half a second. On failure the staging directory is gone.
    /// </summary>
    /// <param name="database">The database's directory.</param>
    /// <param name="stagingDirectory">Best on the same file system, so that files can be linked.</param>
    /// <param name="report">Told what was left out (LOCK, LOG, temporary files), for information.</param>
    /// <param name="clock">Waits between attempts.</param>
    /// <param name="cancellationToken">Heard between files.</param>
    /// <param name="asItLies">Also what is no database (any more): whatever is there of the engine's files.</param>
    /// <exception cref="SourceException">Not a database, unreadable, keeps its logs elsewhere, or changed while it was staged.</exception>
    public static StagedRocksDb Stage(BytePath database, BytePath stagingDirectory, Action<SourceFinding> report, TimeProvider clock, CancellationToken cancellationToken, bool asItLies = false)
    {
        try
        {
            if (!asItLies && !IsDatabase(database))
                throw new SourceException($"{database} is not a RocksDB database: it has no CURRENT that names its MANIFEST", "Correct the path in the configuration.");
            using PosixDirectory source = PosixDirectory.Open(database), target = PosixDirectory.Open(stagingDirectory);
            for (int attempt = 1; attempt <= MaxAttempts; attempt++)
            {
                DatabaseShape before = DatabaseShape.Look(source);
                RefuseLogsElsewhere(source, before);
                var stager = new FileStager(source, target);
                if (stager.TryStage(before.Files, cancellationToken) && DatabaseShape.Look(source).IsUnchangedSince(before))
                    return Describe(before, source, target, stager.ImmutableMeans, report);
                foreach (BytePath name in target.ReadNames()) target.RemoveFile(name);
                if (attempt < MaxAttempts) Task.Delay(FirstWait * (1 << (attempt - 1)), clock, cancellationToken).GetAwaiter().GetResult();
            }
            throw new SourceException($"{database} changed while it was staged, {MaxAttempts} times in a row",
                "Let the service be stopped or frozen for the backup (quiesce = \"stop\" or \"freeze\").");
        }
        catch (Exception e)
        {
            PosixDirectory.Current.RemoveTree(stagingDirectory);
            if (e is not PosixException cause) throw;
            throw new SourceException($"{database} cannot be staged: {cause.Message}", cause.IsOutOfSpace
                ? "Free space on that file system, or stage on the database's own, where files can be linked."
                : "Run as root, and see that the file system is mounted and healthy.", cause);
        }
    }

    private static StagedRocksDb Describe(DatabaseShape shape, PosixDirectory source, PosixDirectory target, StagingMeans means, Action<SourceFinding> report)
    {
        foreach (BytePath name in shape.Leftovers)
            report(new SourceFinding(FindingKind.Skipped, source.Full(name), "RocksDB's lock, log text or unfinished file: not part of the data"));
        return new StagedRocksDb(target.Path,
            [.. shape.Files.Select(f => new StagedFile(source.Full(f.Name), target.Full(f.Name), f.Status, f.Role == RocksDbFileRole.Immutable))],
            [.. shape.Foreign.Select(source.Full)], means);
    }

    /// <summary>
    /// A database may keep its write-ahead logs in another directory (<c>wal_dir</c> in the newest OPTIONS file). Without them it refuses to open or
    /// lacks the last writes, so such a one is not staged. A <c>wal_dir</c> that is gone or has no logs is an old place's name.
    /// </summary>
    private static void RefuseLogsElsewhere(PosixDirectory source, DatabaseShape shape)
    {
        BytePath newest = shape.Files.Select(f => f.Name).Where(n => n.Bytes.StartsWith("OPTIONS-"u8)).Order().LastOrDefault();
        if (newest.IsEmpty) return;
        const string key = "wal_dir=";
        string? line = Encoding.UTF8.GetString(ReadStart(source, newest.Bytes, 64 * 1024)).Split('\n').Select(l => l.Trim()).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal));
        if (line is null || !line.AsSpan(key.Length).StartsWith("/")) return;
        var place = BytePath.From(line[key.Length..]);
        if (!PosixFile.TryGetStatusFollowing(place, out FileStatus status) || status.Kind != FileKind.Directory || status.IsSameFileAs(source.GetStatus())) return;
        using PosixDirectory logs = PosixDirectory.Open(place);
        if (logs.ReadNames().Exists(n => n.Bytes.EndsWith(".log"u8) && RocksDbFile.RoleOf(n) == RocksDbFileRole.Mutable))
            throw new SourceException($"the database {source.Path} keeps its write-ahead logs in {place} (wal_dir), which cannot be staged with it",
                "Remove wal_dir from the service's configuration, or back both directories up as files while it is stopped.");
    }

    private static byte[] ReadStart(PosixDirectory directory, ReadOnlySpan<byte> name, int maxBytes)
    {
        var path = new BytePath(name);
        using SafeFileHandle file = directory.OpenForReading(path);
        var buffer = new byte[maxBytes];
        return buffer[..PosixFile.ReadFully(file, buffer, 0, directory.Full(path))];
    }
}
