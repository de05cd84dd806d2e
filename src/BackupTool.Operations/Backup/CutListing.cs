using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Operations.Backup;

/// <summary>
/// The directory listing that a cut takes, with every status: written down in the cut, read back while archiving. In memory while it is small; beyond that in an
/// unnamed file, so that a million files need no more memory than ten thousand.
/// </summary>
internal sealed class CutListing : IDisposable
{
    private const int MaxMemoryBytes = 2 << 20;
    private readonly BytePath _spillDirectory;
    private readonly MemoryStream _recent = new(MaxMemoryBytes + (64 << 10));
    private readonly BinaryWriter _writer;
    private SafeFileHandle? _file;
    private long _spilled;

    internal CutListing(BytePath spillDirectory) => (_spillDirectory, _writer) = (spillDirectory, new BinaryWriter(_recent, System.Text.Encoding.UTF8));

    internal long Count { get; private set; }

    internal void Add(CutEntry entry)
    {
        Write(_writer, entry);
        _writer.Flush();
        Count++;
        if (_recent.Length >= MaxMemoryBytes) Spill();
    }

    internal IEnumerable<CutEntry> ReadAll()
    {
        foreach (Stream part in Parts())
        {
            using var reader = new BinaryReader(part, System.Text.Encoding.UTF8);
            long length = part.Length;   // asks the kernel
            while (part.Position < length) yield return Read(reader);
        }
    }

    private IEnumerable<Stream> Parts()
    {
        if (_file is not null) yield return new BufferedStream(new FileStream(new SafeFileHandle(_file.DangerousGetHandle(), ownsHandle: false), FileAccess.Read) { Position = 0 }, 1 << 16);
        yield return new MemoryStream(_recent.GetBuffer(), 0, (int)_recent.Length, writable: false);
    }

    private void Spill()
    {
        if (_file is null)
        {
            BytePath path = _spillDirectory.Combine($"listing-{Guid.NewGuid():N}");
            _file = PosixDirectory.Current.CreateFile(path);
            PosixDirectory.Current.RemoveFile(path);
        }
        PosixFile.WriteFully(_file, _recent.GetBuffer().AsSpan(0, (int)_recent.Length), _spilled, _spillDirectory);
        _spilled += _recent.Length;
        _recent.SetLength(0);
    }

    private static void Write(BinaryWriter writer, CutEntry entry)
    {
        FileStatus status = entry.Status;
        WriteBytes(writer, entry.Path);
        WriteBytes(writer, entry.LinkTarget);
        WriteBytes(writer, entry.StagedPath);
        writer.Write(entry.ChangeKey);
        writer.Write((byte)entry.Flags);
        writer.Write((byte)status.Kind);
        writer.Write(status.Mode);
        writer.Write(status.Uid);
        writer.Write(status.Gid);
        writer.Write(status.Size);
        writer.Write(status.AllocatedBytes);
        WriteTime(writer, status.ModifiedAt);
        WriteTime(writer, status.ChangedAt);
        writer.Write(status.Device);
        writer.Write(status.Inode);
        writer.Write(status.LinkCount);
        writer.Write(status.DeviceMajor);
        writer.Write(status.DeviceMinor);
        WriteTime(writer, status.BornAt);
    }

    private static CutEntry Read(BinaryReader reader)
    {
        BytePath path = ReadBytes(reader), target = ReadBytes(reader), staged = ReadBytes(reader);
        string changeKey = reader.ReadString();
        var flags = (CutFlags)reader.ReadByte();
        var status = new FileStatus((FileKind)reader.ReadByte(), reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadInt64(),
            reader.ReadInt64(), ReadTime(reader), ReadTime(reader), reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadUInt32(), reader.ReadUInt32(), reader.ReadUInt32())
        { BornAt = ReadTime(reader) };
        return new CutEntry(path, status, target, flags, changeKey, staged);
    }

    private static void WriteBytes(BinaryWriter writer, BytePath path)
    {
        writer.Write7BitEncodedInt(path.Length);
        writer.Write(path.Bytes);
    }

    private static BytePath ReadBytes(BinaryReader reader) => new(reader.ReadBytes(reader.Read7BitEncodedInt()));

    private static void WriteTime(BinaryWriter writer, UnixTime time)
    {
        writer.Write(time.Seconds);
        writer.Write(time.Nanoseconds);
    }

    private static UnixTime ReadTime(BinaryReader reader) => new(reader.ReadInt64(), reader.ReadInt32());

    public void Dispose()
    {
        _file?.Dispose();
        _writer.Dispose();
    }
}
