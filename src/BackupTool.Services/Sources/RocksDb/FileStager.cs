using System.Buffers;
using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Services.Sources.RocksDb;

/// <summary>Brings files into the staging directory: immutable ones by link, else by clone, else by copy; the others by clone or copy.</summary>
internal sealed class FileStager(PosixDirectory source, PosixDirectory target)
{
    private const int BufferBytes = 1 << 20;
    private bool _canLink = true;

    /// <summary>The costliest means that an immutable file needed.</summary>
    internal StagingMeans ImmutableMeans { get; private set; }

    /// <summary>False when a file went away or shrank: the database is being written.</summary>
    internal bool TryStage(IEnumerable<ShapeEntry> files, CancellationToken cancellationToken)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            foreach (ShapeEntry file in files)
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (!TryStage(file, buffer)) return false;
            }
            return true;
        }
        catch (PosixException e) when (e.Errno == Errno.ENOENT)
        {
            return false;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private bool TryStage(ShapeEntry file, byte[] buffer)
    {
        bool isImmutable = file.Role == RocksDbFileRole.Immutable;
        if (isImmutable && TryLink(file.Name)) return true;
        BytePath from = source.Full(file.Name), to = target.Full(file.Name);
        using SafeFileHandle original = source.OpenForReading(file.Name), staged = target.CreateFile(file.Name);
        // A clone takes the file as long as it is by now; the second look at the database notices that it grew.
        StagingMeans means = PosixFile.TryClone(original, staged) ? StagingMeans.Clone : StagingMeans.Copy;
        if (isImmutable && means > ImmutableMeans) ImmutableMeans = means;
        return means == StagingMeans.Clone || TryCopy(original, staged, file.Status.Size, buffer, from, to);
    }

    private bool TryLink(BytePath name)
    {
        if (!_canLink) return false;
        try
        {
            source.CreateHardLink(name, target, name);
            return true;
        }
        catch (PosixException e) when (e.Errno is Errno.EXDEV or Errno.EPERM or Errno.EACCES or Errno.EOPNOTSUPP or Errno.ENOSYS)
        {
            _canLink = false;   // another file system, or one without links, or not our files: so it is for all of them
            return false;
        }
        catch (PosixException e) when (e.Errno == Errno.EMLINK)
        {
            return false;
        }
    }

    /// <summary>Copies as many bytes as the file had when it was looked at: a log may have grown since.</summary>
    private static bool TryCopy(SafeFileHandle original, SafeFileHandle staged, long bytes, byte[] buffer, BytePath from, BytePath to)
    {
        for (long offset = 0; offset < bytes;)
        {
            Span<byte> window = buffer.AsSpan(0, (int)Math.Min(buffer.Length, bytes - offset));
            if (PosixFile.ReadFully(original, window, offset, from) != window.Length) return false;
            PosixFile.WriteFully(staged, window, offset, to);
            offset += window.Length;
        }
        return true;
    }
}
