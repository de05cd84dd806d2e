using BackupTool.Services.Health;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Systemd;

namespace BackupTool.Tests.Services.Quiescing;

public sealed class WatchdogTests
{
    [Theory]
    [InlineData(QuiesceMode.Freeze, 3, true)]
    [InlineData(QuiesceMode.Freeze, 60, false)]
    [InlineData(QuiesceMode.Stop, 3, false)]
    public void A_unit_whose_watchdog_would_kill_it_in_the_window_is_not_frozen(QuiesceMode mode, int watchdogSeconds, bool isRefused)
    {
        var state = new UnitState { Name = "a.service", LoadState = "loaded", ActiveState = "active", CanFreeze = true, Watchdog = TimeSpan.FromSeconds(watchdogSeconds) };
        var target = new QuiesceTarget { Name = "a", Unit = "a.service", Mode = mode, Health = new Healthy() };
        QuiescePlan plan = QuiescePlan.Decide([target], new Dictionary<string, UnitState> { ["a.service"] = state });
        plan.Problems.Should().HaveCount(isRefused ? 1 : 0);
        if (isRefused) plan.Problems[0].Message.Should().Contain("WatchdogSec=3 s");
    }

    private sealed class Healthy : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) => Task.FromResult(new HealthAnswer(true, false, ""));
    }
}
