using System.Buffers;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Backup;

/// <summary>
/// Copies small files that have changed since the parent snapshot while their service holds still: a configuration that the service writes anew at every start is then in the
/// snapshot as it was at the cut. Within narrow bounds of time and bytes, because the window must not grow with the data; what does not fit is read later, and noted when it
/// has changed by then.
/// </summary>
internal sealed class SmallFileCapture(BytePath directory, TimeSpan patience, TimeProvider time)
{
    private const int MaxFileBytes = 1 << 20;
    private const long MaxBytes = 64 << 20;

    private readonly UnixTime _startTick = PosixIdentity.FileClock();
    private TimeSpan _spent;
    private long _bytes;
    private int _count;
    private bool _isOver;

    /// <summary>The copy; empty when the file is to be read later.</summary>
    internal BytePath Take(BytePath path, in FileStatus status)
    {
        // What changed within this tick of the file clock could change again without a trace. A file of several names is read when it is stored.
        if (_isOver || status.Size > MaxFileBytes || status.LinkCount > 1 || status.AllocatedBytes < status.Size || status.ChangedAt >= _startTick) return default;
        if (_bytes + status.Size > MaxBytes || _spent > patience)
        {
            _isOver = true;
            return default;
        }
        long began = time.GetTimestamp();
        BytePath copy = Copy(path, status);
        _spent += time.GetElapsedTime(began);
        return copy;
    }

    private BytePath Copy(BytePath path, in FileStatus status)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Math.Max(1, (int)status.Size));
        try
        {
            using SafeFileHandle file = PosixDirectory.OpenForReadingWithoutLinks(path);
            Span<byte> content = buffer.AsSpan(0, (int)status.Size);
            if (PosixFile.ReadFully(file, content, 0, path) < content.Length || !PosixFile.GetStatus(file, path).IsUnchangedSince(status)) return default;
            BytePath copy = directory.Combine($"file-{_count}");
            using SafeFileHandle staged = PosixDirectory.Current.CreateFile(copy);
            PosixFile.WriteFully(staged, content, 0, copy);
            _count++;
            _bytes += status.Size;
            return copy;
        }
        catch (PosixException)
        {
            // Whoever stores it meets the same failure and reports it, or finds the staging full; nothing is lost by reading it later.
            _isOver = true;
            return default;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
