using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Threading.Channels;

namespace BackupTool.Repositories.Pipelines;

/// <summary>A unit of work: done by any worker in any order, taken in the order in which it was added.</summary>
internal abstract class PipelineStep<TWorker>
{
    private readonly TaskCompletionSource _worked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Bytes of memory that it holds until it was taken.</summary>
    internal virtual long HeldBytes => 0;

    /// <summary>Whether there is anything for a worker to do.</summary>
    internal virtual bool NeedsWork => false;

    /// <summary>Ends when a worker is through with it.</summary>
    internal Task Worked => _worked.Task;

    internal async ValueTask DoWorkAsync(TWorker worker, CancellationToken cancellationToken)
    {
        try
        {
            await WorkAsync(worker, cancellationToken);
            _worked.SetResult();
        }
        catch (Exception e)
        {
            _worked.SetException(e);   // whoever takes the step awaits it, and throws it there
        }
    }

    protected virtual ValueTask WorkAsync(TWorker worker, CancellationToken cancellationToken) => default;
}

/// <summary>
/// The one place where work runs side by side: a producer adds steps, as many workers as cores do them, one consumer takes them in order. Bounded by the
/// memory that steps hold, not by their number; cancellable; the first error ends it.
/// </summary>
internal sealed class OrderedPipeline<TStep, TWorker> where TStep : PipelineStep<TWorker> where TWorker : IDisposable
{
    // What a step itself takes, so that steps that hold nothing are bounded, too.
    private const int StepBytes = 1 << 10;

    private readonly Channel<TStep> _work = Channel.CreateUnbounded<TStep>();
    private readonly Channel<TStep> _order = Channel.CreateUnbounded<TStep>(new() { SingleReader = true, SingleWriter = true });
    private readonly MemoryBudget _budget;
    private readonly Func<TWorker> _createWorker;
    private ExceptionDispatchInfo? _workerFailure;

    /// <param name="createWorker">Makes the state of one worker.</param>
    /// <param name="maxHeldBytes">Steps in flight hold no more than this (one step alone may).</param>
    internal OrderedPipeline(Func<TWorker> createWorker, long maxHeldBytes)
    {
        _createWorker = createWorker;
        _budget = new MemoryBudget(maxHeldBytes);
    }

    /// <summary>Adds a step, waiting until there is memory for it. Only from the producer.</summary>
    internal async ValueTask AddAsync(TStep step, CancellationToken cancellationToken)
    {
        await _budget.TakeAsync(StepBytes + step.HeldBytes, cancellationToken);
        await _order.Writer.WriteAsync(step, cancellationToken);
        if (step.NeedsWork) await _work.Writer.WriteAsync(step, cancellationToken);
    }

    /// <summary>Runs producer, workers and consumer to the end, or to the first error.</summary>
    internal async Task RunAsync(
        Func<CancellationToken, Task> produce, Func<TStep, CancellationToken, ValueTask> consume, CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task producer = Task.Run(() => ProduceAsync(produce, linked.Token), CancellationToken.None);
        Task[] workers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Task.Run(() => WorkAsync(linked), CancellationToken.None))];
        try
        {
            await foreach (TStep step in TakeAsync(linked.Token)) await consume(step, linked.Token);
        }
        catch (OperationCanceledException) when (_workerFailure is not null)
        {
            _workerFailure.Throw();
        }
        finally
        {
            await linked.CancelAsync();
            await Task.WhenAll([producer, .. workers]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);   // an error of theirs was thrown above
        }
    }

    private async Task ProduceAsync(Func<CancellationToken, Task> produce, CancellationToken cancellationToken)
    {
        Exception? failure = null;
        try
        {
            await produce(cancellationToken);
        }
        catch (Exception e)
        {
            failure = e;
        }
        _work.Writer.Complete();
        _order.Writer.Complete(failure);
    }

    private async Task WorkAsync(CancellationTokenSource linked)
    {
        try
        {
            using TWorker worker = _createWorker();
            await foreach (TStep step in _work.Reader.ReadAllAsync(linked.Token)) await step.DoWorkAsync(worker, linked.Token);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Not a step's failure but the worker's own: nobody might be left to do the steps that are waited for.
            Interlocked.CompareExchange(ref _workerFailure, ExceptionDispatchInfo.Capture(e), null);
            await linked.CancelAsync();
        }
    }

    private async IAsyncEnumerable<TStep> TakeAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (TStep step in _order.Reader.ReadAllAsync(cancellationToken))
        {
            if (step.NeedsWork) await step.Worked.WaitAsync(cancellationToken);
            yield return step;
            _budget.GiveBack(StepBytes + step.HeldBytes);
        }
    }

    /// <summary>Counts bytes; one taker waits at a time.</summary>
    private sealed class MemoryBudget(long max)
    {
        private readonly Lock _lock = new();
        private long _held;
        private TaskCompletionSource? _waiting;

        internal async ValueTask TakeAsync(long bytes, CancellationToken cancellationToken)
        {
            while (true)
            {
                Task room;
                lock (_lock)
                {
                    if (_held == 0 || _held + bytes <= max)
                    {
                        _held += bytes;
                        return;
                    }
                    room = (_waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                }
                await room.WaitAsync(cancellationToken);
            }
        }

        internal void GiveBack(long bytes)
        {
            TaskCompletionSource? waiting;
            lock (_lock)
            {
                _held -= bytes;
                waiting = Interlocked.Exchange(ref _waiting, null);
            }
            waiting?.SetResult();
        }
    }
}
