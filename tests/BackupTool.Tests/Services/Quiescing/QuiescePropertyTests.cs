using BackupTool.Services.Quiescing;
using CsCheck;

namespace BackupTool.Tests.Services.Quiescing;

/// <summary>Whatever the services need of each other, whatever fails, whenever the caller gives up or the process is killed.</summary>
public sealed class QuiescePropertyTests
{
    [Fact]
    public void After_a_window_everything_is_as_before_whatever_fails() => Gen.Int[0, int.MaxValue].Sample(seed =>
    {
        using var random = new RandomQuiesceWorld(seed);
        if (IsRefused(random)) return;
        EnterAndResume(random, default);
        random.CheckTheEnd(isFirstStartEnough: true);
    }, iter: 1500, threads: 1);

    [Fact]
    public void After_a_cancellation_at_any_moment_everything_is_as_before() => Gen.Int[0, int.MaxValue].Sample(seed =>
    {
        using var random = new RandomQuiesceWorld(seed);
        if (IsRefused(random)) return;
        using var cancel = new CancellationTokenSource();
        random.World.Time.CreateTimer(_ => cancel.Cancel(), null, TimeSpan.FromMilliseconds(random.Next(1500)), Timeout.InfiniteTimeSpan);
        EnterAndResume(random, cancel.Token);
        random.CheckTheEnd(isFirstStartEnough: true);
    }, iter: 1500, threads: 1);

    [Fact]
    public void After_a_kill_at_any_moment_and_kills_of_the_recovery_everything_is_as_before() => Gen.Int[0, int.MaxValue].Sample(seed =>
    {
        using var random = new RandomQuiesceWorld(seed);
        if (IsRefused(random)) return;
        QuiesceWorld world = random.World;
        int kill = 3 + random.Next(14);
        QuiescePlan plan = world.Plan();
        world.KillAt(random.Odds(2) ? kill : -kill, () => EnterAndResumeAsync(random, plan, default));
        for (int i = random.Next(3); i > 0; i--) world.Recover(killedAt: (1 + random.Next(8)) * (random.Odds(2) ? 1 : -1));
        world.Recover();
        random.CheckTheEnd(isFirstStartEnough: false);
    }, iter: 3000, threads: 1);

    private static bool IsRefused(RandomQuiesceWorld random)
    {
        if (random.World.Plan().Problems.Count == 0) return false;
        random.World.Systemd.Log.Should().BeEmpty();
        return true;
    }

    private static void EnterAndResume(RandomQuiesceWorld random, CancellationToken cancellationToken)
    {
        QuiescePlan plan = random.World.Plan();
        random.World.Time.Run(() => EnterAndResumeAsync(random, plan, cancellationToken));
    }

    private static async Task EnterAndResumeAsync(RandomQuiesceWorld random, QuiescePlan plan, CancellationToken cancellationToken)
    {
        try
        {
            QuiescedServices services = await random.World.EnterAsync(plan, cancellationToken);
            random.IsEntered = true;
            await Task.Delay(TimeSpan.FromMilliseconds(random.Next(200)), random.World.Time, CancellationToken.None);
            await services.RecheckAsync(CancellationToken.None);
            await services.ResumeAsync();
        }
        catch (Exception e) when (e is QuiesceException or OperationCanceledException)
        {
            random.Watch();
        }
    }
}
