using System.Net.Sockets;
using BackupTool.Cli.Agent;
using Microsoft.Extensions.Hosting.Systemd;

namespace BackupTool.Tests.Cli.Agent;

public sealed class ServiceNoticesTests
{
    private readonly RecordedNotifier _notifier = new();
    private readonly List<string> _warnings = [];

    private ServiceNotices Notices => new(_notifier, TimeProvider.System, _warnings.Add);

    [Fact]
    public void Says_what_systemd_listens_for()
    {
        ServiceNotices notices = Notices;
        notices.Ready();
        notices.Alive();
        notices.Stopping();
        notices.Status("two\nlines");
        notices.Status("two\nlines");
        notices.Status("one");
        _notifier.Said.Should().Equal("READY=1", "WATCHDOG=1", "STOPPING=1", "STATUS=two lines", "STATUS=one");
    }

    [Fact]
    public void A_reload_carries_the_time_of_the_monotonic_clock_in_microseconds()
    {
        Notices.Reloading();
        string[] lines = _notifier.Said.Single().Split('\n');
        lines[0].Should().Be("RELOADING=1");
        double uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        double said = long.Parse(lines[1]["MONOTONIC_USEC=".Length..], System.Globalization.CultureInfo.InvariantCulture) / 1e6;
        said.Should().BeInRange(0, uptime + 1, "it does not count the time of suspensions, and uptime does").And.BeGreaterThan(1);
    }

    [Fact]
    public void A_service_manager_that_is_gone_is_warned_of_once_and_ends_nothing()
    {
        _notifier.Fails = true;
        ServiceNotices notices = Notices;
        notices.Ready();
        notices.Alive();
        _warnings.Should().ContainSingle().Which.Should().Contain("NOTIFY_SOCKET");
    }

    [Theory]
    [InlineData("20000000", "77", 10.0)]
    [InlineData("3000000", null, 1.5)]
    [InlineData("20000000", "78", null)]
    [InlineData("0", "77", null)]
    [InlineData("soon", "77", null)]
    [InlineData(null, null, null)]
    public void Signs_of_life_come_twice_as_often_as_they_must(string? limit, string? process, double? seconds) =>
        ServiceNotices.AliveInterval(limit, process, 77)?.TotalSeconds.Should().Be(seconds);

    private sealed class RecordedNotifier : ISystemdNotifier
    {
        public List<string> Said { get; } = [];

        public bool Fails { get; set; }

        public bool IsEnabled => true;

        public void Notify(ServiceState state)
        {
            if (Fails) throw new SocketException((int)SocketError.ConnectionRefused);
            Said.Add(state.ToString());
        }
    }
}
