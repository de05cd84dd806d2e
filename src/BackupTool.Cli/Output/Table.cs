using System.Text;

namespace BackupTool.Cli.Output;

/// <summary>On which side of its column a cell stands.</summary>
public enum Align
{
    /// <summary>Text.</summary>
    Left,
    /// <summary>Numbers.</summary>
    Right,
}

/// <summary>
/// Rows under headings, in columns as wide as their widest cell. On a terminal too narrow for that, the widest left-aligned columns are
/// cut; in a file or a pipe never. Cells are single lines: control characters in them are shown escaped.
/// </summary>
public sealed class Table
{
    private const int Gap = 2, NarrowestCut = 8;
    private readonly (string Heading, Align Align)[] _columns;
    private readonly List<(string[] Cells, TextStyle Style)> _rows = [];

    /// <summary>A table with these headings.</summary>
    public Table(params (string Heading, Align Align)[] columns) => _columns = columns;

    /// <summary>Adds a row.</summary>
    /// <exception cref="ArgumentException">There are not as many cells as columns.</exception>
    public void Add(params string[] cells) => Add(TextStyle.Plain, cells);

    /// <summary>Adds a row that looks different.</summary>
    /// <exception cref="ArgumentException">There are not as many cells as columns.</exception>
    public void Add(TextStyle style, params string[] cells)
    {
        ArgumentNullException.ThrowIfNull(cells);
        if (cells.Length != _columns.Length) throw new ArgumentException($"{cells.Length} cells for {_columns.Length} columns.", nameof(cells));
        _rows.Add((Array.ConvertAll(cells, static cell => PrintableText.Escape(cell)), style));
    }

    /// <summary>Rows so far.</summary>
    public int Count => _rows.Count;

    /// <summary>Writes headings and rows as results. A table without rows writes nothing.</summary>
    public void WriteTo(Terminal terminal)
    {
        ArgumentNullException.ThrowIfNull(terminal);
        if (_rows.Count == 0) return;
        int[] widths = FitInto(terminal.OutputWidth);
        terminal.WriteLine(Line(Array.ConvertAll(_columns, static column => column.Heading), widths), TextStyle.Bold);
        foreach ((string[] cells, TextStyle style) in _rows) terminal.WriteLine(Line(cells, widths), style);
    }

    private int[] FitInto(int available)
    {
        int[] widths = Array.ConvertAll(_columns, static column => PrintableText.Width(column.Heading));
        foreach ((string[] cells, _) in _rows)
            for (int i = 0; i < widths.Length; i++) widths[i] = Math.Max(widths[i], PrintableText.Width(cells[i]));

        for (long excess = widths.Sum() + (Gap * (widths.Length - 1L)) - available; excess > 0;)
        {
            int widest = WidestText(widths);
            if (widest < 0) break;
            // Down to the next widest at once, then in turns: two long columns share what there is.
            int next = _columns.Select((column, i) => i != widest && column.Align == Align.Left ? widths[i] : NarrowestCut).Max();
            int cut = (int)Math.Min(excess, Math.Max(1, widths[widest] - Math.Max(next, NarrowestCut)));
            widths[widest] -= cut;
            excess -= cut;
        }
        return widths;
    }

    private int WidestText(int[] widths)
    {
        int widest = -1;
        for (int i = 0; i < widths.Length; i++)
            if (_columns[i].Align == Align.Left && widths[i] > NarrowestCut && (widest < 0 || widths[i] > widths[widest])) widest = i;
        return widest;
    }

    private string Line(string[] cells, int[] widths)
    {
        var line = new StringBuilder();
        for (int i = 0; i < cells.Length; i++)
        {
            if (i > 0) line.Append(' ', Gap);
            string cell = PrintableText.Truncate(cells[i], widths[i]);
            int padding = widths[i] - PrintableText.Width(cell);
            if (_columns[i].Align == Align.Right) line.Append(' ', padding).Append(cell);
            else line.Append(cell).Append(' ', padding);
        }
        return line.ToString().TrimEnd();
    }
}
