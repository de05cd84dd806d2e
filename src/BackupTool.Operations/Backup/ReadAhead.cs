using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using BackupTool.Posix;

namespace BackupTool.Operations.Backup;

/// <summary>
/// Draws from a sequence on a thread of its own, ahead of whoever enumerates this: at most <see cref="MaxBatches"/> batches ahead, so that memory is bounded. Begins with
/// <see cref="Start"/>. What the sequence throws is thrown where it would have been without this. Disposing ends it, and waits for that.
/// </summary>
internal sealed class ReadAhead<T>(IEnumerable<T> source) : IDisposable
{
    private const int BatchSize = 256, MaxBatches = 64;

    private readonly BlockingCollection<List<T>> _batches = new(MaxBatches);
    private readonly CancellationTokenSource _stop = new();
    private Thread? _thread;
    private ExceptionDispatchInfo? _failure;
    private List<T> _beforeFailure = [];

    /// <summary>Begins to draw; nothing happens when it has begun already.</summary>
    internal void Start()
    {
        if (_thread is not null) return;
        _thread = new Thread(Draw) { IsBackground = true, Name = "read ahead" };
        _thread.Start();
    }

    /// <summary>Everything that was drawn, in order. To be enumerated once.</summary>
    internal IEnumerable<T> ReadAll()
    {
        Start();
        foreach (List<T> batch in _batches.GetConsumingEnumerable())
            foreach (T item in batch) yield return item;
        // CompleteAdding has happened by now, and after these two were set.
        foreach (T item in _beforeFailure) yield return item;
        _failure?.Throw();
    }

    private void Draw()
    {
        var batch = new List<T>(BatchSize);
        try
        {
            ThreadUrgency.TryRaise();
            foreach (T item in source)
            {
                batch.Add(item);
                if (batch.Count < BatchSize) continue;
                _batches.Add(batch, _stop.Token);
                batch = new List<T>(BatchSize);
            }
            _batches.Add(batch, _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
        }
        catch (Exception e)
        {
            _failure = ExceptionDispatchInfo.Capture(e);
            _beforeFailure = batch;
        }
        finally
        {
            _batches.CompleteAdding();
        }
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread?.Join();
        _batches.Dispose();
        _stop.Dispose();
    }
}
