using System.Buffers;
using System.Collections.Concurrent;
using System.Numerics;
using BackupTool.Posix;

namespace BackupTool.Repositories.Chunks;

/// <summary>
/// A block of memory off the garbage-collected heap, shared by counting references: the block goes back to its pool when the last
/// reference is released. Using a block after releasing it is a fault of the caller.
/// </summary>
public sealed unsafe class NativeBuffer : MemoryManager<byte>
{
    private readonly BufferPool _pool;
    private readonly byte* _start;
    private int _references = 1;

    internal NativeBuffer(BufferPool pool, int capacity)
    {
        (_pool, Capacity) = (pool, capacity);
        _start = PageMemory.Allocate(capacity);
    }

    /// <summary>Size in bytes.</summary>
    public int Capacity { get; }

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_start, Capacity);

    /// <summary>One more user.</summary>
    public NativeBuffer Retain()
    {
        Interlocked.Increment(ref _references);
        return this;
    }

    /// <summary>One user fewer; the last one gives the block back.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _references) == 0) _pool.Return(this);
    }

    internal void Reset() => _references = 1;

    internal void Free() => PageMemory.Free(_start, Capacity);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new(_start + elementIndex);

    /// <inheritdoc/>
    public override void Unpin() { }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) { }
}

/// <summary>
/// Hands out blocks of memory by size, rounded up to a power of two, and keeps some of the returned ones for reuse: new pages are dear, but idle ones
/// should not add up over the sizes. Thread-safe.
/// </summary>
public sealed class BufferPool : IDisposable
{
    private const int SmallestShift = 14, LargestShift = 27;
    private const long MaxIdleBytes = 32 << 20;
    private readonly ConcurrentDictionary<NativeBuffer, int> _all = new();
    private long _idleBytes;

    private readonly ConcurrentBag<NativeBuffer>[] _idle =
        [.. Enumerable.Range(0, LargestShift - SmallestShift + 1).Select(static _ => new ConcurrentBag<NativeBuffer>())];

    /// <summary>A block of at least this many bytes. Its contents are whatever the last user left.</summary>
    public NativeBuffer Rent(int bytes)
    {
        int shift = Math.Max(SmallestShift, 32 - BitOperations.LeadingZeroCount((uint)bytes - 1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(shift, LargestShift, nameof(bytes));
        if (!_idle[shift - SmallestShift].TryTake(out NativeBuffer? buffer))
        {
            buffer = new NativeBuffer(this, 1 << shift);
            _all.TryAdd(buffer, 0);
            return buffer;
        }
        Interlocked.Add(ref _idleBytes, -buffer.Capacity);
        buffer.Reset();
        return buffer;
    }

    internal void Return(NativeBuffer buffer)
    {
        if (Interlocked.Add(ref _idleBytes, buffer.Capacity) <= MaxIdleBytes)
        {
            _idle[BitOperations.Log2((uint)buffer.Capacity) - SmallestShift].Add(buffer);
            return;
        }
        Interlocked.Add(ref _idleBytes, -buffer.Capacity);
        Free(buffer);
    }

    private void Free(NativeBuffer buffer)
    {
        if (_all.TryRemove(buffer, out _)) buffer.Free();
    }

    /// <summary>Bytes of all blocks that there are.</summary>
    internal long AllocatedBytes => _all.Keys.Sum(static buffer => (long)buffer.Capacity);

    /// <summary>Frees every block, those too that a failure left without anybody to release them. Whoever could use one must have ended before.</summary>
    public void Dispose()
    {
        foreach (ConcurrentBag<NativeBuffer> bag in _idle) bag.Clear();
        foreach (NativeBuffer buffer in _all.Keys) Free(buffer);
    }
}
