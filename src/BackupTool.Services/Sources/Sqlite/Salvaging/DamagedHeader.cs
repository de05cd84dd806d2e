using System.Buffers.Binary;
using System.Numerics;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.Sqlite.Salvaging;

/// <summary>The first 100 bytes of a database (fileformat2, 1.3): without them SQLite opens nothing, though all the rest may be there.</summary>
internal static class DamagedHeader
{
    private const int HeaderBytes = 100, SampledPages = 400;

    private static ReadOnlySpan<byte> Magic => "SQLite format 3\0"u8;

    /// <summary>Writes a header where there is none that SQLite would take. The page size is the log's, or the one at whose multiples tree pages begin.</summary>
    internal static void Mend(SafeFileHandle file, BytePath path, int? pageSizeOfLog)
    {
        byte[] header = new byte[HeaderBytes];
        int read = PosixFile.ReadFully(file, header, 0, path);
        if (read == HeaderBytes && IsSound(header)) return;
        long bytes = PosixFile.GetStatus(file, path).Size;
        int pageSize = pageSizeOfLog is { } size && IsPageSize(size) ? size : GuessPageSize(file, path, bytes);
        if (bytes < pageSize)
        {
            // Everything may be in the log, which SQLite reads only beside a file that says so.
            if (pageSizeOfLog is null) return;
            PosixFile.SetLength(file, bytes = pageSize, path);
        }
        PosixFile.WriteFully(file, Make(pageSize, bytes / pageSize, hasLog: pageSizeOfLog is not null), 0, path);
    }

    private static bool IsSound(ReadOnlySpan<byte> header) =>
        header.StartsWith(Magic) && IsPageSize(header[16] == 0 && header[17] == 1 ? 65536 : BinaryPrimitives.ReadUInt16BigEndian(header[16..]))
        && header[18] is 1 or 2 && header[19] is 1 or 2 && header[21..24] is [64, 32, 32]
        && BinaryPrimitives.ReadUInt32BigEndian(header[44..]) <= 4 && BinaryPrimitives.ReadUInt32BigEndian(header[56..]) <= 3;

    private static bool IsPageSize(int size) => size is >= 512 and <= 65536 && BitOperations.IsPow2(size);

    private static byte[] Make(int pageSize, long pages, bool hasLog)
    {
        byte[] header = new byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteUInt16BigEndian(header.AsSpan(16), (ushort)(pageSize == 65536 ? 1 : pageSize));
        header[18] = header[19] = (byte)(hasLog ? 2 : 1);
        (header[21], header[22], header[23]) = (64, 32, 32);
        BinaryPrimitives.WriteUInt32BigEndian(header.AsSpan(28), (uint)pages);
        header[47] = 4;   // schema format
        header[59] = 1;   // UTF-8
        return header;
    }

    /// <summary>Tree pages begin with 2, 5, 10 or 13; what begins in the middle of a page seldom does. Multiples of the page size score as well as itself: the smallest is it.</summary>
    private static int GuessPageSize(SafeFileHandle file, BytePath path, long bytes)
    {
        int[] sizes = [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
        double[] scores = Array.ConvertAll(sizes, size => Score(file, path, bytes, size));
        double best = scores.Max();
        return best == 0 ? 4096 : sizes[Array.FindIndex(scores, score => score >= best * 0.8)];
    }

    private static double Score(SafeFileHandle file, BytePath path, long bytes, int size)
    {
        Span<byte> first = stackalloc byte[1];
        int pages = (int)Math.Min(SampledPages, (bytes / size) - 1), trees = 0;
        for (int page = 1; page <= pages; page++)
            if (PosixFile.ReadFully(file, first, (long)page * size, path) == 1 && first[0] is 2 or 5 or 10 or 13) trees++;
        return pages <= 0 ? 0 : (double)trees / pages;
    }
}
