using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite.Salvaging;

/// <summary>
/// Reads the rows of a damaged table by rowid: from both ends to the first that cannot be read, then the halves of what lies between in the same way, and so on. Widest gaps first, so
/// that the probes, whose number is bounded, go where most may be. Each row is handed over once; rowids that do not ascend are damage.
/// </summary>
/// <param name="damaged">The database.</param>
/// <param name="table">The table, as an identifier.</param>
/// <param name="rowid">A name of its rowid, as an identifier.</param>
/// <param name="columns">What to read besides, as SQL: columns from 1 on.</param>
/// <param name="isOver">Whether the time is up.</param>
/// <param name="onRow">Takes a row: its rowid, and the statement that stands on it.</param>
internal sealed class RowidScan(SqliteConnectionHandle damaged, string table, string rowid, string columns, Func<bool> isOver, Action<long, sqlite3_stmt> onRow)
{
    private const int MaxFailures = 20_000;
    private readonly List<Gap> _unread = [];
    private int _failures;

    /// <summary>What SQLite said first; null when all was read.</summary>
    internal string? Problem { get; private set; }

    /// <summary>Reads what can be read; returns what cannot, in order, neighbours joined.</summary>
    internal List<UnreadRange> Run()
    {
        string sql = $"SELECT {rowid}, {columns} FROM {table} NOT INDEXED WHERE {rowid} BETWEEN ?1 AND ?2 ORDER BY {rowid}";
        using sqlite3_stmt? up = Prepare(sql), down = Prepare($"{sql} DESC");
        if (up is null || down is null) return [new UnreadRange(long.MinValue, long.MaxValue)];
        var gaps = new PriorityQueue<Gap, Int128>();
        Add(new Gap(long.MinValue, long.MaxValue));
        while (gaps.TryDequeue(out Gap gap, out _))
        {
            if (isOver())
            {
                Problem ??= "the time was up";
                _unread.Add(gap);
            }
            else if (_failures >= MaxFailures) _unread.Add(gap);
            else Divide(ReadFromBothEnds(up, down, gap));
        }
        return Join();

        void Add(Gap gap) => gaps.Enqueue(gap, gap.First - gap.Last);

        void Divide(Gap left)
        {
            if (left.First == left.Last) _unread.Add(left);
            if (left.First >= left.Last) return;
            Int128 middle = left.First + ((left.Last - left.First) / 2);
            Add(left with { Last = middle });
            Add(left with { First = middle + 1 });
        }
    }

    private Gap ReadFromBothEnds(sqlite3_stmt up, sqlite3_stmt down, Gap gap)
    {
        Int128 first = gap.First, last = gap.Last;
        bool isAll = Read(up, gap, row => row >= first, row => first = row + (Int128)1);
        if (isAll || first > last) return new Gap(1, 0);
        isAll = Read(down, new Gap(first, last), row => row <= last, row => last = row - (Int128)1);
        return isAll ? new Gap(1, 0) : new Gap(first, last);
    }

    /// <summary>Hands over rows until the end (true) or the first that cannot be read.</summary>
    private bool Read(sqlite3_stmt statement, Gap gap, Func<long, bool> isExpected, Action<long> passed)
    {
        raw.sqlite3_bind_int64(statement, 1, (long)gap.First);
        raw.sqlite3_bind_int64(statement, 2, (long)gap.Last);
        int result;
        while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW)
        {
            long row = raw.sqlite3_column_int64(statement, 0);
            if (!isExpected(row)) break;
            onRow(row, statement);
            passed(row);
        }
        if (result != raw.SQLITE_DONE) Fail(result == raw.SQLITE_ROW ? "its rowids are out of order" : damaged.LastMessage);
        raw.sqlite3_reset(statement);
        return result == raw.SQLITE_DONE;
    }

    private void Fail(string problem)
    {
        Problem ??= problem;
        _failures++;
    }

    private List<UnreadRange> Join()
    {
        var joined = new List<UnreadRange>();
        foreach (Gap gap in _unread.OrderBy(static gap => gap.First))
        {
            if (joined.Count > 0 && joined[^1].Last + (Int128)1 == gap.First) joined[^1] = joined[^1] with { Last = (long)gap.Last };
            else joined.Add(new UnreadRange((long)gap.First, (long)gap.Last));
        }
        return joined;
    }

    private sqlite3_stmt? Prepare(string sql)
    {
        if (raw.sqlite3_prepare_v2(damaged.Database, sql, out sqlite3_stmt statement) == raw.SQLITE_OK) return statement;
        Fail(damaged.LastMessage);
        return null;
    }

    /// <summary>Both ends included; empty when the first is beyond the last. Wider than a rowid, so that the one after the greatest is a number.</summary>
    private readonly record struct Gap(Int128 First, Int128 Last);
}
