using System.Text;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>
/// A connection to a database file that nobody else has open. The schema is a service's, perhaps a stranger's: its functions are not run with our rights
/// (trusted_schema). Not for use by two threads at a time.
/// </summary>
internal sealed class OwnDatabase : IDisposable
{
    private readonly bool _isWritten;

    private OwnDatabase(BytePath path, SqliteConnectionHandle connection, bool isWritten)
    {
        Path = path;
        Connection = connection;
        _isWritten = isWritten;
    }

    internal BytePath Path { get; }

    internal SqliteConnectionHandle Connection { get; }

    /// <summary>Opens to read. Neither makes nor leaves files beside the database; a crashed transaction or a log beside it is brought in, as any reader would.</summary>
    /// <exception cref="ExplainedException">It is missing, empty, or no database.</exception>
    internal static OwnDatabase OpenToRead(BytePath path)
    {
        FileStatus status = Require(path);
        // With something beside it, SQLite has to tidy up, and writes; without, a WAL database would get files from its reader.
        if (HasSidecar(path)) return Open(path, path.Bytes, raw.SQLITE_OPEN_READWRITE, isWritten: true, "PRAGMA query_only=1");
        return SqliteHeader.SaysWal(path, status)
            ? Open(path, Encoding.ASCII.GetBytes(SqliteUri.Of(path, "immutable=1")), raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI, isWritten: false, "PRAGMA query_only=1")
            : Open(path, path.Bytes, raw.SQLITE_OPEN_READONLY, isWritten: false, "PRAGMA query_only=1");
    }

    /// <summary>Opens to write. Disposing brings a write-ahead log into the file and flushes it.</summary>
    /// <exception cref="ExplainedException">It is missing, empty, or no database.</exception>
    internal static OwnDatabase OpenToWrite(BytePath path)
    {
        Require(path);
        return Open(path, path.Bytes, raw.SQLITE_OPEN_READWRITE | raw.SQLITE_OPEN_URI, isWritten: true, "PRAGMA synchronous=FULL");
    }

    /// <summary>Makes an empty database of mode 0600. Until it is disposed, which flushes it, a power cut may leave nonsense.</summary>
    /// <exception cref="PosixException">There is something of that name.</exception>
    internal static OwnDatabase Create(BytePath path)
    {
        PosixDirectory.Current.CreateFile(path).Dispose();
        OwnDatabase made = Open(path, path.Bytes, raw.SQLITE_OPEN_READWRITE, isWritten: true, "PRAGMA synchronous=OFF");
        made.Run("PRAGMA journal_mode=MEMORY");
        made.Run("PRAGMA foreign_keys=0");
        return made;
    }

    private static OwnDatabase Open(BytePath path, ReadOnlySpan<byte> pathOrUri, int flags, bool isWritten, string setting)
    {
        int result = SqliteConnectionHandle.TryOpen(pathOrUri, flags, out SqliteConnectionHandle? connection);
        if (connection is null) throw SqliteFailure.Explain(result, path, raw.sqlite3_errstr(result).utf8_to_string());
        var opened = new OwnDatabase(path, connection, isWritten);
        try
        {
            // The check of cells makes damage an error, rather than nonsense that is read.
            foreach (string sql in (string[])["PRAGMA trusted_schema=0", "PRAGMA cell_size_check=1", setting, "SELECT 1 FROM sqlite_schema LIMIT 1"]) opened.Run(sql);
            return opened;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>Ends a statement that runs as soon as <paramref name="isOver"/> says so.</summary>
    internal void InterruptWhen(Func<bool> isOver) => raw.sqlite3_progress_handler(Connection.Database, 10_000, _ => isOver() ? 1 : 0, null);

    /// <summary>Runs one statement.</summary>
    /// <exception cref="ExplainedException">It failed.</exception>
    internal void Run(string sql, params string[] texts) => Read(sql, static _ => 0, texts);

    /// <summary>Runs one statement and makes something of each row.</summary>
    /// <exception cref="ExplainedException">It failed.</exception>
    internal List<T> Read<T>(string sql, Func<sqlite3_stmt, T> row, params string[] texts)
    {
        int result = Connection.TryRead(sql, row, out List<T> rows, texts);
        return result == raw.SQLITE_OK ? rows : throw SqliteFailure.Explain(result, Path, Connection.LastMessage);
    }

    internal List<string> ReadTexts(string sql, params string[] texts) => Read(sql, static row => raw.sqlite3_column_text(row, 0).utf8_to_string() ?? "", texts);

    public void Dispose()
    {
        if (_isWritten) Connection.LetCloseCleanUp();
        Connection.Dispose();
        if (!_isWritten) return;
        using (SafeFileHandle file = PosixDirectory.Current.OpenForReading(Path)) PosixFile.Flush(file, Path);
        using PosixDirectory directory = PosixDirectory.Open(Path.Parent.IsEmpty ? BytePath.From(".") : Path.Parent);
        directory.Flush();
    }

    private static FileStatus Require(BytePath path)
    {
        if (!PosixDirectory.Current.TryGetStatus(path, out FileStatus status)) throw new SourceException($"the database {path} does not exist", "See why it was not restored.");
        if (status.Kind != FileKind.Regular) throw new NotADatabaseException(path, $"it is a {status.Kind}, not a regular file");
        // SQLite takes an empty file for a database without tables.
        return status.Size > 0 ? status : throw new NotADatabaseException(path, "it is an empty file");
    }

    private static bool HasSidecar(BytePath path) =>
        PosixDirectory.Current.TryGetStatus(SqliteHeader.WalOf(path), out _) || PosixDirectory.Current.TryGetStatus(new BytePath([.. path.Bytes, .. "-journal"u8]), out _);
}
