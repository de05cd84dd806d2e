using BackupTool.Cli.Output;
using BackupTool.Posix;

namespace BackupTool.Tests.Cli;

public class TerminalTests
{
    [Fact]
    public void Writes_results_to_standard_output_and_messages_to_standard_error()
    {
        using var recorded = new RecordedTerminal();
        recorded.Terminal.WriteLine("a result");
        recorded.Terminal.Info("a message");
        recorded.Terminal.Warn("a warning");
        recorded.Terminal.Error("an error");
        recorded.Output.Should().Be("a result\n");
        recorded.Error.Should().Be("a message\nwarning: a warning\nerror: an error\n");
    }

    [Fact]
    public void Goes_on_when_nothing_can_be_written_any_more_and_says_so_of_results()
    {
        using FileStream full = new("/dev/full", FileMode.Open, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        using var messages = new MemoryStream();
        using (var terminal = new Terminal(full, full, new TerminalTraits(true, true, false, false, () => 80)))
        {
            terminal.SetLiveLine("50 %");
            terminal.Error("an error");
            terminal.OutputFailure.Should().BeNull("messages are no results");
        }
        using var mixed = new Terminal(full, messages, new TerminalTraits(false, false, false, false, () => 80));
        mixed.WriteLine("a result");
        mixed.WriteDocument(static stream => stream.Write("{}"u8));
        mixed.OutputFailure.Should().BeOfType<IOException>();
        mixed.Error("an error");
        messages.Length.Should().BeGreaterThan(0);
    }

    [Fact]
    public void Gives_every_line_for_the_journal_its_priority()
    {
        using var recorded = new RecordedTerminal(journal: true, verbosity: Verbosity.Verbose);
        recorded.Terminal.Detail("d");
        recorded.Terminal.Info("i");
        recorded.Terminal.Warn("w");
        recorded.Terminal.Error("e\n  → hint");
        recorded.Error.Should().Be("<6>d\n<6>i\n<4>warning: w\n<3>error: e\n<3>  → hint\n");
    }

    [Fact]
    public void Shows_control_characters_and_direction_overrides_instead_of_obeying_them()
    {
        using var recorded = new RecordedTerminal(watched: true, color: true);
        recorded.Terminal.WriteLine("a\x1b[2J\rb\u009b\u202eé\ud800\n");
        recorded.Output.Should().Be(@"a\x1b[2J\x0db\x9b\u{202e}é\u{d800}" + "\n\n");
    }

    [Theory]
    [InlineData(true, true, "\x1b[1;31merror: \x1b[0mx\n")]
    [InlineData(true, false, "error: x\n")]
    [InlineData(false, true, "error: x\n")]
    public void Paints_only_on_a_terminal_that_wants_colours(bool watched, bool color, string expected)
    {
        using var recorded = new RecordedTerminal(watched, color);
        recorded.Terminal.Error("x");
        recorded.Error.Should().Be(expected);
    }

    [Fact]
    public void Tells_warnings_and_errors_only_when_quiet()
    {
        using var recorded = new RecordedTerminal(verbosity: Verbosity.Quiet);
        recorded.Terminal.Detail("d");
        recorded.Terminal.Info("i");
        recorded.Terminal.Warn("w");
        recorded.Error.Should().Be("warning: w\n");
    }

    [Fact]
    public void Moves_the_live_line_out_of_the_way_of_a_message_and_back()
    {
        using var recorded = new RecordedTerminal(watched: true);
        recorded.Terminal.SetLiveLine("50 %");
        recorded.Terminal.Info("hello");
        recorded.Terminal.SetLiveLine("");
        recorded.Error.Should().Be("50 %\r\x1b[2Khello\n50 %\r\x1b[2K");
    }

    [Fact]
    public void Cuts_the_live_line_one_column_short_of_the_edge()
    {
        using var recorded = new RecordedTerminal(watched: true, width: 10);
        recorded.Terminal.SetLiveLine("0123456789");
        recorded.Error.Should().Be("01234567…");
    }

    [Fact]
    public void Never_cuts_what_goes_to_a_file()
    {
        using var recorded = new RecordedTerminal(watched: false, width: 10);
        recorded.Terminal.OutputWidth.Should().Be(int.MaxValue);
    }

    [Theory]
    [InlineData("9:4711", 9UL, 4711UL, true)]
    [InlineData("8:4711", 9UL, 4711UL, false)]
    [InlineData("9:4712", 9UL, 4711UL, false)]
    [InlineData("2054:7", (8UL << 32) | 6, 7UL, true)] // 8:6, as stat prints it
    [InlineData("9", 9UL, 4711UL, false)]
    [InlineData(null, 9UL, 4711UL, false)]
    public void Knows_the_journal_by_device_and_inode(string? journalStream, ulong device, ulong inode, bool expected)
    {
        var status = new FileStatus(FileKind.Socket, 0, 0, 0, 0, 0, default, default, device, inode, 1, 0, 0);
        TerminalTraits.NamesStream(journalStream, status).Should().Be(expected);
    }
}
