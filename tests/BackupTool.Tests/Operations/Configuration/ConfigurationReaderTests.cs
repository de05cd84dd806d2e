using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Posix;

namespace BackupTool.Tests.Operations.Configuration;

public sealed class ConfigurationReaderTests
{
    private const string Repository = "[repository]\npath = \"/var/backups/stack\"\n";

    [Fact]
    public void Reads_a_whole_configuration()
    {
        BackupConfiguration configuration = Parse("""
            [repository]
            path = "/var//backups/stack/"
            compression = "small"
            lock-wait = "1h30m"

            [state]
            path = "/var/lib/state"

            [staging]
            path = "/srv/staging"

            [service.homeserver]
            kind = "tuwunel"
            unit = "tuwunel.service"
            config = "/etc/tuwunel/tuwunel.toml"

            [service.maubot]
            kind = "maubot"
            data = "/var/lib/maubot"
            after = ["homeserver"]
            exclude = ["*.log", "/trash/"]
            quiesce = "online"

            [service.site]
            kind = "files"
            paths = ["/srv/www", "/etc/nginx", "/srv/www"]
            """);
        configuration.Repository.Should().Be(new RepositorySettings
        {
            Path = BytePath.From("/var/backups/stack"),
            Compression = CompressionSetting.Small,
            LockWait = TimeSpan.FromMinutes(90),
        });
        configuration.State.Path.Should().Be(BytePath.From("/var/lib/state"));
        configuration.Staging.Path.Should().Be(BytePath.From("/srv/staging"));
        configuration.Services.Select(service => service.Name).Should().Equal("homeserver", "maubot", "site");
        configuration.Services[0].Unit.Should().Be("tuwunel.service");
        configuration.Services[0].ToFacts().ConfigFile.Should().Be(BytePath.From("/etc/tuwunel/tuwunel.toml"));
        configuration.Services[1].After.Should().Equal("homeserver");
        configuration.Services[1].Exclude.Select(glob => glob.Pattern).Should().Equal("*.log", "/trash/");
        configuration.Services[2].DataPaths.Should().Equal(BytePath.From("/srv/www"), BytePath.From("/etc/nginx"));
        configuration.Warnings.Should().BeEmpty();
    }

    [Theory]
    [InlineData(null, "/var/lib/backup/staging")]
    [InlineData("/var/lib/mine", "/var/lib/mine/staging")]
    [InlineData("/var/lib/one:/var/lib/two", "/var/lib/one/staging")]
    public void Has_defaults_for_what_is_not_said(string? stateDirectory, string staging)
    {
        BackupConfiguration configuration = ConfigurationReader.Parse(File, Encoding.UTF8.GetBytes(Repository), stateDirectory);
        configuration.Staging.Path.Should().Be(BytePath.From(staging));
        configuration.State.Path.Should().Be(configuration.Staging.Path.Parent);
        configuration.Repository.Compression.Should().Be(CompressionSetting.Default);
        configuration.Repository.LockWait.Should().Be(TimeSpan.FromMinutes(10));
        configuration.Warnings.Should().ContainSingle().Which.Message.Should().Contain("nothing to back up");
    }

