using System.Text.Json;
using BackupTool.Repositories;
using BackupTool.Tests.Operations.Rotation;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Cli;

/// <summary><c>rotate</c>, <c>forget</c>, <c>pin</c>, <c>unpin</c> and <c>schedules simulate</c> as processes.</summary>
public sealed class RotateCommandTests : IAsyncLifetime
{
    private RotationBox _box = null!;

    public async ValueTask InitializeAsync()
    {
        _box = await RotationBox.CreateAsync();
        await File.WriteAllTextAsync(Config, $"[repository]\npath = \"{_box.Place}\"\nlock-wait = \"0s\"\n[state]\npath = \"{_box.Below("state")}\"\n[service.maubot]\nkind = \"files\"\npaths = [\"/srv\"]\n[rotation]\nkeep = {{ last = 1 }}\n", Test.Token);
    }

    public ValueTask DisposeAsync()
    {
        _box.Dispose();
        return default;
    }

    private string Config => _box.Below("backup.toml");

    private ToolResult Run(params string[] arguments) =>
        Tool.Try(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "backup.dll"), .. arguments, "--config", Config]);

    [Fact]
    public async Task Rotates_as_its_dry_run_said_and_is_done_with_a_warning_until_something_was_verified()
    {
        StoredSnapshot old = await _box.AddAsync(3), young = await _box.AddAsync(1);
        ToolResult dry = Run("rotate", "--dry-run");
        dry.ExitCode.Should().Be(3, dry.Output + dry.Error);
        dry.Output.Should().MatchRegex($"{old.Id.Prefix} .*remove +no rule keeps it: last 1\n").And.MatchRegex($"{young.Id.Prefix} .*keep +last 1 of 1; newest of maubot\n").And.Contain("would remove 1 of 2 snapshots");
        dry.Error.Should().Contain("no snapshot of maubot was ever verified");
        (await _box.IdsAsync()).Should().HaveCount(2);
        await _box.ProveAsync(young);
        ToolResult done = Run("rotate", "--json");
        done.ExitCode.Should().Be(0, done.Error);
        JsonElement document = JsonDocument.Parse(done.Output).RootElement;
        document.GetProperty("forgotten").EnumerateArray().Select(static id => id.GetString()).Should().Equal(old.Id.Hex);
        document.GetProperty("snapshots")[0].GetProperty("keep").GetBoolean().Should().BeFalse();
        (await _box.IdsAsync()).Should().Equal(young.Id);
        Run("rotate").ExitCode.Should().Be(0, "nothing to remove is no trouble");
    }

    [Fact]
    public async Task Ends_with_13_and_removes_nothing_while_a_snapshot_is_damaged()
    {
        StoredSnapshot old = await _box.AddAsync(3);
        await _box.AddAsync(1);
        await File.AppendAllTextAsync(Path.Combine(_box.Place, old.Id.FileName), " ", Test.Token);
        foreach (string[] command in new[] { new[] { "rotate" }, ["rotate", "--dry-run"], ["forget", "--force", "latest"] })
        {
            ToolResult result = Run(command);
            result.ExitCode.Should().Be(13, result.Error);
            result.Error.Should().Contain(old.Id.FileName).And.Contain("nothing was removed");
        }
        Directory.GetFiles(Path.Combine(_box.Place, "snapshots")).Should().HaveCount(2);
    }

    [Fact]
    public async Task An_invalid_policy_removes_nothing_and_ends_with_2()
    {
        for (int day = 0; day < 3; day++) await _box.AddAsync(day);
        foreach (string keep in new[] { "{}", "{ last = 0 }", "{ dayly = 7 }", "{ daily = -7 }" })
        {
            await File.WriteAllTextAsync(Config, $"[repository]\npath = \"{_box.Place}\"\n[rotation]\nkeep = {keep}\n", Test.Token);
            Run("rotate").ExitCode.Should().Be(2, keep);
        }
        (await _box.IdsAsync()).Should().HaveCount(3);
    }

    [Fact]
    public async Task Pins_are_shown_kept_and_taken_back()
    {
        StoredSnapshot old = await _box.AddAsync(3), young = await _box.AddAsync(1);
        Run("pin", old.Id.Prefix).ExitCode.Should().Be(0);
        Run("pin", old.Id.Prefix).ExitCode.Should().Be(75);
        Run("list").Output.Should().MatchRegex($"{old.Id.Prefix} .*pinned\n");
        Run("show", old.Id.Prefix).Output.Should().Contain("pinned    yes");
        JsonDocument.Parse(Run("list", "--json").Output).RootElement.GetProperty("snapshots").EnumerateArray().Select(static one => one.GetProperty("pinned").GetBoolean()).Should().Equal(true, false);
        ToolResult refused = Run("forget", "--force", old.Id.Prefix);
        refused.ExitCode.Should().Be(1);
        refused.Error.Should().Contain($"{old.Id.Prefix} is pinned. Nothing was removed").And.Contain($"backup unpin {old.Id.Prefix}");
        Run("rotate").ExitCode.Should().Be(3);
        (await _box.IdsAsync()).Should().HaveCount(2);
        Run("unpin", old.Id.Prefix).ExitCode.Should().Be(0);
        Run("forget", old.Id.Prefix).ExitCode.Should().Be(0);
        Run("forget", young.Id.Prefix).Error.Should().Contain("newest snapshot of maubot").And.Contain("--force");
        (await _box.IdsAsync()).Should().Equal(young.Id);
        Run("forget").ExitCode.Should().Be(2);
        Run("pin", "ffffffff").ExitCode.Should().Be(2);
    }

    [Fact]
    public async Task Simulates_the_schedules_that_are_configured()
    {
        Run("schedules", "simulate").ExitCode.Should().Be(75, "there is none");
        Directory.CreateDirectory(_box.Below("schedules"));
        await File.WriteAllTextAsync(_box.Below("schedules/nightly.toml"), "cron = \"30 2 * * *\"\ntime-zone = \"Europe/Berlin\"\nrun = [\"backup\", \"verify\", \"rotate\"]\nkeep = { daily = 7, monthly = 3 }\n", Test.Token);
        ToolResult text = Run("schedules", "simulate", "--years", "2", "--from", "2026-11-23");
        text.ExitCode.Should().Be(0, text.Error);
        text.Output.Should().Contain("nightly: 9 snapshots exist at the end").And.Contain("2028-09-30 02:30 Sat  monthly 3 of 3 (2028-09)").And.MatchRegex("nightly +30 2 \\* \\* \\* +731 +9 +\\d+ +2028-09-30 +backup verify rotate +daily 7, monthly 3");
        JsonElement document = JsonDocument.Parse(Run("schedules", "simulate", "--years", "2", "--from", "2026-11-23", "--json").Output).RootElement.GetProperty("schedules")[0];
        (document.GetProperty("runs").GetInt32(), document.GetProperty("atTheEnd").GetInt32(), document.GetProperty("snapshots").GetArrayLength()).Should().Be((731, 9, 9));
        Run("schedules", "simulate", "--years", "0").ExitCode.Should().Be(2);
        Run("schedules", "simulate", "--from", "tomorrow").ExitCode.Should().Be(2);
    }
}
