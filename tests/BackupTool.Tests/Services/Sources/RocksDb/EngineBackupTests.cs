using System.Globalization;
using BackupTool.Posix;
using BackupTool.Services.Sources;
using BackupTool.Services.Sources.RocksDb;
using RocksDbSharp;
using Engine = RocksDbSharp.RocksDb;

namespace BackupTool.Tests.Services.Sources.RocksDb;

public sealed class EngineBackupTests : IDisposable
{
    private const int KeysEachTime = 700;

    private readonly TemporaryDirectory _temp = new();
    private int _keys;

    private static CancellationToken Token => TestContext.Current.CancellationToken;
    private string Live => _temp.File("state/db");
    private BytePath LivePath => BytePath.From(Live);
    private string Backups => _temp.File("backups");
    private EngineBackup Backup => new(BytePath.From(Backups));

    public EngineBackupTests() => Directory.CreateDirectory(_temp.File("state"));

    public void Dispose() => _temp.Dispose();

    public static TheoryData<int, bool, bool, bool, bool> Layouts => new()
    {
        { 1, true, true, false, true }, { 1, true, true, false, false }, { 2, true, true, false, true }, { 1, true, true, true, true }, { 1, true, false, false, true }, { 1, false, true, false, true },
    };

    [Theory]
    [MemberData(nameof(Layouts))]
    public void Hands_a_backup_back_as_the_engine_itself_restores_it(int schema, bool isShared, bool hasChecksumNames, bool hasLegacyNames, bool flush)
    {
        using (Engine live = OpenLive())
        using (var server = new BackupEngineCalls(Backups, schema, isShared, hasChecksumNames, hasLegacyNames))
        {
            Write(live);
            server.Create(live, flush);
            Write(live);
            server.Create(live, flush);
            Write(live);
            server.Restore(2, _temp.File("restored"));
        }
        Backup.FindNewest().Should().Be(2);
        using StagedRocksDb staged = Open(2, EngineBackupCheck.Full);

        staged.Files.Select(file => (file.OriginalPath.Parent, file.OriginalPath.Name.ToString(), Convert.ToHexString(File.ReadAllBytes(file.StagedPath.ToString()))))
            .Should().BeEquivalentTo(Directory.GetFiles(_temp.File("restored")).Select(file => (LivePath, Path.GetFileName(file), Convert.ToHexString(File.ReadAllBytes(file)))));
        staged.Files.Select(file => file.OriginalPath).Should().BeInAscendingOrder();
        using Engine copy = Engine.Open(new DbOptions(), CopyOf(staged));
        CountKeys(copy).Should().Be(2 * KeysEachTime);
    }

    [Fact]
    public void Keeps_its_files_when_the_server_removes_the_backup_for_a_newer_one()
    {
        using Engine live = OpenLive();
        using var server = new BackupEngineCalls(Backups);
        Write(live);
        server.Create(live);
        using StagedRocksDb staged = Open(1);
        staged.ImmutableFilesStagedBy.Should().Be(StagingMeans.HardLink);

        foreach (int i in Enumerable.Range(0, _keys)) live.Remove(Key(i));
        live.CompactRange((byte[]?)null, null);
        server.Create(live);
        server.Purge(1);

        File.Exists(Path.Combine(Backups, "meta", "1")).Should().BeFalse();
        using Engine copy = Engine.Open(new DbOptions(), CopyOf(staged));
        CountKeys(copy).Should().Be(KeysEachTime);
    }

    [Fact]
    public void Names_what_else_is_in_the_databases_directory_and_removes_only_its_own_staging()
    {
        using (Engine live = OpenLive())
        using (var server = new BackupEngineCalls(Backups))
        {
            Write(live);
            server.Create(live);
        }
        Directory.CreateDirectory(Path.Combine(Live, "media"));
        string[] before = Directory.GetFileSystemEntries(Backups, "*", SearchOption.AllDirectories);
        using (StagedRocksDb staged = Open(1)) staged.OtherEntries.Should().Equal(LivePath.Combine("media"));
        Directory.GetFileSystemEntries(Backups, "*", SearchOption.AllDirectories).Should().BeEquivalentTo(before);
        Directory.GetFileSystemEntries(_temp.Text, ".backup-staging-*").Should().BeEmpty();
    }

