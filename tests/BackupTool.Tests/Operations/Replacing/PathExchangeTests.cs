using System.Text;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;
using Microsoft.Data.Sqlite;

namespace BackupTool.Tests.Operations.Replacing;

/// <summary>A path and what is aside for it change places, whatever an interruption has left.</summary>
public sealed class PathExchangeTests : IDisposable
{
    private readonly TemporaryDirectory _box = new();
    private readonly string _home, _aside;

    public PathExchangeTests()
    {
        _home = Directory.CreateDirectory(Path.Combine(_box.Text, "lib")).FullName;
        _aside = Path.Combine(_home, ".backup-restore-1");
        PathExchange.Make(BytePath.From(_aside));
    }

    public void Dispose() => _box.Dispose();

    private string Live(string name) => Path.Combine(_home, name);

    private string New(string name) => Path.Combine(_aside, "new", name);

    private string Old(string name) => Path.Combine(_aside, "old", name);

    private ReplacedPath Path_(string name, Companion[]? companions = null, string[]? carried = null) => PathExchange.Identify(new ReplacedPath
    {
        Live = PathText.Write(BytePath.From(Live(name))),
        Aside = PathText.Write(BytePath.From(_aside)),
        Companions = companions ?? [],
        Carried = carried ?? [],
    });

    private static void MoveTo(ReplacedPath path, Side side)
    {
        using var exchange = new PathExchange(path);
        exchange.MoveTo(side);
    }

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : Directory.Exists(path) ? $"directory of {string.Join(" ", Directory.GetFileSystemEntries(path).Select(System.IO.Path.GetFileName).Order())}" : "nothing";

    [Fact]
    public void A_directory_and_the_new_one_change_places_and_back_again_as_often_as_one_likes()
    {
        Directory.CreateDirectory(Live("maubot"));
        File.WriteAllText(Live("maubot/old.db"), "old");
        Directory.CreateDirectory(New("maubot"));
        File.WriteAllText(New("maubot/new.db"), "new");
        ReplacedPath path = Path_("maubot");
        for (int i = 0; i < 3; i++)
        {
            MoveTo(path, Side.New);
            MoveTo(path, Side.New);
            (Read(Live("maubot")), Read(Old("maubot")), Read(New("maubot"))).Should().Be(("directory of new.db", "directory of old.db", "nothing"));
            MoveTo(path, Side.Old);
            MoveTo(path, Side.Old);
            (Read(Live("maubot")), Read(Old("maubot")), Read(New("maubot"))).Should().Be(("directory of old.db", "nothing", "directory of new.db"));
        }
    }

    [Fact]
    public void What_was_not_there_is_away_again_afterwards()
    {
        File.WriteAllText(New("config.yaml"), "new");
        ReplacedPath path = Path_("config.yaml");
        MoveTo(path, Side.New);
        (Read(Live("config.yaml")), Read(New("config.yaml"))).Should().Be(("new", "nothing"));
        MoveTo(path, Side.Old);
        (Read(Live("config.yaml")), Read(New("config.yaml"))).Should().Be(("nothing", "new"));
    }

    [Fact]
    public void With_nothing_new_the_old_one_is_moved_away_and_what_a_program_then_makes_goes_when_it_returns()
    {
        File.WriteAllText(Live("bot.db"), "old");
        ReplacedPath path = Path_("bot.db");
        MoveTo(path, Side.New);
        Read(Live("bot.db")).Should().Be("nothing");
        File.WriteAllText(Live("bot.db"), "made afresh");
        MoveTo(path, Side.New);
        Read(Live("bot.db")).Should().Be("made afresh", "it is the new state");
        MoveTo(path, Side.Old);
        (Read(Live("bot.db")), Read(New("bot.db"))).Should().Be(("old", "made afresh"));
        MoveTo(path, Side.New);
        (Read(Live("bot.db")), Read(Old("bot.db"))).Should().Be(("made afresh", "old"));
    }

