using System.Text;
using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;
using BackupTool.Tests.Golden;

namespace BackupTool.Tests.Services.Quiescing;

public sealed class RestartJournalTests : IDisposable
{
    private readonly QuiesceWorld _stack = QuiesceWorld.Stack();

    private static string Golden => GoldenFile.ReadSource("tests/BackupTool.Tests/Services/Quiescing/restarts.json");

    private string File => Path.Combine(_stack.StateDirectory, "restarts.json");

    public void Dispose() => _stack.Dispose();

    [Fact]
    public void The_journal_is_read_and_written_as_it_stands_here()
    {
        RestartRecord record = RestartRecord.Parse(Encoding.UTF8.GetBytes(Golden), out _)!;
        Encoding.UTF8.GetString(record.Serialize()).Should().Be(Golden);
        record.Services[0].Probe!.ToProbe().Should().BeEquivalentTo(new HttpProbe(new Uri("http://127.0.0.1:8008/_matrix/client/versions"), [200]), options => options.RespectingRuntimeTypes());
        record.Services[1].Probe!.ToProbe().Should().Be(new TcpProbe("127.0.0.1", 29316));
    }

    [Theory]
    [InlineData("\"formatVersion\": 1", "\"formatVersion\": 2")]
    [InlineData("\"isOwed\": true", "\"isOwed\": true, \"unknown\": 1")]
    [InlineData("\"mode\": \"Freeze\"", "\"mode\": \"Melt\"")]
    [InlineData("\"unit\": \"maubot.service\"", "\"unit\": \"continuwuity.service\"")]
    [InlineData("\"after\": []", "\"after\": [ \"maubot\" ]")]
    [InlineData("\"port\": 29316", "\"port\": 0")]
    [InlineData("\"healthTimeoutSeconds\": 60", "\"healthTimeoutSeconds\": -1")]
    public void What_this_version_does_not_understand_wholly_is_refused(string from, string to)
    {
        string changed = Golden.Replace(from, to);
        changed.Should().NotBe(Golden);
        RestartRecord.Parse(Encoding.UTF8.GetBytes(changed), out string problem).Should().BeNull();
        problem.Should().NotBeEmpty();
    }

    [Fact]
    public void A_torn_journal_is_paid_as_far_as_it_can_be_made_out_and_kept()
    {
        _stack.KillInWindow();
        string torn = _stack.JournalText[..(_stack.JournalText.IndexOf("maubot.service", StringComparison.Ordinal) + 16)];
        System.IO.File.WriteAllText(File, torn);
        RecoveryReport report = _stack.Recover();
        _stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive);
        _stack.Systemd.Log.Where(line => line.StartsWith("starting", StringComparison.Ordinal)).Should().Equal("starting continuwuity.service", "starting slack.service", "starting maubot.service");
        report.Status.Should().Be(RecoveryStatus.NotAllPaid, "nobody knows what else it said");
        report.Notes.Should().ContainMatch("*could not be read*");
        System.IO.File.ReadAllText(report.KeptAside.Single().ToString()).Should().Be(torn);
        _stack.Recover().Should().Match<RecoveryReport>(again => again.Status == RecoveryStatus.NothingOwed && again.KeptAside.Count == 1);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\0\0\0\0")]
    [InlineData("null")]
    public void A_journal_in_which_nothing_can_be_made_out_is_kept_and_told(string content)
    {
        System.IO.File.WriteAllText(File, content);
        RecoveryReport report = _stack.Recover();
        report.Status.Should().Be(RecoveryStatus.NotAllPaid);
        report.Notes.Should().ContainMatch("*see by hand*");
        report.KeptAside.Should().ContainSingle();
    }

    [Fact]
    public void No_run_begins_over_a_journal_that_cannot_be_read()
    {
        System.IO.File.WriteAllText(File, "{");
        QuiescePlan plan = _stack.Plan();
        FluentActions.Invoking(() => _stack.Time.Run(() => _stack.EnterAsync(plan))).Should().Throw<QuiesceException>().Which.Hint.Should().Contain("backup recover");
        System.IO.File.ReadAllText(File).Should().Be("{");
        _stack.Systemd.Log.Should().BeEmpty();
    }

    [Fact]
    public void What_an_earlier_run_owes_is_still_owed_after_the_next()
    {
        _stack["continuwuity.service"].NeverHealthy = true;
        _stack.Run();
        _stack.Targets.RemoveAll(target => target.Name == "homeserver");
        _stack.Add("forge", new SimulatedUnit("forgejo.service"), QuiesceMode.Stop);
        _stack.Run().Services.Single(service => service.Name == "forge").IsHealthy.Should().BeTrue();
        _stack.JournalText.Should().Contain("maubot.service").And.Contain("slack.service").And.NotContain("forgejo.service\",\n      \"mode\": \"Stop\",\n      \"isOwed\": true");
        _stack["continuwuity.service"].NeverHealthy = false;
        _stack.Recover().Status.Should().Be(RecoveryStatus.Paid);
        _stack.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive);
    }
}
