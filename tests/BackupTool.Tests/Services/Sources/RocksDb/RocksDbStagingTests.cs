using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.RocksDb;
using RocksDbSharp;
using Engine = RocksDbSharp.RocksDb;

namespace BackupTool.Tests.Services.Sources.RocksDb;

public sealed class RocksDbStagingTests : IDisposable
{
    private const int FlushedKeys = 2000, AllKeys = 3000;

    private readonly TemporaryDirectory _temp = new();
    private readonly List<SourceFinding> _findings = [];

    private static CancellationToken Token => TestContext.Current.CancellationToken;
    private string Live => _temp.File("state/db");
    private BytePath LivePath => BytePath.From(Live);

    public RocksDbStagingTests() => Directory.CreateDirectory(_temp.File("state"));

    public void Dispose() => _temp.Dispose();

    [Fact]
    public void Holds_every_key_of_a_database_that_is_open_those_in_the_write_ahead_log_too()
    {
        using Engine engine = MakeDatabase();
        using StagedRocksDb staged = Stage();

        using (Engine copy = Open(CopyOf(staged, _ => true))) CountKeys(copy).Should().Be(AllKeys);
        using (Engine torn = Open(CopyOf(staged, f => f.OriginalPath.Bytes.EndsWith(".log"u8) is false))) CountKeys(torn).Should().Be(FlushedKeys, "the rest is in the log");
    }

    [Fact]
    public void Later_writes_compactions_and_deletions_do_not_reach_what_is_staged()
    {
        using Engine engine = MakeDatabase();
        using StagedRocksDb staged = Stage();

        for (int i = 0; i < AllKeys; i++) engine.Remove(Key(i));
        engine.Flush(new FlushOptions());
        engine.CompactRange((byte[]?)null, null);

        staged.Files.Where(f => f.IsImmutable).Should().Contain(f => !File.Exists(f.OriginalPath.ToString()), "compaction removed it");
        using Engine copy = Open(CopyOf(staged, _ => true));
        CountKeys(copy).Should().Be(AllKeys);
    }

    [Fact]
    public void Links_what_is_immutable_and_copies_what_is_not()
    {
        using Engine engine = MakeDatabase();
        using StagedRocksDb staged = Stage();

        staged.Files.Should().Contain(f => f.IsImmutable);
        foreach (StagedFile file in staged.Files)
        {
            FileStatus original = PosixDirectory.Current.GetStatus(file.OriginalPath), copy = PosixDirectory.Current.GetStatus(file.StagedPath);
            copy.IsSameFileAs(original).Should().Be(file.IsImmutable, file.OriginalPath.ToString());
            (copy.Size, file.OriginalStatus.Size).Should().Be((original.Size, original.Size));
            original.Mode.Should().Be(file.OriginalStatus.Mode);
        }
        staged.ImmutableFilesStagedBy.Should().Be(StagingMeans.HardLink);
        string[] names = [.. staged.Files.Select(f => f.OriginalPath.Name.ToString())];
        names.Should().BeInAscendingOrder(StringComparer.Ordinal).And.Contain(["CURRENT", "IDENTITY"])
            .And.Contain(n => n.StartsWith("MANIFEST-", StringComparison.Ordinal)).And.Contain(n => n.StartsWith("OPTIONS-", StringComparison.Ordinal))
            .And.Contain(n => n.EndsWith(".log", StringComparison.Ordinal));
    }

    [Fact]
    public void Leaves_the_lock_and_the_log_texts_out_and_hands_back_what_is_not_the_engines()
    {
        using Engine engine = MakeDatabase();
        Directory.CreateDirectory(Path.Combine(Live, "media"));
        File.WriteAllText(Path.Combine(Live, "media", "item"), "x");
        foreach (string name in (string[])["000099.dbtmp", "LOG.old.1700000000", "000007.sst.trash", "audit.log", "server.key"]) File.WriteAllText(Path.Combine(Live, name), "x");

        using StagedRocksDb staged = Stage();

        string[] leftOut = ["000007.sst.trash", "000099.dbtmp", "LOCK", "LOG", "LOG.old.1700000000"];
        _findings.Select(f => f.Path.Name.ToString()).Should().Equal(leftOut);
        _findings.Should().OnlyContain(f => !f.IsWarning);
        staged.OtherEntries.Select(e => e.Name.ToString()).Should().Equal("audit.log", "media", "server.key");
        staged.Files.Select(f => f.OriginalPath.Name.ToString()).Should().NotContain([.. leftOut, "audit.log", "media", "server.key"]);
    }

