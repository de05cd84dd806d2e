using System.IO.Compression;
using BackupTool.Cli.Demo;
using BackupTool.Posix;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Cli;

public sealed class DemoStackTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("backup-demo-").FullName;

    public void Dispose() => PosixDirectory.Current.RemoveTree(BytePath.From(_directory));

    [Fact]
    public void Keeps_the_whole_bot_database_in_its_write_ahead_log()
    {
        DemoStack stack = DemoStack.Create(_directory);
        new FileInfo(stack.BotDatabase).Length.Should().Be(4096);
        new FileInfo(stack.BotDatabase + "-wal").Length.Should().BeGreaterThan(1_000_000);

        string copy = Path.Combine(_directory, "copy.db");
        File.Copy(stack.BotDatabase, copy);
        TablesOf(copy).Should().BeEmpty("a plain copy of the file is no backup");
        File.Copy(stack.BotDatabase + "-wal", copy + "-wal");
        TablesOf(copy).Should().HaveCount(19).And.Contain(["client", "instance", "crypto_megolm_inbound_session", "mx_room_state"]);
        DemoLedger.Read(copy).Should().Be(new DemoLedger(0, true));
    }

    [Fact]
    public void Holds_plugins_that_maubot_could_load()
    {
        DemoStack stack = DemoStack.Create(_directory);
        string[] plugins = Directory.GetFiles(Path.Combine(stack.Maubot, "plugins"), "*.mbp");
        plugins.Should().HaveCount(3);
        using ZipArchive plugin = ZipFile.OpenRead(plugins.Single(path => path.Contains("reminder", StringComparison.Ordinal)));
        using var manifest = new StreamReader(plugin.GetEntry("maubot.yaml")!.Open());
        manifest.ReadToEnd().Should().Contain("id: xyz.maubot.reminder\nversion: 0.3.0\n");
        Directory.GetFiles(Path.Combine(stack.Maubot, "trash")).Should().ContainSingle();
    }

    [Fact]
    public void Holds_one_of_everything_that_a_directory_can_hold()
    {
        DemoStack stack = DemoStack.Create(_directory);
        using PosixDirectory odd = PosixDirectory.Open(BytePath.From(Path.Combine(stack.Site, "odd")));
        List<BytePath> names = odd.ReadNames();
        names.Should().Contain(name => !name.IsUtf8).And.Contain(name => name.Length == 255);
        names.Select(name => odd.GetStatus(name).Kind).Should()
            .Contain([FileKind.Regular, FileKind.Directory, FileKind.SymbolicLink, FileKind.Fifo]);
        odd.GetStatus(BytePath.From("linked")).LinkCount.Should().Be(3);
        FileStatus sparse = odd.GetStatus(BytePath.From("sparse"));
        sparse.AllocatedBytes.Should().BeLessThan(sparse.Size / 100);
        odd.ReadExtendedAttributes(BytePath.From("attributes")).Select(a => a.Name.ToString()).Should().Equal("system.posix_acl_access", "user.demo");
        odd.GetStatus(BytePath.From("set-user-id")).Mode.Should().Be(Convert.ToUInt32("4750", 8));
        odd.GetStatus(BytePath.From("old")).ModifiedAt.Should().Be(new UnixTime(999_999_999, 123_456_789));
    }

    [Fact]
    public void Changes_a_little_without_touching_the_bot_database()
    {
        DemoStack stack = DemoStack.Create(_directory);
        Dictionary<string, string> before = Shapes();
        DemoStack.Change(_directory, 1);
        Dictionary<string, string> after = Shapes();
        after.Keys.Except(before.Keys).Should().HaveCountGreaterThanOrEqualTo(4, "something was added and renamed");
        before.Keys.Except(after.Keys).Should().HaveCount(2, "one was deleted and one renamed");
        before.Keys.Intersect(after.Keys).Count(path => before[path] != after[path]).Should().BeInRange(4, 8);
        after[stack.BotDatabase].Should().Be(before[stack.BotDatabase]);
        after[stack.BotDatabase + "-wal"].Should().Be(before[stack.BotDatabase + "-wal"]);
        DemoStack.Change(_directory, 2);
    }

    [Fact]
    public async Task Writes_until_its_input_ends_and_keeps_the_ledger()
    {
        DemoStack stack = DemoStack.Create(_directory);
        using var input = new BlockingReader();
        using var output = new StringWriter();
        Task writer = DemoWriter.RunAsync(_directory, input, output, TimeProvider.System, TestContext.Current.CancellationToken);
        for (int i = 0; i < 20; i++)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
            DemoLedger.Read(stack.BotDatabase).Agrees.Should().BeTrue();
        }
        input.End();
        await writer;
        string[] lines = output.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines[0].Should().Be(DemoWriter.ReadyLine);
        var report = DemoWriterReport.Parse(lines[1]);
        report.LongestWaitMilliseconds.Should().BePositive();
        DemoLedger.Read(stack.BotDatabase).Should().Be(new DemoLedger(report.Commits, true));
        (report.Commits / report.Seconds).Should().BeInRange(20, 220);
    }

    [Fact]
    public void Gives_away_a_ledger_that_lost_half_a_transaction()
    {
        DemoStack stack = DemoStack.Create(_directory);
        using (var connection = new SqliteConnection($"Data Source={stack.BotDatabase};Pooling=False"))
        {
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = "INSERT INTO demo_entry(amount, note) VALUES(5, 'half')";
            command.ExecuteNonQuery();
        }
        DemoLedger.Read(stack.BotDatabase).Should().Be(new DemoLedger(1, false));
    }

    private Dictionary<string, string> Shapes() => Directory.EnumerateFiles(_directory, "*", SearchOption.AllDirectories)
        .Where(path => File.Exists(path) && !path.Contains("/to-notes/", StringComparison.Ordinal) && !Path.GetFileName(path).EndsWith("-shm", StringComparison.Ordinal))
        .ToDictionary(path => path, path => $"{new FileInfo(path).Length} {File.GetLastWriteTimeUtc(path):O} {new FileInfo(path).UnixFileMode}");

    private static List<string> TablesOf(string path)
    {
        using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        connection.Open();
        using SqliteCommand command = connection.CreateCommand();
        command.CommandText = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        using SqliteDataReader reader = command.ExecuteReader();
        var names = new List<string>();
        while (reader.Read()) names.Add(reader.GetString(0));
        return names;
    }

    private sealed class BlockingReader : TextReader
    {
        private readonly SemaphoreSlim _ended = new(0);

        public void End() => _ended.Release();

        public override string? ReadLine()
        {
            _ended.Wait();
            return null;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _ended.Dispose();
            base.Dispose(disposing);
        }
    }
}
