using System.Runtime.InteropServices;

namespace BackupTool.Repositories.Compression;

/// <summary>Makes zstd frames (RFC 8878), each independent, with its content size in the header. Not thread-safe: one per worker.</summary>
public abstract class FrameCompressor : IDisposable
{
    /// <summary>The most bytes that <see cref="Compress"/> can need for this many.</summary>
    public static int Bound(int sourceBytes) => RawFrame.Size(sourceBytes) + (sourceBytes >> 7) + 512;

    /// <summary>Writes one frame; returns its length. <paramref name="destination"/> holds at least <see cref="Bound"/> bytes.</summary>
    public abstract int Compress(ReadOnlySpan<byte> source, Span<byte> destination);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>Reads zstd frames. Not thread-safe: one per worker.</summary>
public abstract class FrameDecompressor : IDisposable
{
    /// <summary>
    /// Decompresses exactly one frame (or several, end to end) into <paramref name="destination"/>; returns the bytes written.
    /// </summary>
    /// <exception cref="InvalidDataException">The frame is damaged, or larger than the destination.</exception>
    public abstract int Decompress(ReadOnlySpan<byte> frame, Span<byte> destination);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>Chooses the native libzstd where this platform has it, else the managed port inside SharpCompress.</summary>
public static class FrameCodec
{
    /// <summary>Whether libzstd could be loaded.</summary>
    public static bool IsNative { get; } = TryLoadNative();

    /// <summary>A compressor at a zstd level (1 fast, 3 default, 6 small).</summary>
    public static FrameCompressor CreateCompressor(int level) =>
        IsNative ? new NativeFrameCompressor(level) : new ManagedFrameCompressor(level);

    /// <summary>A decompressor.</summary>
    public static FrameDecompressor CreateDecompressor() => IsNative ? new NativeFrameDecompressor() : new ManagedFrameDecompressor();

    private static bool TryLoadNative()
    {
        try
        {
            return NativeZstd.ZSTD_versionNumber() >= 10400;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException or BadImageFormatException)
        {
            return false;   // a platform without the library: the managed port does the same, slower
        }
    }
}

/// <summary>The part of libzstd's stable API that is used here (zstd.h, 1.5).</summary>
internal static unsafe partial class NativeZstd
{
    internal const int CompressionLevel = 100, ContentSizeFlag = 200;
    private const string Library = "libzstd";

    [LibraryImport(Library)] internal static partial uint ZSTD_versionNumber();
    [LibraryImport(Library)] internal static partial nint ZSTD_createCCtx();
    [LibraryImport(Library)] internal static partial nuint ZSTD_freeCCtx(nint context);
    [LibraryImport(Library)] internal static partial nuint ZSTD_CCtx_setParameter(nint context, int parameter, int value);
    [LibraryImport(Library)] internal static partial nuint ZSTD_compress2(nint context, byte* destination, nuint capacity, byte* source, nuint size);
    [LibraryImport(Library)] internal static partial nint ZSTD_createDCtx();
    [LibraryImport(Library)] internal static partial nuint ZSTD_freeDCtx(nint context);
    [LibraryImport(Library)] internal static partial nuint ZSTD_decompressDCtx(nint context, byte* destination, nuint capacity, byte* source, nuint size);
    [LibraryImport(Library)] internal static partial uint ZSTD_isError(nuint code);
    [LibraryImport(Library)] internal static partial nint ZSTD_getErrorName(nuint code);

    /// <summary>libzstd crashes on a context that it had no memory for.</summary>
    internal static nint CheckContext(nint context) => context != 0 ? context : throw new InsufficientMemoryException("zstd: no memory for a context");

    internal static int Check(nuint result) => ZSTD_isError(result) == 0
        ? (int)result
        : throw new InvalidDataException($"zstd: {Marshal.PtrToStringUTF8(ZSTD_getErrorName(result))}");
}

internal sealed unsafe class NativeFrameCompressor : FrameCompressor
{
    private readonly int _level;
    private nint _context = NativeZstd.CheckContext(NativeZstd.ZSTD_createCCtx());

    internal NativeFrameCompressor(int level)
    {
        _level = level;
        NativeZstd.Check(NativeZstd.ZSTD_CCtx_setParameter(_context, NativeZstd.ContentSizeFlag, 1));
        SetLevel(level);
    }

    public override int Compress(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        int written = LooksIncompressible(source, destination) ? int.MaxValue : CompressFrame(source, destination);
        return written < RawFrame.Size(source.Length) ? written : RawFrame.Write(source, destination);
    }

    /// <summary>Two samples at level 1: media and already compressed tables are not worth the whole effort (figures: −8 % wall).</summary>
    private bool LooksIncompressible(ReadOnlySpan<byte> source, Span<byte> scratch)
    {
        const int sample = 16 << 10;
        if (source.Length < 8 * sample) return false;
        SetLevel(1);
        int written = CompressFrame(source.Slice(source.Length / 4, sample), scratch)
            + CompressFrame(source.Slice(source.Length / 4 * 3 - sample, sample), scratch);
        SetLevel(_level);
        return written > 2 * sample * 0.97;
    }

    private void SetLevel(int level) =>
        NativeZstd.Check(NativeZstd.ZSTD_CCtx_setParameter(_context, NativeZstd.CompressionLevel, level));

    private int CompressFrame(ReadOnlySpan<byte> source, Span<byte> destination)
    {
        fixed (byte* from = source, to = destination)
            return NativeZstd.Check(NativeZstd.ZSTD_compress2(_context, to, (nuint)destination.Length, from, (nuint)source.Length));
    }

    public override void Dispose() => _ = NativeZstd.ZSTD_freeCCtx(Interlocked.Exchange(ref _context, 0));
}

internal sealed unsafe class NativeFrameDecompressor : FrameDecompressor
{
    private nint _context = NativeZstd.CheckContext(NativeZstd.ZSTD_createDCtx());

    public override int Decompress(ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        fixed (byte* from = frame, to = destination)
            return NativeZstd.Check(NativeZstd.ZSTD_decompressDCtx(_context, to, (nuint)destination.Length, from, (nuint)frame.Length));
    }

    public override void Dispose() => _ = NativeZstd.ZSTD_freeDCtx(Interlocked.Exchange(ref _context, 0));
}
