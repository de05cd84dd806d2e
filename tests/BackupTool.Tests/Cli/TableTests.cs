using BackupTool.Cli.Output;

namespace BackupTool.Tests.Cli;

public class TableTests
{
    [Fact]
    public void Aligns_text_left_and_numbers_right()
    {
        Render(false, 80, table => table.Add("homeserver", "1.2 GiB")).Should().Be("Service        Size\nhomeserver  1.2 GiB\n");
    }

    [Fact]
    public void Counts_wide_characters_as_two_columns_and_combining_marks_as_none()
    {
        Render(false, 80, table =>
        {
            table.Add("日本", "1");
            table.Add("e\u0301te\u0301", "2");
        }).Should().Be("Service  Size\n日本        1\ne\u0301te\u0301         2\n");
    }

    [Fact]
    public void Cuts_the_widest_text_on_a_narrow_terminal()
    {
        string shown = Render(true, 24, table => table.Add("a-very-long-name-of-a-service", "1.2 GiB"));
        shown.Should().Be("Service             Size\na-very-long-na…  1.2 GiB\n");
        shown.Split('\n').Should().OnlyContain(line => line.Length <= 24);
    }

    [Fact]
    public void Cuts_nothing_when_nobody_watches() =>
        Render(false, 24, table => table.Add("a-very-long-name-of-a-service", "1.2 GiB")).Should().Contain("a-very-long-name-of-a-service");

    [Fact]
    public void Shares_a_narrow_terminal_between_two_long_texts()
    {
        using var recorded = new RecordedTerminal(watched: true, width: 42);
        var table = new Table(("A", Align.Left), ("B", Align.Left));
        table.Add(new string('a', 100), new string('b', 60));
        table.WriteTo(recorded.Terminal);
        recorded.Output.Split('\n')[1].Should().Be(new string('a', 19) + "…  " + new string('b', 19) + "…");
    }

    [Fact]
    public void Keeps_a_cell_on_its_line() =>
        Render(false, 80, table => table.Add("a\nb\tc", "1")).Should().Contain(@"a\x0ab\x09c");

    [Fact]
    public void Writes_nothing_without_rows() => Render(true, 80, _ => { }).Should().BeEmpty();

    private static string Render(bool watched, int width, Action<Table> fill)
    {
        using var recorded = new RecordedTerminal(watched, width: width);
        var table = new Table(("Service", Align.Left), ("Size", Align.Right));
        fill(table);
        table.WriteTo(recorded.Terminal);
        return recorded.Output;
    }
}