    [Theory]
    [InlineData("[service.maubot]\nkind = \"maubot\"\nexlcude = []\n", 5, 1, "unknown key `exlcude` in [service.maubot]", "Did you mean `exclude`?")]
    [InlineData("[service.x]\nkind = \"files\"\ndata = \"/x\"\nbanana = 1\n", 6, 1, "unknown key `banana`", "`exclude`")]
    [InlineData("lock_wait = \"1m\"\n", 3, 1, "unknown key `lock_wait` in [repository]", "Did you mean `lock-wait`?")]
    [InlineData("[staging]\npaht = \"/x\"\n", 4, 1, "unknown key `paht` in [staging]", "Did you mean `path`?")]
    [InlineData("[repositori]\n", 3, 2, "unknown table [repositori]", "Did you mean `repository`?")]
    [InlineData("[off-site.nas]\n", 3, 2, "unknown table [off-site]", "`staging`")]
    [InlineData("compression = 3\n", 3, 15, "must be a text, and is a number", null)]
    [InlineData("compression = \"smal\"\n", 3, 15, "cannot be `smal`", "Did you mean `small`?")]
    [InlineData("lock-wait = \"10\"\n", 3, 13, "no length of time", "\"10m\"")]
    [InlineData("lock-wait = \"\"\n", 3, 13, "is empty", "default")]
    [InlineData("[staging]\npath = \"staging\"\n", 4, 8, "relative path `staging`", "from `/` on")]
    [InlineData("[staging]\npath = \"/a/../b\"\n", 4, 8, "`..` component", "without it")]
    [InlineData("[staging]\npath = \"/a\\u0000b\"\n", 4, 8, "NUL", null)]
    [InlineData("[service.x]\ndata = \"/x\"\n", 3, 10, "has no `kind`", "files, maubot, continuwuity")]
    [InlineData("[service.x]\nkind = \"mabot\"\n", 4, 8, "unknown kind `mabot`", "Did you mean `maubot`?")]
    [InlineData("[service.x]\nkind = \"files\"\n", 3, 10, "does not say what to back up", "paths = ")]
    [InlineData("[service.x]\nkind = \"files\"\npaths = []\n", 5, 9, "is empty", "at least one")]
    [InlineData("[service.x]\nkind = \"files\"\npaths = \"/x\"\n", 5, 9, "must be an array of texts, and is a text", "paths = [\"/x\"]")]
    [InlineData("[service.x]\nkind = \"files\"\npaths = [\"/x\", 7]\n", 5, 16, "holds a number", null)]
    [InlineData("[service.x]\nkind = \"maubot\"\npaths = [\"/x\"]\n", 5, 1, "for the kind `files` only", "data = ")]
    [InlineData("[service.x]\nkind = \"maubot\"\nunit = \"a b.service\"\n", 5, 8, "no name of a systemd unit", "maubot.service")]
    [InlineData("[service.x]\nkind = \"maubot\"\nexclude = [\"[a\"]\n", 5, 12, "without its `]`", null)]
    [InlineData("[service.x]\nkind = \"maubot\"\nafter = [\"homserver\"]\n[service.homeserver]\nkind = \"conduwuit\"\n", 5, 10, "names `homserver`, which is no service here", "Did you mean `homeserver`?")]
    [InlineData("[service.x]\nkind = \"maubot\"\nafter = [\"x\"]\n", 5, 10, "circle: x → x", "cannot wait for itself")]
    [InlineData("[service.a]\nkind = \"maubot\"\nafter = [\"b\"]\n[service.b]\nkind = \"maubot\"\nafter = [\"c\"]\n[service.c]\nkind = \"maubot\"\nafter = [\"b\"]\n", 11, 10, "circle: b → c → b", null)]
    [InlineData("[service.Maubot]\nkind = \"maubot\"\n", 3, 10, "`Maubot` cannot be the name", "lower-case")]
    [InlineData("[service.-a]\nkind = \"maubot\"\n", 3, 10, "`-a` cannot be the name", "hyphen")]
    [InlineData("[service]\nkind = \"maubot\"\n", 4, 1, "a service is a table with a name", "[service.NAME]")]
    [InlineData("[service.x]\nkind = \"files\"\ndata = \"/var/backups\"\n", 3, 10, "the repository /var/backups/stack lies in /var/backups", "Move the repository")]
    [InlineData("[service.x]\nkind = \"files\"\ndata = \"/var/backups/stack/packs\"\n", 3, 10, "lies in the repository", "correct one")]
    [InlineData("[service.x]\nkind = \"files\"\ndata = \"/var/lib\"\n", 3, 10, "the staging directory /var/lib/backup/staging lies in", "[staging]")]
    public void Says_what_is_wrong_where_and_what_to_do(string toml, int line, int column, string message, string? hint)
    {
        ConfigurationProblem problem = Refuse(Repository + toml).Should().ContainSingle().Subject;
        (problem.Line, problem.Column).Should().Be((line, column), problem.Message);
        problem.Message.Should().Contain(message);
        if (hint is not null) problem.Hint.Should().Contain(hint);
        problem.ToString().Should().StartWith($"/etc/backup/backup.toml:{line}:{column}: ");
    }

    [Theory]
    [InlineData("", 1, 1, "there is no [repository]")]
    [InlineData("[repository]\n", 1, 2, "has no `path`")]
    [InlineData("repository = \"/x\"\n", 1, 1, "`repository` is a text and must be a table")]
    [InlineData("path = \"/x\"\n[repository]\npath = \"/x\"\n", 1, 1, "outside of any table")]
    [InlineData("[repository]\npath = /var/backups\n", 2, 8, "Unexpected token")]
    [InlineData("[repository\npath = \"/x\"\n", 1, 12, "expecting `]`")]
    [InlineData("[repository]\npath = \"/x\n", 2, 11, "newline in a string")]
    [InlineData("[repository]\npath = \"/x\"\npath = \"/y\"\n", 3, 1, "`path` is set twice; the first is at 2:1")]
    [InlineData("[repository]\npath = \"/x\"\n[repository]\n", 3, 2, "[repository] is there twice; the first is at 1:2")]
    public void Points_at_the_place_of_what_breaks_the_file_itself(string toml, int line, int column, string message)
    {
        ConfigurationProblem problem = Refuse(toml).First(each => !each.IsWarning);
        (problem.Line, problem.Column).Should().Be((line, column), problem.Message);
        problem.Message.Should().Contain(message).And.NotContain("\n");
    }