    [Fact]
    public void A_databases_log_goes_with_the_database_that_it_belongs_to()
    {
        Companion[] companions = [new("-wal", false), new("-shm", false), new("-journal", false)];
        File.WriteAllText(Live("bot.db"), "old");
        File.WriteAllText(Live("bot.db-wal"), "old log");
        File.WriteAllText(New("bot.db"), "new");
        ReplacedPath path = Path_("bot.db", companions);
        MoveTo(path, Side.New);
        (Read(Live("bot.db")), Read(Live("bot.db-wal"))).Should().Be(("new", "nothing"));
        File.WriteAllText(Live("bot.db-wal"), "new log");
        File.WriteAllText(Live("bot.db-shm"), "new index");
        MoveTo(path, Side.Old);
        (Read(Live("bot.db")), Read(Live("bot.db-wal")), Read(Live("bot.db-shm"))).Should().Be(("old", "old log", "nothing"));
        MoveTo(PathExchange.Identify(path), Side.New);
        (Read(Live("bot.db")), Read(Live("bot.db-wal")), Read(Live("bot.db-shm"))).Should().Be(("new", "new log", "new index"));
    }

    [Fact]
    public void Before_anything_has_changed_places_a_way_back_touches_nothing_even_a_log_made_since()
    {
        File.WriteAllText(Live("bot.db"), "old");
        File.WriteAllText(New("bot.db"), "new");
        ReplacedPath path = Path_("bot.db", [new("-wal", false)]);
        File.WriteAllText(Live("bot.db-wal"), "made by the old one after a reboot");
        MoveTo(path, Side.Old);
        (Read(Live("bot.db")), Read(Live("bot.db-wal")), Read(New("bot.db"))).Should().Be(("old", "made by the old one after a reboot", "new"));
    }

    [Theory]
    [InlineData(Side.New), InlineData(Side.Old)]
    public void An_exchange_whose_last_rename_was_not_reached_is_brought_to_either_end(Side side)
    {
        File.WriteAllText(Live("x"), "old");
        File.WriteAllText(New("x"), "new");
        ReplacedPath path = Path_("x");
        using (PosixDirectory home = PosixDirectory.Open(BytePath.From(_home)), made = PosixDirectory.Open(BytePath.From(Path.Combine(_aside, "new"))))
            home.Exchange(BytePath.From("x"), made, BytePath.From("x"));
        MoveTo(path, side);
        (Read(Live("x")), Read(Old("x")), Read(New("x"))).Should().Be(side == Side.New ? ("new", "old", "nothing") : ("old", "nothing", "new"));
    }

    [Theory]
    [InlineData(Side.New, false), InlineData(Side.Old, false), InlineData(Side.New, true), InlineData(Side.Old, true)]
    public void Between_the_two_renames_of_a_file_system_that_cannot_exchange_it_is_brought_to_either_end(Side side, bool isPlaceTaken)
    {
        File.WriteAllText(Live("x"), "old");
        File.WriteAllText(New("x"), "new");
        ReplacedPath path = Path_("x");
        File.Move(Live("x"), Old("x"));
        if (isPlaceTaken) File.WriteAllText(Live("x"), "somebody's");
        MoveTo(path, side);
        (Read(Live("x")), Read(Old("x")), Read(New("x"))).Should().Be(side == Side.New ? ("new", "old", "nothing") : ("old", "nothing", "new"));
        Read(Path.Combine(_aside, "stray-1-x")).Should().Be(isPlaceTaken ? "somebody's" : "nothing", "what is nobody's is kept");
    }

    [Fact]
    public void What_backups_leave_out_stays_with_the_side_that_lives_and_no_directorys_time_changes()
    {
        Directory.CreateDirectory(Live("data/media/remote"));
        File.WriteAllText(Live("data/media/remote/1"), "left out");
        Directory.CreateDirectory(New("data/media"));
        DateTime then = new(2020, 1, 2, 3, 4, 5, DateTimeKind.Utc);
        foreach (string directory in new[] { Live("data/media"), Live("data"), New("data/media"), New("data") }) Directory.SetLastWriteTimeUtc(directory, then);
        ReplacedPath path = Path_("data", carried: ["media/remote"]);
        MoveTo(path, Side.New);
        Read(Live("data/media/remote/1")).Should().Be("left out");
        Directory.GetLastWriteTimeUtc(Live("data/media")).Should().Be(then);
        MoveTo(path, Side.Old);
        Read(Live("data/media/remote/1")).Should().Be("left out");
        Directory.GetLastWriteTimeUtc(Live("data/media")).Should().Be(then);
        Read(New("data/media")).Should().Be("directory of ");
    }

