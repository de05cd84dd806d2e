using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>Makes one copy of a pinned database and proves it, or leaves nothing.</summary>
internal sealed class DatabaseCopy(OpenedDatabase source, BytePath destination, SqliteOptions options, LockPatience patience)
{
    /// <summary>Copies, converts and checks.</summary>
    internal CheckResult Make(int pageSize, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        SafeFileHandle file = PosixDirectory.Current.CreateFile(destination);
        try
        {
            using (file)
            {
                CopyPages(pageSize, progress, cancellationToken);
                source.VerifyNobodyChangedIt();
                TurnIntoRollbackJournalDatabase(file);
            }
            return Check(cancellationToken);
        }
        catch
        {
            PosixDirectory.Current.RemoveFile(destination);   // without a journal there is nothing beside it
            throw;
        }
    }

    private void CopyPages(int pageSize, IProgress<CopyProgress>? progress, CancellationToken cancellationToken)
    {
        using SqliteConnectionHandle copy = OpenCopy("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF");
        using sqlite3_backup backup = raw.sqlite3_backup_init(copy.Database, "main", source.Database, "main");
        if (backup.IsInvalid) throw Failure(copy.LastResult, copy.LastMessage);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int result = raw.sqlite3_backup_step(backup, options.PagesPerStep);
            if (SqliteFailure.IsBusy(result)) patience.Wait();
            else if (result is not (raw.SQLITE_OK or raw.SQLITE_DONE)) throw Failure(result, raw.sqlite3_errstr(result).utf8_to_string());
            long total = raw.sqlite3_backup_pagecount(backup);
            progress?.Report(new CopyProgress(total - raw.sqlite3_backup_remaining(backup), total, pageSize));
            if (result == raw.SQLITE_DONE) return;
        }
    }

    /// <summary>
    /// What <c>PRAGMA journal_mode=DELETE</c> does to a database without a WAL: 1 as the read and write version (fileformat2, 1.3.3). Left
    /// at 2, the copy could not be opened in a directory that cannot be written. Done by hand, no -wal comes and goes beside it.
    /// </summary>
    private void TurnIntoRollbackJournalDatabase(SafeFileHandle file)
    {
        PosixFile.WriteFully(file, [1, 1], 18, destination);
        if (options.FlushesCopy) PosixFile.Flush(file, destination);
    }

    private CheckResult Check(CancellationToken cancellationToken)
    {
        // The schema is the service's, perhaps a stranger's: its functions are not run with our rights. Mapped: nobody else can truncate the copy.
        using SqliteConnectionHandle copy = OpenCopy("PRAGMA trusted_schema=0", "PRAGMA cell_size_check=1", "PRAGMA mmap_size=1099511627776");
        return DatabaseCheck.Run(copy, options, source.Path, Failure, cancellationToken);
    }

    private SqliteConnectionHandle OpenCopy(params ReadOnlySpan<string> settings)
    {
        int result = SqliteConnectionHandle.TryOpen(destination.Bytes, raw.SQLITE_OPEN_READWRITE, out SqliteConnectionHandle? copy);
        if (copy is null) throw Failure(result, raw.sqlite3_errstr(result).utf8_to_string());
        foreach (string setting in settings)
        {
            result = copy.TryQuery(setting);
            if (result == raw.SQLITE_OK) continue;
            ExplainedException failure = Failure(result, copy.LastMessage);
            copy.Dispose();
            throw failure;
        }
        return copy;
    }

    private ExplainedException Failure(int result, string message) => SqliteFailure.ExplainCopy(result, source.Path, destination, message);
}