    [Fact]
    public void Points_at_the_first_byte_that_is_not_text()
    {
        Action parse = () => ConfigurationReader.Parse(File, [.. "a = 1\nü = "u8, 0xff], null);
        ConfigurationProblem problem = parse.Should().Throw<ConfigurationException>().Which.Problems.Should().ContainSingle().Subject;
        (problem.Line, problem.Column).Should().Be((2, 5));
    }

    [Fact]
    public void Finds_everything_wrong_at_once_in_the_order_of_the_file()
    {
        IReadOnlyList<ConfigurationProblem> problems = Refuse("""
            [repository]
            pth = "/x"
            compression = "none"
            [service.a]
            kind = "nothing"
            colour = "red"
            [service.b]
            kind = "files"
            data = "here"
            """);
        problems.Select(problem => problem.Line).Should().Equal(1, 2, 3, 5, 6, 9);
    }

    [Fact]
    public void Gives_every_error_its_own_way_out_when_there_are_several()
    {
        Action parse = () => Parse("[repository]\npath = \"x\"\nlock_wait = \"1m\"\n");
        parse.Should().Throw<ConfigurationException>().Which.Message.Should()
            .Contain("backup.toml:2:8: ").And.Contain("from `/` on").And.Contain("backup.toml:3:1: ").And.Contain("Did you mean `lock-wait`?");
    }

    [Fact]
    public void Warns_of_services_that_share_data_but_goes_on()
    {
        BackupConfiguration configuration = Parse(Repository + "[service.a]\nkind = \"files\"\ndata = \"/srv\"\n[service.b]\nkind = \"files\"\ndata = \"/srv/www\"\n");
        ConfigurationProblem warning = configuration.Warnings.Should().ContainSingle().Subject;
        warning.IsWarning.Should().BeTrue();
        warning.Message.Should().Contain("/srv/www").And.Contain("[service.a]").And.Contain("twice");
    }

    [Fact]
    public void Points_to_the_way_out_when_there_is_no_file()
    {
        Action read = () => ConfigurationReader.Read(BytePath.From("/no/such/backup.toml"), null);
        ConfigurationException missing = read.Should().Throw<ConfigurationException>().Which;
        missing.Message.Should().Contain("/no/such/backup.toml");
        missing.Hint.Should().Contain("backup config discover").And.Contain("--config");
    }

    [Fact]
    public void Reads_a_file_through_a_link_and_explains_one_that_it_cannot_read()
    {
        DirectoryInfo directory = Directory.CreateTempSubdirectory("config-");
        try
        {
            string real = Path.Combine(directory.FullName, "real.toml"), link = Path.Combine(directory.FullName, "backup.toml");
            System.IO.File.WriteAllText(real, Repository);
            System.IO.File.CreateSymbolicLink(link, real);
            ConfigurationReader.Read(BytePath.From(link), null).Repository.Path.Should().Be(BytePath.From("/var/backups/stack"));

            Action read = () => ConfigurationReader.Read(BytePath.From(directory.FullName), null);
            read.Should().Throw<ConfigurationException>().Which.Message.Should().Contain("cannot be read");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("0s", 0)]
    [InlineData("90s", 90)]
    [InlineData("10m", 600)]
    [InlineData("1h30m", 5400)]
    [InlineData("2d", 172800)]
    [InlineData("2w1d", 1296000)]
    [InlineData("3y", 94608000)]
    public void Reads_lengths_of_time(string text, int seconds)
    {
        DurationText.TryParse(text, out TimeSpan duration).Should().BeTrue();
        duration.Should().Be(TimeSpan.FromSeconds(seconds));
        DurationText.TryParse(DurationText.Format(duration), out TimeSpan again).Should().BeTrue();
        again.Should().Be(duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("10")]
    [InlineData("m")]
    [InlineData("-5m")]
    [InlineData("1.5h")]
    [InlineData("5m1h")]
    [InlineData("1m1m")]
    [InlineData("10 m")]
    [InlineData("99999999999d")]
    [InlineData("2000000000h")]
    [InlineData("101y")]
    [InlineData("1d1w")]
    public void Refuses_what_is_no_length_of_time(string text) => DurationText.TryParse(text, out _).Should().BeFalse();

    private static BytePath File => BytePath.From("/etc/backup/backup.toml");

    private static BackupConfiguration Parse(string toml) => ConfigurationReader.Parse(File, Encoding.UTF8.GetBytes(toml), null);

    private static IReadOnlyList<ConfigurationProblem> Refuse(string toml)
    {
        Action parse = () => Parse(toml);
        return [.. parse.Should().Throw<ConfigurationException>().Which.Problems.Where(problem => !problem.IsWarning)];
    }
}
