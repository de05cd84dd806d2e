using System.Diagnostics;
using BackupTool.Posix;
using BackupTool.Services.Quiescing;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>A real process with a real lock is killed by SIGKILL at each fail point; only what it had put on the disk counts. systemd's state outlives it in a file.</summary>
public sealed class FailPointTests
{
    private const string Scenario = "BACKUP_TEST_QUIESCE_STATE";

    public static TheoryData<string> All => [.. FailPoint.All, "after-stop@2", "before-start@2", "after-start@3", "after-paid@2", "after-health@2"];

    [Theory]
    [MemberData(nameof(All))]
    public async Task Killed_here_a_recovery_brings_everything_back(string point)
    {
        using QuiesceWorld world = World();
        world["forgejo.service"].Active = "inactive";
        Save(world, world.StateDirectory);
        (await RunChildAsync(world.StateDirectory, point)).Should().Be(137, "it is killed by SIGKILL at {0}", point);
        Load(world, world.StateDirectory);
        world.Recover().Status.Should().BeOneOf(RecoveryStatus.Paid, RecoveryStatus.NothingOwed);
        world.Systemd.Units.Values.Should().OnlyContain(unit => unit.IsActive == (unit.Name != "forgejo.service") && !unit.IsFrozen);
        world.Journal.IsOwed.Should().BeFalse();
    }

    [Fact]
    public void The_process_that_is_killed()
    {
        if (Environment.GetEnvironmentVariable(Scenario) is not { } state) return;   // an ordinary test run
        using QuiesceWorld world = World();
        Load(world, state);
        world.Client.OnDone = () => Save(world, state);
        var journal = new RestartJournal(BytePath.From(state));
        QuiescePlan plan = world.Plan();
        world.Time.Run(async () =>
        {
            QuiescedServices services = await QuiescedServices.EnterAsync(plan, world.Client, journal, world.Time, static _ => { }, default);
            await Task.Delay(TimeSpan.FromMilliseconds(10), world.Time);
            await services.ResumeAsync();
        });
    }

    private static QuiesceWorld World()
    {
        QuiesceWorld world = QuiesceWorld.Stack();
        world.Add("bot", new SimulatedUnit("bot.service"), QuiesceMode.Freeze, "homeserver");
        world.Add("forge", new SimulatedUnit("forgejo.service"), QuiesceMode.Stop);
        world.Systemd.Add(new SimulatedUnit("maubot.socket") { Triggers = ["maubot.service"] });
        return world;
    }

    private static async Task<int> RunChildAsync(string state, string point)
    {
        string program = Environment.ProcessPath!;
        string[] arguments = ["-method", $"{typeof(FailPointTests).FullName}.{nameof(The_process_that_is_killed)}"];
        if (Path.GetFileName(program) == "dotnet") arguments = [typeof(FailPointTests).Assembly.Location, .. arguments];
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment[Scenario] = state;
        start.Environment["BACKUP_FAIL_POINT"] = point;
        using Process child = Process.Start(start)!;
        await Task.WhenAll(child.StandardOutput.ReadToEndAsync(), child.StandardError.ReadToEndAsync());
        await child.WaitForExitAsync();
        return child.ExitCode;
    }

    private static void Save(QuiesceWorld world, string state) =>
        File.WriteAllLines(Path.Combine(state, "systemd"), world.Systemd.Units.Values.Select(unit => $"{unit.Name} {unit.Active} {unit.IsFrozen} {unit.Invocation}"));

    private static void Load(QuiesceWorld world, string state)
    {
        foreach (string[] fields in File.ReadAllLines(Path.Combine(state, "systemd")).Select(line => line.Split(' ')))
        {
            SimulatedUnit unit = world[fields[0]];
            // What systemd had begun, it ends.
            (unit.Active, unit.IsFrozen, unit.Invocation) = (fields[1] == "activating" ? "active" : fields[1], bool.Parse(fields[2]), int.Parse(fields[3], System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
