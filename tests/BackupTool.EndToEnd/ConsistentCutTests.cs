using System.Globalization;
using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>One writer, three stores of three services: whatever moment a snapshot is of, it is the same for all of them.</summary>
public sealed class ConsistentCutTests(ITestOutputHelper output)
{
    private const int Rounds = 6;

    [Theory]
    [InlineData("stop")]
    [InlineData("freeze")]
    public async Task No_store_is_ahead_of_one_that_was_written_before_it_and_nothing_is_lost(string mode)
    {
        await using LedgerStack stack = await LedgerStack.StartAsync(mode);
        using LedgerDriver driver = stack.Drive();
        await driver.WaitForAsync(500);
        string[] invocations = await stack.FindInvocationsAsync();
        int connections = driver.Connections;
        for (int round = 1; round <= Rounds; round++)
        {
            driver.TakeLongestWait();
            CliResult now = (await stack.RunAsync("now", "--json")).ShouldExit(0);
            long begun = driver.Begun;
            await driver.WaitForAsync(200);
            LedgerState restored = await stack.RestoreAsync();
            long doneAtTheCut = driver.DoneBefore(now.Json.GetProperty("time").GetDateTimeOffset());
            output.WriteLine($"{mode} {round}: all had {doneAtTheCut:N0} at the cut; restored {restored}; {Tell(now.Json)}; one write waited {driver.TakeLongestWait().TotalMilliseconds:0} ms; {now.Elapsed.TotalSeconds:0.00} s");

            restored.Bridge.Should().BeLessThanOrEqualTo(restored.Homeserver);
            restored.Bot.Should().BeLessThanOrEqualTo(restored.Bridge);
            restored.Bot.Should().BeGreaterThanOrEqualTo(restored.Homeserver - 1, "one write is in flight at most");
            restored.Bot.Should().BeGreaterThanOrEqualTo(doneAtTheCut, "nothing that every store had is lost");
            restored.Homeserver.Should().BeLessThanOrEqualTo(begun);
            CheckReport(now.Json, mode);
        }
        string[] after = await stack.FindInvocationsAsync();
        if (mode == "freeze")
        {
            after.Should().Equal(invocations, "no unit was started again");
            driver.Connections.Should().Be(connections, "every connection survived");
        }
        else
        {
            after.Should().NotIntersectWith(invocations, "every unit was stopped and started");
        }
        await SeeThatNobodySaysThePasswordAsync(stack);
    }

    /// <summary>What the test above would see if the services were not held together.</summary>
    [Fact]
    public async Task A_window_for_each_service_would_not_be_one_moment()
    {
        await using LedgerStack stack = await LedgerStack.StartAsync("freeze");
        using LedgerDriver driver = stack.Drive();
        await driver.WaitForAsync(500);
        foreach (string service in (string[])["homeserver", "bridge", "bot"]) (await stack.RunAsync("now", "--service", service)).ShouldExit(0);
        LedgerState restored = new(
            (await stack.RestoreAsync("latest~2", "--service", "homeserver")).Homeserver,
            (await stack.RestoreAsync("latest~1", "--service", "bridge")).Bridge,
            (await stack.RestoreAsync("latest", "--service", "bot")).Bot);
        output.WriteLine($"{restored}");
        restored.Bridge.Should().BeGreaterThan(restored.Homeserver);
        restored.Bot.Should().BeGreaterThan(restored.Bridge);
    }

    private static void CheckReport(JsonElement now, string mode)
    {
        now.GetProperty("windowSeconds").GetDouble().Should().BeInRange(0.0001, 5);
        JsonElement[] quiesced = [.. now.GetProperty("quiesced").EnumerateArray()];
        quiesced.Should().HaveCount(3);
        foreach (JsonElement service in quiesced)
        {
            service.GetProperty("mode").GetString().Should().BeEquivalentTo(mode);
            service.GetProperty("copy").GetString().Should().BeEquivalentTo(mode == "freeze" ? "frozen" : "clean");
            service.GetProperty("isHealthy").GetBoolean().Should().BeTrue();
        }
    }

    private static string Tell(JsonElement now) => string.Create(CultureInfo.InvariantCulture, $"window {now.GetProperty("windowSeconds").GetDouble() * 1000:0} ms; down: ")
        + string.Join(", ", now.GetProperty("quiesced").EnumerateArray().Select(static s => $"{s.GetProperty("name").GetString()} {(s.GetProperty("downtimeSeconds") is { ValueKind: JsonValueKind.Number } down ? $"{down.GetDouble() * 1000:0} ms" : "-")}"));

    private static async Task SeeThatNobodySaysThePasswordAsync(LedgerStack stack)
    {
        (await stack.Systemd.ExecAsync("journalctl", "--output=export", "--no-pager")).Should().Contain("homeserver.service").And.NotContain(LedgerStack.Password);
        CliResult loud = (await stack.RunAsync("now", "-vv")).ShouldExit(0);
        (loud.Output + loud.Error).Should().NotContain(LedgerStack.Password);
        foreach (string file in Directory.EnumerateFiles(stack.Box.Repository, "*.json", SearchOption.AllDirectories)) File.ReadAllText(file).Should().NotContain(LedgerStack.Password);
    }
}