    [Theory]
    [InlineData(Side.New), InlineData(Side.Old)]
    public void That_a_device_has_another_number_after_a_reboot_changes_nothing(Side side)
    {
        File.WriteAllText(Live("x"), "old");
        File.WriteAllText(New("x"), "new");
        ReplacedPath path = Path_("x");
        path = path with { Old = path.Old! with { Device = path.Old.Device + 1 } };
        MoveTo(path, Side.New);
        MoveTo(path, Side.New);
        MoveTo(path, side);
        (Read(Live("x")), Read(Old("x")), Read(New("x"))).Should().Be(side == Side.New ? ("new", "old", "nothing") : ("old", "nothing", "new"));
    }

    [Theory]
    [InlineData(Side.New), InlineData(Side.Old)]
    public void What_was_copied_to_another_disk_with_other_inodes_changes_places_all_the_same(Side side)
    {
        File.WriteAllText(Live("x"), "new");
        File.WriteAllText(Old("x"), "old");
        ReplacedPath path = Path_("x") with { Old = new FileIdentity(1, ulong.MaxValue) };
        MoveTo(path, side);
        (Read(Live("x")), Read(Old("x")), Read(New("x"))).Should().Be(side == Side.New ? ("new", "old", "nothing") : ("old", "nothing", "new"));
    }

    [Theory]
    [InlineData(Side.New), InlineData(Side.Old)]
    public void What_backups_leave_out_is_not_lost_when_a_service_has_made_it_afresh_between_a_kill_and_the_way_back(Side side)
    {
        Directory.CreateDirectory(Live("data/media"));
        File.WriteAllText(Live("data/media/1"), "made afresh");
        Directory.CreateDirectory(New("data/media"));
        File.WriteAllText(New("data/media/1"), "left out");
        ReplacedPath path = Path_("data", carried: ["media"]);
        MoveTo(path, side);
        Read(Live("data/media/1")).Should().Be("left out", "it was on its way when the kill came");
        Read(Path.Combine(_aside, "stray-1-media/1")).Should().Be("made afresh");
        Directory.Exists(side == Side.New ? Old("data/media") : New("data/media")).Should().BeFalse();
    }

    /// <summary>Kills at every step; then the machine boots, and a program opens what is there, writes and closes; then the way to either side.</summary>
    [Theory]
    [MemberData(nameof(Steps))]
    public void A_database_that_a_service_opens_between_a_kill_and_the_way_back_keeps_its_own_log(int step, bool opens, Side side)
    {
        Companion[] companions = [new("-wal", false), new("-shm", false), new("-journal", false)];
        MakeWithLog(Live("bot.db"), "old");
        MakeWithLog(New("bot.db"), "new");
        ReplacedPath path = Path_("bot.db", companions);
        ExchangeUntil(step);
        if (opens) Sql.Make(Live("bot.db"), "PRAGMA journal_mode=WAL; CREATE TABLE IF NOT EXISTS which(v); CREATE TABLE IF NOT EXISTS start(at); INSERT INTO start VALUES (1)");
        MoveTo(path, side);
        Ask(Live("bot.db")).Should().Be(side == Side.New ? "new" : "old");
        MoveTo(path, side == Side.New ? Side.Old : Side.New);
        Ask(Live("bot.db")).Should().Be(side == Side.New ? "old" : "new", "the other one is whole, too");
    }

    public static MatrixTheoryData<int, bool, Side> Steps { get; } = new([0, 1, 2, 3, 4, 5, 6], [false, true], [Side.New, Side.Old]);

    /// <summary>The exchange by hand, as far as it is to come.</summary>
    private void ExchangeUntil(int step)
    {
        Action[] steps = [() => Link(Live("bot.db-wal"), Old("bot.db-wal")), () => File.Move(Live("bot.db"), Old("bot.db")), () => File.Delete(Live("bot.db-wal")),
            () => Link(New("bot.db-wal"), Live("bot.db-wal")), () => File.Move(New("bot.db"), Live("bot.db")), () => File.Delete(New("bot.db-wal"))];
        foreach (Action act in steps.Take(step)) act();
    }

    private static void Link(string from, string to)
    {
        using PosixDirectory source = PosixDirectory.Open(BytePath.From(Path.GetDirectoryName(from)!)), target = PosixDirectory.Open(BytePath.From(Path.GetDirectoryName(to)!));
        source.CreateHardLink(BytePath.From(Path.GetFileName(from)), target, BytePath.From(Path.GetFileName(to)));
    }

