using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Pruning;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Pruning;

/// <summary>A prune that ends before any of its steps: by a failure after which it cleans up, and by a power cut after which nothing of it runs.</summary>
public sealed class PruneInterruptionTests(ITestOutputHelper output)
{
    private static readonly string[] Changing = ["put", "create", "delete", "commit", "upload"];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, true)]
    [InlineData(3, false)]
    [InlineData(4, true)]
    [InlineData(5, true)]
    [InlineData(6, false)]
    [InlineData(7, true)]
    [InlineData(8, true)]
    [InlineData(9, false)]
    [InlineData(10, true)]
    public async Task Whatever_step_it_ends_before_nothing_is_lost_and_the_next_one_comes_to_the_same(int seed, bool isPowerCut)
    {
        using TinyRepository history = await MakeHistoryAsync(new Random(seed));
        var options = new PruneOptions { Grace = seed % 3 == 0 ? TimeSpan.FromDays(1) : TimeSpan.Zero, MaxWaste = 0.2 };
        using TinyRepository undisturbed = history.Copy();
        await undisturbed.PruneAsync(options);
        await FinishAsync(undisturbed);
        int snapshots = await undisturbed.MustBeWholeAsync();
        int rounds = 0;
        for (bool isDone = false; !isDone; rounds++)
        {
            using TinyRepository interrupted = history.Copy();
            isDone = await PruneUntilAsync(interrupted, options, rounds, isPowerCut);
            (await interrupted.MustBeWholeAsync($"it ended before step {rounds}")).Should().Be(snapshots);
            // Every other time a backup comes between, which may use what is about to go.
            if (rounds % 2 == 1) interrupted.Forget(await interrupted.BackUpAsync([.. Enumerable.Range(0, 40)]));
            await FinishAsync(interrupted);
            (await interrupted.MustBeWholeAsync($"it had ended before step {rounds}")).Should().Be(snapshots);
            interrupted.PackBytes().Should().BeLessThanOrEqualTo((long)(undisturbed.PackBytes() * 1.35), "what was interrupted is done in the end");
            interrupted.Marks().Should().BeEmpty();
        }
        output.WriteLine($"{rounds} rounds, {snapshots} snapshots");
        rounds.Should().BeGreaterThan(4, "the premise: there was something to do");
    }

    /// <summary>Backups that share chunks, some forgotten; copies; packs without index; a marked pack or two.</summary>
    private static async Task<TinyRepository> MakeHistoryAsync(Random random)
    {
        TinyRepository tiny = await TinyRepository.CreateAsync();
        List<int> live = [.. Enumerable.Range(0, 30)];
        for (int i = 0; i < 7; i++)
        {
            for (int changes = random.Next(3, 12); changes > 0; changes--) live[random.Next(live.Count)] = random.Next(400);
            var snapshot = await tiny.BackUpAsync(live);
            if (i == 4) await tiny.StoreAgainAsync(live.GetRange(0, 20));
            if (i == 5) await tiny.StoreWithoutIndexAsync([.. live.GetRange(5, 10), 900, 901, 902]);
            if (i != 6 && random.Next(2) == 0) tiny.Forget(snapshot);
            if (i == 3) await tiny.PruneAsync(new PruneOptions { MaxRepackBytes = 0 });
        }
        tiny.Time.Now += TimeSpan.FromDays(2);
        return tiny;
    }

    /// <summary>Prunes until nothing is left to do.</summary>
    private static async Task FinishAsync(TinyRepository tiny)
    {
        for (int i = 0; i < 4; i++)   // marked, removed, packed anew, removed
        {
            await tiny.PruneAsync(new PruneOptions { MaxWaste = 0.2 });
            tiny.Time.Now += TimeSpan.FromDays(2);
        }
    }

    /// <summary>True when it came to its end before so many steps.</summary>
    private static async Task<bool> PruneUntilAsync(TinyRepository tiny, PruneOptions options, int steps, bool isPowerCut)
    {
        int done = 0;
        var storage = new WatchedStorage(tiny.Storage)
        {
            Before = what =>
            {
                if (!Array.Exists(Changing, kind => what.StartsWith(kind, StringComparison.Ordinal))) return Task.CompletedTask;
                done++;
                return done - 1 == steps || (isPowerCut && done > steps) ? throw new IOException($"the disk is gone before: {what}") : Task.CompletedTask;
            },
        };
        try
        {
            await tiny.PruneAsync(options, storage);
            return true;
        }
        catch (IOException e) when (e.Message.StartsWith("the disk is gone", StringComparison.Ordinal))
        {
            return false;
        }
    }

    [Fact]
    public async Task Backups_and_prunes_at_once_lose_nothing_that_a_snapshot_needs()
    {
        var hasty = new HastyTime();
        int rounds = 0;
        await Parallel.ForEachAsync(Enumerable.Range(0, 4), new ParallelOptions { CancellationToken = Test.Token, MaxDegreeOfParallelism = 4 }, async (number, _) =>
        {
            using TinyRepository tiny = await TinyRepository.CreateAsync();
            await tiny.BackUpAsync([.. Enumerable.Range(0, 20)]);
            var random = new Random(number);
            for (int round = 0; round < 55; round++)
            {
                int[] chunks = [.. Enumerable.Range(0, 25).Select(_ => random.Next(120))];
                int head = random.Next(-8, 8);   // milliseconds by which one is ahead of the other
                Task pruning = PruneAsync(tiny, hasty, new Random((1000 * number) + round), TimeSpan.FromMilliseconds(Math.Max(0, head)));
                Task backup = Task.Run(async () =>
                {
                    await Task.Delay(Math.Max(0, -head), Test.Token);
                    await tiny.BackUpAsync(chunks, hasty);
                }, Test.Token);
                await Task.WhenAll(pruning, backup);
                (await tiny.MustBeWholeAsync()).Should().BePositive();
                Interlocked.Increment(ref rounds);
            }
        });
        rounds.Should().Be(220);
    }

    private static Task PruneAsync(TinyRepository tiny, TimeProvider hasty, Random random, TimeSpan after) => Task.Run(async () =>
    {
        await Task.Delay(after, Test.Token);
        await using RepositoryLock held = await tiny.LockAsync(LockMode.Exclusive, hasty);
        foreach (string file in tiny.Files("snapshots").SkipLast(1).Where(_ => random.Next(3) == 0)) File.Delete(file);
        tiny.Time.Now += TimeSpan.FromHours(random.Next(30));
        await tiny.PruneAsync(held, new PruneOptions { Grace = TimeSpan.FromHours(24 * random.Next(2)), MaxWaste = random.NextDouble() });
    }, Test.Token);

    /// <summary>Waits a twentieth of what it is asked to.</summary>
    private sealed class HastyTime : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime / 20 : dueTime, period);
    }
}
