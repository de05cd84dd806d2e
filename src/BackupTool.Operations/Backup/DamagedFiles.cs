using BackupTool.Posix;
using BackupTool.Services.Sources.Files;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Backup;

/// <summary>
/// Databases of a broken state that SQLite cannot read, for a run that accepts damage: each is copied as it lies while its service holds still, with the journal, log and index beside it, and
/// a warning names it.
/// </summary>
internal sealed class DamagedFiles(IReadOnlyDictionary<BytePath, string> known, BytePath directory, CutFindings findings)
{
    private const int BufferBytes = 1 << 20;

    private readonly Dictionary<BytePath, string> _reasons = new(known);
    private int _count;

    /// <summary>Says that a database is damaged: before its entry is taken.</summary>
    internal void Add(BytePath path, string reason) => _reasons[path] = reason;

    /// <summary>Whether a file is one of them, or lies beside one.</summary>
    internal bool Concerns(BytePath path)
    {
        return _reasons.ContainsKey(path) || IsBeside("-wal"u8) || IsBeside("-shm"u8) || IsBeside("-journal"u8);
        bool IsBeside(ReadOnlySpan<byte> suffix) => path.Bytes.EndsWith(suffix) && _reasons.ContainsKey(new BytePath(path.Bytes[..^suffix.Length]));
    }

    /// <summary>Copies one now; null when not even its bytes can be read, which is a warning too.</summary>
    /// <exception cref="OperationException">There is no room for the copy.</exception>
    internal CutEntry? Take(WalkedEntry entry)
    {
        BytePath copy = directory.Combine($"damaged-{_count++}");
        try
        {
            long bytes = Copy(entry.Path, copy);
            if (_reasons.TryGetValue(entry.Path, out string? reason)) findings.Warn(entry.Path, $"is damaged, and stored as it lies, with what SQLite left beside it: {reason}");
            return new CutEntry(entry.Path, entry.Status with { Size = bytes, LinkCount = 1 }, default, CutFlags.None, "", copy);
        }
        catch (PosixException e) when (!e.IsOutOfSpace)
        {
            findings.Warn(entry.Path, $"is damaged, and cannot be stored: {e.Message}");
            return null;
        }
        catch (PosixException e)
        {
            throw new OperationException($"The damaged {entry.Path} cannot be copied: {e.Message}.", "Free space there, or name a larger disk as `path` in [staging].");
        }
    }

    private static long Copy(BytePath path, BytePath copy)
    {
        using SafeFileHandle original = PosixDirectory.OpenForReadingWithoutLinks(path), staged = PosixDirectory.Current.CreateFile(copy);
        if (PosixFile.TryClone(original, staged)) return PosixFile.GetStatus(staged, copy).Size;
        var buffer = new byte[BufferBytes];
        long offset = 0;
        for (int read; (read = PosixFile.ReadFully(original, buffer, offset, path)) > 0; offset += read) PosixFile.WriteFully(staged, buffer.AsSpan(0, read), offset, copy);
        return offset;
    }
}
