using BackupTool.Operations.History;
using BackupTool.Posix;
using BackupTool.Tests.Services.Sources.Sqlite;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.History;

public sealed class RunHistoryTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();
    private readonly SettableTime _time = new(new DateTimeOffset(2026, 3, 1, 3, 0, 0, TimeSpan.Zero));

    private RunHistory History => new(BytePath.From(_there.Below("state")), _time);

    private string Database => _there.Below("state/history.db");

    private RunRecord Run(string action = "now", int exitCode = 0, string? schedule = null) => new()
    {
        Action = action,
        Schedule = schedule,
        Started = _time.Now,
        Finished = _time.Now.AddSeconds(90),
        ExitCode = exitCode,
    };

    [Fact]
    public void Gives_back_what_was_recorded_the_newest_first()
    {
        RunRecord first = Run() with { Snapshot = new string('a', 64), ReadBytes = 5_000_000_000, StoredBytes = -7, Problem = "maubot: it’s \"odd\"; DROP TABLE run" };
        History.Record(first).Should().BeNull();
        _time.Now += TimeSpan.FromHours(1);
        History.Record(Run("verify", 13)).Should().BeNull();

        HistoryReading read = History.Recent(10);

        read.Problem.Should().BeNull();
        read.Runs.Should().Equal(Run("verify", 13), first);
        History.Recent(1).Runs.Should().Equal(Run("verify", 13));
        PosixDirectory.Current.GetStatus(BytePath.From(Database)).Mode.Should().Be(0x180, "it says what went wrong on this machine");
    }

    [Fact]
    public void Without_a_history_nothing_is_read_and_nothing_is_made()
    {
        History.Recent(10).Should().BeEquivalentTo(new HistoryReading([], null));
        History.LastOf("nightly").Newest.Should().BeNull();
        Directory.Exists(_there.Below("state")).Should().BeFalse();
    }

    [Fact]
    public void The_last_run_of_a_schedule_is_its_own_and_whole()
    {
        History.Record(Run("run", 3, "nightly"));
        _time.Now += TimeSpan.FromMinutes(1);
        History.Record(Run("now", 0, "nightly"));
        History.Record(Run("run", 1, "weekly"));

        History.LastOf("nightly").Newest!.ExitCode.Should().Be(3);
        History.LastOf("monthly").Newest.Should().BeNull();
        History.Recent(10, "nightly").Runs.Should().HaveCount(2);
    }

    [Fact]
    public void What_is_older_than_400_days_is_forgotten()
    {
        History.Record(Run("now", 1));
        _time.Now += TimeSpan.FromDays(400);
        History.Record(Run("now", 2));
        _time.Now += TimeSpan.FromMinutes(1);
        History.Record(Run("now", 3));

        History.Recent(10).Runs.Select(static run => run.ExitCode).Should().Equal(3, 2);
    }

    [Theory]
    [InlineData("this is no database, and longer than a header is")]
    [InlineData("SQLite format 3\0 and then nonsense that goes on for more than a hundred bytes, because the header of a database is that long.")]
    public void A_file_that_is_no_database_is_moved_aside_and_a_new_history_begun(string content)
    {
        _there.Make("state");
        File.WriteAllText(Database, content);

        History.Recent(10).Problem.Should().Contain("cannot be read").And.Contain(Database);
        History.Record(Run("now", 7)).Should().Contain("could not be used").And.Contain("history.db.damaged-20260301T030000Z").And.Contain("a new one is begun");

        History.Recent(10).Runs.Single().ExitCode.Should().Be(7);
        File.ReadAllText($"{Database}.damaged-20260301T030000Z").Should().Be(content);
        History.Record(Run()).Should().BeNull();
    }

    [Fact]
    public void At_most_one_damaged_history_is_kept()
    {
        _there.Make("state");
        foreach (string content in (string[])["the first that is damaged", "the second that is damaged"])
        {
            File.WriteAllText(Database, content);
            File.WriteAllText($"{Database}-journal", "what belonged to it");
            History.Record(Run()).Should().Contain("a new one is begun");
            File.Exists($"{Database}-journal").Should().BeFalse("it would be rolled back into the new one");
            _time.Now += TimeSpan.FromDays(1);
        }

        Directory.GetFiles(_there.Below("state"), "history.db*").Should().BeEquivalentTo(Database, $"{Database}.damaged-20260302T030000Z");
        File.ReadAllText($"{Database}.damaged-20260302T030000Z").Should().Be("the second that is damaged");
    }

    [Fact]
    public void A_flipped_page_is_found_before_it_is_built_upon()
    {
        for (int i = 0; i < 200; i++) History.Record(Run() with { Problem = new string('x', 200), Started = _time.Now.AddMinutes(i) });
        byte[] content = File.ReadAllBytes(Database);
        content.AsSpan(2 * 4096, 2048).Fill(0xff);
        File.WriteAllBytes(Database, content);

        History.Recent(10).Problem.Should().Contain("cannot be read");
        History.Record(Run("now", 9)).Should().Contain("a new one is begun");
        History.Recent(10).Runs.Single().ExitCode.Should().Be(9);
    }

    [Theory]
    [InlineData("PRAGMA user_version = 99; CREATE TABLE run(other);", "its format 99 is not known")]
    [InlineData("CREATE TABLE somebody(elses);", "another program's")]
    [InlineData("PRAGMA user_version = 1; CREATE TABLE run(other);", "no such column")]
    public void A_newer_or_foreign_database_is_not_written_into(string sql, string reason)
    {
        _there.Make("state");
        Sql.Make(Database, sql);

        History.Record(Run()).Should().Contain(reason == "no such column" ? "has no column" : reason).And.Contain("it is kept as");
        History.Recent(10).Runs.Should().HaveCount(1);
        File.Exists($"{Database}.damaged-20260301T030000Z").Should().BeTrue();
    }

    [Fact]
    public void An_empty_file_that_a_killed_first_writer_left_is_filled()
    {
        _there.Make("state");
        File.WriteAllText(Database, "");

        History.Recent(10).Should().BeEquivalentTo(new HistoryReading([], null));
        History.Record(Run()).Should().BeNull();
        History.Recent(10).Runs.Should().HaveCount(1);
    }

    [Fact]
    public void That_it_cannot_be_written_is_said_and_nothing_thrown()
    {
        File.WriteAllText(_there.Below("state"), "a file where the state directory should be");

        History.Record(Run()).Should().Contain("could not be written into the history");
        File.Delete(_there.Below("state"));
        _there.Make("state/history.db");

        History.Record(Run()).Should().Contain("could not be written into the history");
        History.Recent(10).Problem.Should().Contain("cannot be read");
    }

    [Fact]
    public async Task Many_at_once_lose_nothing()
    {
        string?[] problems = await Task.WhenAll(Enumerable.Range(0, 16).Select(i => Task.Run(() => History.Record(Run("now", i)), Test.Token)));

        problems.Should().AllBeEquivalentTo((string?)null);
        History.Recent(100).Runs.Select(static run => run.ExitCode).Should().BeEquivalentTo(Enumerable.Range(0, 16));
    }

    public void Dispose() => _there.Dispose();
}
