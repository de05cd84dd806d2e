using BackupTool.Services.Health;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Services.Health;

public sealed class HealthGateTests
{
    private static readonly HealthAnswer Well = new(true, false, "well"), NotYet = new(false, false, "not yet"), Failed = new(false, true, "failed");

    private readonly SteppingTime _time = new();

    [Fact]
    public async Task Goes_on_at_once_when_the_first_answer_is_healthy() =>
        (await Wait(TimeSpan.FromSeconds(60), Well)).Should().Be(new HealthWait(Well, 1, TimeSpan.Zero));

    [Fact]
    public async Task Asks_again_after_pauses_that_double_up_to_a_second()
    {
        HealthWait wait = await Wait(TimeSpan.FromSeconds(60), [.. Enumerable.Repeat(NotYet, 7), Well]);
        wait.Should().Be(new HealthWait(Well, 8, TimeSpan.FromMilliseconds(50 + 100 + 200 + 400 + 800 + 1000 + 1000)));
        _time.Pauses.Should().Equal(50, 100, 200, 400, 800, 1000, 1000);
    }

    [Fact]
    public async Task Does_not_wait_when_waiting_will_not_help() =>
        (await Wait(TimeSpan.FromSeconds(60), NotYet, Failed, Well)).Should().Be(new HealthWait(Failed, 2, TimeSpan.FromMilliseconds(50)));

    [Fact]
    public async Task Asks_a_last_time_when_the_timeout_is_over()
    {
        HealthWait wait = await Wait(TimeSpan.FromSeconds(2), [.. Enumerable.Repeat(NotYet, 100)]);
        wait.Should().Be(new HealthWait(NotYet, 7, TimeSpan.FromSeconds(2)));
        _time.Pauses.Should().Equal(50, 100, 200, 400, 800, 450);
    }

    [Fact]
    public async Task Asks_once_even_without_any_time() => (await Wait(TimeSpan.Zero, NotYet, Well)).Should().Be(new HealthWait(NotYet, 1, TimeSpan.Zero));

    [Fact]
    public async Task Cuts_off_a_check_that_hangs_beyond_the_timeout()
    {
        HealthWait wait = await HealthGate.WaitAsync(new Script(async cancellationToken =>
        {
            Task hanging = Task.Delay(Timeout.Infinite, cancellationToken);
            _time.RunOut();
            await hanging;
            return Well;
        }), TimeSpan.FromSeconds(3), _time, Test.Token);
        wait.Answer.Should().Be(new HealthAnswer(false, false, "no answer within 3 s"));
        (wait.Attempts, wait.Elapsed).Should().Be((1, TimeSpan.FromSeconds(3)));
    }

    [Fact]
    public async Task Keeps_what_was_answered_before_a_check_hung()
    {
        int asks = 0;
        HealthWait wait = await HealthGate.WaitAsync(new Script(async cancellationToken =>
        {
            Task hanging = Task.Delay(asks++ > 0 ? Timeout.Infinite : 0, cancellationToken);
            if (asks > 1) _time.RunOut();
            await hanging;
            return NotYet;
        }), TimeSpan.FromSeconds(3), _time, Test.Token);
        (wait.Answer, wait.Attempts).Should().Be((NotYet, 2));
    }

    [Fact]
    public async Task Passes_on_that_the_caller_gives_up()
    {
        using var givingUp = new CancellationTokenSource();
        Task<HealthWait> waiting = HealthGate.WaitAsync(new Script(_ =>
        {
            givingUp.Cancel();
            return Task.FromResult(NotYet);
        }), TimeSpan.FromSeconds(60), _time, givingUp.Token);
        await FluentActions.Awaiting(() => waiting).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Sees_a_real_service_come_up()
    {
        int port = RawServer.FreePort();
        Task<HealthWait> waiting = HealthGate.WaitAsync(new TcpCheck(new TcpProbe("127.0.0.1", port)), TimeSpan.FromSeconds(30), TimeProvider.System, Test.Token);
        await Task.Delay(300, Test.Token);
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, port);
        listener.Start();
        HealthWait wait = await waiting;
        wait.Answer.IsHealthy.Should().BeTrue();
        wait.Attempts.Should().BeGreaterThan(1);
    }

    private Task<HealthWait> Wait(TimeSpan timeout, params HealthAnswer[] answers)
    {
        int asks = 0;
        return HealthGate.WaitAsync(new Script(_ => Task.FromResult(answers[asks++])), timeout, _time, Test.Token);
    }

    private sealed class Script(Func<CancellationToken, Task<HealthAnswer>> ask) : IHealthCheck
    {
        public Task<HealthAnswer> AskAsync(CancellationToken cancellationToken) => ask(cancellationToken);
    }

    /// <summary>A clock that stands still but for pauses, which are over at once, and for limits that a test lets run out.</summary>
    private sealed class SteppingTime : TimeProvider
    {
        private TimeSpan _now;
        private Limit? _limit;

        public List<double> Pauses { get; } = [];

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public void RunOut()
        {
            Limit limit = _limit!;
            _now = limit.Due;
            limit.Callback(limit.State);
        }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = new Limit(callback, state, _now + dueTime);
            if (state is CancellationTokenSource) return _limit = timer;
            Pauses.Add(dueTime.TotalMilliseconds);
            _now += dueTime;
            ThreadPool.QueueUserWorkItem(_ => callback(state));
            return timer;
        }

        private sealed record Limit(TimerCallback Callback, object? State, TimeSpan Due) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
