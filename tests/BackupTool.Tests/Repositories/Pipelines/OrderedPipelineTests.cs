using BackupTool.Repositories.Pipelines;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Pipelines;

public class OrderedPipelineTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private sealed class Worker : IDisposable
    {
        internal static int Alive;

        public Worker() => Interlocked.Increment(ref Alive);

        public void Dispose() => Interlocked.Decrement(ref Alive);
    }

    private sealed class Step(int number, long bytes = 1, bool needsWork = true, Func<CancellationToken, ValueTask>? work = null) : PipelineStep<Worker>
    {
        internal int Number => number;

        internal bool WasWorkedOn { get; private set; }

        internal override long HeldBytes => bytes;

        internal override bool NeedsWork => needsWork;

        protected override async ValueTask WorkAsync(Worker worker, CancellationToken cancellationToken)
        {
            if (work is not null) await work(cancellationToken);
            WasWorkedOn = true;
        }
    }

    private static OrderedPipeline<Step, Worker> Pipeline(long maxHeldBytes = 1 << 20) => new(() => new Worker(), maxHeldBytes);

    private static Task RunAsync(
        OrderedPipeline<Step, Worker> pipeline, Func<CancellationToken, Task> produce, Func<Step, CancellationToken, ValueTask>? consume = null, CancellationToken? cancellationToken = null) =>
        pipeline.RunAsync(produce, consume ?? (static (_, _) => default), cancellationToken ?? Test.Token).WaitAsync(Patience, Test.Token);

    [Fact]
    public async Task Steps_are_taken_in_order_however_long_each_takes()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline();
        var taken = new List<int>();
        await RunAsync(pipeline, async cancelled =>
            {
                for (int i = 0; i < 2000; i++)
                    await pipeline.AddAsync(new Step(i, needsWork: i % 3 != 0, work: async c => { if (Random.Shared.Next(50) == 0) await Task.Delay(1, c); else await Task.Yield(); }), cancelled);
            },
            (step, _) =>
            {
                step.WasWorkedOn.Should().Be(step.Number % 3 != 0);
                taken.Add(step.Number);
                return default;
            });
        taken.Should().Equal(Enumerable.Range(0, 2000));
    }

    [Fact]
    public async Task Steps_in_flight_hold_no_more_than_the_budget()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline(1_000_000);
        long held = 0, most = 0;
        await RunAsync(pipeline, async cancelled =>
            {
                for (int i = 0; i < 500; i++)
                {
                    long bytes = 10_000 + (i * 7919 % 200_000);
                    await pipeline.AddAsync(new Step(i, bytes), cancelled);
                    most = Math.Max(most, Interlocked.Add(ref held, bytes));
                }
            },
            async (step, cancelled) =>
            {
                if (step.Number % 50 == 0) await Task.Delay(2, cancelled);
                Interlocked.Add(ref held, -step.HeldBytes);
            });
        held.Should().Be(0);
        most.Should().BeInRange(700_000, 1_000_000 + 210_000, "one step may be on its way out still");
    }

    [Fact]
    public async Task A_step_larger_than_the_budget_passes_alone()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline(1000);
        int inFlight = 0, most = 0;
        await RunAsync(pipeline, async cancelled =>
            {
                for (int i = 0; i < 5; i++)
                {
                    await pipeline.AddAsync(new Step(i, 1 << 30), cancelled);
                    most = Math.Max(most, Interlocked.Increment(ref inFlight));
                }
            },
            (_, _) =>
            {
                Interlocked.Decrement(ref inFlight);
                return default;
            });
        most.Should().BeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task Steps_that_hold_nothing_do_not_pile_up_before_a_slow_consumer()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline(1_000_000);
        long added = 0, most = 0;
        long taken = 0;
        await RunAsync(pipeline, async cancelled =>
            {
                for (int i = 0; i < 50_000; i++)
                {
                    await pipeline.AddAsync(new Step(i, bytes: 0, needsWork: false), cancelled);
                    most = Math.Max(most, ++added - Interlocked.Read(ref taken));
                }
            },
            async (_, cancelled) =>
            {
                if (Interlocked.Increment(ref taken) == 1) await Task.Delay(300, cancelled);
            });
        most.Should().BeLessThan(5_000, "memory does not grow with the data");
    }

    [Fact]
    public async Task A_failing_worker_ends_it_with_its_own_error()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline(20_000);
        int taken = 0;
        Func<Task> run = () => RunAsync(pipeline, async cancelled =>
            {
                for (int i = 0; i < 1000; i++)
                {
                    bool fails = i == 37;
                    await pipeline.AddAsync(new Step(i, 10, work: _ => fails ? throw new InvalidDataException("step 37") : default), cancelled);
                }
            },
            (step, _) =>
            {
                taken++;
                return default;
            });
        (await run.Should().ThrowAsync<InvalidDataException>()).WithMessage("step 37");
        taken.Should().Be(37, "the steps before it were taken, none behind it");
    }

    [Fact]
    public async Task A_worker_that_cannot_be_made_ends_it_with_that_error()
    {
        var pipeline = new OrderedPipeline<Step, Worker>(() => throw new InvalidOperationException("no memory for a compressor"), 1 << 20);
        Func<Task> run = () => RunAsync(pipeline, async cancelled => await pipeline.AddAsync(new Step(0), cancelled));
        (await run.Should().ThrowAsync<InvalidOperationException>()).WithMessage("no memory for a compressor");
    }

    [Fact]
    public async Task A_failing_producer_ends_it_with_its_own_error_after_what_it_had_added()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline();
        int taken = 0;
        Func<Task> run = () => RunAsync(pipeline, async cancelled =>
            {
                for (int i = 0; i < 10; i++) await pipeline.AddAsync(new Step(i), cancelled);
                throw new FormatException("the source");
            },
            (_, _) =>
            {
                taken++;
                return default;
            });
        (await run.Should().ThrowAsync<FormatException>()).WithMessage("the source");
        taken.Should().Be(10);
    }

    [Fact]
    public async Task A_failing_consumer_ends_it_while_the_producer_waits_for_memory()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline(100);
        bool ended = false;
        Func<Task> run = () => RunAsync(pipeline, async cancelled =>
            {
                try
                {
                    for (int i = 0; ; i++) await pipeline.AddAsync(new Step(i, 60), cancelled);
                }
                finally
                {
                    ended = true;
                }
            },
            async (_, cancelled) =>
            {
                await Task.Delay(50, cancelled);
                throw new IOException("disk full");
            });
        (await run.Should().ThrowAsync<IOException>()).WithMessage("disk full");
        ended.Should().BeTrue("nothing of it runs on");
    }

    [Fact]
    public async Task The_first_of_two_errors_wins()
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline();
        Func<Task> run = () => RunAsync(pipeline, async cancelled =>
            {
                await pipeline.AddAsync(new Step(0, work: _ => throw new InvalidDataException("first")), cancelled);
                await Task.Delay(30, cancelled);
                throw new FormatException("second");
            });
        (await run.Should().ThrowAsync<Exception>()).WithMessage("first");
    }

    [Theory]
    [InlineData("producer")]
    [InlineData("worker")]
    [InlineData("consumer")]
    [InlineData("memory")]
    public async Task Cancelling_ends_it_wherever_it_waits(string where)
    {
        OrderedPipeline<Step, Worker> pipeline = Pipeline(100);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Test.Token);
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        async ValueTask Stay(string here, CancellationToken cancelled)
        {
            if (here != where) return;
            reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, cancelled);
        }
        Task run = RunAsync(pipeline, async cancelled =>
            {
                await Stay("producer", cancelled);
                for (int i = 0; i < 100; i++)
                {
                    if (i > 0 && where == "memory") reached.TrySetResult();
                    await pipeline.AddAsync(new Step(i, 20, work: c => Stay("worker", c)), cancelled);
                }
            },
            async (_, cancelled) =>
            {
                if (where == "memory") await Task.Delay(Timeout.Infinite, cancelled);
                await Stay("consumer", cancelled);
            }, cancel.Token);
        await reached.Task.WaitAsync(Patience, Test.Token);
        await cancel.CancelAsync();
        await FluentActions.Awaiting(() => run).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Every_worker_is_disposed_of_whatever_happens()
    {
        for (int i = 0; i < 20; i++)
        {
            OrderedPipeline<Step, Worker> pipeline = Pipeline();
            await RunAsync(pipeline, async cancelled => await pipeline.AddAsync(new Step(0), cancelled));
            await FluentActions.Awaiting(() => RunAsync(Pipeline(), _ => throw new FormatException())).Should().ThrowAsync<FormatException>();
        }
        Worker.Alive.Should().Be(0);
    }
}
