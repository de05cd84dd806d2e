using System.Buffers;
using BackupTool.Repositories.Chunks;

namespace BackupTool.Repositories.Archives;

/// <summary>Appends to a block off the heap, and moves to a larger one when it is full. The block is the taker's after <see cref="Detach"/>; else <see cref="Release"/> it.</summary>
internal sealed class NativeBufferWriter(BufferPool pool, int capacity) : IBufferWriter<byte>
{
    private NativeBuffer? _buffer = pool.Rent(capacity);

    internal int Length { get; private set; }

    internal Span<byte> Written => _buffer!.GetSpan()[..Length];

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer!.Memory[Length..];
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(sizeHint, 1));
        return _buffer!.GetSpan()[Length..];
    }

    /// <summary>Takes back what was appended after this length.</summary>
    internal void Truncate(int length) => Length = length;

    internal NativeBuffer Detach()
    {
        NativeBuffer buffer = _buffer!;
        _buffer = null;
        return buffer;
    }

    private void Reserve(int bytes)
    {
        if (_buffer!.Capacity - Length >= bytes) return;
        NativeBuffer larger = pool.Rent(Length + Math.Max(bytes, Length));
        Written.CopyTo(larger.GetSpan());
        _buffer.Release();
        _buffer = larger;
    }

    /// <summary>Gives the block back, unless it was taken.</summary>
    internal void Release() => _buffer?.Release();
}
