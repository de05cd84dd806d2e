using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>CRC-32C (Castagnoli) of whole files, by the processor's own instruction where it has one.</summary>
internal static class Crc32cReader
{
    private const int BufferBytes = 1 << 20;

    internal static uint Compute(SafeFileHandle file, BytePath shown, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            uint crc = uint.MaxValue;
            for (long offset = 0; ;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int read = PosixFile.ReadFully(file, buffer.AsSpan(0, BufferBytes), offset, shown);
                crc = Extend(crc, buffer.AsSpan(0, read));
                offset += read;
                if (read < BufferBytes) return ~crc;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static uint Extend(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..]) crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (byte value in bytes) crc = BitOperations.Crc32C(crc, value);
        return crc;
    }
}
