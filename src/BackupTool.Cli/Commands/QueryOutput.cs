using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using BackupTool.Cli.Output;
using BackupTool.Services.Sources.Sqlite;

namespace BackupTool.Cli.Commands;

/// <summary>How what a database answers is printed: an aligned table, CSV (RFC 4180) or JSON.</summary>
internal static class QueryOutput
{
    private const int ShownBlobBytes = 16;

    /// <summary>For a person: NULL and the beginning of a blob are recognisable, numbers stand to the right.</summary>
    internal static void PrintTable(Terminal terminal, QueriedDatabase database, string sql)
    {
        string[] names = [];
        var rows = new List<object?[]>();
        database.Query(sql, columns => names = [.. columns], row => rows.Add([.. row]));
        if (names.Length == 0) return;
        var table = new Table([.. names.Select((name, i) => (PrintableText.Escape(name), rows.TrueForAll(row => row[i] is null or long or double) ? Align.Right : Align.Left))]);
        foreach (object?[] row in rows) table.Add(Array.ConvertAll(row, Cell));
        table.WriteTo(terminal);
        terminal.Info($"{rows.Count:N0} row{(rows.Count == 1 ? "" : "s")}");
    }

    /// <summary>For programs: everything whole. NULL is an empty field and an empty text a quoted one; a blob is <c>x'…'</c>.</summary>
    internal static void WriteCsv(Terminal terminal, QueriedDatabase database, string sql) => terminal.WriteDocument(stream =>
    {
        using var writer = new StreamWriter(stream, new UTF8Encoding(false), 64 * 1024, leaveOpen: true) { NewLine = "\r\n" };
        database.Query(sql,
            columns => writer.WriteLine(string.Join(',', columns.Select(Quote))),
            row => writer.WriteLine(string.Join(',', row.Select(static value => value is null ? "" : Quote(Text(value))))));
    });

    /// <summary>For programs: a blob is a text in base64.</summary>
    internal static (string[] Columns, JsonArray Rows) Collect(QueriedDatabase database, string sql)
    {
        string[] names = [];
        var rows = new JsonArray();
        database.Query(sql, columns => names = [.. columns], row => rows.Add((JsonNode)new JsonArray([.. row.Select(Node)])));
        return (names, rows);
    }

    internal static void PrintTables(Terminal terminal, IReadOnlyList<CountedTable> tables)
    {
        var table = new Table(("table", Align.Left), ("rows", Align.Right));
        foreach (CountedTable one in tables) table.Add(one.Name, one.Rows is { } rows ? rows.ToString("N0", CultureInfo.InvariantCulture) : "?");
        table.WriteTo(terminal);
        if (tables.Count == 0) terminal.Info("the database has no tables");
        foreach (CountedTable one in tables.Where(static t => t.Problem is not null)) terminal.Warn($"{one.Name} cannot be counted: {one.Problem}");
    }

    private static JsonNode? Node(object? value) => value switch
    {
        null => null,
        long number => JsonValue.Create(number),
        double number when double.IsFinite(number) => JsonValue.Create(number),
        byte[] bytes => JsonValue.Create(Convert.ToBase64String(bytes)),
        _ => JsonValue.Create(Text(value)),
    };

    private static string Cell(object? value) => value switch
    {
        null => "NULL",
        byte[] { Length: > ShownBlobBytes } bytes => $"x'{Convert.ToHexStringLower(bytes.AsSpan(0, ShownBlobBytes))}…' ({bytes.Length:N0} bytes)",
        _ => Text(value),
    };

    private static string Text(object value) => value switch
    {
        byte[] bytes => $"x'{Convert.ToHexStringLower(bytes)}'",
        double number => Text(number),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    // As SQLite writes them, so that 1.0 is not taken for an integer.
    private static string Text(double number)
    {
        if (double.IsInfinity(number)) return number > 0 ? "Inf" : "-Inf";
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.AsSpan().IndexOfAny('.', 'E') < 0 ? $"{text}.0" : text;
    }

    private static string Quote(string field) =>
        field.Length > 0 && field.AsSpan().IndexOfAny(",\"\r\n") < 0 && field.Trim().Length == field.Length ? field : $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}

/// <summary>The JSON of <c>show … --sql</c>: a row is an array of the columns' values; a blob is a text in base64, and an infinite number the text Inf.</summary>
public sealed record QueryDocument(string Snapshot, string Service, string Path, string[] Columns, JsonArray Rows);

/// <summary>The JSON of <c>show … --tables</c>.</summary>
public sealed record TablesDocument(string Snapshot, string Service, string Path, CountedTable[] Tables);