    /// <summary>What matters is in the log only, as after a kill of the service.</summary>
    private void MakeWithLog(string path, string which)
    {
        string made = Path.Combine(_box.Text, $"{which}.db");
        using SqliteConnection connection = Sql.Open(made);
        connection.Run($"PRAGMA journal_mode=WAL; CREATE TABLE which(v); CREATE TABLE start(at); INSERT INTO which VALUES ('lost'); PRAGMA wal_checkpoint(TRUNCATE); UPDATE which SET v = '{which}'");
        File.Copy(made, path);
        File.Copy(made + "-wal", path + "-wal");
    }

    private static object? Ask(string path)
    {
        string copy = Directory.CreateTempSubdirectory().FullName;
        foreach (string suffix in new[] { "", "-wal" })
            if (File.Exists(path + suffix)) File.Copy(path + suffix, Path.Combine(copy, "x.db" + suffix));
        using SqliteConnection connection = Sql.Open(Path.Combine(copy, "x.db"));
        connection.Ask("PRAGMA integrity_check").Should().Be("ok");
        object? which = connection.Ask("SELECT v FROM which");
        connection.Dispose();
        Directory.Delete(copy, recursive: true);
        return which;
    }

    [Fact]
    public void Paths_in_the_journal_lose_nothing()
    {
        byte[] odd = [.. "/var/lib/50%/\n"u8, 0xff, 0xfe, .. "ä/€"u8];
        string text = PathText.Write(new BytePath(odd));
        text.Should().Be("/var/lib/50%25/%0A%FF%FEä/€");
        PathText.Read(text).Bytes.ToArray().Should().Equal(odd);
        Encoding.UTF8.GetString(PathText.Read(PathText.Write(BytePath.From("/a b/c"))).Bytes).Should().Be("/a b/c");
    }

    [Fact]
    public void What_was_removed_from_where_it_was_kept_is_missed_before_it_is_exchanged()
    {
        Directory.CreateDirectory(Live("maubot"));
        Directory.CreateDirectory(New("maubot"));
        ReplacedPath path = Path_("maubot");
        MoveTo(path, Side.New);
        PathExchange.FindMissing(path, Side.Old).Should().BeNull();
        Directory.Delete(Old("maubot"));
        PathExchange.FindMissing(path, Side.Old).Should().Be((BytePath?)BytePath.From(Old("maubot")));
        PathExchange.FindMissing(path with { Old = null }, Side.Old).Should().BeNull("there was nothing");
        Directory.Delete(_aside, recursive: true);
        PathExchange.FindMissing(path with { Old = null }, Side.Old).Should().NotBeNull();
    }

    [Fact]
    public void When_all_that_was_put_aside_is_gone_the_side_that_lives_is_known_and_no_other_is_taken_for_it()
    {
        Directory.CreateDirectory(Live("maubot"));
        Directory.CreateDirectory(New("maubot"));
        ReplacedPath path = Path_("maubot");
        PathExchange.IsAllThereIs(path, Side.Old).Should().BeFalse("what was put aside is there");
        MoveTo(path, Side.New);
        Directory.Delete(_aside, recursive: true);
        (PathExchange.IsAllThereIs(path, Side.New), PathExchange.IsAllThereIs(path, Side.Old)).Should().Be((true, false));
        ReplacedPath again = Path_("maubot");
        (PathExchange.IsAllThereIs(again, Side.New), PathExchange.IsAllThereIs(again, Side.Old)).Should().Be((false, true));
    }

    [Fact]
    public void A_kept_state_that_was_copied_to_another_disk_is_known_by_its_new_inode()
    {
        File.WriteAllText(Live("config.yaml"), "old");
        File.WriteAllText(New("config.yaml"), "new");
        ReplacedPath path = Path_("config.yaml");
        MoveTo(path, Side.New);
        File.Copy(Old("config.yaml"), Old("copy"));
        File.Move(Old("copy"), Old("config.yaml"), overwrite: true);
        ReplacedPath known = PathExchange.IdentifyKept(path);
        known.Old.Should().NotBe(path.Old);
        PosixDirectory.Current.TryGetStatus(BytePath.From(Old("config.yaml")), out FileStatus status).Should().BeTrue();
        known.Old!.Inode.Should().Be(status.Inode);
    }
}
