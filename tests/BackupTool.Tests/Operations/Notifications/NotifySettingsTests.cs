using System.Text;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Notifications;
using BackupTool.Posix;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Notifications;

/// <summary><c>[notify]</c>: read, refused, printed, checked.</summary>
public sealed class NotifySettingsTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    private const string Everything = """
        [notify]
        timeout = "30s"
        [notify.dead-man]
        kind = "ping"
        url = "https://hc-ping.com/key/{schedule}?create=1"
        schedules = ["nightly", "weekly"]
        [notify.secret-man]
        kind = "ping"
        url-credential = "ping-url"
        [notify.phone]
        kind = "ntfy"
        url = "https://ntfy.sh"
        topic = "backups"
        token-file = "/run/secrets/ntfy"
        priority = { success = 1, failure = 5 }
        tags = ["house", "a+b"]
        on = ["failure", "stale", "test"]
        [notify.hook]
        kind = "webhook"
        url-file = "/run/secrets/hook"
        token-credential = "hook"
        token-header = "X-Api-Key"
        signing-key-file = "/run/secrets/key"
        [notify.room]
        kind = "matrix"
        homeserver = "http://127.0.0.1:8008"
        room = "#backup:example.org"
        token-file = "/run/secrets/room"
        message = "notice"
        [notify.script]
        kind = "command"
        command = ["/usr/local/bin/tell", "a \"b\""]
        """;

    [Fact]
    public void Reads_every_kind_and_needs_no_secret_for_it()
    {
        BackupConfiguration configuration = Parse(Everything);
        configuration.Warnings.Where(static warning => !warning.Message.Contains("no [service.NAME]", StringComparison.Ordinal)).Should().BeEmpty();
        NotifySettings notify = configuration.Notify;
        (notify.Timeout, notify.StateDirectory.ToString()).Should().Be((TimeSpan.FromSeconds(30), "/var/lib/backup"));
        notify.Channels.Select(static channel => (channel.Name, channel.Kind)).Should().Equal(("dead-man", "ping"), ("secret-man", "ping"), ("phone", "ntfy"), ("hook", "webhook"), ("room", "matrix"), ("script", "command"));
        notify.Channels[0].On.Should().Equal(NotifyKind.Start, NotifyKind.Success, NotifyKind.Warning, NotifyKind.Failure, NotifyKind.Recovery);
        notify.Channels[3].On.Should().Equal(NotifyKind.Failure, NotifyKind.Warning, NotifyKind.Recovery, NotifyKind.Stale);
        notify.Channels[2].On.Should().Equal(NotifyKind.Failure, NotifyKind.Stale, NotifyKind.Test);
        notify.Channels[0].Schedules.Should().Equal("nightly", "weekly");
    }

    [Fact]
    public void Without_notify_nobody_is_told()
    {
        NotifySettings notify = Parse("").Notify;
        (notify.Channels.Count, notify.Timeout).Should().Be((0, TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public void Prints_what_reads_back_the_same()
    {
        string with = Everything.Replace("?create=1", "", StringComparison.Ordinal), printed = ConfigurationPrinter.Print(Parse(with));
        foreach (string line in with.Split('\n')) printed.Should().Contain(line);
        ConfigurationPrinter.Print(Parse(printed, whole: true)).Should().Be(printed);
    }

    [Fact]
    public void Shows_stars_for_the_query_of_an_address() => ConfigurationPrinter.Print(Parse(Everything)).Should().Contain("url = \"https://hc-ping.com/key/{schedule}?***\"").And.NotContain("create=1");

    [Theory]
    [InlineData("timeout = \"0s\"", "no time at all")]
    [InlineData("timeout = \"11m\"", "more than 10 minutes")]
    [InlineData("channels = 1", "unknown key `channels` in [notify]")]
    [InlineData("[notify.Phone]\nkind = \"command\"\ncommand = [\"/x\"]", "cannot be the name of a channel")]
    [InlineData("[notify.x]\nurl = \"https://x\"", "[notify.x] has no `kind`")]
    [InlineData("[notify.x]\nkind = \"ntfi\"", "unknown kind `ntfi`")]
    [InlineData("[notify.x]\nkind = \"ping\"", "[notify.x] has no `url`")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"hc-ping.com/s3cret\"", "no whole http or https URL")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"ftp://hc-ping.com/s3cret\"", "no whole http or https URL")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"https://me:s3cret@hc-ping.com/\"", "holds a password")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"https://x/\"\nurl-file = \"/y\"", "says besides where one is kept")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl-credential = \"a\"\nurl-file = \"/y\"", "both `url-file` and `url-credential`")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl-credential = \"../a\"", "no name of a credential")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl-file = \"y\"", "relative path")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"https://x/\"\ntopic = \"y\"", "unknown key `topic`")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"https://x/\"\non = [\"faillure\"]", "`on` in [notify.x] cannot hold `faillure`")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"https://x/\"\non = []", "never be told anything")]
    [InlineData("[notify.x]\nkind = \"ping\"\nurl = \"https://x/\"\nschedules = []", "`schedules` in [notify.x] is empty")]
    [InlineData("[notify.x]\nkind = \"ntfy\"\nurl = \"https://x/\"", "has no `topic`")]
    [InlineData("[notify.x]\nkind = \"ntfy\"\nurl = \"https://x/\"\ntopic = \"a/b\"", "no name of a topic")]
    [InlineData("[notify.x]\nkind = \"ntfy\"\nurl = \"https://x/\"\ntopic = \"a\"\ntoken = \"s3cret\"", "a secret does not stand in the configuration")]
    [InlineData("[notify.x]\nkind = \"ntfy\"\nurl = \"https://x/\"\ntopic = \"a\"\npriority = { failure = 6 }", "from 1 to 5")]
    [InlineData("[notify.x]\nkind = \"ntfy\"\nurl = \"https://x/\"\ntopic = \"a\"\npriority = { fail = 5 }", "unknown key `fail`")]
    [InlineData("[notify.x]\nkind = \"ntfy\"\nurl = \"https://x/\"\ntopic = \"a\"\ntags = [\"a,b\"]", "is no tag")]
    [InlineData("[notify.x]\nkind = \"webhook\"\nurl = \"https://x/\"\ntoken-header = \"X-Y\"", "has no token to send")]
    [InlineData("[notify.x]\nkind = \"webhook\"\nurl = \"https://x/\"\ntoken-file = \"/t\"\ntoken-header = \"X: Y\"", "no header that can be set")]
    [InlineData("[notify.x]\nkind = \"webhook\"\nurl = \"https://x/\"\nsigning-key = \"s3cret\"", "a secret does not stand in the configuration")]
    [InlineData("[notify.x]\nkind = \"matrix\"\nroom = \"!a:b\"\ntoken-file = \"/t\"", "has no `homeserver`")]
    [InlineData("[notify.x]\nkind = \"matrix\"\nhomeserver = \"https://x\"\ntoken-file = \"/t\"", "has no `room`")]
    [InlineData("[notify.x]\nkind = \"matrix\"\nhomeserver = \"https://x\"\nroom = \"!a:b\"", "has no token")]
    [InlineData("[notify.x]\nkind = \"matrix\"\nhomeserver = \"https://x\"\nroom = \"#a\"\ntoken-file = \"/t\"", "neither a room's id nor an alias")]
    [InlineData("[notify.x]\nkind = \"matrix\"\nhomeserver = \"https://x\"\nroom = \"!a:b\"\ntoken-file = \"/t\"\nmessage = \"loud\"", "cannot be `loud`")]
    [InlineData("[notify.x]\nkind = \"command\"", "has no `command`")]
    [InlineData("[notify.x]\nkind = \"command\"\ncommand = []", "is empty")]
    [InlineData("[notify.x]\nkind = \"command\"\ncommand = [\"mail\"]", "without the path")]
    [InlineData("[notify.x]\nkind = \"command\"\ncommand = \"/bin/mail\"", "must be an array of texts")]
    public void Refuses(string toml, string message)
    {
        Action parse = () => Parse(toml.StartsWith('[') ? toml : $"[notify]\n{toml}");
        ConfigurationProblem problem = parse.Should().Throw<ConfigurationException>().Which.Problems.Where(static problem => !problem.IsWarning).Should().ContainSingle().Subject;
        problem.Message.Should().Contain(message).And.NotContain("s3cret");
        (problem.Hint ?? "").Should().NotContain("s3cret");
        problem.Line.Should().BeGreaterThan(2, "it says where");
    }

    [Theory]
    [InlineData("http://ntfy.example.org", true)]
    [InlineData("https://ntfy.example.org", false)]
    [InlineData("http://127.0.0.1:8080", false)]
    [InlineData("http://[::1]:8080", false)]
    public void Warns_of_what_can_be_read_on_its_way(string url, bool warns) =>
        Parse($"[notify.x]\nkind = \"ntfy\"\nurl = \"{url}\"\ntopic = \"a\"").Warnings.Any(static warning => warning.Message.Contains("is http", StringComparison.Ordinal)).Should().Be(warns);

    [Fact]
    public void The_check_reads_the_secrets_and_shows_none()
    {
        Secret("good", "s3cret", "600");
        Secret("open", "s3cret", "644");
        Secret("two", "s3cret\nlines", "600");
        Secret("url", "http://example.org/s3cret", "600");
        Secret("no-url", "s3cret", "600");
        string Ntfy(string name, string more) => $"[notify.{name}]\nkind = \"ntfy\"\nurl = \"https://x/\"\ntopic = \"a\"\n{more}\n";
        string Ping(string name, string file) => $"[notify.{name}]\nkind = \"ping\"\nurl-file = \"{_there.Below(file)}\"\n";
        BackupConfiguration configuration = Parse(Ntfy("a", $"token-file = \"{_there.Below("good")}\"") + Ntfy("b", $"token-file = \"{_there.Below("open")}\"") + Ntfy("c", $"token-file = \"{_there.Below("two")}\"")
            + Ntfy("d", $"token-file = \"{_there.Below("gone")}\"") + Ntfy("e", "token-credential = \"gone\"") + Ping("f", "url") + Ping("g", "no-url") + "[notify.h]\nkind = \"command\"\ncommand = [\"/no/such/program\"]\n");
        IReadOnlyList<ConfigurationProblem> found = NotifyCheck.Find(configuration);
        string[] expected = ["warning|is open to others (mode 644)", "error|is not one line of text", "error|does not exist", "warning|$CREDENTIALS_DIRECTORY is not set", "warning|is http", "error|is no whole http or https URL", "error|/no/such/program"];
        found.Should().HaveCount(expected.Length);
        foreach ((ConfigurationProblem problem, string wanted) in found.Zip(expected))
            $"{(problem.IsWarning ? "warning" : "error")}|{problem.Message}".Should().StartWith(wanted.Split('|')[0]).And.Contain(wanted.Split('|')[1]).And.NotContain("s3cret");
    }

    [Fact]
    public void A_credential_is_found_where_systemd_puts_it()
    {
        Secret("tok", "s3cret", "600");
        SecretSource token = Parse("[notify.x]\nkind = \"webhook\"\nurl = \"https://x/\"\ntoken-credential = \"tok\"", credentials: _there.Text).Notify.Channels.Single().Secrets.Single();
        token.Read().Reveal().Should().Be("s3cret");
    }

    [Fact]
    public void A_token_that_cannot_be_sent_is_no_token()
    {
        Secret("tok", "s3crét", "600");
        Action read = () => Parse($"[notify.x]\nkind = \"webhook\"\nurl = \"https://x/\"\ntoken-file = \"{_there.Below("tok")}\"").Notify.Channels.Single().Secrets.Single().Read();
        read.Should().Throw<ExplainedException>().Which.Message.Should().Contain("cannot be sent").And.NotContain("s3cr");
    }

    [Fact]
    public void A_channel_with_an_error_keeps_nobody_from_a_restore_and_the_others_are_told()
    {
        string file = _there.Below("backup.toml");
        File.WriteAllText(file, "[repository]\npath = \"/r\"\n[service.site]\nkind = \"files\"\ndata = \"/srv\"\n[notify]\ntimeout = \"11m\"\n[notify.a]\nkind = \"ntfi\"\n[notify.b]\nkind = \"command\"\ncommand = [\"/bin/true\"]\n");

        BackupConfiguration configuration = ConfigurationReader.ReadDespiteSchedules(BytePath.From(file), null);

        configuration.Notify.Channels.Select(static channel => channel.Name).Should().Equal("b");
        configuration.Notify.Timeout.Should().BeLessThan(TimeSpan.FromMinutes(10));
        configuration.ChannelProblems.Select(static problem => problem.Line).Should().Equal(7, 9);
        Action strict = () => ConfigurationReader.Read(BytePath.From(file), null);
        strict.Should().Throw<ConfigurationException>().Which.Problems.Should().Contain(static problem => problem.Message.Contains("ntfi"));
    }

    [Theory]
    [InlineData("[repositry]\npath = \"/r\"\n", "")]
    [InlineData("", "garbage = [\n")]
    public void Who_is_to_be_told_is_read_of_a_file_with_errors_too(string before, string after)
    {
        string file = _there.Below("backup.toml");
        File.WriteAllText(file, $"{before}[state]\npath = \"/srv/state\"\n[notify.b]\nkind = \"command\"\ncommand = [\"/bin/true\"]\n{after}");

        NotifySettings notify = ConfigurationReader.ReadNotify(BytePath.From(file), null, null);

        notify.Channels.Should().ContainSingle().Which.Should().BeOfType<CommandSettings>();
        notify.StateDirectory.Should().Be(BytePath.From("/srv/state"));
    }

    private void Secret(string name, string content, string mode)
    {
        File.WriteAllText(_there.Below(name), content);
        File.SetUnixFileMode(_there.Below(name), (UnixFileMode)Convert.ToInt32(mode, 8));
    }

    private static BackupConfiguration Parse(string notify, bool whole = false, string? credentials = null) =>
        ConfigurationReader.Parse(BytePath.From("/b.toml"), Encoding.UTF8.GetBytes(whole ? notify : $"[repository]\npath = \"/r\"\n{notify}"), null, credentials);
}