    [Fact]
    public void Disposing_removes_the_staging_and_nothing_of_the_database()
    {
        using (Engine engine = MakeDatabase())
        {
            string[] before = Directory.GetFileSystemEntries(Live);
            Stage().Dispose();
            Directory.GetFileSystemEntries(Live).Should().BeEquivalentTo(before);
            Directory.GetFileSystemEntries(_temp.File("state")).Should().Equal(Live);
        }
        using Engine again = Open(Live);
        CountKeys(again).Should().Be(AllKeys);
    }

    [Fact]
    public void A_database_that_is_written_flat_out_is_refused_or_caught_between_two_writes_and_never_staged_half()
    {
        using var service = ChildProcess.Start(nameof(RocksDbJobs.WriteFlatOut), Live);
        for (int round = 0; round < 8; round++)
        {
            try
            {
                using StagedRocksDb staged = Stage();
                using Engine copy = Open(CopyOf(staged, _ => true));
                RocksDbJobs.LastWriteOfOneMoment(copy).Should().BeGreaterThanOrEqualTo(30_000);
            }
            catch (SourceException e)
            {
                e.Message.Should().StartWith($"{Live} changed while it was staged");
            }
            Directory.GetFileSystemEntries(_temp.File("state")).Should().Equal(Live);
        }
    }

    [Theory]
    [InlineData("a log grows")]
    [InlineData("a log is written in place")]
    [InlineData("a table appears")]
    public async Task Notices_whatever_changes_while_it_copies(string change)
    {
        MakeDatabase().Dispose();
        using (FileStream slow = File.Create(Path.Combine(Live, "000900.log"))) slow.SetLength(64 << 20);
        string log = Path.Combine(Live, "000901.log");
        File.WriteAllText(log, "x");
        bool ended = false;
        Task writer = Task.Run(() =>
        {
            for (int i = 0; !Volatile.Read(ref ended); i++)
            {
                if (change == "a table appears") File.WriteAllText(Path.Combine(Live, $"{i + 1000:d6}.sst"), "x");
                if (change == "a log grows") File.AppendAllText(log, "x");
                // Times long ago, so that it is not the present tick that gives the writer away.
                if (change != "a table appears") File.SetLastWriteTimeUtc(log, DateTime.UnixEpoch.AddSeconds(change == "a log grows" ? 0 : i));
                Thread.Sleep(1);
            }
        }, Token);

        Action stage = () => Stage().Dispose();

        stage.Should().Throw<SourceException>().WithMessage($"{Live} changed while it was staged*");
        Volatile.Write(ref ended, true);
        await writer;
    }

    [Theory]
    [InlineData(0.5, false)]
    [InlineData(3600, true)]
    [InlineData(-3600, true)]
    public void Refuses_a_log_whose_time_could_hide_another_write_and_takes_one_with_a_wrong_clock(double secondsAhead, bool isTaken)
    {
        using Engine engine = MakeDatabase();
        string log = Directory.GetFiles(Live, "*.log").Single();
        Action stage = () => Stage(new Waiting(() => File.SetLastWriteTimeUtc(log, DateTime.UtcNow.AddSeconds(secondsAhead)))).Dispose();
        if (isTaken) stage.Should().NotThrow();
        else stage.Should().Throw<SourceException>().WithMessage($"{Live} changed while it was staged*").Which.Hint.Should().Contain("freeze");
        Directory.GetFileSystemEntries(_temp.File("state")).Should().Equal(Live);
    }

    [Fact]
    public void A_paused_writer_is_staged_whole_though_it_goes_on_before_the_staging_is_read()
    {
        using var service = ChildProcess.Start(nameof(RocksDbJobs.WriteFlatOut), Live);
        Signal(service, "STOP");
        using StagedRocksDb staged = Stage();
        Signal(service, "CONT");
        Thread.Sleep(300);

        using Engine copy = Open(CopyOf(staged, _ => true));
        RocksDbJobs.LastWriteOfOneMoment(copy).Should().BeGreaterThanOrEqualTo(30_000);
    }

