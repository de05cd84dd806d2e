using BackupTool.Operations.Configuration;
using BackupTool.Operations.Schedules;
using BackupTool.Operations.Verify;
using BackupTool.Posix;
using BackupTool.Repositories.Retention;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Schedules;

public sealed class ScheduleFolderTests : IDisposable
{
    private const string Good = "cron = \"30 2 * * *\"\nrun = [\"backup\"]\n";
    private readonly TemporaryDirectory _directory = new();

    public ScheduleFolderTests() => Write("backup.toml", "[repository]\npath = \"/var/backups/x\"\n[service.maubot]\nkind = \"maubot\"\ndata = \"/m\"\n[service.homeserver]\nkind = \"files\"\ndata = \"/h\"\n");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_schedule_is_read_whole_and_prints_so_that_it_reads_back_the_same()
    {
        Write("schedules/nightly.toml", """
            cron = "0 30 2 * * *"
            time-zone = "America/New_York"
            jitter = "10m"
            catch-up = false
            run = ["backup", "verify", "rotate"]
            services = ["maubot"]
            labels = ["night", "site a"]
            keep = { last = 3, daily = 7, within = "2d" }
            verify = { level = "data", subset = "1/7" }
            """);
        Write("schedules/weekly.toml", "cron = \"@weekly\"\ntime-zone = \"UTC\"\nrun = [\"verify\"]\nverify = { level = \"content\", snapshots = \"all\" }\n");
        Write("schedules/nightly.toml~", "an editor's copy");
        Write("schedules/.hidden.toml", "hidden");
        Write("schedules/README.md", "text");

        BackupConfiguration configuration = Read();

        configuration.Warnings.Should().BeEmpty();
        configuration.Schedules.Select(static schedule => schedule.Name).Should().Equal("nightly", "weekly");
        configuration.Schedules[0].Should().BeEquivalentTo(new ScheduleSettings
        {
            File = _directory.Path.Combine("schedules/nightly.toml"),
            Name = "nightly",
            Cron = "0 30 2 * * *",
            TimeZone = TimeZoneInfo.FindSystemTimeZoneById("America/New_York"),
            Jitter = TimeSpan.FromMinutes(10),
            CatchUp = false,
            Run = [ScheduleStep.Backup, ScheduleStep.Verify, ScheduleStep.Rotate],
            Services = ["maubot"],
            Labels = ["night", "site a"],
            Keep = new RetentionPolicy { Last = 3, Daily = 7, Within = TimeSpan.FromDays(2) },
            Verify = new ScheduleVerification { Level = VerifyLevel.Data, Parts = 7 },
        });
        configuration.Schedules[1].Verify.Should().Be(new ScheduleVerification { Level = VerifyLevel.Content, EverySnapshot = true });
        foreach (ScheduleSettings schedule in configuration.Schedules) Write($"schedules/{schedule.Name}.toml", SchedulePrinter.Print(schedule));
        Read().Schedules.Should().BeEquivalentTo(configuration.Schedules);
        ConfigurationPrinter.Print(configuration).Should().Contain("# cron = \"0 30 2 * * *\"\n");
    }

    [Fact]
    public void What_is_not_said_is_as_usual()
    {
        Write("schedules/a.toml", "cron = \"@daily\"\nrun = [\"verify\"]");
        ScheduleSettings schedule = Read().Schedules.Should().ContainSingle().Subject;
        schedule.TimeZone.Should().Be(TimeZoneInfo.Local);
        schedule.Should().BeEquivalentTo(new { Jitter = TimeSpan.Zero, CatchUp = true, Labels = Array.Empty<string>(), Verify = new ScheduleVerification() }, static options => options.ExcludingMissingMembers());
        schedule.Services.Should().BeNull();
        schedule.Keep.Should().BeNull();
        Read().Schedules.Should().HaveCount(1);
    }

