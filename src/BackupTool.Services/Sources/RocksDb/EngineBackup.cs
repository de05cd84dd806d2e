using System.Globalization;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>How closely a backup that the engine made is looked at before it is believed.</summary>
public enum EngineBackupCheck
{
    /// <summary>Every file is there and as long as it should be; the small files, by which the database is found, have their checksums.</summary>
    Quick,
    /// <summary>Every file has its checksum: reads them all.</summary>
    Full,
}

/// <summary>
/// The directory in which RocksDB's backup engine keeps the backups of a database: <c>meta/N</c> lists the files of backup N; <c>private/N</c> and
/// <c>shared_checksum</c> hold them. The engine renames <c>meta/.N.tmp</c> to <c>meta/N</c> when all of them are on the disk: that it is there is the proof.
/// </summary>
public sealed class EngineBackup(BytePath backupDirectory)
{
    private const int MaxMetaBytes = 64 << 20;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>The highest number of a finished backup; null when there is none, or no such directory yet.</summary>
    /// <exception cref="SourceException">The directory cannot be read.</exception>
    public uint? FindNewest()
    {
        try
        {
            using PosixDirectory meta = PosixDirectory.Open(backupDirectory.Combine("meta"));
            uint? newest = null;
            foreach (BytePath name in meta.ReadNames())
                if (TryReadNumber(name, out uint number) && number > (newest ?? 0) && meta.TryGetStatus(name, out FileStatus status) && status.Kind == FileKind.Regular) newest = number;
            return newest;
        }
        catch (PosixException e) when (e.IsNotFound)
        {
            return null;
        }
        catch (PosixException e)
        {
            throw Unreadable(e);
        }
    }

