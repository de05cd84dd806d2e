using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Systemd;

public sealed class ReadJournalTests(RealSystemd systemd) : ServiceManagerTests(systemd), IClassFixture<RealSystemd>
{
    [Fact]
    public async Task Gives_the_newest_lines_oldest_first()
    {
        await SayAsync("j-counts", "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; done");

        IReadOnlyList<JournalLine> lines = await LinesAsync("j-counts", new JournalQuery(4));

        lines.Select(line => line.Text).Should().Equal("line 8", "line 9", "j-counts.service: Deactivated successfully.", "Finished j-counts.service.");
        lines.Select(line => line.Time).Should().BeInAscendingOrder();
        lines[3].Time.Should().BeCloseTo(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Since_and_count_together_give_the_newest_of_those_since()
    {
        // What journald reads in one go has one time.
        await SayAsync("j-since", "for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.05; done");
        DateTimeOffset since = (await LinesAsync("j-since", new JournalQuery(100))).First(line => line.Text == "line 5").Time;

        (await LinesAsync("j-since", new JournalQuery(4, since))).Select(line => line.Text).Take(2).Should().Equal("line 8", "line 9");
        (await LinesAsync("j-since", new JournalQuery(100, since)))[0].Text.Should().Be("line 5");
        (await LinesAsync("j-since", new JournalQuery(100, since.AddTicks(10)))).Select(line => line.Text).First().Should().Be("line 6");
        (await LinesAsync("j-since", new JournalQuery(100, DateTimeOffset.UtcNow.AddHours(1)))).Should().BeEmpty();
    }

    [Fact]
    public async Task Only_errors_are_lines_of_priority_err_and_worse()
    {
        await SayAsync("j-errors", "echo fine; echo '<3>an error'; echo '<4>a warning'; echo '<2>critical'; echo fine again");

        IReadOnlyList<JournalLine> lines = await LinesAsync("j-errors", new JournalQuery(100, ErrorsOnly: true));

        lines.Select(line => (line.Priority, line.Text)).Should().Equal((3, "an error"), (2, "critical"));
    }

    [Fact]
    public async Task Binary_multi_line_and_very_long_messages_are_read()
    {
        await SayAsync("j-odd", """
            printf 'not \377 UTF-8\n'; printf 'red \033[31m\n'; printf 'tab\there "quoted" \\ ü\n'; head -c 6000 /dev/zero | tr '\0' x; echo
            printf 'MESSAGE=first\nMESSAGE=second\nPRIORITY=3\nOBJECT_SYSTEMD_UNIT=j-odd.service\n' | logger --journald
            """);

        IReadOnlyList<JournalLine> lines = await LinesAsync("j-odd", new JournalQuery(100));

        lines.Select(line => line.Text).Should().ContainInOrder("not \uFFFD UTF-8", "red \u001b[31m", "tab\there \"quoted\" \\ ü",
            "(a message of more than 4,096 bytes: \"journalctl -u j-odd.service --all\" shows it)");
        lines.Single(line => line.Text == "first\nsecond").Priority.Should().Be(3);
    }

    [Fact]
    public async Task An_alias_has_the_journal_of_the_unit()
    {
        await SayAsync("j-named", "echo by the other name");
        File.CreateSymbolicLink(Systemd.Inside("/etc/systemd/system/j-alias.service"), "j-named.service");
        await Systemd.ExecAsync("systemctl", "daemon-reload");

        (await LinesAsync("j-alias", new JournalQuery(100))).Select(line => line.Text).Should().Contain("by the other name");
    }

    [Fact]
    public async Task A_unit_that_never_said_anything_has_no_lines() => (await LinesAsync("j-silent", new JournalQuery(5))).Should().BeEmpty();

    [Fact]
    public async Task No_lines_at_all_cannot_be_asked_for() => await Manager.Awaiting(manager => manager.ReadJournalAsync("j-any", new JournalQuery(0), Test.Token)).Should().ThrowAsync<ArgumentOutOfRangeException>();

    [Theory]
    [InlineData("""{"__REALTIME_TIMESTAMP":"1795441176662009","MESSAGE":["one",[116,119,111]],"PRIORITY":["4","3"]}""", 4, "one\ntwo")]
    [InlineData("""{"__REALTIME_TIMESTAMP":"1795441176662009"}""", 6, "")]
    [InlineData("""{"__REALTIME_TIMESTAMP":"1795441176662009","MESSAGE":null,"PRIORITY":null}""", 6, "(a message of more than 4,096 bytes: \"journalctl -u j-any.service --all\" shows it)")]
    public async Task Entries_that_only_the_native_protocol_makes_are_read(string entry, int priority, string text)
    {
        var printed = new SystemdServiceManager(TimeProvider.System, "/bin/sh", "-c", $"case $1 in journalctl) printf '%s\\n' '{entry}';; *) echo Id=j-any.service;; esac", "sh");
        (await printed.ReadJournalAsync("j-any", new JournalQuery(1), Test.Token)).Should().Equal(new JournalLine(DateTimeOffset.UnixEpoch.AddMicroseconds(1795441176662009), priority, text));
    }

    [Fact]
    public async Task What_is_no_entry_is_an_error()
    {
        var printed = new SystemdServiceManager(TimeProvider.System, "/bin/sh", "-c", "case $1 in journalctl) echo '{ broken';; *) echo Id=j-any.service;; esac", "sh");
        (await FailureAsync(() => printed.ReadJournalAsync("j-any", new JournalQuery(1), Test.Token))).Message.Should().Contain("the journal of j-any.service cannot be read");
    }

    private Task<IReadOnlyList<JournalLine>> LinesAsync(string unit, JournalQuery query) => Manager.ReadJournalAsync(unit, query, Test.Token);

    /// <summary>Has a unit write to its standard output, and waits until it has ended and the journal has it all.</summary>
    private async Task SayAsync(string unit, string script)
    {
        string file = Path.Combine(Systemd.Data, unit);
        await File.WriteAllTextAsync(file, $"sleep 0.05\n{script}\nsleep 0.05\n", Test.Token); // before: systemd's own line comes first; after: journald knows the unit of a line only while its process is there
        await Systemd.WriteUnitAsync(unit + ".service", $"[Service]\nType=oneshot\nExecStart=/bin/bash {file}");
        await Systemd.ExecAsync("systemctl", "start", unit);
        await Systemd.ExecAsync("journalctl", "--sync");
    }
}
