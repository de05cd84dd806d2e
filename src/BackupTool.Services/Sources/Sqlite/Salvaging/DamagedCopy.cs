using System.Buffers.Binary;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.Sqlite.Salvaging;

/// <summary>
/// A copy of a damaged database with its log or journal, to try things on: the original is only read. Sectors that the disk does not give back are zeros in it. Goes away with
/// everything beside it when it is disposed.
/// </summary>
internal sealed class DamagedCopy : IDisposable
{
    private const int BlockBytes = 4096, IoError = 5;

    private DamagedCopy(BytePath path) => Path = path;

    internal BytePath Path { get; }

    /// <summary>Copies to <paramref name="path"/>, and mends the header where it is no database's.</summary>
    internal static DamagedCopy Make(BytePath damaged, BytePath path, CancellationToken cancellationToken)
    {
        var copy = new DamagedCopy(path);
        try
        {
            foreach (string suffix in (string[])["-wal", "-journal"])
                if (PosixDirectory.Current.TryGetStatus(With(damaged, suffix), out _)) Copy(With(damaged, suffix), With(path, suffix), cancellationToken).Dispose();
            using SafeFileHandle file = Copy(damaged, path, cancellationToken);
            byte[] log = new byte[32];
            DamagedHeader.Mend(file, path, SqliteHeader.HasWriteAheadLog(path) && Read(SqliteHeader.WalOf(path), log) == log.Length ? BinaryPrimitives.ReadInt32BigEndian(log.AsSpan(8)) : null);
            return copy;
        }
        catch
        {
            copy.Dispose();
            throw;
        }
    }

    private static SafeFileHandle Copy(BytePath from, BytePath to, CancellationToken cancellationToken)
    {
        using SafeFileHandle source = PosixDirectory.Current.OpenForReading(from);
        SafeFileHandle destination = PosixDirectory.Current.CreateFile(to);
        try
        {
            if (!PosixFile.TryClone(source, destination)) Copy(source, from, destination, to, cancellationToken);
            return destination;
        }
        catch
        {
            destination.Dispose();
            throw;
        }
    }

    private static void Copy(SafeFileHandle source, BytePath from, SafeFileHandle destination, BytePath to, CancellationToken cancellationToken)
    {
        long size = PosixFile.GetStatus(source, from).Size;
        byte[] buffer = new byte[256 * BlockBytes];
        for (long at = 0; at < size; at += buffer.Length)
        {
            cancellationToken.ThrowIfCancellationRequested();
            PosixFile.WriteFully(destination, buffer.AsSpan(0, Read(source, buffer, at, from)), at, to);
        }
        PosixFile.SetLength(destination, size, to);
    }

    private static int Read(SafeFileHandle file, byte[] buffer, long offset, BytePath shown)
    {
        try
        {
            return PosixFile.ReadFully(file, buffer, offset, shown);
        }
        catch (PosixException e) when ((int)e.Errno == IoError)
        {
            int filled = 0;
            for (int at = 0; at < buffer.Length; at += BlockBytes)
            {
                Span<byte> block = buffer.AsSpan(at, BlockBytes);
                block.Clear();
                try
                {
                    int read = PosixFile.ReadFully(file, block, offset + at, shown);
                    if (read > 0) filled = at + read;
                }
                catch (PosixException inner) when ((int)inner.Errno == IoError)
                {
                    filled = at + BlockBytes;   // a bad sector: zeros, which SQLite knows for no page
                }
            }
            return filled;
        }
    }

    private static int Read(BytePath path, byte[] buffer)
    {
        using SafeFileHandle file = PosixDirectory.Current.OpenForReading(path);
        return PosixFile.ReadFully(file, buffer, 0, path);
    }

    private static BytePath With(BytePath path, string suffix) => new([.. path.Bytes, .. BytePath.From(suffix).Bytes]);

    public void Dispose()
    {
        foreach (string suffix in (string[])["", "-wal", "-journal", "-shm"]) PosixDirectory.Current.RemoveTree(With(Path, suffix));
    }
}
