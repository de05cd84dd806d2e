using System.Text;
using BackupTool.Operations;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Health;
using BackupTool.Posix;
using BackupTool.Services.Systemd;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Health;

public sealed class HealthRunTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 13, 0, 0, TimeSpan.Zero);
    private static readonly ServiceManagerException NoSystemd = new("systemd does not run here", "start it");

    private readonly TemporaryDirectory _there = new();

    public void Dispose() => _there.Dispose();

    [Fact]
    public async Task A_service_is_healthy_when_its_unit_is_active_and_its_endpoint_answers()
    {
        await using var server = RawServer.Answering("HTTP/1.1 401 Unauthorized\r\n\r\n");
        ServiceHealth service = await Ask($"unit = \"x.service\"\nhealth = {{ url = \"http://127.0.0.1:{server.Port}/v1\", expect = [200, 401] }}", new FixedUnits(FixedUnits.Unit("x.service")));
        service.Verdict.Should().Be(HealthVerdict.Healthy);
        service.Reason.Should().Be($"x.service is active; HTTP 401 from http://127.0.0.1:{server.Port}/v1");
        service.Errors.Should().BeEmpty();
        service.Findings.Should().BeEmpty();
    }

    [Fact]
    public async Task An_active_unit_that_does_not_listen_is_not_healthy()
    {
        ServiceHealth service = await Ask($"unit = \"x.service\"\nhealth = {{ tcp = \"127.0.0.1:{RawServer.FreePort()}\" }}", new FixedUnits(FixedUnits.Unit("x.service")));
        service.Verdict.Should().Be(HealthVerdict.NotHealthy);
        service.Reason.Should().StartWith("connection refused");
        service.State!.ActiveState.Should().Be("active");
    }

    [Fact]
    public async Task A_failed_unit_is_not_healthy_though_something_answers()
    {
        await using var server = RawServer.Start(static (_, _) => Task.CompletedTask);
        ServiceHealth service = await Ask($"unit = \"x.service\"\nhealth = {{ tcp = \"127.0.0.1:{server.Port}\" }}", new FixedUnits(FixedUnits.Unit("x.service", "failed", "failed")));
        service.Verdict.Should().Be(HealthVerdict.NotHealthy);
        service.Reason.Should().StartWith("x.service has failed");
        service.Endpoint!.IsHealthy.Should().BeTrue();
    }

    [Fact]
    public async Task A_unit_that_does_not_exist_is_not_healthy_and_has_no_journal()
    {
        ServiceHealth service = await Ask("unit = \"x.service\"", new FixedUnits());
        (service.Verdict, service.Reason, service.Errors).Should().Be((HealthVerdict.NotHealthy, "x.service does not exist", null));
    }

    [Fact]
    public async Task Nothing_is_green_when_systemd_cannot_be_asked()
    {
        await using var server = RawServer.Start(static (_, _) => Task.CompletedTask);
        HealthReport report = await Report(Files($"unit = \"x.service\"\nhealth = {{ tcp = \"127.0.0.1:{server.Port}\" }}"), new FixedUnits { Failure = NoSystemd });
        report.Services.Single().Verdict.Should().Be(HealthVerdict.Unknown);
        report.Services.Single().Reason.Should().Contain("x.service").And.Contain("systemd does not run here");
        report.IsHealthy.Should().BeFalse();
    }

    [Fact]
    public async Task A_service_without_unit_and_endpoint_has_nothing_to_ask_and_nobody_asks_systemd()
    {
        HealthReport report = await Report(Files(""), new FixedUnits { Failure = NoSystemd });
        report.Services.Single().Verdict.Should().Be(HealthVerdict.NothingToAsk);
        (report.IsHealthy, report.HasWarnings).Should().Be((true, false));
    }

    [Fact]
    public async Task Counts_the_errors_in_the_journal_since_the_time_asked_for()
    {
        var line = new JournalLine(Now.AddMinutes(-1), 3, "it broke");
        var units = new FixedUnits(FixedUnits.Unit("x.service")) { Journals = { ["x.service"] = [line] } };
        HealthReport report = await Report(Files("unit = \"x.service\""), units, TimeSpan.FromMinutes(10));
        report.Services.Single().Errors.Should().Equal(line);
        (report.IsHealthy, report.HasWarnings, report.JournalSince).Should().Be((true, true, Now.AddMinutes(-10)));
        units.Queries.Should().ContainSingle().Which.Should().Be(new JournalQuery(101, Now.AddMinutes(-10), ErrorsOnly: true));
    }

    [Fact]
    public async Task Keeps_the_newest_of_very_many_errors()
    {
        JournalLine[] lines = [.. Enumerable.Range(0, 101).Select(i => new JournalLine(Now.AddSeconds(i), 3, $"{i}"))];
        ServiceHealth service = await Ask("unit = \"x.service\"", new FixedUnits(FixedUnits.Unit("x.service")) { Journals = { ["x.service"] = lines } });
        service.HasMoreErrors.Should().BeTrue();
        service.Errors.Should().Equal(lines[1..]);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_read_is_a_finding()
    {
        HealthReport report = await Report(Files("unit = \"x.service\""), new FixedUnits(FixedUnits.Unit("x.service")) { JournalFailure = new ServiceManagerException("no permission", "be root") });
        ServiceHealth service = report.Services.Single();
        (service.Verdict, service.Errors).Should().Be((HealthVerdict.Healthy, null));
        service.Findings.Should().ContainSingle().Which.Should().Contain("no permission");
        report.HasWarnings.Should().BeTrue();
    }

    [Fact]
    public async Task A_profile_that_cannot_describe_its_service_is_a_finding()
    {
        string maubot = $"[service.x]\nkind = \"maubot\"\ndata = \"{_there.Text}\"\nconfig = \"{_there.Below("none.yaml")}\"\n";
        HealthReport report = await Report(maubot + "unit = \"x.service\"\n", new FixedUnits(FixedUnits.Unit("x.service")));
        report.Services.Single().Verdict.Should().Be(HealthVerdict.Healthy, "its unit is, and no more is claimed");
        report.Services.Single().Findings.Should().ContainSingle().Which.Should().Contain("none.yaml");
        (report.IsHealthy, report.HasWarnings).Should().Be((true, true));

        ServiceHealth alone = (await Report(maubot, new FixedUnits())).Services.Single();
        alone.Verdict.Should().Be(HealthVerdict.Unknown, "nothing at all could be asked");
        alone.Reason.Should().Contain("none.yaml");
    }

    [Fact]
    public async Task Does_not_read_the_configuration_of_a_service_whose_health_is_told_or_not_asked()
    {
        string maubot = $"[service.x]\nkind = \"maubot\"\nconfig = \"{_there.Below("none.yaml")}\"\n";
        (await Report(maubot + "health = false\n", new FixedUnits())).Services.Single().Verdict.Should().Be(HealthVerdict.NothingToAsk);
        (await Report(maubot + "health = { command = [\"/bin/true\"] }\n", new FixedUnits())).Services.Single().Verdict.Should().Be(HealthVerdict.Healthy);
    }

    [Fact]
    public async Task Asks_where_the_service_s_own_configuration_says_it_listens()
    {
        await using var server = RawServer.Answering("HTTP/1.1 401 Unauthorized\r\n\r\n");
        LayOutMaubot(server.Port);
        File.WriteAllText(_there.Below("bot.db"), "x");
        ServiceHealth service = (await Report($"[service.x]\nkind = \"maubot\"\ndata = \"{_there.Text}\"\n", new FixedUnits())).Services.Single();
        service.Findings.Should().BeEmpty();
        service.Verdict.Should().Be(HealthVerdict.Healthy);
        server.Requests.Should().ContainSingle().Which.Should().StartWith("GET /_matrix/maubot/v1/");
    }

    /// <summary>A wiped database is empty until the service makes a new one, and an active unit is not yet a service that answers.</summary>
    [Fact]
    public async Task A_service_without_its_database_is_asked_all_the_same_and_what_is_missing_is_a_finding()
    {
        string maubot = $"[service.x]\nkind = \"maubot\"\ndata = \"{_there.Text}\"\nunit = \"x.service\"\n";
        LayOutMaubot(FakeHttpServer.FindFreePort());
        ServiceHealth silent = (await Report(maubot, new FixedUnits(FixedUnits.Unit("x.service")))).Services.Single();
        (silent.Verdict, silent.Endpoint!.IsHealthy).Should().Be((HealthVerdict.NotHealthy, false));
        silent.Findings.Should().ContainSingle().Which.Should().Contain("bot.db");

        await using var server = RawServer.Answering("HTTP/1.1 401 Unauthorized\r\n\r\n");
        LayOutMaubot(server.Port);
        (await Report(maubot, new FixedUnits(FixedUnits.Unit("x.service")))).Services.Single().Verdict.Should().Be(HealthVerdict.Healthy);
        server.Requests.Should().ContainSingle();
    }

    [Fact]
    public async Task Asks_all_services_at_once_and_keeps_their_order()
    {
        // Each is content only when it sees that the others are being asked, too.
        string services = string.Concat(Enumerable.Range(0, 3).Select(i =>
            $"[service.s{i}]\nkind = \"files\"\ndata = \"/srv/{i}\"\nhealth = {{ command = [\"/bin/sh\", \"-c\", \"touch {_there.Text}/{i}; until [ -e {_there.Text}/0 -a -e {_there.Text}/1 -a -e {_there.Text}/2 ]; do sleep 0.02; done\"] }}\n"));
        HealthReport report = await Report(services, new FixedUnits());
        report.Services.Select(service => service.Name).Should().Equal("s0", "s1", "s2");
        report.Services.Should().OnlyContain(service => service.Verdict == HealthVerdict.Healthy);
    }

    [Fact]
    public async Task Asks_only_the_services_named()
    {
        string services = "[service.a]\nkind = \"files\"\ndata = \"/a\"\n[service.b]\nkind = \"files\"\ndata = \"/b\"\n";
        (await new HealthRun(Parse(services), new FixedUnits(), TimeProvider.System).RunAsync(new HealthRequest { Services = ["b"] }, Test.Token)).Services.Select(service => service.Name).Should().Equal("b");
        (await FluentActions.Awaiting(() => new HealthRun(Parse(services), new FixedUnits(), TimeProvider.System).RunAsync(new HealthRequest { Services = ["c"] }, Test.Token))
            .Should().ThrowAsync<UnknownServiceException>()).Which.Message.Should().Contain("'c'");
    }

    private static string Files(string more) => $"[service.x]\nkind = \"files\"\ndata = \"/srv\"\n{more}\n";

    private static async Task<ServiceHealth> Ask(string more, FixedUnits units) => (await Report(Files(more), units)).Services.Single();

    private static Task<HealthReport> Report(string services, FixedUnits units, TimeSpan? since = null) =>
        new HealthRun(Parse(services), units, new SettableTime(Now)).RunAsync(new HealthRequest { JournalSince = since ?? TimeSpan.FromMinutes(5) }, Test.Token);

    private static BackupConfiguration Parse(string services) =>
        ConfigurationReader.Parse(BytePath.From("/b.toml"), Encoding.UTF8.GetBytes("[repository]\npath = \"/r\"\n" + services), null);

    /// <summary>A maubot without a database.</summary>
    private void LayOutMaubot(int port)
    {
        Directory.CreateDirectory(_there.Below("plugins"));
        File.WriteAllText(_there.Below("config.yaml"), $"database: sqlite:bot.db\nserver:\n  hostname: 127.0.0.1\n  port: {port}\nplugin_directories:\n  upload: ./plugins\n  load: [./plugins]\n  trash: ./trash\nplugin_databases:\n  sqlite: ./dbs\n");
    }
}
