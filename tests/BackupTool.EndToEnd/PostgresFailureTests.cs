using System.Diagnostics;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>A dump that is not whole never becomes part of a snapshot, whoever ended it; what else was asked for is stored, and the exit code says so.</summary>
public sealed class PostgresFailureTests(PostgresFailureTests.LargeBridge large, ITestOutputHelper output) : IClassFixture<PostgresFailureTests.LargeBridge>
{
    private const int HalfWay = 100_000_000;

    private BridgeBox Bridge => large.Bridge;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pg_dump_that_is_killed_half_way_leaves_no_snapshot_of_its_service(bool isAlone)
    {
        await BeginAsync(isAlone);
        CliResult now = await RunAndHurtAsync(HalfWay, static dump => Process.GetProcessById(dump).Kill());
        await CheckAsync(now, isAlone, "pg_dump of bridge", "signal 9");
    }

    [Fact]
    public async Task The_end_of_the_session_of_pg_dump_leaves_no_snapshot_of_its_service()
    {
        await BeginAsync();
        CliResult now = await RunAndHurtAsync(HalfWay, _ => Terminate("query LIKE 'COPY%'"));
        await CheckAsync(now, false, "pg_dump of bridge", "ended with 1", "terminat");
    }

    [Fact]
    public async Task The_end_of_the_session_that_holds_the_moment_leaves_no_snapshot_of_its_service()
    {
        await BeginAsync();
        CliResult now = await RunAndHurtAsync(HalfWay, _ => Terminate("state = 'idle in transaction'"));
        await CheckAsync(now, false, "the pinned moment of bridge", "is lost");
    }

    [Fact]
    public async Task A_server_that_stops_half_way_leaves_no_snapshot_of_its_service()
    {
        using var own = new LargeBridge();
        await own.Bridge.Box.InitAsync();
        CliResult now = await RunAndHurtAsync(HalfWay, _ => own.Bridge.Postgres.Stop(), own.Bridge);
        await CheckAsync(now, false, own.Bridge, "pg_dump of bridge", "ended with 1");
    }

    [Theory]
    [InlineData("dump \"$@\"; exit 1", "ended with 1")]
    [InlineData("dump \"$@\"; echo 'pg_dump: error: query failed' >&2; exit 0", "query failed")]
    [InlineData("exit 0", "wrote nothing")]
    [InlineData("dump \"$@\" 2>/dev/null | head -c 50000000; kill -TERM $$", "signal 15")]
    [InlineData("dump \"$@\" | head -c 50000000; exit 0", "could not write to output file")]
    [InlineData("dump \"$@\" 2>/dev/null | head -c 150000000; exit 0", "ended as if its dump were whole")]
    public async Task A_pg_dump_that_fails_in_any_other_way_leaves_no_snapshot_of_its_service(string script, string says)
    {
        await BeginAsync();
        CliResult now = await Bridge.RunWithPathAsync(Bridge.WritePgDump(script), "now", "--json");
        await CheckAsync(now, false, says);
    }

    /// <summary>No exit code tells of it, and nothing in the format: only a restore does. A row lacks the end of its first column; every length is right.</summary>
    [Fact]
    public async Task A_pg_dump_that_writes_nonsense_and_calls_that_a_success_is_found_by_verify()
    {
        await BeginAsync(more: Bridge.Server());
        CliResult now = await Bridge.RunWithPathAsync(Bridge.WritePgDump("dump \"$@\" | LC_ALL=C sed '5000s/\\t/x/'; exit 0"), "now", "--json");
        output.WriteLine($"now: {now.ExitCode} {now.Error}");
        now.ShouldExit(0);
        CliResult verify = await Bridge.Box.RunAsync("verify", "--level", "content");
        output.WriteLine($"verify: {verify.ExitCode} {verify.Output}{verify.Error}");
        verify.ShouldFail(13, "bridge.dump");
        Bridge.Postgres.Sql("postgres", "SELECT datname FROM pg_database WHERE datname LIKE 'backup_verify%'").Should().BeEmpty();
    }

    [Fact]
    public async Task A_server_that_goes_away_while_a_dump_is_tried_proves_nothing_and_damages_nothing()
    {
        using var own = new LargeBridge();
        own.Bridge.Configure(MautrixData.SocketUri(BridgeBox.Database, null, own.Bridge.Postgres, BridgeBox.Database), own.Bridge.Server());
        await own.Bridge.Box.InitAsync();
        await own.Bridge.Box.BackUpAsync();
        CliResult verify = await Cli.RunProgramAsync(BackupBinary.Path, ["verify", "--level", "content", "--config", own.Bridge.Box.ConfigFile], tool =>
        {
            RunningDump.WaitForRestore(tool, HalfWay);
            own.Bridge.Postgres.Stop();
        });
        output.WriteLine(verify.Error);
        verify.ShouldFail(3, "not proven", "bridge.dump", "went away");
    }

    private async Task BeginAsync(bool isAlone = false, string more = "")
    {
        if (Directory.Exists(Bridge.Box.Repository)) Directory.Delete(Bridge.Box.Repository, recursive: true);
        Bridge.Configure(MautrixData.SocketUri(BridgeBox.Database, null, Bridge.Postgres, BridgeBox.Database), more, isAlone);
        await Bridge.Box.InitAsync();
    }

    private Task<CliResult> RunAndHurtAsync(long writtenBytes, Action<int> hurt) => RunAndHurtAsync(writtenBytes, hurt, Bridge);

    private static Task<CliResult> RunAndHurtAsync(long writtenBytes, Action<int> hurt, BridgeBox bridge) =>
        Cli.RunProgramAsync(BackupBinary.Path, ["now", "--json", "--config", bridge.Box.ConfigFile], tool => hurt(RunningDump.WaitForDump(tool, writtenBytes)));

    private void Terminate(string which) =>
        Bridge.Postgres.Sql("postgres", $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{BridgeBox.Database}' AND {which}").Should().Be("t");

    private Task CheckAsync(CliResult now, bool isAlone, params string[] says) => CheckAsync(now, isAlone, Bridge, says);

    private async Task CheckAsync(CliResult now, bool isAlone, BridgeBox bridge, params string[] says)
    {
        now.ShouldExit(1);
        output.WriteLine($"after {now.Elapsed.TotalSeconds:0.0} s: {(isAlone ? now.Error : now.Json.GetProperty("failures"))}");
        foreach (string text in says) (now.Output + now.Error).Should().Contain(text);
        string[][] services = await bridge.ListServicesAsync();
        if (isAlone) services.Should().BeEmpty();
        else services.Should().ContainSingle().Which.Should().Equal("files");
        bridge.Box.FindLeftovers().Should().BeEmpty();
        if (isAlone) return;
        Sandbox.ShouldHold(await bridge.Box.RestoreAsync(), bridge.Box.Source);
        await bridge.Box.VerifyAsync("data");
    }

    /// <summary>Its dump has 220 MB.</summary>
    public sealed class LargeBridge : IDisposable
    {
        internal BridgeBox Bridge { get; } = new(bigRows: 22_000);

        public void Dispose() => Bridge.Dispose();
    }
}
