using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>A running <see cref="BotStack"/> with a further service of plain files, <c>small</c>, and what it looks like: a refusal must leave it so.</summary>
public sealed class InPlaceStack : IAsyncLifetime
{
    private static readonly string[] Units = ["homeserver.service", "maubot.service", "small.service"];
    private string _configuration = "";

    internal BotStack Stack { get; private set; } = null!;

    internal StackMachine Machine => Stack.Machine;

    /// <summary>A snapshot of all three, as they are at first.</summary>
    internal string First { get; private set; } = "";

    /// <summary>The small service's data.</summary>
    internal string Small => Machine.Below("lib/small");

    /// <summary>The configuration of the small service.</summary>
    internal string SmallService => $"[service.small]\nkind = \"files\"\nunit = \"small.service\"\ndata = \"{Small}\"";

    public async ValueTask InitializeAsync()
    {
        Stack = await BotStack.StartAsync(backsUp: false);
        Directory.CreateDirectory(Path.Combine(Small, "sub"));
        await File.WriteAllTextAsync(Path.Combine(Small, "state"), "the state of small");
        await File.WriteAllTextAsync(Path.Combine(Small, "sub/deep"), "deep");
        await File.AppendAllTextAsync(Machine.ConfigFile, "\n" + SmallService + "\n");
        _configuration = await File.ReadAllTextAsync(Machine.ConfigFile);
        await Machine.Systemd.WriteUnitAsync("small.service", StackUnits.Idle());
        await Machine.Systemd.ExecAsync("systemctl", "start", "small.service");
        First = (await Machine.RunAsync("now", "--json")).ShouldExit(0).Json.GetProperty("snapshot").GetString()!;
    }

    public ValueTask DisposeAsync() => Stack.DisposeAsync();

    /// <summary>Works with another configuration for a while.</summary>
    internal async Task WithConfigurationAsync(Func<string, string> change, Func<Task> work)
    {
        await File.WriteAllTextAsync(Machine.ConfigFile, change(_configuration));
        try
        {
            await work();
        }
        finally
        {
            await File.WriteAllTextAsync(Machine.ConfigFile, _configuration);
        }
    }

    /// <summary>Runs the tool, which must end with this code, say this, and have touched nothing.</summary>
    internal async Task<CliResult> RefuseAsync(int code, string[] arguments, params string[] says)
    {
        InPlaceLook before = await LookAsync();
        CliResult refused = await Machine.RunAsync(arguments);
        refused.ShouldFail(code, says);
        TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join(' ', arguments)}\n{refused.Error}{refused.Output}");
        await ShouldBeUntouchedAsync(before, refused.Error);
        return refused;
    }

    /// <summary>What a refusal must leave as it is.</summary>
    internal async Task<InPlaceLook> LookAsync()
    {
        TreeFingerprint lib = TreeFingerprint.Of(Machine.Below("lib")).Where(static entry => !entry.Path.EndsWith("-shm", StringComparison.Ordinal) && !entry.Path.StartsWith("small/repository", StringComparison.Ordinal));
        string[] state = [.. new[] { Machine.State, Machine.Below("staging") }.Where(Directory.Exists)
            .SelectMany(static directory => Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories)).Order(StringComparer.Ordinal)];
        return new InPlaceLook(await Machine.LookAsync(Units), lib, [.. state.Where(static path => !path.EndsWith(".lock", StringComparison.Ordinal) && !path.EndsWith("/previous", StringComparison.Ordinal))],
            [.. Directory.EnumerateFiles(Path.Combine(Machine.Repository, "snapshots")).Order(StringComparer.Ordinal)]);
    }

    internal async Task ShouldBeUntouchedAsync(InPlaceLook before, string because)
    {
        InPlaceLook now = await LookAsync();
        now.Units.Should().Equal(before.Units, "nothing was stopped: {0}", because);
        now.Lib.ShouldBe(before.Lib, "no state was touched: " + because);
        now.State.Should().Equal(before.State, "nothing is under way, and nothing staged: {0}", because);
        now.Snapshots.Should().Equal(before.Snapshots, "no snapshot was made: {0}", because);
    }

    /// <summary>Restores in place what is the way out of a refusal, and forgets what was replaced.</summary>
    internal async Task<CliResult> GoOnAsync(params string[] arguments)
    {
        CliResult done = await Machine.RunAsync(arguments);
        TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join(' ', arguments)}\n{done.Error}{done.Output}");
        done.ExitCode.Should().BeOneOf([0, 3], "{0}{1}", done.Output, done.Error);
        await Stack.ShouldBeWellAsync();
        return done;
    }
}

/// <summary>A machine as a refusal must leave it.</summary>
internal sealed record InPlaceLook(IReadOnlyDictionary<string, UnitLook> Units, TreeFingerprint Lib, string[] State, string[] Snapshots);
