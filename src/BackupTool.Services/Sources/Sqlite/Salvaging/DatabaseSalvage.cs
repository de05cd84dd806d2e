using BackupTool.Posix;
using BackupTool.Services.Sources.Sqlite.Rows;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite.Salvaging;

/// <summary>
/// Copies what SQLite can still read of a damaged database into a new one: tables with their readable rows, then indexes, views and triggers. The damaged files are only read; it is a copy that is
/// opened. Damage that makes one valid page of another cannot be told from data: rows are what SQLite reads, not what is proved.
/// </summary>
public sealed class DatabaseSalvage
{
    private readonly SqliteConnectionHandle _damaged;
    private readonly OwnDatabase _target;
    private readonly Func<bool> _isOver;
    private readonly List<LostObject> _lost = [];

    private DatabaseSalvage(SqliteConnectionHandle damaged, OwnDatabase target, Func<bool> isOver) => (_damaged, _target, _isOver) = (damaged, target, isOver);

    /// <summary>Salvages.</summary>
    /// <param name="damaged">The database; its log or journal beside it counts. Nobody may have it open.</param>
    /// <param name="destination">The new database, which must not exist: mode 0600, flushed, with nothing beside it. Its directory needs room for it and for a copy of the damaged one.</param>
    /// <param name="budget">How long reading may take; what was not tried then is in the report. Indexes are made afterwards.</param>
    /// <param name="clock">Measures it.</param>
    /// <param name="cancellationToken">Heard all the time; then nothing is left at the destination.</param>
    /// <exception cref="NothingToSalvageException">It cannot be known what tables there are. Nothing is left at the destination, as with any other failure.</exception>
    /// <exception cref="ExplainedException">The new database cannot be written.</exception>
    public static SalvageReport Run(BytePath damaged, BytePath destination, TimeSpan budget, TimeProvider clock, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(clock);
        long start = clock.GetTimestamp();
        bool IsOver() => cancellationToken.IsCancellationRequested || clock.GetElapsedTime(start) > budget;
        if (!PosixDirectory.Current.TryGetStatus(damaged, out FileStatus status) || status.Kind != FileKind.Regular) throw new NothingToSalvageException(damaged, "there is no such file");
        using var copy = DamagedCopy.Make(damaged, new BytePath([.. destination.Bytes, .. ".damaged"u8]), cancellationToken);
        using SqliteConnectionHandle connection = Open(copy.Path, damaged, IsOver);
        try
        {
            using OwnDatabase target = OwnDatabase.Create(destination);
            target.InterruptWhen(() => cancellationToken.IsCancellationRequested);
            return new DatabaseSalvage(connection, target, IsOver).Run(damaged, cancellationToken);
        }
        catch (Exception e) when (e is not PosixException { Errno: Errno.EEXIST })
        {
            PosixDirectory.Current.RemoveTree(destination);
            cancellationToken.ThrowIfCancellationRequested();
            throw;
        }
    }

    private static SqliteConnectionHandle Open(BytePath copy, BytePath shown, Func<bool> isOver)
    {
        int result = SqliteConnectionHandle.TryOpen(copy.Bytes, raw.SQLITE_OPEN_READWRITE, out SqliteConnectionHandle? connection);
        if (connection is null) throw new NothingToSalvageException(shown, raw.sqlite3_errstr(result).utf8_to_string());
        // writable_schema: SQLite then goes on where the schema, or the number of pages, is not what it should be (pragma.html). Nothing is written.
        foreach (string setting in (string[])["PRAGMA writable_schema=1", "PRAGMA query_only=1", "PRAGMA trusted_schema=0", "PRAGMA cell_size_check=1"]) connection.TryQuery(setting);
        raw.sqlite3_progress_handler(connection.Database, 1000, _ => isOver() ? 1 : 0, null);
        return connection;
    }

