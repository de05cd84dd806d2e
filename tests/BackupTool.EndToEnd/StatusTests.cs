using System.Text.Json;
using BackupTool.EndToEnd.Support;
using BackupTool.Posix;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd;

/// <summary>How the backups are, as a person asks the binary, on a real systemd.</summary>
public sealed class StatusTests : IAsyncLifetime
{
    private BotStack _stack = null!;

    public async ValueTask InitializeAsync() => _stack = await BotStack.StartAsync("max-age = \"36h\"");

    public ValueTask DisposeAsync() => _stack.DisposeAsync();

    private string History => Path.Combine(_stack.Machine.State, "history.db");

    private async Task<JsonElement> StatusAsync(int exitCode) => JsonDocument.Parse((await _stack.Machine.RunAsync("status", "--json")).ShouldExit(exitCode).Output).RootElement;

    private static JsonElement Bot(JsonElement status) => status.GetProperty("services").EnumerateArray().Single(static service => service.GetProperty("name").GetString() == "maubot");

    [Fact]
    public async Task Runs_and_snapshots_are_told_and_the_history_can_be_deleted_or_damaged_at_any_time()
    {
        string metrics = _stack.Machine.Below("backup.prom");
        File.AppendAllText(_stack.Machine.ConfigFile, $"\n[metrics]\ntextfile = \"{metrics}\"\n");
        (await _stack.Machine.RunAsync("verify", "--level", "data")).ShouldExit(0);
        PosixDirectory.Current.GetStatus(BytePath.From(metrics)).Mode.Should().Be(0x1a4, "node_exporter reads it");
        Dictionary<string, double> values = PrometheusParser.Parse(File.ReadAllText(metrics));
        values["backup_last_run_exit_code{schedule=\"\",action=\"verify\"}"].Should().Be(0);
        values["backup_stale{service=\"maubot\"}"].Should().Be(0);
        values.Keys.Should().Contain("backup_last_verify_timestamp_seconds{service=\"maubot\",level=\"data\"}").And.Contain("backup_service_downtime_seconds{service=\"maubot\"}");
        PrometheusParser.Parse((await _stack.Machine.RunAsync("status", "--metrics")).ShouldExit(0).Output).Keys.Should().BeEquivalentTo(values.Keys);

        (await _stack.Machine.RunAsync("status")).ShouldExit(0).Output.Should().MatchRegex("maubot +[0-9a-f]{8} .* 1 d 12 h .*data, .* ago .* good").And.MatchRegex("(?m)^verify .* done$").And.MatchRegex("(?m)^now .* done$");
        JsonElement bot = Bot(await StatusAsync(0));
        bot.GetProperty("state").GetString().Should().Be("good");
        bot.GetProperty("lastVerify").GetProperty("level").GetString().Should().Be("data");
        string lastGood = bot.GetProperty("lastGood").GetProperty("snapshot").GetString()!;

        File.Move(Path.Combine(_stack.Bot, "config.yaml"), Path.Combine(_stack.Bot, "config.away"));
        (await _stack.Machine.RunAsync("now", "--keep-going")).ExitCode.Should().Be(1);
        File.Move(Path.Combine(_stack.Bot, "config.away"), Path.Combine(_stack.Bot, "config.yaml"));
        CliResult failed = (await _stack.Machine.RunAsync("status")).ShouldExit(3);
        failed.Output.Should().MatchRegex("(?m)^now .* failed: maubot is not in the snapshot: ");
        failed.Error.Should().Contain("maubot is not in ");
        Bot(await StatusAsync(3)).GetProperty("lastGood").GetProperty("snapshot").GetString().Should().Be(lastGood);

        File.Delete(History);
        (await StatusAsync(3)).GetProperty("runs").GetArrayLength().Should().Be(0);
        File.WriteAllText(History, "not a database any more");
        (await _stack.Machine.RunAsync("status")).ShouldExit(3).Error.Should().Contain("the history of runs").And.Contain("cannot be read");
        (await _stack.Machine.RunAsync("now")).ShouldExit(0).Error.Should().Contain("warning: the history of runs could not be used").And.Contain("a new one is begun");
        JsonElement again = await StatusAsync(0);
        again.GetProperty("runs").EnumerateArray().Single().GetProperty("exitCode").GetInt32().Should().Be(0);
        again.GetProperty("repository").GetProperty("snapshots").GetInt32().Should().Be(3);
        Directory.GetFiles(_stack.Machine.State, "history.db*").Should().HaveCount(2);
    }

