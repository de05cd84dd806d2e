using BackupTool.EndToEnd.Support;

namespace BackupTool.EndToEnd;

/// <summary>What is found before the first stop stops nothing: the units keep their invocations. On a real systemd.</summary>
public sealed class QuiescingRefusalTests : IAsyncLifetime
{
    private static readonly string[] Units = ["homeserver.service", "bot.service"];
    private StackMachine _machine = null!;
    private IReadOnlyDictionary<string, UnitLook> _before = null!;

    public async ValueTask InitializeAsync()
    {
        _machine = await StackMachine.StartAsync();
        await _machine.Systemd.WriteUnitsAsync(("homeserver.service", StackUnits.Idle()), ("bot.service", StackUnits.Idle()), ("masked.service", StackUnits.Idle()));
        await _machine.Systemd.ExecAsync(["systemctl", "start", .. Units]);
        await _machine.Systemd.ShellAsync("rm /etc/systemd/system/masked.service; systemctl mask masked.service");
        _before = await _machine.LookAsync(Units);
    }

    public ValueTask DisposeAsync() => _machine.DisposeAsync();

    [Theory]
    [InlineData("masked.service", "masked", "Unmask it")]
    [InlineData("missing.service", "not-found", "list-units --all")]
    [InlineData("homesever.service", "not-found", "list-units --all")]
    public async Task A_unit_that_cannot_be_stopped_and_started(string unit, string says, string wayOut)
    {
        await _machine.ConfigureAsync([.. Good(), _machine.Service("odd", "", unit)]);
        await ShouldRefuseAsync(await _machine.RunAsync("now"), unit, says, wayOut, "Nothing was stopped");
        await ShouldRefuseAsync(await _machine.RunAsync("now", "--keep-going"), unit);
        (await _machine.RunAsync("health")).ShouldExit(20).Error.Should().Contain(unit);
    }

    [Fact]
    public async Task No_systemctl()
    {
        await _machine.ConfigureAsync(Good());
        Directory.CreateDirectory(_machine.Below("empty"));
        await ShouldRefuseAsync(await _machine.RunWithAsync([$"PATH={_machine.Below("empty")}"], "now"), "systemctl", "→");
        (await _machine.RunWithAsync([$"PATH={_machine.Below("empty")}"], "health")).ShouldFail(20, "systemctl");
    }

    [Fact]
    public async Task A_systemd_that_does_not_answer()
    {
        await _machine.ConfigureAsync(Good());
        string[] prefix = [.. _machine.Systemd.CommandPrefix];
        CliResult now = await Cli.RunProgramAsync(prefix[0], [.. prefix[1..], "/usr/bin/unshare", "-m", "/bin/sh", "-ec",
            "mount -t tmpfs none /run/systemd; mount -t tmpfs none /run/dbus; exec \"$@\"", "sh", _machine.Binary, "now", "--config", _machine.ConfigFile]);
        await ShouldRefuseAsync(now, "systemd", "→");
    }

    [Fact]
    public async Task A_service_whose_state_is_not_there_unless_told_to_keep_going()
    {
        await _machine.ConfigureAsync([.. Good(), _machine.Service("gone", "quiesce = \"online\"", "bot.service")]);
        Directory.Delete(_machine.Below("data/gone"), recursive: true);
        await ShouldRefuseAsync(await _machine.RunAsync("now"), "gone:", _machine.Below("data/gone"), "Nothing was stopped", "--keep-going");
        CliResult now = (await _machine.RunAsync("now", "--keep-going", "--json")).ShouldExit(1);
        now.Json.GetProperty("failures")[0].GetProperty("name").GetString().Should().Be("gone");
        now.Json.GetProperty("services").EnumerateArray().Select(static service => service.GetProperty("name").GetString()).Should().BeEquivalentTo("homeserver", "bot");
        var after = await _machine.LookAsync(Units);
        after.Values.Should().OnlyContain(static look => look.ActiveState == "active" && look.FreezerState == "running");
        after["homeserver.service"].InvocationId.Should().NotBe(_before["homeserver.service"].InvocationId, "it was stopped for its cut");
    }

    [Fact]
    public async Task A_repository_on_a_full_file_system()
    {
        await _machine.Systemd.ExecAsync("mkdir", _machine.Repository);
        await _machine.Systemd.ExecAsync("mount", "-t", "tmpfs", "-o", "size=70m", "full", _machine.Repository);
        await _machine.ConfigureAsync(Good());
        (await _machine.RunAsync("init")).ShouldExit(0);
        (await _machine.RunAsync("now")).ShouldExit(0, "the premise: there is room");
        _before = await _machine.LookAsync(Units);
        await _machine.Systemd.TryExecAsync("dd", "if=/dev/zero", $"of={_machine.Repository}/filler", "bs=1M");
        await ShouldRefuseAsync(await _machine.RunAsync("now"), _machine.Repository, "→");
    }

    [Theory]
    [InlineData("ro")]
    [InlineData("size=4k")]
    public async Task A_state_directory_that_cannot_be_written_to(string options)
    {
        await _machine.ConfigureAsync(Good());
        await _machine.Systemd.ExecAsync("mkdir", "-p", _machine.State);
        await _machine.Systemd.ExecAsync("mount", "-t", "tmpfs", "-o", options, "state", _machine.State);
        if (options != "ro") await _machine.Systemd.ShellAsync($"echo > {_machine.State}/restarts.lock; dd if=/dev/zero of={_machine.State}/filler bs=4k || true");
        await ShouldRefuseAsync(await _machine.RunAsync("now"), _machine.State, "→");
    }

    private string[] Good() => [_machine.Service("homeserver", ""), _machine.Service("bot", "quiesce = \"freeze\"")];

    private async Task ShouldRefuseAsync(CliResult now, params string[] says)
    {
        now.ShouldFail(1, says).Output.Should().BeEmpty();
        (await _machine.LookAsync(Units)).Should().Equal(_before, "nothing was touched: {0}", now.Error);
        File.Exists(_machine.RestartJournal).Should().BeFalse();
    }
}