    [Fact]
    public async Task Waits_for_a_backup_that_is_newer_and_finished()
    {
        using Engine live = OpenLive();
        using var server = new BackupEngineCalls(Backups);
        Backup.FindNewest().Should().BeNull();
        Write(live);
        server.Create(live);
        uint? previous = Backup.FindNewest();
        File.WriteAllText(Path.Combine(Backups, "meta", ".2.tmp"), "not yet");
        Directory.CreateDirectory(Path.Combine(Backups, "meta", "77"));
        File.WriteAllText(Path.Combine(Backups, "meta", "0099"), "no number of the engine's");

        Task<uint> waiting = Backup.WaitForNewAsync(previous, TimeSpan.FromSeconds(60), TimeProvider.System, Token);
        await Task.Delay(300, Token);
        waiting.IsCompleted.Should().BeFalse();
        server.Create(live);
        (await waiting).Should().Be(2);
    }

    [Fact]
    public async Task Says_that_no_new_backup_came_and_where_to_look()
    {
        Directory.CreateDirectory(Path.Combine(Backups, "meta"));
        Directory.CreateDirectory(Path.Combine(Backups, "private", "4"));
        File.WriteAllText(Path.Combine(Backups, "meta", "3"), "1\n1\n0\n");
        Func<Task> wait = () => Backup.WaitForNewAsync(3, TimeSpan.FromMilliseconds(150), TimeProvider.System, Token);
        SourceException late = (await wait.Should().ThrowAsync<SourceException>()).Which;
        late.Message.Should().Contain(Backups).And.Contain("still at it");
        late.Hint.Should().Contain("log").And.Contain("database_backups_to_keep");
    }

    [Fact]
    public async Task Ends_waiting_when_it_is_told_to()
    {
        using var stop = new CancellationTokenSource(100);
        Func<Task> wait = () => Backup.WaitForNewAsync(null, TimeSpan.FromSeconds(60), TimeProvider.System, stop.Token);
        await wait.Should().ThrowAsync<OperationCanceledException>();
    }

    [Theory]
    [InlineData("private/1/MANIFEST-*", "flip", "checksum")]
    [InlineData("private/1/CURRENT", "flip", "checksum")]
    [InlineData("private/1/CURRENT", "remove", "lacks a file")]
    [InlineData("shared_checksum/*", "remove", "lacks a file")]
    [InlineData("shared_checksum/*", "cut", "bytes")]
    [InlineData("meta/1", "remove", "not there any more")]
    [InlineData("meta/1", "cut", "cut short")]
    public void Refuses_a_damaged_backup_and_leaves_nothing(string file, string damage, string why)
    {
        MakeOne();
        Damage(file, damage);
        Refused(EngineBackupCheck.Quick).Message.Should().Contain(why).And.Contain(Backups);
    }

    [Fact]
    public void Reads_whole_tables_only_when_it_is_told_to()
    {
        MakeOne();
        Damage("shared_checksum/*", "flip");
        Open(1).Dispose();
        Refused(EngineBackupCheck.Full).Message.Should().Contain("checksum").And.Contain("shared_checksum/");
    }

    [Theory]
    [InlineData("shared_checksum/", "../etc/", "outside")]
    [InlineData("shared_checksum/", "private/2/", "outside")]
    [InlineData("private/1/CURRENT", "private/1/LOG", "no database has")]
    [InlineData("private/1/CURRENT", "private/1/shadow", "no database has")]
    [InlineData(" crc32 ", " ni::excluded true crc32 ", "does not describe")]
    [InlineData(" crc32 ", " md5 ", "does not describe")]
    [InlineData(" crc32 ", " crc32 x", "no number")]
    [InlineData("private/1/CURRENT ", "private/1/OPTIONS-000007 ", "twice|lacks a file|CURRENT")]
    public void Refuses_a_meta_file_that_it_cannot_follow(string text, string by, string why)
    {
        MakeOne();
        string meta = Path.Combine(Backups, "meta", "1");
        File.WriteAllText(meta, File.ReadAllText(meta).Replace(text, by));
        Refused(EngineBackupCheck.Quick).Message.Should().MatchRegex(why);
    }