    [Fact]
    public async Task A_service_whose_directory_is_empty_is_no_success_and_status_goes_stale_without_it()
    {
        await _stack.Machine.Systemd.TryExecAsync("systemctl", "stop", "homeserver.service");
        Directory.Move(_stack.Homeserver, _stack.Homeserver + ".away");
        Directory.CreateDirectory(_stack.Homeserver);
        await _stack.Machine.Systemd.ExecAsync("systemctl", "start", "homeserver.service", "maubot.service");
        await _stack.ShouldBeWellAsync();

        CliResult now = (await _stack.Machine.RunAsync("now")).ShouldExit(3);
        now.Error.Should().Contain(_stack.Homeserver).And.Contain("holds no file at all");
        JsonDocument.Parse((await _stack.Machine.RunAsync("now", "--json")).ShouldExit(3).Output).RootElement.GetProperty("services")[0].GetProperty("warnings")[0].GetProperty("reason").GetString().Should().Contain("holds no file at all");

        CliResult status = (await _stack.Machine.RunAsync("status")).ShouldExit(3);
        status.Output.Should().MatchRegex("homeserver .* good \\(see below\\)").And.MatchRegex("(?m)^now .* warnings: homeserver: ");
        status.Error.Should().Contain("homeserver is suspicious in ");
        (await _stack.Machine.RunAsync("list")).ShouldExit(0).Output.Should().Contain("SUSPICIOUS homeserver");
        (await _stack.Machine.RunAsync("restore", "latest", "--target", "/var/tmp/suspicious")).ShouldFail(3, "homeserver is suspicious in ", "its last good snapshot is ");
        File.WriteAllText(_stack.Machine.ConfigFile, File.ReadAllText(_stack.Machine.ConfigFile).Replace("[service.homeserver]", "[service.homeserver]\nmax-age = \"1ms\"", StringComparison.Ordinal));
        (await _stack.Machine.RunAsync("status")).ShouldFail(3, "homeserver is stale: its last good snapshot is ");
    }

    [Fact]
    public async Task Without_a_repository_or_with_a_damaged_snapshot_it_says_so()
    {
        string snapshot = Directory.GetFiles(Path.Combine(_stack.Machine.Repository, "snapshots"), "*.json").Single();
        byte[] content = File.ReadAllBytes(snapshot);
        File.WriteAllBytes(snapshot, content[..^20]);
        (await _stack.Machine.RunAsync("status")).ShouldFail(13, Path.GetFileName(snapshot), "maubot has no good snapshot");
        File.WriteAllBytes(snapshot, content);

        Directory.Move(_stack.Machine.Repository, _stack.Machine.Repository + ".away");
        CliResult status = (await _stack.Machine.RunAsync("status")).ShouldExit(10);
        status.Output.Should().Contain("cannot be read").And.MatchRegex("maubot .* unknown").And.MatchRegex("(?m)^now .* done$");
        (await StatusAsync(10)).GetProperty("repository").GetProperty("problem").GetProperty("code").GetInt32().Should().Be(10);
        PrometheusParser.Parse((await _stack.Machine.RunAsync("status", "--metrics")).ShouldExit(10).Output)["backup_repository_readable"].Should().Be(0);
        (await _stack.Machine.RunAsync("now")).ShouldExit(10);
        (await StatusAsync(10)).GetProperty("runs")[0].GetProperty("exitCode").GetInt32().Should().Be(10, "a run that failed is one");

        (await _stack.Machine.RunAsync("status", "--repository", _stack.Machine.Repository + ".away")).ShouldExit(0).Output.Should().Contain("maubot");
        (await _stack.Machine.RunAsync("status", "--json", "--metrics")).ShouldFail(2, "exclude each other");
    }

    [Fact]
    public async Task A_wipe_records_itself_and_a_smaller_state_after_it_is_told_once()
    {
        await _stack.WithBotDownAsync(() => Sql.Make(_stack.Database, "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 6000) INSERT INTO state(value) SELECT randomblob(500) FROM n;"));
        await _stack.ShouldBeWellAsync();
        for (int i = 0; i < 2; i++) (await _stack.Machine.RunAsync("now")).ShouldExit(0);
        (await _stack.Machine.RunAsync("wipe", "maubot", "--reseed", "none", "--yes")).ExitCode.Should().BeOneOf(0, 3);
        (await StatusAsync(0)).GetProperty("runs")[0].GetProperty("action").GetString().Should().Be("wipe");
        (await _stack.Machine.RunAsync("status")).ShouldExit(0).Error.Should().Contain("the state before the wipe of maubot").And.Contain("backup rollback");

        (await _stack.Machine.RunAsync("now")).ShouldExit(3).Error.Should().Contain("is suspiciously small").And.Contain("restored in place or wiped after");
        (await _stack.Machine.RunAsync("now")).ShouldExit(0);
        Sql.Ask(_stack.Database, "SELECT count(*) FROM client").Should().Be(0L);
        Bot(await StatusAsync(0)).GetProperty("state").GetString().Should().Be("good");
    }
}