    [Theory]
    [InlineData("crn = \"@daily\"\n" + Good, 1, 1, "unknown key `crn` in this schedule", "`cron`")]
    [InlineData("run = [\"backup\"]", 1, 1, "there is no `cron`", "every night")]
    [InlineData("cron = \"30 25 * * *\"\nrun = [\"backup\"]", 1, 8, "is no cron expression*between 0 and 23", null)]
    [InlineData("cron = \"30 2 * *\"\nrun = [\"backup\"]", 1, 8, "has 4 fields", null)]
    [InlineData("cron = \"0 0 30 2 *\"\nrun = [\"backup\"]", 1, 8, "never occurs", null)]
    [InlineData(Good + "time-zone = \"europe/berlin\"", 3, 13, "`europe/berlin`*no time zone", "`Europe/Berlin`")]
    [InlineData(Good + "time-zone = \"Berlin\"", 3, 13, "no time zone", "`Europe/Berlin`")]
    [InlineData(Good + "time-zone = \"Europe/Brelin\"", 3, 13, "no time zone", "`Europe/Berlin`")]
    [InlineData(Good + "time-zone = \"/etc/localtime\"", 3, 13, "no time zone", null)]
    [InlineData(Good + "time-zone = \"../zoneinfo/UTC\"", 3, 13, "no time zone", null)]
    [InlineData(Good + "jitter = \"2d\"", 3, 10, "longer than a day", null)]
    [InlineData(Good + "jitter = \"soon\"", 3, 10, "no length of time", null)]
    [InlineData(Good + "catch-up = \"yes\"", 3, 12, "must be true or false", null)]
    [InlineData(Good + "services = [\"maubott\"]", 3, 13, "`maubott`*no service", "`maubot`")]
    [InlineData(Good + "services = []", 3, 12, "`services` is empty", null)]
    [InlineData(Good + "keep = {}", 3, 8, "keeps nothing", null)]
    [InlineData(Good + "keep = { last = 1, dayly = 7 }", 3, 20, "unknown key `dayly`", "`daily`")]
    [InlineData(Good + "verify = { level = \"deep\" }", 3, 20, "cannot be `deep`", null)]
    [InlineData(Good + "verify = { level = \"data\", subset = \"2/7\" }", 3, 37, "`2/7`", "1/7")]
    [InlineData(Good + "verify = { level = \"content\", subset = \"1/7\" }", 3, 31, "level = \"data\" only", null)]
    [InlineData(Good + "verify = { snapshots = \"all\" }", 3, 12, "level = \"content\" only", null)]
    [InlineData("cron = \"@daily\"", 1, 1, "there is no `run`", null)]
    [InlineData("cron = \"@daily\"\nrun = []", 2, 7, "`run` is empty", null)]
    [InlineData("cron = \"@daily\"\nrun = \"backup\"", 2, 7, "must be an array", "[\"backup\"]")]
    [InlineData("cron = \"@daily\"\nrun = [\"bakcup\"]", 2, 8, "`bakcup`*no step", "`backup`")]
    [InlineData("cron = \"@daily\"\nrun = [\"backup\", \"copy\"]", 2, 18, "`copy`*later", null)]
    [InlineData("cron = \"@daily\"\nrun = [\"drill\"]", 2, 8, "`drill`*later", null)]
    [InlineData("cron = \"@daily\"\nrun = [\"rotate\", \"backup\"]", 2, 18, "`backup` after `rotate`", "backup, verify, rotate")]
    [InlineData("cron = \"@daily\"\nrun = [\"backup\", \"backup\"]", 2, 18, "twice", null)]
    [InlineData("cron = \n", 1, 8, "", null)]
    public void What_is_wrong_is_told_with_its_place_and_a_way_out(string toml, int line, int column, string message, string? hint)
    {
        Write("schedules/nightly.toml", toml);
        ConfigurationProblem problem = ErrorsOf().Should().ContainSingle().Subject;
        problem.File.Should().Be(_directory.Below("schedules/nightly.toml"));
        (problem.Line, problem.Column).Should().Be((line, column), problem.ToString());
        problem.Message.Should().Match($"*{message}*");
        if (hint is not null) problem.Hint.Should().Contain(hint);
    }