    [Fact]
    public void Refuses_files_that_a_newer_schema_keeps_elsewhere_and_reads_past_what_it_may_ignore()
    {
        MakeOne(schema: 2);
        string meta = Path.Combine(Backups, "meta", "1"), text = File.ReadAllText(meta);
        text.Should().StartWith("schema_version 2");
        string[] lines = text.TrimEnd('\n').Split('\n');
        File.WriteAllText(meta, string.Join('\n', [.. lines[..3], "metadata 6869", "future x", .. lines[3..^1], lines[^1] + " warmth 7", "// FOOTER", "crc 1"]) + "\n");
        Open(1).Dispose();
        File.WriteAllText(meta, text.Replace(" crc32", " ni::excluded true crc32"));
        Refused(EngineBackupCheck.Quick).Message.Should().Contain("kept elsewhere");
        File.WriteAllText(meta, text.Replace("schema_version 2", "schema_version 3"));
        Refused(EngineBackupCheck.Quick).Message.Should().Contain("schema version");
    }

    [Fact]
    public void Refuses_a_meta_file_cut_short_or_with_a_flipped_bit_anywhere_or_takes_what_it_says_exactly()
    {
        MakeOne();
        string meta = Path.Combine(Backups, "meta", "1");
        byte[] good = File.ReadAllBytes(meta);
        for (int length = 0; length < good.Length; length++)
        {
            File.WriteAllBytes(meta, good[..length]);
            Refused(EngineBackupCheck.Quick);
        }
        for (int bit = 0; bit < good.Length * 8; bit += 3)
        {
            byte[] bad = (byte[])good.Clone();
            bad[bit / 8] ^= (byte)(1 << (bit % 8));
            File.WriteAllBytes(meta, bad);
            try
            {
                using StagedRocksDb staged = Open(1);
                staged.Files.Should().Contain(file => file.OriginalPath == LivePath.Combine("CURRENT"));   // a flip in the time, the sequence number or a table's checksum
            }
            catch (SourceException)
            {
                Directory.GetFileSystemEntries(_temp.Text, ".backup-staging-*").Should().BeEmpty();
            }
        }
    }

    private void MakeOne(int schema = 1)
    {
        using Engine live = OpenLive();
        using var server = new BackupEngineCalls(Backups, schema);
        Write(live);
        server.Create(live);
    }

    private void Damage(string pattern, string damage)
    {
        string file = Directory.GetFiles(Path.Combine(Backups, Path.GetDirectoryName(pattern)!), Path.GetFileName(pattern)).First();
        if (damage == "remove")
        {
            File.Delete(file);
            return;
        }
        byte[] bytes = File.ReadAllBytes(file);
        if (damage == "cut") bytes = bytes[..^1];
        else bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(file, bytes);
    }

    private SourceException Refused(EngineBackupCheck check)
    {
        Action open = () => Open(1, check).Dispose();
        SourceException refused = open.Should().Throw<SourceException>().Which;
        refused.Hint.Should().NotBeNullOrEmpty();
        Directory.GetFileSystemEntries(_temp.Text, ".backup-staging-*").Should().BeEmpty();
        return refused;
    }

    private StagedRocksDb Open(uint number, EngineBackupCheck check = EngineBackupCheck.Quick) =>
        Backup.Open(number, LivePath, StagingDirectory.CreateIn(_temp.Path), check, Token);

    private Engine OpenLive() => Engine.Open(new DbOptions().SetCreateIfMissing(), Live);

    private void Write(Engine live)
    {
        for (int end = _keys + KeysEachTime; _keys < end; _keys++) live.Put(Key(_keys), $"value {_keys}");
    }

    // Opening changes a database, so never the staged files themselves.
    private string CopyOf(StagedRocksDb staged)
    {
        string copy = Directory.CreateDirectory(_temp.File(Guid.NewGuid().ToString("n"))).FullName;
        foreach (StagedFile file in staged.Files) File.Copy(file.StagedPath.ToString(), Path.Combine(copy, file.OriginalPath.Name.ToString()));
        return copy;
    }

    private static int CountKeys(Engine engine)
    {
        int count = 0;
        using Iterator iterator = engine.NewIterator();
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) count++;
        return count;
    }

    private static string Key(int i) => i.ToString("d8", CultureInfo.InvariantCulture);
}
