using System.Text;
using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>SQL as text, and statements that are asked for rows.</summary>
internal static class SqlText
{
    /// <summary>A name as an identifier, whatever is in it.</summary>
    internal static string Name(string name) => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    /// <summary>Names as identifiers, comma-separated.</summary>
    internal static string Names(IEnumerable<string> names) => string.Join(", ", names.Select(Name));

    /// <summary>Runs one statement with texts bound to it, and makes something of each row; the extended result code, OK when done.</summary>
    internal static int TryRead<T>(this SqliteConnectionHandle connection, string sql, Func<sqlite3_stmt, T> row, out List<T> rows, params string[] texts)
    {
        rows = [];
        int result = raw.sqlite3_prepare_v2(connection.Database, sql, out sqlite3_stmt statement);
        if (result != raw.SQLITE_OK) return result;
        using (statement)
        {
            for (int i = 0; i < texts.Length; i++) raw.sqlite3_bind_text(statement, i + 1, Encoding.UTF8.GetBytes(texts[i]));
            while ((result = raw.sqlite3_step(statement)) == raw.SQLITE_ROW) rows.Add(row(statement));
        }
        return result == raw.SQLITE_DONE ? raw.SQLITE_OK : result;
    }

    internal static string Text(this sqlite3_stmt row, int column) => raw.sqlite3_column_text(row, column).utf8_to_string() ?? "";

    internal static long Number(this sqlite3_stmt row, int column) => raw.sqlite3_column_int64(row, column);
}
