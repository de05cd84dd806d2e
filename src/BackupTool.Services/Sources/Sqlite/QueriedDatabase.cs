using System.Text;
using BackupTool.Posix;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>A statement that a person wrote cannot be run: SQLite's sentence about it, or why it is refused.</summary>
public sealed class QueryException(string message, string? hint = null) : ExplainedException(message, hint);

/// <summary>A table and how many rows it has; null when they cannot be counted, and then why.</summary>
public sealed record CountedTable(string Name, long? Rows, string? Problem);

/// <summary>
/// A database file of our own that a person asks: one statement that reads, and nothing else. What would write, open another file or load code is refused. Values are null, <see cref="long"/>,
/// <see cref="double"/>, <see cref="string"/> or byte arrays.
/// </summary>
public sealed class QueriedDatabase : IDisposable
{
    // sqlite3.h
    private const int Detach = 25, Attach = 24, Pragma = 19, Function = 31, Transaction = 22, Savepoint = 32, Deny = 1;

    /// <summary>Pragmas that only tell something, whatever argument they get.</summary>
    private static readonly string[] TellingPragmas =
    [
        "table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list", "foreign_key_check", "quick_check", "integrity_check",
        "collation_list", "compile_options", "database_list", "function_list", "module_list", "pragma_list",
    ];

    private readonly OwnDatabase _database;
    private readonly CancellationToken _cancellationToken;
    private readonly delegate_authorizer _authorizer;
    private string? _refused;

    private QueriedDatabase(OwnDatabase database, CancellationToken cancellationToken)
    {
        _database = database;
        _cancellationToken = cancellationToken;
        _authorizer = Authorize;
        database.InterruptWhen(() => cancellationToken.IsCancellationRequested);
        raw.sqlite3_set_authorizer(database.Connection.Database, _authorizer, null);
    }

    /// <summary>Opens a file that nobody else has open, to read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="cancellationToken">Ends a statement while it runs.</param>
    /// <exception cref="ExplainedException">It is no database, or its schema is damaged.</exception>
    public static QueriedDatabase Open(BytePath path, CancellationToken cancellationToken) => new(OwnDatabase.OpenToRead(path), cancellationToken);

    /// <summary>Runs one statement. Neither action is called when it cannot be run at all.</summary>
    /// <param name="sql">One statement.</param>
    /// <param name="columns">Takes the names of the columns, once, before the rows.</param>
    /// <param name="row">Takes each row, in order.</param>
    /// <exception cref="QueryException">SQLite does not take it, it fails, or it does more than read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public void Query(string sql, Action<IReadOnlyList<string>> columns, Action<IReadOnlyList<object?>> row)
    {
        ArgumentNullException.ThrowIfNull(columns);
        ArgumentNullException.ThrowIfNull(row);
        using sqlite3_stmt statement = Prepare(sql);
        int count = raw.sqlite3_column_count(statement);
        columns([.. Enumerable.Range(0, count).Select(i => raw.sqlite3_column_name(statement, i).utf8_to_string())]);
        int result;
        while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW) row([.. Enumerable.Range(0, count).Select(i => Value(statement, i))]);
        if (result != raw.SQLITE_DONE) throw Failure();
    }

    /// <summary>The tables, SQLite's own left out, with their rows counted, by name.</summary>
    /// <exception cref="QueryException">The list cannot be read.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public IReadOnlyList<CountedTable> CountTables()
    {
        var names = new List<string>();
        Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name", static _ => { }, row => names.Add(row[0] as string ?? ""));
        return [.. names.Select(Count)];
    }

    private CountedTable Count(string name)
    {
        try
        {
            long rows = 0;
            Query($"SELECT count(*) FROM {SqlText.Name(name)}", static _ => { }, row => rows = (long)row[0]!);
            return new CountedTable(name, rows, null);
        }
        catch (QueryException e)
        {
            return new CountedTable(name, null, e.Message);
        }
    }

    private sqlite3_stmt Prepare(string sql)
    {
        if (sql.Contains('\0')) throw new QueryException("the statement holds a NUL character");
        sqlite3 database = _database.Connection.Database;
        _refused = null;
        int result = raw.sqlite3_prepare_v2(database, sql, out sqlite3_stmt statement, out string tail);
        if (_refused is not null) throw Refusal(_refused);
        if (result != raw.SQLITE_OK) throw Failure();
        if (statement.IsInvalid) throw new QueryException("there is no statement in the SQL", "Write one, such as SELECT * FROM client.");
        bool isOne = IsNothing(database, tail), reads = raw.sqlite3_stmt_readonly(statement) != 0;
        if (isOne && reads) return statement;
        statement.Dispose();
        throw isOne ? Refusal("it would write") : new QueryException("there is more than one statement in the SQL", "Run them one by one.");
    }

    /// <summary>Whether what follows a statement is space and comments only.</summary>
    private static bool IsNothing(sqlite3 database, string tail)
    {
        while (!string.IsNullOrWhiteSpace(tail))
        {
            if (raw.sqlite3_prepare_v2(database, tail, out sqlite3_stmt further, out string rest) != raw.SQLITE_OK) return false;
            bool isStatement = !further.IsInvalid;
            further.Dispose();
            if (isStatement || rest.Length >= tail.Length) return !isStatement;
            tail = rest;
        }
        return true;
    }

    private int Authorize(object user, int action, utf8z first, utf8z second, utf8z database, utf8z trigger)
    {
        string name = first.utf8_to_string() ?? "", argument = second.utf8_to_string() ?? "";
        string? refused = action switch
        {
            Attach or Detach => "ATTACH and DETACH reach other files than this database",
            Pragma when argument.Length > 0 && !TellingPragmas.Contains(name, StringComparer.OrdinalIgnoreCase) => $"PRAGMA {name} with a value would change how the database is read or written",
            Transaction or Savepoint => "it begins or ends a transaction, and reads nothing",
            Function when argument.Equals("load_extension", StringComparison.OrdinalIgnoreCase) => "load_extension would run code of others",
            _ => null,
        };
        _refused ??= refused;
        return refused is null ? raw.SQLITE_OK : Deny;
    }

    private static object? Value(sqlite3_stmt row, int column)
    {
        switch (raw.sqlite3_column_type(row, column))
        {
            case raw.SQLITE_NULL: return null;
            case raw.SQLITE_INTEGER: return raw.sqlite3_column_int64(row, column);
            case raw.SQLITE_FLOAT: return raw.sqlite3_column_double(row, column);
            case raw.SQLITE_BLOB: return raw.sqlite3_column_blob(row, column).ToArray();
            default:
                // As text first, so that its bytes are UTF-8; as bytes then, so that a NUL does not end it.
                raw.sqlite3_column_text(row, column);
                return Encoding.UTF8.GetString(raw.sqlite3_column_blob(row, column));
        }
    }

    private QueryException Failure()
    {
        _cancellationToken.ThrowIfCancellationRequested();
        return new QueryException($"SQLite: {_database.Connection.LastMessage}");
    }

    private static QueryException Refusal(string reason) => new($"the statement is refused: {reason}",
        "Here a database can be read only. To change it or to use it with others, restore it: 'backup restore SNAPSHOT --target DIR --include PATH'.");

    /// <inheritdoc/>
    public void Dispose()
    {
        _database.Dispose();
        GC.KeepAlive(_authorizer);
    }
}
