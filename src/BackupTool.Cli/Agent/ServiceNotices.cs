using System.Globalization;
using System.Net.Sockets;
using Microsoft.Extensions.Hosting.Systemd;

namespace BackupTool.Cli.Agent;

/// <summary>What the service manager is told, by sd_notify(3). Without one, nothing happens.</summary>
/// <param name="notifier">The socket.</param>
/// <param name="time">The clock; its timestamps are CLOCK_MONOTONIC's, as systemd wants them.</param>
/// <param name="warn">Told when it cannot be reached, once.</param>
internal sealed class ServiceNotices(ISystemdNotifier notifier, TimeProvider time, Action<string> warn)
{
    private string _status = "";
    private bool _warned;

    /// <summary>How often a sign of life must come at least; null when nobody waits for one. Half of $WATCHDOG_USEC, if that is meant for this process.</summary>
    internal static TimeSpan? AliveInterval(string? watchdogMicroseconds, string? watchdogProcess, int self)
    {
        if (!string.IsNullOrEmpty(watchdogProcess) && watchdogProcess != self.ToString(CultureInfo.InvariantCulture)) return null;
        return long.TryParse(watchdogMicroseconds, NumberStyles.None, CultureInfo.InvariantCulture, out long limit) && limit > 0 ? TimeSpan.FromMicroseconds(limit / 2.0) : null;
    }

    /// <summary>The configuration is loaded and nothing is owed any more; or, after <see cref="Reloading"/>, it is loaded again.</summary>
    internal void Ready() => Send("READY=1");

    /// <summary>The configuration is being loaded again.</summary>
    internal void Reloading() => Send(string.Create(CultureInfo.InvariantCulture, $"RELOADING=1\nMONOTONIC_USEC={time.GetTimestamp() / (time.TimestampFrequency / 1_000_000)}"));

    /// <summary>Whoever calls this is alive.</summary>
    internal void Alive() => Send("WATCHDOG=1");

    /// <summary>We are about to end.</summary>
    internal void Stopping() => Send("STOPPING=1");

    /// <summary>What <c>systemctl status</c> shows; sent when it has changed.</summary>
    internal void Status(string status)
    {
        string line = status.ReplaceLineEndings(" ");
        if (line == _status) return;
        _status = line;
        Send($"STATUS={line}");
    }

    private void Send(string state)
    {
        try
        {
            if (notifier.IsEnabled) notifier.Notify(new ServiceState(state));
        }
        catch (SocketException e)
        {
            if (!_warned) warn($"the service manager cannot be told how we are ($NOTIFY_SOCKET): {e.Message}");
            _warned = true;
        }
    }
}
