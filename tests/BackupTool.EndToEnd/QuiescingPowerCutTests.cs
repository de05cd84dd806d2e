using System.Text.Json;
using BackupTool.EndToEnd.Support;
using BackupTool.Services.Quiescing;

namespace BackupTool.EndToEnd;

/// <summary>A power cut at every step: of systemd, /run and /tmp nothing is left; of the disk, what was flushed. The machine boots again, and starts what is enabled.</summary>
public sealed class QuiescingPowerCutTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("stop")]
    [InlineData("mixed")]
    public async Task After_a_power_cut_at_any_step_recover_starts_what_is_owed_and_what_is_not_enabled_too(string way)
    {
        await using var machine = await StackMachine.StartAsync();
        bool isJournalWritten = false, isPaidFor = false;
        foreach (string point in FailPoint.All)
        {
            await OwedStack.SetUpAsync(machine, way);
            CliResult now = await machine.RunWithAsync([$"BACKUP_FAIL_POINT={point}"], "now");
            now.ExitCode.Should().BeOneOf([0, 137], now.Error);
            isJournalWritten |= point == "after-journal";
            isPaidFor |= point == "before-start";   // from here on one may be back while another is started
            string[] owed = Owed(machine);
            if (isJournalWritten && !isPaidFor && now.ExitCode != 0) owed.Should().BeEquivalentTo(OwedStack.Running, "nothing is paid before {0}", point);

            await machine.LosePowerAsync();
            LoseWhatIsNotTheJournal(machine);
            await OwedStack.WriteUnitsAsync(machine);
            await machine.Systemd.ExecAsync(["systemctl", "start", .. OwedStack.Enabled]);
            CliResult recover = (await RunInNewBootAsync(machine, "recover", "--json")).ShouldExit(0, point);

            IReadOnlyDictionary<string, UnitLook> looks = await machine.LookAsync([.. OwedStack.Running, .. OwedStack.Down]);
            foreach (string unit in OwedStack.Running)
                looks[unit].ActiveState.Should().Be(owed.Contains(unit) || OwedStack.Enabled.Contains(unit) || IsPulledIn(unit, owed) ? "active" : "inactive", "{0} after a power cut at {1}: {2}", unit, point, recover.Output);
            foreach (string unit in OwedStack.Down) looks[unit].ActiveState.Should().Be("inactive", "{0} did not run before {1}", unit, point);
            File.Exists(machine.RestartJournal).Should().BeFalse(point);
            (await RunInNewBootAsync(machine, "recover")).ShouldExit(0).Output.Should().Contain("nothing is owed");
        }
        output.WriteLine($"{way}: {FailPoint.All.Count} power cuts");
    }

    // A service with a socket of the same name brings that along (systemd.socket(5)).
    private static bool IsPulledIn(string unit, string[] owed) => unit == "helper.socket" && owed.Contains("helper.service");

    private static string[] Owed(StackMachine machine)
    {
        if (!File.Exists(machine.RestartJournal)) return [];
        using JsonDocument journal = JsonDocument.Parse(File.ReadAllBytes(machine.RestartJournal));
        return [.. journal.RootElement.GetProperty("units").EnumerateArray().Where(static unit => unit.GetProperty("isOwed").GetBoolean()).Select(static unit => unit.GetProperty("unit").GetString()!)];
    }

    private static void LoseWhatIsNotTheJournal(StackMachine machine)
    {
        if (Directory.Exists(machine.Below("staging"))) Directory.Delete(machine.Below("staging"), recursive: true);
        Directory.Delete(machine.Repository, recursive: true);
        foreach (string file in Directory.GetFileSystemEntries(machine.State))
            if (file != machine.RestartJournal) File.Delete(file);
    }

    /// <summary>All machines of the tests share the kernel's boot id: here the tool sees another.</summary>
    private static Task<CliResult> RunInNewBootAsync(StackMachine machine, params string[] arguments)
    {
        File.WriteAllText(machine.Below("boot_id"), "11111111-2222-3333-4444-555555555555\n");
        string[] prefix = [.. machine.Systemd.CommandPrefix];
        return Cli.RunProgramAsync(prefix[0], [.. prefix[1..], "/usr/bin/unshare", "-m", "/bin/sh", "-ec", $"mount --bind {machine.Below("boot_id")} /proc/sys/kernel/random/boot_id; exec \"$@\"", "sh",
            machine.Binary, .. arguments, "--config", machine.ConfigFile]);
    }
}