    [Fact]
    public void Tries_again_until_the_writer_holds_still()
    {
        using var service = ChildProcess.Start(nameof(RocksDbJobs.WriteFlatOut), Live);
        using var stop = new Timer(_ => Signal(service, "STOP"), null, 100, Timeout.Infinite);
        using StagedRocksDb staged = Stage();
        using Engine copy = Open(CopyOf(staged, _ => true));
        RocksDbJobs.LastWriteOfOneMoment(copy).Should().BeGreaterThanOrEqualTo(30_000);
    }

    [Fact]
    public void Copies_where_linking_is_impossible()
    {
        const string otherFileSystem = "/dev/shm";
        Assert.SkipUnless(Directory.Exists(otherFileSystem), "needs a second file system");
        using Engine engine = MakeDatabase();
        string place = Path.Combine(otherFileSystem, $"sources-{Guid.NewGuid():n}");
        Directory.CreateDirectory(place);
        try
        {
            using StagedRocksDb staged = RocksDbStaging.Stage(LivePath, BytePath.From(place), _findings.Add, TimeProvider.System, Token);
            staged.ImmutableFilesStagedBy.Should().Be(StagingMeans.Copy);
            using Engine copy = Open(CopyOf(staged, _ => true));
            CountKeys(copy).Should().Be(AllKeys);
        }
        finally
        {
            Directory.Exists(place).Should().BeFalse();
        }
    }

    [Fact]
    public void Refuses_a_database_that_keeps_its_logs_elsewhere()
    {
        Directory.CreateDirectory(_temp.File("wal"));
        using Engine engine = MakeDatabase(new DbOptions().SetCreateIfMissing().SetWalDir(_temp.File("wal")));
        Action stage = () => Stage().Dispose();
        stage.Should().Throw<SourceException>().WithMessage("*wal_dir*");
    }

    [Fact]
    public void Knows_a_database_when_it_sees_one()
    {
        RocksDbStaging.IsDatabase(BytePath.From(_temp.File("missing"))).Should().BeFalse();
        RocksDbStaging.IsDatabase(_temp.Path).Should().BeFalse();
        MakeDatabase().Dispose();
        RocksDbStaging.IsDatabase(LivePath).Should().BeTrue();
        foreach (string manifest in Directory.GetFiles(Live, "MANIFEST-*")) File.Delete(manifest);
        RocksDbStaging.IsDatabase(LivePath).Should().BeFalse();
        Action stage = () => Stage().Dispose();
        stage.Should().Throw<SourceException>().WithMessage("*not a RocksDB database*");
    }

    private StagedRocksDb Stage(TimeProvider? clock = null) =>
        RocksDbStaging.Stage(LivePath, StagingDirectory.Create(LivePath, _temp.Path), _findings.Add, clock ?? TimeProvider.System, Token);

    /// <summary>Flushed keys, in tables; then as many again that only the log has.</summary>
    private Engine MakeDatabase(DbOptions? options = null)
    {
        Engine engine = Engine.Open(options ?? new DbOptions().SetCreateIfMissing(), Live);
        for (int i = 0; i < AllKeys; i++)
        {
            engine.Put(Key(i), $"value {i}");
            if (i == FlushedKeys - 1) engine.Flush(new FlushOptions());
        }
        return engine;
    }

    // Opening changes a database, so never the staged files themselves.
    private string CopyOf(StagedRocksDb staged, Func<StagedFile, bool> wanted)
    {
        string copy = Directory.CreateDirectory(_temp.File(Guid.NewGuid().ToString("n"))).FullName;
        foreach (StagedFile file in staged.Files.Where(wanted)) File.Copy(file.StagedPath.ToString(), Path.Combine(copy, file.OriginalPath.Name.ToString()));
        return copy;
    }

    private static Engine Open(string path) => Engine.Open(new DbOptions(), path);

    private static int CountKeys(Engine engine)
    {
        int count = 0;
        using Iterator iterator = engine.NewIterator();
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) count++;
        return count;
    }

    private static string Key(int i) => i.ToString("d8", CultureInfo.InvariantCulture);

    private static void Signal(ChildProcess process, string signal)
    {
        using var kill = System.Diagnostics.Process.Start("kill", ["-s", signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <summary>Does something at once, and again whenever somebody starts to wait.</summary>
    private sealed class Waiting : TimeProvider
    {
        private readonly Action _meanwhile;

        internal Waiting(Action meanwhile)
        {
            _meanwhile = meanwhile;
            meanwhile();
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _meanwhile();
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
