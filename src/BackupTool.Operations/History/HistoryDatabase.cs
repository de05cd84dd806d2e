using System.Globalization;
using System.Text;
using BackupTool.Posix;
using Microsoft.Data.Sqlite;

namespace BackupTool.Operations.History;

/// <summary>The file of the history cannot be used any more: it is damaged, newer than this version, or none of ours.</summary>
internal sealed class HistoryUnusableException(string message, Exception? innerException = null) : OperationException(message, innerException: innerException);

/// <summary>
/// The history's one table, open for one question. With a rollback journal, not a WAL: one file, which a person may delete whenever he likes, and which the next one who opens it after a kill
/// puts right. Everything is checked when it is opened: a history is small, and what is damaged is to be found before it is built upon.
/// </summary>
internal sealed class HistoryDatabase : IDisposable
{
    private const int CurrentVersion = 1, PatienceSeconds = 5, SqliteError = 1, SqliteCorrupt = 11, SqliteNotADatabase = 26;

    // Times in milliseconds since 1970, in UTC; the bounds are those of DateTimeOffset.
    private const string Schema = """
        CREATE TABLE run(
            id INTEGER PRIMARY KEY,
            action TEXT NOT NULL,
            schedule TEXT,
            started INTEGER NOT NULL CHECK(started BETWEEN 0 AND 253402300799999),
            finished INTEGER NOT NULL CHECK(finished BETWEEN 0 AND 253402300799999),
            exit_code INTEGER NOT NULL CHECK(exit_code BETWEEN -2147483648 AND 2147483647),
            snapshot TEXT,
            read_bytes INTEGER,
            stored_bytes INTEGER,
            problem TEXT
        ) STRICT;
        CREATE INDEX run_by_time ON run(started);
        PRAGMA user_version = 1;
        """;

    private readonly SqliteConnection _connection;

    private HistoryDatabase(SqliteConnection connection) => _connection = connection;

    /// <summary>Opens it to write; makes it, for its owner only, when there is none.</summary>
    /// <exception cref="HistoryUnusableException">It must be begun anew.</exception>
    /// <exception cref="SqliteException">It cannot be opened now.</exception>
    internal static HistoryDatabase OpenToWrite(BytePath file)
    {
        try
        {
            // SQLite would make it as the umask says; its journal gets the same mode.
            if (!PosixFile.TryGetStatusFollowing(file, out _)) PosixDirectory.Current.CreateFile(file).Dispose();
        }
        catch (PosixException e) when (e.Errno == Errno.EEXIST)
        {
            return Open(file, isMade: true);   // another run was first
        }
        return Open(file, isMade: true);
    }

    /// <summary>Opens one that is there.</summary>
    /// <exception cref="HistoryUnusableException">It cannot be used any more.</exception>
    /// <exception cref="SqliteException">It cannot be opened now.</exception>
    internal static HistoryDatabase OpenToRead(BytePath file) => Open(file, isMade: false);

