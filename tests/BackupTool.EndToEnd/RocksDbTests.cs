using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.RocksDb;
using RocksDbSharp;

namespace BackupTool.EndToEnd;

public sealed class RocksDbTests(ITestOutputHelper output) : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    private string ConfigureHomeserver()
    {
        string database = _box.Make("var/lib/continuwuity"), config = _box.Below("continuwuity.toml");
        File.WriteAllText(config, $"[global]\nserver_name = \"example.org\"\ndatabase_path = \"{database}\"\n");
        _box.Configure($"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"");
        return database;
    }

    [Fact]
    public async Task A_database_whose_server_is_paused_restores_with_every_key_it_had_acknowledged()
    {
        string database = ConfigureHomeserver(), acknowledged = _box.Below("acknowledged");
        await _box.InitAsync();
        using var server = ChildProcess.Start(nameof(KeyWriter.WriteKeys), database, acknowledged);
        Directory.CreateDirectory(Path.Combine(database, "media"));
        File.WriteAllText(Path.Combine(database, "media/item"), "media");
        for (int round = 1; round <= 4; round++)
        {
            await server.PauseAsync();
            long last = KeyWriter.LastAcknowledged(acknowledged);
            CliResult now = (await _box.RunAsync("now", "--json")).ShouldExit(0);
            await server.ResumeAsync();
            string target = await _box.RestoreAsync(now.Json.GetProperty("snapshot").GetString()!);
            File.ReadAllText(target + database + "/media/item").Should().Be("media");
            long held = KeyWriter.CheckUpTo(target + database, last);
            output.WriteLine($"round {round}: acknowledged {last + 1:N0}, held {held:N0}; now took {now.Elapsed.TotalMilliseconds:0} ms, read {now.Json.GetProperty("readBytes").GetInt64():N0} bytes");
            held.Should().BeLessThanOrEqualTo(last + 2, "one more may be in the engine, but not acknowledged");
            await Task.Delay(300, TestContext.Current.CancellationToken);
        }
        server.Finish();
        KeyWriter.CheckUpTo(database, KeyWriter.LastAcknowledged(acknowledged));
        _box.FindLeftovers().Should().BeEmpty();
        Directory.GetDirectories(Path.GetDirectoryName(database)!).Should().Equal([database], "no staging directory stays beside it");
    }

    /// <summary>Nobody stops it here, so a cut cannot be sure to succeed; but what is stored is one moment.</summary>
    [Fact]
    public async Task A_server_that_writes_flat_out_is_either_refused_and_explained_or_caught_in_one_moment()
    {
        string database = ConfigureHomeserver();
        await _box.InitAsync();
        using var server = ChildProcess.Start(nameof(RocksDbJobs.WriteFlatOut), database);
        int refused = 0, stored = 0;
        for (int i = 0; i < 8; i++)
        {
            CliResult now = await _box.RunAsync("now", "--json");
            if (now.ExitCode == 1)
            {
                now.ShouldFail(1, "changed while it was staged", "stopped or frozen");
                refused++;
                continue;
            }
            string target = await _box.RestoreAsync(now.ShouldExit(0).Json.GetProperty("snapshot").GetString()!);
            using (RocksDb restored = RocksDb.Open(new DbOptions(), target + database)) RocksDbJobs.LastWriteOfOneMoment(restored);
            stored++;
        }
        output.WriteLine($"{refused} refused, {stored} stored and whole");
        (await _box.ListAsync()).Should().HaveCount(stored);
        _box.FindLeftovers().Should().BeEmpty();
        server.Finish();
        await _box.VerifyAsync("data");
    }
}
