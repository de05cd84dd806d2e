using System.Text;
using BackupTool.Posix;
using SharpCompress.Archives.SevenZip;
using SharpCompress.Common.SevenZip;
using SharpCompress.Readers;

namespace BackupTool.Operations.Import;

/// <summary>7z archives: front to back, since in a solid one any other order costs the whole archive for each entry.</summary>
internal static class ForeignSevenZip
{
    private const uint HasUnixMode = 0x8000;

    internal static IEnumerable<ForeignMember> Read(Stream file, Action<string> warn)
    {
        using var archive = (SevenZipArchive)SevenZipArchive.OpenArchive(file, new ReaderOptions { LeaveStreamOpen = true });
        if (archive.IsEncrypted) throw new InvalidDataException("it is encrypted");
        foreach (SevenZipArchiveEntry entry in archive.Entries.Cast<SevenZipArchiveEntry>())
            if (entry.IsAnti) throw new InvalidDataException($"{PathOf(entry)} is a mark that a file was removed: this is an increment, not a whole archive");

        using IReader reader = archive.ExtractAllEntries();
        while (reader.MoveToNextEntry())
        {
            var entry = (SevenZipEntry)reader.Entry;
            BytePath path = PathOf(entry);
            uint attributes = (uint)(entry.ExtendedAttrib ?? entry.Attrib ?? 0), mode = (attributes & HasUnixMode) != 0 ? attributes >> 16 : 0;
            if (UnixAttributes.ToMember(path, entry.IsDirectory, mode, entry.Size, entry.LastModifiedTime) is not { } member)
            {
                warn($"{path} is left out: it is neither file, directory nor symbolic link.");
                continue;
            }
            if (member.Kind == FileKind.Directory || (member.Kind == FileKind.Regular && entry.Size == 0))
            {
                yield return new ForeignMember(member, Stream.Null);
                continue;
            }
            // An entry without a checksum has 0 here; only a header whose own checksum is right can say so.
            using Stream content = new CheckedContent(reader.OpenEntryStream(), path.ToString(), entry.Size, entry.Crc == 0 ? null : (uint)entry.Crc);
            bool goesOn = false;
            try
            {
                if (member.Kind == FileKind.SymbolicLink) member = member with { LinkTarget = UnixAttributes.ReadLinkTarget(content, path) };
                yield return new ForeignMember(member, content);
                goesOn = true;
            }
            finally
            {
                // Else it would decompress the rest to get over it, only to be disposed.
                if (!goesOn) reader.Cancel();
            }
        }
    }

    /// <summary>Names are UTF-16; bytes that were no UTF-8 stand in them as U+EF80 to U+EFFF, as 7-Zip for Linux writes and reads them.</summary>
    private static BytePath PathOf(SevenZipEntry entry)
    {
        var name = new List<byte>();
        Span<byte> utf8 = stackalloc byte[4];
        foreach (Rune rune in (entry.Key ?? "").EnumerateRunes())
        {
            if (rune.Value is >= 0xef80 and <= 0xefff) name.Add((byte)rune.Value);
            else name.AddRange(utf8[..rune.EncodeToUtf8(utf8)]);
        }
        if (name.Count == 0 || name.Contains(0)) throw new InvalidDataException("an entry's name is not valid");
        return new BytePath(name.ToArray());
    }
}