    /// <summary>Waits until there is a finished backup with a higher number than <paramref name="previous"/>, which <see cref="FindNewest"/> gave before the server was told to make one.</summary>
    /// <param name="previous">Null when there was none.</param>
    /// <param name="timeout">How long it may take: the engine copies what is new since the backup before.</param>
    /// <param name="clock">Measures the time.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <returns>Its number.</returns>
    /// <exception cref="SourceException">None came in time, or it is damaged.</exception>
    public async Task<uint> WaitForNewAsync(uint? previous, TimeSpan timeout, TimeProvider clock, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clock);
        long start = clock.GetTimestamp();
        while (true)
        {
            if (FindNewest() is { } newest && newest > (previous ?? 0))
            {
                ReadMeta(newest);
                return newest;
            }
            if (clock.GetElapsedTime(start) >= timeout)
                throw new SourceException(
                    string.Create(CultureInfo.InvariantCulture, $"the server made no new backup in {backupDirectory} within {timeout.TotalSeconds:0} seconds{(IsBeingMade() ? ": it is still at it" : "")}"),
                    "The reason is in the server's log, if it has one. See that `database_backups_to_keep` is above 0 and that the server may write there; or use quiesce = \"stop\".");
            await Task.Delay(Pause, clock, cancellationToken);
        }
    }

    /// <summary>
    /// Gives the files of backup <paramref name="number"/> second names in the empty directory <paramref name="stagingDirectory"/>, so that the server may remove its own when it makes the next,
    /// and hands them back as they would lie in the database's directory. On failure the staging directory is gone.
    /// </summary>
    /// <param name="number">From <see cref="WaitForNewAsync"/>.</param>
    /// <param name="database">The database's directory: whatever else is in it is named as it is now. The media are not of the same moment as the backup.</param>
    /// <param name="stagingDirectory">Best on the backups' file system, so that files can be linked (see <see cref="StagingDirectory"/>).</param>
    /// <param name="check">How closely to look.</param>
    /// <param name="cancellationToken">Heard between files.</param>
    /// <exception cref="SourceException">The backup is damaged, not whole, gone, or cannot be read.</exception>
    public StagedRocksDb Open(uint number, BytePath database, BytePath stagingDirectory, EngineBackupCheck check, CancellationToken cancellationToken)
    {
        try
        {
            EngineBackupMeta meta = ReadMeta(number);
            using PosixDirectory target = PosixDirectory.Open(stagingDirectory), live = PosixDirectory.Open(database);
            List<StagedFile> files = [];
            StagingMeans means = StagingMeans.HardLink;
            foreach (IGrouping<string, EngineBackupFile> group in meta.Files.GroupBy(static file => file.Directory))
            {
                using PosixDirectory source = PosixDirectory.Open(backupDirectory.Combine(group.Key));
                List<(EngineBackupFile File, FileStatus Status)> found = [.. group.Select(file => (file, source.GetStatus(file.Name)))];
                foreach ((EngineBackupFile file, FileStatus status) in found) CheckSize(file, status, number);
                var stager = new FileStager(source, target);
                // A finished backup is never written again, so every file of it can be linked.
                if (!stager.TryStage(found.Select(static pair => new ShapeEntry(pair.File.Name, pair.Status, RocksDbFileRole.Immutable)), cancellationToken)) throw Vanished(number, null);
                if (stager.ImmutableMeans > means) means = stager.ImmutableMeans;
                files.AddRange(found.Select(pair => new StagedFile(database.Combine(pair.File.DatabaseName), target.Full(pair.File.Name), pair.Status, true)));
                foreach ((EngineBackupFile file, _) in found)
                    if (file.IsPrivate || check == EngineBackupCheck.Full) CheckContent(target, file, number, cancellationToken);
            }
            RequireManifest(meta, target, number);
            return new StagedRocksDb(stagingDirectory, [.. files.OrderBy(static file => file.OriginalPath)], [.. DatabaseShape.Look(live).Foreign.Select(live.Full)], means);
        }
        catch (Exception e)
        {
            PosixDirectory.Current.RemoveTree(stagingDirectory);
            if (e is not PosixException cause) throw;
            throw cause.IsNotFound ? Vanished(number, cause) : Unreadable(cause);
        }
    }

    private EngineBackupMeta ReadMeta(uint number)
    {
        BytePath file = backupDirectory.Combine("meta").Combine(number.ToString(CultureInfo.InvariantCulture));
        try
        {
            return EngineBackupMeta.Parse(PosixFile.ReadAllFollowing(file, MaxMetaBytes), number);
        }
        catch (FormatException e)
        {
            throw Damaged(number, $"{file} cannot be used, because {e.Message}", e);
        }
        catch (PosixException e)
        {
            throw e.IsNotFound ? Vanished(number, e) : Unreadable(e);
        }
    }

    private void CheckSize(EngineBackupFile file, FileStatus status, uint number)
    {
        if (status.Kind != FileKind.Regular) throw Damaged(number, $"{file.Directory}/{file.Name} is not a file");
        if (file.Size is { } size && size != status.Size)
            throw Damaged(number, string.Create(CultureInfo.InvariantCulture, $"{file.Directory}/{file.Name} has {status.Size} bytes and should have {size}"));
    }

    private void CheckContent(PosixDirectory target, EngineBackupFile file, uint number, CancellationToken cancellationToken)
    {
        if (file.Crc32c is not { } expected) return;
        using SafeFileHandle opened = target.OpenForReading(file.Name);
        if (Crc32cReader.Compute(opened, target.Full(file.Name), cancellationToken) != expected)
            throw Damaged(number, $"{file.Directory}/{file.Name} does not have the checksum that RocksDB gave it");
    }

    /// <summary>Without the MANIFEST that CURRENT names, the files are no database.</summary>
    private void RequireManifest(EngineBackupMeta meta, PosixDirectory target, uint number)
    {
        if (!meta.Files.Any(static file => file.Name == BytePath.From("CURRENT"))) throw Damaged(number, "it has no CURRENT");
        if (!RocksDbStaging.IsDatabase(target.Path)) throw Damaged(number, "its CURRENT does not name a MANIFEST that is in it");
    }

    private bool IsBeingMade()
    {
        try
        {
            using PosixDirectory directory = PosixDirectory.Open(backupDirectory.Combine("private"));
            uint newest = FindNewest() ?? 0;
            return directory.ReadNames().Exists(name => TryReadNumber(name, out uint number) && number > newest);
        }
        catch (PosixException)
        {
            return false;   // only adds to a message
        }
    }

    private static bool TryReadNumber(BytePath name, out uint number) =>
        uint.TryParse(name.Bytes, NumberStyles.None, CultureInfo.InvariantCulture, out number) && name.Bytes[0] != (byte)'0';

    private SourceException Damaged(uint number, string what, Exception? cause = null) =>
        new($"backup {number} in {backupDirectory} is damaged: {what}", "Let the server make a new one; if that is damaged too, check the disk, and use quiesce = \"stop\" meanwhile.", cause);

    private SourceException Vanished(uint number, Exception? cause) =>
        new($"backup {number} in {backupDirectory} is not there any more, or lacks a file", "The server removed it for a newer one, or its disk lost it: run the backup again, and let nothing else have the server make backups meanwhile.", cause);

    private SourceException Unreadable(PosixException cause) =>
        new($"the server's own backups in {backupDirectory} cannot be read: {cause.Message}", cause.IsOutOfSpace
            ? "Free space on that file system, or stage on the backups' own, where files can be linked." : "Run as root, and see that the file system is mounted and healthy.", cause);
}
