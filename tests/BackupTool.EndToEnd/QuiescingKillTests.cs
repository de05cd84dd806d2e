using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;

namespace BackupTool.EndToEnd;

/// <summary>kill -9 of the tool at every step of the window, on a real systemd. One machine for each way of holding still; every kill finds all running again.</summary>
public sealed class QuiescingKillTests(ITestOutputHelper output) : IAsyncLifetime
{
    // Reached once for every unit or step, so that the second and the third time differ.
    private static readonly string[] Repeated =
        ["journal-before-rename", "before-stop", "after-stop", "before-start", "after-start", "before-health", "after-health", "before-paid", "after-paid"];

    private StackMachine _machine = null!;

    public async ValueTask InitializeAsync() => _machine = await StackMachine.StartAsync();

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Theory]
    [InlineData("stop")]
    [InlineData("freeze")]
    [InlineData("mixed")]
    public async Task Whatever_the_step_at_which_it_is_killed_recover_brings_back_all_that_ran_and_nothing_else(string way)
    {
        await OwedStack.SetUpAsync(_machine, way);
        string[] points = way == "mixed" ? [.. FailPoint.All, .. Repeated.SelectMany(static point => (string[])[$"{point}@2", $"{point}@3"])] : [.. FailPoint.All];
        var missed = new List<string>();
        int owed = 0;
        foreach (string point in points)
        {
            CliResult now = await _machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], "now");
            if (now.ExitCode == 0) missed.Add(point);
            else now.ExitCode.Should().Be(137, "{0} kills: {1}{2}", point, now.Output, now.Error);
            if (File.Exists(_machine.RestartJournal)) owed++;

            (await _machine.RunAsync("recover")).ShouldExit(0, $"after {way}, {point}");
            await OwedStack.ShouldBeBackAsync(_machine, $"after {way}, {point}");
            var back = await _machine.LookAsync(OwedStack.Running);
            (await _machine.RunAsync("recover")).ShouldExit(0).Output.Should().Contain("nothing is owed");
            (await _machine.LookAsync(OwedStack.Running)).Should().Equal(back, "a second recover does nothing: {0}", point);
        }
        missed.Should().Equal(way switch
        {
            "stop" => ["before-freeze", "after-freeze", "before-thaw", "after-thaw"],
            "freeze" => ["before-stop", "after-stop", "before-start", "after-start"],
            _ => ["before-stop@3", "after-stop@3"],
        }, "every other step is reached");
        output.WriteLine($"{way}: {points.Length - missed.Count} kills, {owed} of them left a debt");
        owed.Should().BeGreaterThan(points.Length / 2, "the premise");
        (await _machine.RunAsync("now")).ShouldExit(0);
    }

    [Theory]
    [InlineData("window")]
    [InlineData("after-stop")]
    [InlineData("before-start")]
    [InlineData("after-thaw")]
    [InlineData("after-paid")]
    public async Task After_a_kill_the_next_backup_pays_first_without_being_asked(string point)
    {
        await OwedStack.SetUpAsync(_machine, "mixed");
        (await _machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], "now")).ExitCode.Should().Be(137);
        File.Exists(_machine.RestartJournal).Should().BeTrue("the premise");
        CliResult now = (await _machine.RunAsync("now", "--json")).ShouldExit(0);
        now.Error.Should().Contain("restarts are owed");
        foreach (var service in now.Json.GetProperty("quiesced").EnumerateArray())
            service.GetProperty("copy").GetString().Should().BeEquivalentTo(service.GetProperty("name").GetString() switch { "bot" => "frozen", "spare" => "inactive", _ => "clean" }, "it ran again when it was cut");
        await OwedStack.ShouldBeBackAsync(_machine, point);
    }

    [Theory]
    [InlineData("window")]
    [InlineData("after-start")]
    public async Task A_recover_that_is_killed_itself_at_any_step_is_finished_by_the_next(string first)
    {
        await OwedStack.SetUpAsync(_machine, "mixed");
        int killed = 0;
        foreach (string point in FailPoint.All)
        {
            (await _machine.RunWithAsync([$"BACKUP_FAIL_POINT={first}"], "now")).ExitCode.Should().Be(137);
            CliResult recover = await _machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], "recover");
            recover.ExitCode.Should().BeOneOf([0, 137], recover.Error);
            if (recover.ExitCode == 137) killed++;
            (await _machine.RunAsync("recover")).ShouldExit(0);
            await OwedStack.ShouldBeBackAsync(_machine, $"{first}, then {point} of recover");
        }
        output.WriteLine($"{killed} of {FailPoint.All.Count} steps are a recovery's, too");
        killed.Should().BeGreaterThan(8, "the premise");
    }

    [Fact]
    public async Task Killed_while_a_service_is_still_stopping_it_is_back_after_recover()
    {
        await OwedStack.SetUpAsync(_machine, "stop");
        await _machine.Systemd.WriteUnitAsync("homeserver.service", StackUnits.Idle("ExecStop=/bin/sleep 3\nTimeoutStopSec=20"));
        Task<CliResult> running = _machine.RunAsync("now");
        await _machine.UntilAsync("[ $(systemctl show -P ActiveState homeserver.service) = deactivating ]");
        await _machine.SignalAsync("KILL");
        (await running).ExitCode.Should().Be(137);
        (await _machine.LookAsync("homeserver.service"))["homeserver.service"].ActiveState.Should().Be("deactivating", "the premise: it has not stopped yet");

        (await _machine.RunAsync("recover")).ShouldExit(0);
        await OwedStack.ShouldBeBackAsync(_machine, "killed in a slow stop");
    }
}
