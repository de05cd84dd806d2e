using System.Text;
using BackupTool.Operations.Replacing;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

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

    [Fact]
    public void Paths_in_the_journal_lose_nothing()
    {
        byte[] odd = [.. "/var/lib/50%/\n"u8, 0xff, 0xfe, .. "ä/€"u8];
        string text = PathText.Write(new BytePath(odd));
        text.Should().Be("/var/lib/50%25/%0A%FF%FEä/€");
        PathText.Read(text).Bytes.ToArray().Should().Equal(odd);
        Encoding.UTF8.GetString(PathText.Read(PathText.Write(BytePath.From("/a b/c"))).Bytes).Should().Be("/a b/c");
    }
}
