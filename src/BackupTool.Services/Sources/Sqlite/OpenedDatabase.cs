using System.Globalization;
using System.Text;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>A connection to a live database with a read transaction open on it: knows which way of opening harms it least.</summary>
internal sealed class OpenedDatabase : IDisposable
{
    private readonly SqliteConnectionHandle _connection;
    private readonly FileStatus _identity;
    private readonly bool _hadWal;
    private readonly bool _isImmutable;

    private OpenedDatabase(BytePath path, FileStatus identity, SqliteConnectionHandle connection, SafeFileHandle mainFile, bool hadWal, bool isImmutable)
    {
        MainFile = mainFile;
        Path = path;
        _identity = identity;
        _connection = connection;
        _hadWal = hadWal;
        _isImmutable = isImmutable;
    }

    internal BytePath Path { get; }

    internal sqlite3 Database => _connection.Database;

    internal static OpenedDatabase Open(BytePath path, FileStatus identity, LockPatience patience)
    {
        bool hadWal = PosixDirectory.Current.TryGetStatus(SqliteHeader.WalOf(path), out _);
        // A WAL database without a -wal gets one from any reader. Only a connection that may write can take it away again.
        bool mustTidyUp = !hadWal && SqliteHeader.SaysWal(path, identity);
        PinnedFiles.Add(identity);
        SafeFileHandle? file = null;
        try
        {
            file = PosixDirectory.Current.OpenForReading(path);
            int result = raw.SQLITE_CANTOPEN;
            string message = "";
            foreach ((int flags, bool isImmutable) in WaysToOpen(mustTidyUp, hadWal))
            {
                result = TryBegin(isImmutable ? Encoding.ASCII.GetBytes(SqliteUri.Of(path, "immutable=1")) : path.Bytes, flags, patience, out SqliteConnectionHandle? connection, out message);
                if (connection is not null) return new OpenedDatabase(path, identity, connection, file, hadWal, isImmutable);
                if (!SqliteFailure.NeedsWriting(result)) break;
            }
            throw SqliteFailure.Explain(result, path, message);
        }
        catch
        {
            file?.Dispose();
            PinnedFiles.Remove(identity);
            throw;
        }
    }

    /// <summary>From the gentlest to what is left on a read-only file system, where a WAL database cannot have its index.</summary>
    private static IEnumerable<(int Flags, bool IsImmutable)> WaysToOpen(bool mustTidyUp, bool hadWal)
    {
        if (!mustTidyUp) yield return (raw.SQLITE_OPEN_READONLY, false);
        yield return (raw.SQLITE_OPEN_READWRITE, false);
        if (!hadWal) yield return (raw.SQLITE_OPEN_READONLY | raw.SQLITE_OPEN_URI, true);
    }

    private static int TryBegin(ReadOnlySpan<byte> pathOrUri, int flags, LockPatience patience, out SqliteConnectionHandle? connection, out string message)
    {
        int result = SqliteConnectionHandle.TryOpen(pathOrUri, flags, out connection);
        message = raw.sqlite3_errstr(result).utf8_to_string();
        if (connection is null) return result;
        result = connection.TryQuery("PRAGMA query_only=1");
        if (result == raw.SQLITE_OK) result = connection.TryQuery("BEGIN");
        // BEGIN takes no lock; the first read takes the snapshot.
        while (result == raw.SQLITE_OK && SqliteFailure.IsBusy(result = connection.TryQuery("SELECT 1 FROM sqlite_schema LIMIT 1")))
        {
            try
            {
                patience.Wait();
            }
            catch
            {
                connection.Dispose();
                throw;
            }
            result = raw.SQLITE_OK;
        }
        if (result == raw.SQLITE_OK) return result;
        message = connection.LastMessage;
        connection.Dispose();
        connection = null;
        return result;
    }

    /// <summary>The connection with the read transaction.</summary>
    internal SqliteConnectionHandle Connection => _connection;

    /// <summary>Opened before SQLite's own descriptor, and closed after it: a descriptor that is closed in between would take SQLite's locks along.</summary>
    internal SafeFileHandle MainFile { get; }

    /// <summary>Whether the main file alone is what the transaction sees. In WAL mode it is when there is no log, or an empty one.</summary>
    internal bool HasEmptyWal => !PosixDirectory.Current.TryGetStatus(SqliteHeader.WalOf(Path), out FileStatus wal) || wal.Size == 0;

    /// <summary>False when the file was replaced between our opening it and SQLite's.</summary>
    internal bool MainFileIsAtPath => PosixFile.GetStatus(MainFile, Path).IsSameFileAs(_identity)
        && PosixDirectory.Current.TryGetStatus(Path, out FileStatus now) && now.IsSameFileAs(_identity);

    internal string ReadText(string sql)
    {
        string text = "";
        int result = _connection.TryQuery(sql, value => text = value);
        return result == raw.SQLITE_OK ? text : throw SqliteFailure.Explain(result, Path, _connection.LastMessage);
    }

    internal long ReadNumber(string sql) => long.Parse(ReadText(sql), CultureInfo.InvariantCulture);

    /// <summary>For a database that was opened as one that nobody changes: throws when somebody did.</summary>
    internal void VerifyNobodyChangedIt()
    {
        if (!_isImmutable) return;
        if (PosixDirectory.Current.GetStatus(Path).IsUnchangedSince(_identity) && !PosixDirectory.Current.TryGetStatus(SqliteHeader.WalOf(Path), out _)) return;
        throw new SourceException($"{Path} was changed while it was copied, and could not be locked because its directory cannot be written",
            "Run as root or as the service's user, or stop the service for the copy.");
    }

    public void Dispose()
    {
        if (MainFile.IsClosed) return;
        // A -wal that our reading made and nobody has written to: let SQLite remove it, which it does only when nobody else has the database open.
        if (!_hadWal && PosixDirectory.Current.TryGetStatus(SqliteHeader.WalOf(Path), out FileStatus wal) && wal.Size == 0) _connection.LetCloseCleanUp();
        _connection.Dispose();
        MainFile.Dispose();
        PinnedFiles.Remove(_identity);
    }
}
