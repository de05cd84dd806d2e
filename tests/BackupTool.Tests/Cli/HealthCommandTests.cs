using System.Text.Json;
using BackupTool.Tests.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Cli;

/// <summary><c>backup health</c> as a process, on a machine of its own with a real systemd.</summary>
public sealed class HealthCommandTests(RealSystemd machine) : IClassFixture<RealSystemd>
{
    private static string Program { get; } = Path.Combine(AppContext.BaseDirectory, "backup.dll");

    [Fact]
    public async Task Ends_with_0_when_every_service_is_well()
    {
        await StartAsync("well", "ExecStart=/bin/sleep 600");
        string config = Configure("well", Service("well", "unit = \"well.service\"\nhealth = { command = [\"/bin/echo\", \"yes\"] }"), Service("silent", ""));
        (int status, string output, string error) = await RunAsync("health", "-c", config);
        (status, error).Should().Be((0, ""), output);
        output.Should().Contain("active (running)").And.Contain("/bin/echo is content: yes").And.Contain("nothing to ask").And.Contain("1 of 2 healthy");
        (await RunAsync("health", "-c", config, "-q")).Should().Be((0, "", ""));
    }

    [Fact]
    public async Task Ends_with_3_when_the_journal_holds_errors_and_shows_them_with_v()
    {
        await StartAsync("grumpy", "ExecStart=/bin/sh -c \"echo '<3>it broke'; echo '<6>it runs'; exec sleep 600\"");
        string config = Configure("grumpy", Service("grumpy", "unit = \"grumpy\""));
        (int status, string output, string error) = await RunAsync("health", "-c", config, "-v");
        status.Should().Be(3, output + error);
        error.Should().Contain("1 error in its journal since").And.Contain("err: it broke").And.NotContain("it runs");
        (await RunAsync("health", "-c", config)).Error.Should().NotContain("it broke");
        (await RunAsync("health", "-c", config, "-q")).Output.Should().BeEmpty();
    }

    [Fact]
    public async Task Looks_no_further_back_in_the_journal_than_it_is_told()
    {
        await StartAsync("former", "ExecStart=/bin/sh -c \"echo '<3>it broke'; exec sleep 600\"");
        string config = Configure("former", Service("former", "unit = \"former.service\""));
        (await RunAsync("health", "-c", config, "--journal-since", "1h")).Status.Should().Be(3);
        await Task.Delay(1500, Test.Token);
        (await RunAsync("health", "-c", config, "--journal-since", "1s")).Status.Should().Be(0);
        (int status, _, string error) = await RunAsync("health", "-c", config, "--journal-since", "yesterday");
        (status, error).Should().Be((2, "error: --journal-since: 'yesterday' is no time.\n  → Write a number and a unit: 30s, 10m, 2h, 1d.\n"));
    }

    [Fact]
    public async Task Ends_with_20_when_one_is_not_well_and_says_which()
    {
        await StartAsync("fine", "ExecStart=/bin/sleep 600");
        await StartAsync("broken", "ExecStart=/bin/false");
        await StartAsync("looping", "ExecStart=/bin/sh -c 'sleep 0.2; exit 1'\nRestart=always\nRestartSec=60");
        await Task.Delay(1000, Test.Token);
        string config = Configure("sick", Service("fine", "unit = \"fine.service\""), Service("broken", "unit = \"broken.service\""), Service("looping", "unit = \"looping.service\""),
            Service("gone", "unit = \"gone.service\""), Service("deaf", "unit = \"fine.service\"\nhealth = { tcp = \"127.0.0.1:9\" }"));
        (int status, string output, string error) = await RunAsync("health", "-c", config);
        status.Should().Be(20, output + error);
        error.Should().Contain("error: broken is not healthy: broken.service has failed (exit-code)").And.Contain("looping is not healthy: looping.service keeps ending (exit-code), and systemd restarts it")
            .And.Contain("gone is not healthy: gone.service does not exist").And.Contain("deaf is not healthy: connection refused at 127.0.0.1:9").And.NotContain("fine is");
        output.Should().Contain("1 of 5 healthy");
        (await RunAsync("health", "-c", config, "-s", "fine")).Status.Should().Be(0);
        (await RunAsync("health", "-c", config, "-s", "other")).Status.Should().Be(2);
    }

    [Fact]
    public async Task Prints_one_document_with_json()
    {
        await StartAsync("document", "ExecStart=/bin/sleep 600");
        string config = Configure("document", Service("document", "unit = \"document.service\""), Service("deaf", "health = { tcp = \"127.0.0.1:9\" }"));
        (int status, string output, _) = await RunAsync("health", "-c", config, "--json");
        status.Should().Be(20);
        JsonElement document = JsonDocument.Parse(output).RootElement, golden = JsonDocument.Parse(Golden.GoldenFile.Read("health.json")).RootElement;
        NamesOf(document).Should().Equal(NamesOf(golden));
        NamesOf(document.GetProperty("services")[0]).Should().Equal(NamesOf(golden.GetProperty("services")[0]));
        document.GetProperty("services").EnumerateArray().Select(service => service.GetProperty("result").GetString()).Should().Equal("healthy", "not-healthy");
        document.GetProperty("services")[0].GetProperty("activeState").GetString().Should().Be("active");
    }

    [Fact]
    public async Task Nothing_is_green_where_there_is_no_systemd()
    {
        await using var server = RawServer.Start(static (_, _) => Task.CompletedTask);
        string config = Configure("nowhere", Service("x", $"unit = \"x.service\"\nhealth = {{ tcp = \"127.0.0.1:{server.Port}\" }}"));
        // No program of systemd is on this path.
        ToolResult result = Tool.Try("/usr/bin/env", "PATH=/nowhere", Environment.ProcessPath!, Program, "health", "-c", config);
        result.ExitCode.Should().Be(20, result.Output + result.Error);
        result.Error.Should().Contain("x is unknown: the state of x.service is not known");
    }

    private static IEnumerable<string> NamesOf(JsonElement element) => element.EnumerateObject().Select(static property => property.Name);

    private static string Service(string name, string more) => $"[service.{name}]\nkind = \"files\"\ndata = \"/srv/{name}\"\n{more}\n";

    private string Configure(string name, params string[] services)
    {
        string file = Path.Combine(machine.Data, $"{name}.toml");
        File.WriteAllText(file, $"[repository]\npath = \"/var/backups/stack\"\n{string.Join('\n', services)}");
        return file;
    }

    private async Task StartAsync(string name, string service)
    {
        await machine.WriteUnitsAsync(($"{name}.service", $"[Service]\n{service}\n"));
        await machine.TryExecAsync("systemctl", "start", $"{name}.service");
    }

    private async Task<(int Status, string Output, string Error)> RunAsync(params string[] arguments) =>
        await machine.TryExecAsync([Environment.ProcessPath!, Program, .. arguments]);
}
