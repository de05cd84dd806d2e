using BackupTool.Services.Systemd;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Systemd;

/// <summary>What the tests of the service manager share: a systemd per class, and units with names of their own.</summary>
public abstract class ServiceManagerTests
{
    private protected ServiceManagerTests(RealSystemd systemd)
    {
        Systemd = systemd;
        Manager = new SystemdServiceManager(TimeProvider.System, systemd.CommandPrefix);
    }

    private protected RealSystemd Systemd { get; }

    private protected SystemdServiceManager Manager { get; }

    /// <summary>A service that counts up in a file as long as it is not frozen.</summary>
    private protected const string Counter = """
        [Service]
        ExecStart=/bin/sh -c 'while :; do i=$$((i+1)); echo $$i > /run/%N.count; sleep 0.01; done'
        """;

    private protected const string Sleeper = """
        [Service]
        ExecStart=/bin/sleep infinity
        """;

    private protected static string Unit(string section, string service = Sleeper) => $"[Unit]\n{section}\n{service}";

    private protected async Task<UnitState> StateAsync(string unit) => (await Manager.DescribeAsync([unit], Test.Token)).Single();

    /// <summary>Writes a unit and starts it, by systemctl itself.</summary>
    private protected async Task RunningAsync(string unit, string text)
    {
        await Systemd.WriteUnitAsync(unit, text);
        await Systemd.ExecAsync("systemctl", "start", unit);
    }

    private protected async Task<string> CountAsync(string unit)
    {
        string text;
        while ((text = await File.ReadAllTextAsync(Systemd.Inside($"/run/{unit}.count"), Test.Token)).Length == 0) await Task.Delay(1, Test.Token);
        return text;
    }

    private protected static async Task<ServiceManagerException> FailureAsync(Func<Task> action) => (await action.Should().ThrowAsync<ServiceManagerException>()).Which;
}
