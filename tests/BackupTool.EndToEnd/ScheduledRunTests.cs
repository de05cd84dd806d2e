using System.Text.Json;
using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary><c>backup run</c> and <c>backup schedules</c>, on a directory of files.</summary>
public sealed class ScheduledRunTests : IDisposable
{
    private readonly Sandbox _box = new();

    public void Dispose() => _box.Dispose();

    [Fact]
    public async Task A_run_does_its_steps_records_them_and_its_snapshot_says_whose_it_is()
    {
        await SetUpAsync();
        CliResult run = (await _box.RunAsync("run", "nightly", "--json")).ShouldExit(0);

        run.Json.GetProperty("steps").EnumerateArray().Select(static step => (step.GetProperty("step").GetString(), step.GetProperty("result").GetString()))
            .Should().Equal(("backup", "done"), ("verify", "done"), ("rotate", "done"));
        JsonElement snapshot = (await _box.RunAsync("show", "latest", "--json")).ShouldExit(0).Json;
        snapshot.ToString().Should().Contain("\"nightly\"").And.Contain("night-label").And.Contain(run.Json.GetProperty("snapshot").GetString());
        (await _box.RunAsync("status")).ShouldExit(0).Error.Should().BeEmpty();
        CliResult schedules = (await _box.RunAsync("schedules", "--json")).ShouldExit(0);
        JsonElement nightly = schedules.Json.GetProperty("schedules")[0];
        nightly.GetProperty("next").GetArrayLength().Should().Be(5);
        nightly.GetProperty("lastRun").GetProperty("exitCode").GetInt32().Should().Be(0);
        nightly.GetProperty("lastRun").GetProperty("snapshot").GetString().Should().Be(run.Json.GetProperty("snapshot").GetString());
        (await _box.RunAsync("schedules")).ShouldExit(0).Output.Should().Contain("30 2 * * * in Europe/Berlin").And.Contain("{ last = 2 }").And.Contain(", done in ");
    }

    [Fact]
    public async Task It_keeps_what_the_schedule_says()
    {
        await SetUpAsync();
        for (int i = 0; i < 4; i++)
        {
            File.WriteAllText(Path.Combine(_box.Source, "file"), $"{i}");
            (await _box.RunAsync("run", "nightly", "-q")).ShouldExit(0).Output.Should().BeEmpty();
        }
        (await _box.ListAsync()).Should().HaveCount(2);
        CliResult dry = (await _box.RunAsync("run", "nightly", "--dry-run")).ShouldExit(0);
        dry.Output.Should().Contain("nothing was stored").And.Contain("would verify").And.Contain("would forget 0 of 2");
        (await _box.ListAsync()).Should().HaveCount(2);
    }

    [Fact]
    public async Task After_a_backup_that_fails_it_verifies_and_does_not_rotate()
    {
        await SetUpAsync();
        for (int i = 0; i < 3; i++) (await _box.RunAsync("now")).ShouldExit(0);
        Directory.Move(_box.Source, _box.Below("gone"));

        CliResult run = (await _box.RunAsync("run", "nightly")).ShouldFail(1, "rotate is not run", "backup failed");
        run.Output.Should().Contain("verified").And.Contain("backup failed").And.Contain("rotate not run");
        (await _box.ListAsync()).Should().HaveCount(3);
        (await _box.RunAsync("schedules")).ShouldExit(0).Output.Should().Contain("failed with 1");
        (await _box.RunAsync("status")).ShouldFail(3, "the last run of nightly", "ended with 1", "'backup run nightly'").Output.Should().Contain("good", "the snapshots before it are young enough");

        Directory.Move(_box.Below("gone"), _box.Source);
        string pack = Directory.GetFiles(Path.Combine(_box.Repository, "packs"), "*", SearchOption.AllDirectories)[0];
        File.SetUnixFileMode(pack, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.WriteAllText(pack, "damage");
        run = (await _box.RunAsync("run", "nightly", "--json")).ShouldFail(13, "rotate is not run");
        run.Json.GetProperty("steps")[2].GetProperty("result").GetString().Should().Be("not run");
        run.Json.GetProperty("exitCode").GetInt32().Should().Be(13);
    }

    [Fact]
    public async Task A_schedule_with_an_error_stops_itself_and_rotation_and_nothing_else()
    {
        await SetUpAsync();
        (await _box.RunAsync("run", "nightly")).ShouldExit(0);
        Write("weekly", "cron = \"bad\"\nrun = [\"backup\"]\nkeep = { yearly = 9 }\n");

        (await _box.RunAsync("run", "weekly")).ShouldFail(2, "weekly.toml:1:8", "no cron expression");
        CliResult run = (await _box.RunAsync("run", "nightly")).ShouldFail(1, "Nothing was removed", "weekly.toml:1:8");
        run.Output.Should().Contain("backup done").And.Contain("verify done").And.Contain("rotate failed");
        (await _box.RunAsync("rotate")).ShouldFail(2, "weekly.toml:1:8");
        (await _box.RunAsync("config", "check")).ShouldFail(2, "weekly.toml:1:8");
        (await _box.RunAsync("schedules")).ShouldFail(2, "weekly.toml:1:8").Output.Should().Contain("nightly");
        (await _box.RunAsync("restore", "latest", "--target", _box.Below("restored"))).ShouldExit(0).Error.Should().Contain("weekly.toml:1:8");
        Sandbox.ShouldHold(_box.Below("restored"), _box.Source);
        foreach (string command in (string[])["now", "list", "verify", "recover"]) (await _box.RunAsync(command)).ShouldExit(0, command);
    }

    [Fact]
    public async Task A_name_that_is_none_is_told_with_the_nearest_and_a_repository_that_is_gone_ends_with_10()
    {
        await SetUpAsync();
        (await _box.RunAsync("run", "nigthly")).ShouldFail(2, "no schedule 'nigthly'", "'nightly'");
        (await _box.RunAsync("run", "nightly", "--lock-wait", "soon")).ShouldFail(2, "--lock-wait");
        (await _box.RunAsync("run")).ShouldExit(2);
        Directory.Move(_box.Repository, _box.Below("elsewhere"));
        (await _box.RunAsync("run", "nightly")).ShouldFail(10, "verify is not run");
    }

    private async Task SetUpAsync()
    {
        File.WriteAllText(Path.Combine(_box.Source, "file"), "content");
        await _box.InitAsync();
        Write("nightly", "cron = \"30 2 * * *\"\ntime-zone = \"Europe/Berlin\"\njitter = \"10m\"\nrun = [\"backup\", \"verify\", \"rotate\"]\nlabels = [\"night-label\"]\nkeep = { last = 2 }\n");
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(Directory.CreateDirectory(_box.Below("schedules")).FullName, $"{name}.toml"), text);
}
