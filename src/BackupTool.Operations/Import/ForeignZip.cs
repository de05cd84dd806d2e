using System.Text;
using BackupTool.Posix;
using SharpCompress.Archives;
using SharpCompress.Archives.Zip;
using SharpCompress.Common;
using SharpCompress.Readers;

namespace BackupTool.Operations.Import;

/// <summary>Zip archives, read by their directory at the end, so that one that is cut off is no archive.</summary>
internal static class ForeignZip
{
    internal static IEnumerable<ForeignMember> Read(Stream file, Action<string> warn)
    {
        int stated = CountEntries(file);
        using IArchive archive = ZipArchive.OpenArchive(file, new ReaderOptions
        {
            LeaveStreamOpen = true,
            // Names are bytes to us: one character for each carries them through.
            ArchiveEncoding = new ArchiveEncoding { CustomDecoder = static (bytes, at, length, _) => Encoding.Latin1.GetString(bytes, at, length) },
        });
        int count = 0;
        foreach (IArchiveEntry entry in archive.Entries)
        {
            count++;
            BytePath path = PathOf(entry);
            if (entry.IsEncrypted) throw new InvalidDataException($"{path} is encrypted");
            uint mode = (uint)(entry.Attrib ?? 0) >> 16;
            // What the directory says, for opening the entry puts its own header's values in place.
            (long size, uint crc) = (entry.Size, (uint)entry.Crc);
            if (UnixAttributes.ToMember(path, entry.IsDirectory, mode, size, entry.LastModifiedTime) is not { } member)
            {
                warn($"{path} is left out: it is neither file, directory nor symbolic link.");
                continue;
            }
            if (member.Kind == FileKind.Directory)
            {
                yield return new ForeignMember(member, Stream.Null);
                continue;
            }
            using Stream content = new CheckedContent(entry.OpenEntryStream(), path.ToString(), size, crc);
            if (member.Kind == FileKind.SymbolicLink) member = member with { LinkTarget = UnixAttributes.ReadLinkTarget(content, path) };
            yield return new ForeignMember(member, content);
        }
        if (count != stated) throw new InvalidDataException($"its directory states {stated} entries, and {count} can be read");
    }

    /// <summary>By the base library, which is strict with the directory: SharpCompress ends its list where an entry of it is damaged.</summary>
    private static int CountEntries(Stream file)
    {
        using var archive = new System.IO.Compression.ZipArchive(file, System.IO.Compression.ZipArchiveMode.Read, leaveOpen: true);
        return archive.Entries.Count;
    }

    private static BytePath PathOf(IEntry entry)
    {
        byte[] name = Encoding.Latin1.GetBytes(entry.Key ?? "");
        if (name.Length == 0 || name.Contains((byte)0)) throw new InvalidDataException("an entry's name is not valid");
        var path = new BytePath(name);
        return path.Length > 1 && name[^1] == '/' ? new BytePath(path.Bytes.TrimEnd((byte)'/')) : path;
    }
}
