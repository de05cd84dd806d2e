using System.Text.Json;
using BackupTool.Cli.Commands;
using BackupTool.Cli.Output;
using BackupTool.Operations.Health;
using BackupTool.Services.Health;
using BackupTool.Services.Systemd;
using BackupTool.Tests.Golden;

namespace BackupTool.Tests.Cli;

/// <summary>What an operator and a script see of a report of health.</summary>
public sealed class HealthTextTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 13, 0, 0, TimeSpan.Zero);
    private static readonly HttpProbe Versions = new(new Uri("http://127.0.0.1:8008/_matrix/client/versions"), [200]);

    private static readonly ServiceHealth Homeserver = new()
    {
        Name = "homeserver",
        Kind = "continuwuity",
        Unit = "continuwuity.service",
        State = new UnitState { Name = "continuwuity.service", LoadState = "loaded", ActiveState = "active", SubState = "running", Restarts = 2 },
        Probe = Versions,
        Endpoint = new HealthAnswer(true, false, $"HTTP 200 from {Versions}"),
        Verdict = HealthVerdict.Healthy,
        Reason = $"continuwuity.service is active; HTTP 200 from {Versions}",
        Errors = [],
    };

    private static readonly ServiceHealth Broken = Homeserver with { Errors = [new JournalLine(Now.AddMinutes(-2), 3, "it \"broke\" \u001b[31m")], HasMoreErrors = true };

    private static readonly ServiceHealth Maubot = new()
    {
        Name = "maubot",
        Kind = "maubot",
        Probe = new HttpProbe(new Uri("http://127.0.0.1:29316/?secret"), [401]),
        Endpoint = new HealthAnswer(false, false, "connection refused at 127.0.0.1:29316"),
        Verdict = HealthVerdict.NotHealthy,
        Reason = "connection refused at 127.0.0.1:29316",
    };

    private static readonly ServiceHealth Slack = new()
    {
        Name = "slack",
        Kind = "mautrix",
        Unit = "slack.service",
        Verdict = HealthVerdict.Unknown,
        Reason = "the state of slack.service is not known: systemd does not run here",
        Findings = ["its endpoint is not known: no config"],
    };

    private static readonly ServiceHealth Site = new() { Name = "site", Kind = "files", Verdict = HealthVerdict.NothingToAsk, Reason = "it has neither a unit nor an endpoint that could be asked" };

    [Fact]
    public void The_document_looks_like_this()
    {
        using var terminal = new RecordedTerminal();
        HealthDocument document = HealthDocument.From(Report(Broken, Maubot, Slack, Site));
        // The command's own contract is internal to it: the same names, by the same rules.
        var options = new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, TypeInfoResolver = new System.Text.Json.Serialization.Metadata.DefaultJsonTypeInfoResolver() };
        JsonReport.Write(terminal.Terminal, document, (System.Text.Json.Serialization.Metadata.JsonTypeInfo<HealthDocument>)options.GetTypeInfo(typeof(HealthDocument)));
        terminal.Output.Should().Be(GoldenFile.Read("health.json")).And.NotContain("secret");
    }

    [Fact]
    public void The_table_has_a_row_for_every_service()
    {
        using var terminal = new RecordedTerminal();
        HealthText.TableOf(Report(Broken, Maubot, Slack, Site)).WriteTo(terminal.Terminal);
        terminal.Output.Should().Be("""
            SERVICE     UNIT                  STATE                         ENDPOINT                                                     ERRORS  RESULT
            homeserver  continuwuity.service  active (running), 2 restarts  HTTP 200 from http://127.0.0.1:8008/_matrix/client/versions      1+  healthy
            maubot      -                     -                             connection refused at 127.0.0.1:29316                             -  not healthy
            slack       slack.service         unknown                       not known                                                         ?  unknown
            site        -                     -                             -                                                                 -  nothing to ask

            """);
    }

    [Fact]
    public void Says_why_a_service_is_not_healthy_and_shows_the_journal_on_request_only()
    {
        using RecordedTerminal terminal = new(), verbose = new(verbosity: Verbosity.Verbose);
        HealthText.Tell(terminal.Terminal, Report(Broken, Maubot, Slack, Site));
        string since = $"{Now.AddMinutes(-5).LocalDateTime:yyyy-MM-dd HH:mm:ss}", at = $"{Now.AddMinutes(-2).LocalDateTime:yyyy-MM-dd HH:mm:ss}";
        terminal.Error.Should().Be($"""
            warning: homeserver: 1+ error in its journal since {since}
            error: maubot is not healthy: connection refused at 127.0.0.1:29316
            error: slack is unknown: the state of slack.service is not known: systemd does not run here
            warning: slack: its endpoint is not known: no config

            """);
        HealthText.Tell(verbose.Terminal, Report(Broken));
        verbose.Error.Should().EndWith($"homeserver {at} err: it \"broke\" \\x1b[31m\n");
    }

    [Fact]
    public void Is_silent_when_all_is_well()
    {
        using var terminal = new RecordedTerminal();
        HealthText.Tell(terminal.Terminal, Report(Homeserver, Site));
        (terminal.Output + terminal.Error).Should().BeEmpty();
    }

    [Fact]
    public void Ends_with_a_code_that_says_the_worst()
    {
        Code(Homeserver, Site).Should().Be(ExitCode.Done);
        Code(Site).Should().Be(ExitCode.Done);
        Code(Broken).Should().Be(ExitCode.DoneWithWarnings);
        Code(Homeserver with { Findings = ["its journal cannot be read"] }).Should().Be(ExitCode.DoneWithWarnings);
        Code(Broken, Maubot).Should().Be(ExitCode.ServiceNotHealthy);
        Code(Slack).Should().Be(ExitCode.ServiceNotHealthy);
        Code().Should().Be(ExitCode.NothingToDo);
    }

    private static ExitCode Code(params ServiceHealth[] services) => HealthText.CodeOf(Report(services));

    private static HealthReport Report(params ServiceHealth[] services) => new(Now, Now.AddMinutes(-5), services);
}