    [Fact]
    public void Everything_that_is_wrong_in_any_file_is_found_at_once()
    {
        Write("backup.toml", "[repository]\npaht = \"/x\"\n");
        Write("schedules/a.toml", "cron = \"x\"\njiter = \"1m\"\nrun = [\"backup\"]");
        Write("schedules/B_1.toml", Good);
        Write("schedules/c.toml", "run = [");
        Directory.CreateDirectory(_directory.Below("schedules/d.toml"));

        ErrorsOf().Select(static problem => Path.GetFileName(problem.File)).Should().Equal("backup.toml", "backup.toml", "B_1.toml", "a.toml", "a.toml", "c.toml", "d.toml");
    }

    [Fact]
    public void A_schedule_with_an_error_keeps_nobody_from_what_needs_none()
    {
        Write("schedules/good.toml", Good);
        Write("schedules/bad.toml", "cron = \"x\"\nrun = [\"backup\"]");

        BackupConfiguration configuration = ConfigurationReader.ReadDespiteSchedules(ConfigFile, null);

        configuration.Schedules.Select(static schedule => schedule.Name).Should().Equal("good");
        configuration.ScheduleProblems.Should().ContainSingle().Which.File.Should().EndWith("bad.toml");
        ScheduleLookup.Find(configuration, "good").Name.Should().Be("good");
        FluentActions.Invoking(() => ScheduleLookup.Find(configuration, "bad")).Should().Throw<ConfigurationException>().WithMessage("*no cron expression*");
        FluentActions.Invoking(() => ScheduleLookup.Find(configuration, "god")).Should().Throw<UnknownScheduleException>().Which.Hint.Should().Contain("'good'");
        ErrorsOf().Should().ContainSingle("what decides what is kept must know all");
    }

    [Fact]
    public void Without_a_folder_there_are_no_schedules() => Read().Schedules.Should().BeEmpty();

    [Theory]
    [InlineData("run = [\"backup\", \"rotate\"]\nkeep = { last = 1 }", "no schedule verifies")]
    [InlineData("run = [\"backup\", \"verify\", \"rotate\"]", "has no `keep`")]
    [InlineData("run = [\"verify\", \"rotate\"]", "nothing says how long")]
    [InlineData("run = [\"backup\"]\nkeep = { last = 1 }", "no schedule rotates")]
    [InlineData("run = [\"verify\"]\nlabels = [\"x\"]", "`labels` does nothing")]
    [InlineData("run = [\"backup\"]\nverify = { level = \"data\" }", "`verify` does nothing")]
    public void What_is_dubious_is_a_warning(string rest, string message)
    {
        Write("schedules/nightly.toml", $"cron = \"@daily\"\n{rest}");
        Read().Warnings.Should().ContainSingle().Which.Message.Should().Contain(message);
    }

    [Fact]
    public void The_schedules_that_come_with_the_tool_are_right()
    {
        string repository = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(repository, "BackupTool.sln"))) repository = Path.GetDirectoryName(repository)!;
        string[] samples = Directory.GetFiles(Path.Combine(repository, "schedules"), "*.toml");
        samples.Select(Path.GetFileName).Should().Contain(["nightly.toml", "weekly-verify.toml"]);
        foreach (string sample in samples) Write($"schedules/{Path.GetFileName(sample)}", File.ReadAllText(sample));

        BackupConfiguration configuration = Read();
        configuration.Warnings.Should().BeEmpty();
        configuration.Schedules.Should().HaveCount(samples.Length);
    }

    private BytePath ConfigFile => BytePath.From(_directory.Below("backup.toml"));

    private BackupConfiguration Read() => ConfigurationReader.Read(ConfigFile, null);

    private IEnumerable<ConfigurationProblem> ErrorsOf() => FluentActions.Invoking(Read).Should().Throw<ConfigurationException>().Which.Problems.Where(static problem => !problem.IsWarning);

    private void Write(string name, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_directory.Below(name))!);
        File.WriteAllText(_directory.Below(name), text);
    }
}