    private static HistoryDatabase Open(BytePath file, bool isMade)
    {
        // To write even for readers: what a killed writer left can be rolled back only so. SQLite falls back to reading where it may not.
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder
        {
            DataSource = Encoding.UTF8.GetString(file.Bytes),
            Mode = SqliteOpenMode.ReadWrite,
            Pooling = false,
            DefaultTimeout = PatienceSeconds,
        }.ToString());
        var opened = new HistoryDatabase(connection);
        try
        {
            Explaining(() =>
            {
                connection.Open();
                opened.Require(isMade);
            });
            return opened;
        }
        catch
        {
            opened.Dispose();
            throw;
        }
    }

    private void Require(bool isMade)
    {
        if (Ask("PRAGMA quick_check(1)") is not "ok" and var damage) throw new HistoryUnusableException(damage);
        using SqliteTransaction transaction = _connection.BeginTransaction(deferred: !isMade);
        string version = Ask("PRAGMA user_version");
        bool isEmpty = version == "0" && Ask("SELECT count(*) FROM sqlite_schema") == "0";
        if (isEmpty && isMade) Run(Schema);
        else if (!isEmpty && version != CurrentVersion.ToString(CultureInfo.InvariantCulture))
            throw new HistoryUnusableException(version == "0" ? "it is another program's database" : $"its format {version} is not known to this version");
        IsEmpty = isEmpty && !isMade;
        transaction.Commit();
    }

    /// <summary>Whether there is not even a table: its first writer was killed.</summary>
    internal bool IsEmpty { get; private set; }

    /// <summary>Adds a run, and removes those that began before a time: both or neither.</summary>
    internal void Add(RunRecord run, DateTimeOffset oldest) => Explaining(() =>
    {
        using SqliteTransaction transaction = _connection.BeginTransaction(deferred: false);
        Run("""
            INSERT INTO run(action, schedule, started, finished, exit_code, snapshot, read_bytes, stored_bytes, problem)
            VALUES($action, $schedule, $started, $finished, $exitCode, $snapshot, $readBytes, $storedBytes, $problem)
            """, ("$action", run.Action), ("$schedule", run.Schedule), ("$started", run.Started.ToUnixTimeMilliseconds()), ("$finished", run.Finished.ToUnixTimeMilliseconds()),
            ("$exitCode", run.ExitCode), ("$snapshot", run.Snapshot), ("$readBytes", run.ReadBytes), ("$storedBytes", run.StoredBytes), ("$problem", run.Problem));
        Run("DELETE FROM run WHERE started < $oldest", ("$oldest", oldest.ToUnixTimeMilliseconds()));
        transaction.Commit();
    });

    /// <summary>Runs, the newest first.</summary>
    /// <param name="condition">SQL about the columns; empty for all.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="values">Of the condition's parameters.</param>
    internal IReadOnlyList<RunRecord> Read(string condition, int count, params (string Name, object? Value)[] values)
    {
        var runs = new List<RunRecord>();
        if (IsEmpty) return runs;
        Explaining(() =>
        {
            using SqliteCommand command = Command($"""
                SELECT action, schedule, started, finished, exit_code, snapshot, read_bytes, stored_bytes, problem FROM run {(condition.Length == 0 ? "" : $"WHERE {condition}")}
                ORDER BY started DESC, id DESC LIMIT $count
                """, [.. values, ("$count", count)]);
            using SqliteDataReader row = command.ExecuteReader();
            while (row.Read()) runs.Add(RunOf(row));
        });
        return runs;
    }

    private static RunRecord RunOf(SqliteDataReader row) => new()
    {
        Action = row.GetString(0),
        Schedule = TextOf(row, 1),
        Started = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(2)),
        Finished = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(3)),
        ExitCode = row.GetInt32(4),
        Snapshot = TextOf(row, 5),
        ReadBytes = NumberOf(row, 6),
        StoredBytes = NumberOf(row, 7),
        Problem = TextOf(row, 8),
    };

    private static string? TextOf(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetString(column);

    private static long? NumberOf(SqliteDataReader row, int column) => row.IsDBNull(column) ? null : row.GetInt64(column);

    /// <summary>Tells what is wrong with the file from what will pass.</summary>
    private static void Explaining(Action action)
    {
        try
        {
            action();
        }
        catch (SqliteException e) when (e.SqliteErrorCode is SqliteCorrupt or SqliteNotADatabase or SqliteError)
        {
            throw new HistoryUnusableException(e.Message, e);
        }
    }

    private string Ask(string sql)
    {
        using SqliteCommand command = Command(sql, []);
        return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture) ?? "";
    }

    private void Run(string sql, params (string Name, object? Value)[] values)
    {
        using SqliteCommand command = Command(sql, values);
        command.ExecuteNonQuery();
    }

    private SqliteCommand Command(string sql, (string Name, object? Value)[] values)
    {
        SqliteCommand command = _connection.CreateCommand();
#pragma warning disable CA2100 // every text is a constant of this class, or a condition of RunHistory
        command.CommandText = sql;
#pragma warning restore CA2100
        foreach ((string name, object? value) in values) command.Parameters.AddWithValue(name, value ?? DBNull.Value);
        return command;
    }

    public void Dispose() => _connection.Dispose();
}