    private SalvageReport Run(BytePath damaged, CancellationToken cancellationToken)
    {
        List<SchemaObject> schema = ReadSchema(damaged);
        foreach (string setting in (string[])["page_size", "encoding", "application_id", "user_version"]) TakeOver(setting);
        foreach (SchemaObject table in schema.Where(static o => o.IsOrdinaryTable)) Create(table);
        var tables = new List<SalvagedTable>();
        foreach (TableShape shape in TableShape.ReadAll(_target, "main")) tables.Add(new TableSalvage(_damaged, _target, _isOver).Run(shape));
        SalvageSequences();
        bool isOutOfTime = _isOver();
        cancellationToken.ThrowIfCancellationRequested();
        foreach (SchemaObject virtualTable in schema.Where(static o => o.IsVirtualTable)) Enter(virtualTable);
        foreach (SchemaObject rest in schema.Where(static o => o.Type != "table" && o.Sql.Length > 0)) Create(rest);
        cancellationToken.ThrowIfCancellationRequested();
        List<string> findings = [];
        int result = _target.Connection.TryQuery("PRAGMA quick_check(20)", findings.Add);
        if (result != raw.SQLITE_OK) findings.Add(_target.Connection.LastMessage);
        return new SalvageReport(tables, _lost, isOutOfTime, findings is ["ok"] ? [] : findings);
    }

    private List<SchemaObject> ReadSchema(BytePath damaged)
    {
        var found = new List<SchemaObject>();
        var scan = new RowidScan(_damaged, "sqlite_schema", "rowid", "type, name, sql", _isOver, (row, s) => found.Add(new SchemaObject(row, s.Text(1), s.Text(2), s.Text(3))));
        List<UnreadRange> unread = scan.Run();
        if (found.Count == 0) throw new NothingToSalvageException(damaged, scan.Problem is null ? "it has no tables" : $"its list of tables cannot be read ({scan.Problem})");
        if (scan.Problem is not null) _lost.Add(new LostObject("table", "?", $"a part of the list of tables cannot be read ({scan.Problem}), so that it is not known what else there was"));
        return [.. found.Where(static o => !o.Name.StartsWith("sqlite_", StringComparison.OrdinalIgnoreCase)).OrderBy(static o => o.Row)];
    }

    private void TakeOver(string setting)
    {
        string value = "";
        if (_damaged.TryQuery($"PRAGMA {setting}", text => value = text) == raw.SQLITE_OK && value.Length > 0) _target.Connection.TryQuery($"PRAGMA {setting}='{value}'");
    }

    private void Create(SchemaObject it)
    {
        string problem = it.IsDefinition ? "" : "its definition is damaged";
        if (problem.Length == 0 && _target.Connection.TryQuery(it.Sql) != raw.SQLITE_OK) problem = _target.Connection.LastMessage;
        if (problem.Length > 0) _lost.Add(new LostObject(it.Type, it.Name, problem));
    }

    /// <summary>
    /// A virtual table is an entry over tables that have come over as ordinary ones. To make it in the usual way would make these again, and would need its module, so it is entered as sqlite3's .dump does.
    /// </summary>
    private void Enter(SchemaObject it)
    {
        try
        {
            _target.Run("PRAGMA writable_schema=1");
            _target.Run("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES('table', ?1, ?1, 0, ?2)", it.Name, it.Sql);
            _target.Run("PRAGMA writable_schema=RESET");
        }
        catch (ExplainedException e)
        {
            _lost.Add(new LostObject("table", it.Name, e.Message));
        }
    }

    private void SalvageSequences()
    {
        if (_target.ReadTexts("SELECT name FROM sqlite_schema WHERE name = 'sqlite_sequence'").Count == 0) return;
        var sequences = new List<(string Name, string Seq)>();
        new RowidScan(_damaged, "sqlite_sequence", "rowid", "name, seq", _isOver, (_, row) => sequences.Add((row.Text(1), row.Text(2)))).Run();
        foreach ((string name, string seq) in sequences)
        {
            _target.Run("INSERT INTO sqlite_sequence(name, seq) SELECT ?1, 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1) AND EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)", name);
            _target.Run("UPDATE sqlite_sequence SET seq = max(seq, CAST(?2 AS INTEGER)) WHERE name = ?1", name, seq);
        }
    }

    /// <summary>A line of the schema.</summary>
    private sealed record SchemaObject(long Row, string Type, string Name, string Sql)
    {
        internal bool IsVirtualTable => Type == "table" && Sql.StartsWith("CREATE VIRTUAL", StringComparison.OrdinalIgnoreCase);

        internal bool IsOrdinaryTable => Type == "table" && !IsVirtualTable;

        // What is run is SQL out of a damaged file.
        internal bool IsDefinition => Sql.StartsWith("CREATE ", StringComparison.OrdinalIgnoreCase);
    }
}
