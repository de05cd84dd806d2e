using System.Text.RegularExpressions;
using BackupTool.EndToEnd.Support;
using BackupTool.Tests.Services.Sources.Sqlite;

namespace BackupTool.EndToEnd;

/// <summary>What has not changed is not opened: counted by strace.</summary>
public sealed partial class ReuseTests(ITestOutputHelper output) : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task A_second_run_over_unchanged_data_opens_no_file_and_stores_next_to_nothing()
    {
        string maubot = MaubotData.Configure(_box, HomeserverService(out string database, out string homeserverConfig), Sandbox.FilesService("files", _box.Source));
        MaubotData.Fill(maubot, rows: 5000, instances: 3, plugins: 5);
        KeepDatabase(database);
        WriteFiles();
        await _box.InitAsync();
        await SettleAsync();
        long dataBytes = (await _box.RunAsync("now", "--json")).ShouldExit(0).Json.GetProperty("readBytes").GetInt64(), before = _box.RepositoryBytes();

        (CliResult now, string[] opened) = await TraceNowAsync();
        now.ShouldExit(0);
        long stored = now.Json.GetProperty("storedBytes").GetInt64(), grown = _box.RepositoryBytes() - before;
        output.WriteLine($"{dataBytes:N0} bytes of data; the second run stored {stored:N0}, the repository grew by {grown:N0} bytes; {now.Json.GetProperty("reusedEntries").GetInt64()} entries reused");
        foreach (string file in opened) output.WriteLine($"opened: {file}");

        // The services' own configuration says where everything is; RocksDB's small mutable files are copied in every cut, as its checkpoint does.
        opened.Should().OnlyContain(file => file == $"{maubot}/config.yaml" || file == homeserverConfig || MutableRocksDbFile().IsMatch(file));
        opened.Should().NotContain(static file => file.EndsWith(".db", StringComparison.Ordinal) || file.EndsWith(".sst", StringComparison.Ordinal) || file.EndsWith(".mbp", StringComparison.Ordinal));
        stored.Should().BeLessThan(dataBytes / 1000);
        grown.Should().BeLessThan(dataBytes / 1000);
    }

    [Fact]
    public async Task Only_what_changed_is_opened_and_the_neighbours_in_its_bundle()
    {
        WriteFiles();
        await _box.InitAsync();
        await SettleAsync();
        await _box.BackUpAsync();
        string small = Path.Combine(_box.Source, "d3/small-33"), large = Path.Combine(_box.Source, "large-1");
        File.AppendAllText(small, "changed");
        File.AppendAllText(large, "changed");
        File.SetUnixFileMode(Path.Combine(_box.Source, "large-2"), UnixFileMode.UserRead);
        (CliResult now, string[] opened) = await TraceNowAsync();
        now.ShouldExit(0);
        long read = now.Json.GetProperty("readBytes").GetInt64();
        string[] neighbours = [.. opened.Where(file => file != small && file != large)];
        output.WriteLine($"one small and one large file changed: {opened.Length} files opened, {read:N0} bytes read, {now.Json.GetProperty("storedBytes").GetInt64():N0} stored");
        opened.Should().Contain([small, large]);
        neighbours.Where(static file => file.Contains("large", StringComparison.Ordinal)).Should().BeSubsetOf([Path.Combine(_box.Source, "large-2")], "its mode is another, so its header is");
        neighbours.Sum(static file => new FileInfo(file).Length).Should().BeLessThan(6_000_000, "bundles are of about 1 MiB");
        neighbours.Length.Should().BeLessThan(120);
        Sandbox.ShouldHold(await _box.RestoreAsync(), _box.Source);
    }

    [Fact]
    public async Task A_database_that_only_its_log_changed_is_read_and_the_others_are_not()
    {
        string maubot = MaubotData.Configure(_box);
        MaubotData.Fill(maubot, rows: 3000, instances: 3, plugins: 2);
        await _box.InitAsync();
        using var service = ChildProcess.Start(nameof(SqliteJobs.Hold), Path.Combine(maubot, "plugins/instance-1.db"), "PRAGMA wal_autocheckpoint=0; UPDATE state SET value = 'changed' WHERE id = 1");
        await SettleAsync();
        await _box.BackUpAsync();
        using var again = ChildProcess.Start(nameof(SqliteJobs.Hold), Path.Combine(maubot, "plugins/instance-1.db"), "PRAGMA wal_autocheckpoint=0; UPDATE state SET value = 'again' WHERE id = 1");
        (CliResult now, string[] opened) = await TraceNowAsync();
        now.ShouldExit(0);
        opened.Where(static file => file.Contains(".db", StringComparison.Ordinal)).Should().OnlyContain(static file => file.Contains("instance-1.db", StringComparison.Ordinal)).And.NotBeEmpty();
        Sql.Ask(await _box.RestoreAsync() + maubot + "/plugins/instance-1.db", "SELECT value FROM state WHERE id = 1").Should().Be("again");
    }

    /// <summary>Files that were written within the last tick of the file clock are read again, rightly.</summary>
    private static Task SettleAsync() => Task.Delay(200, TestContext.Current.CancellationToken);

    private string HomeserverService(out string database, out string config)
    {
        database = _box.Make("var/lib/continuwuity");
        config = _box.Below("continuwuity.toml");
        File.WriteAllText(config, $"[global]\ndatabase_path = \"{database}\"\n");
        Directory.CreateDirectory(Path.Combine(database, "media"));
        for (int i = 0; i < 50; i++) File.WriteAllBytes(Path.Combine(database, $"media/item-{i}"), new byte[i * 1000]);
        return $"[service.homeserver]\nkind = \"continuwuity\"\nconfig = \"{config}\"";
    }

    private void KeepDatabase(string path)
    {
        string acknowledged = _box.Below("acknowledged");
        using var server = ChildProcess.Start(nameof(KeyWriter.WriteKeys), path, acknowledged);
        server.Finish();
    }

    private void WriteFiles()
    {
        var random = new Random(5);
        for (int d = 0; d < 10; d++)
        {
            Directory.CreateDirectory(Path.Combine(_box.Source, $"d{d}"));
            for (int i = 0; i < 100; i++) Write($"d{d}/small-{i}", random.Next(60_000));
        }
        for (int i = 0; i < 5; i++) Write($"large-{i}", 3_000_000 + random.Next(1_000_000));

        void Write(string name, int size)
        {
            var content = new byte[size];
            random.NextBytes(content);
            File.WriteAllBytes(Path.Combine(_box.Source, name), content);
        }
    }

    /// <summary>Runs <c>now</c> under strace. Returns the regular files outside of the repository and the staging directories that it opened.</summary>
    private async Task<(CliResult Now, string[] Opened)> TraceNowAsync()
    {
        string trace = _box.Below("trace");
        CliResult now = await Cli.RunProgramAsync("strace", ["-f", "-y", "-s", "4096", "-e", "trace=open,openat,openat2,creat", "-o", trace, BackupBinary.Path, "now", "--json", "--config", _box.ConfigFile]);
        string[] opened = [.. File.ReadLines(trace).Where(static line => !line.Contains("O_PATH", StringComparison.Ordinal))   // looked up, not opened
            .Select(static line => Opened().Match(line)).Where(static match => match.Success).Select(static match => match.Groups[1].Value).Distinct()];
        opened.Should().Contain(_box.ConfigFile, "the premise: strace tells what is opened");
        return (now, [.. opened.Where(file => file.StartsWith(_box.Root, StringComparison.Ordinal) && File.Exists(file) && file != _box.ConfigFile
            && !file.StartsWith(_box.Repository, StringComparison.Ordinal) && !file.StartsWith(_box.Staging, StringComparison.Ordinal)
            && !file.Contains("/.backup-staging-", StringComparison.Ordinal)).Order(StringComparer.Ordinal)]);
    }

    // openat(AT_FDCWD</>, "name", O_RDONLY) = 21</the/path>
    [GeneratedRegex(@"= \d+<(.*)>$")]
    private static partial Regex Opened();

    [GeneratedRegex("/(CURRENT|IDENTITY|MANIFEST-[0-9]+|OPTIONS-[0-9]+|[0-9]+\\.log)$")]
    private static partial Regex MutableRocksDbFile();
}
