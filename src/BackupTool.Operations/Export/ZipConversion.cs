using System.IO.Compression;
using System.Text;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Operations.Export;

/// <summary>From tar to zip, counting what zip cannot hold.</summary>
internal sealed class ZipConversion(TimeZoneInfo localTime)
{
    private static readonly DateTime Earliest = new(1980, 1, 1), Latest = new(2107, 12, 31, 23, 59, 58);

    private readonly SortedDictionary<ExportLoss, ExportFinding> _findings = [];
    private readonly byte[] _buffer = new byte[256 * 1024];

    internal IReadOnlyList<ExportFinding> Convert(Stream tar, Stream output, CancellationToken cancellationToken)
    {
        var parser = new TarParser(tar);
        using (var zip = new ZipArchive(output, ZipArchiveMode.Create, leaveOpen: true))
        {
            while (parser.TryReadHeader(out TarMember? member))
            {
                cancellationToken.ThrowIfCancellationRequested();
                CountLosses(member);
                if (member.IsHardLink) AddLink(zip, member, RelativeTarget(member.Path, member.LinkTarget));
                else if (member.Kind == FileKind.SymbolicLink) AddLink(zip, member, member.LinkTarget);
                else if (member.Kind == FileKind.Directory) Add(zip, member, "/", 0x4000);
                else if (member.Kind == FileKind.Regular) AddFile(zip, member, parser, cancellationToken);
                else Count(ExportLoss.SpecialFiles, member);
            }
        }
        return [.. _findings.Values];
    }

    private void AddFile(ZipArchive zip, TarMember member, TarParser parser, CancellationToken cancellationToken)
    {
        using Stream content = Add(zip, member, "", 0x8000).Open();
        long written = 0;
        foreach (SparseExtent extent in member.Sparse ?? [new SparseExtent(0, member.Size)])
        {
            WriteZeros(content, extent.Offset - written, cancellationToken);
            for (written = extent.Offset; written < extent.Offset + extent.Length;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                int read = parser.ReadData(_buffer.AsSpan(0, (int)Math.Min(_buffer.Length, extent.Offset + extent.Length - written)));
                content.Write(_buffer, 0, read);
                written += read;
            }
        }
        WriteZeros(content, member.Size - written, cancellationToken);
    }

    private void WriteZeros(Stream content, long count, CancellationToken cancellationToken)
    {
        if (count == 0) return;
        Array.Clear(_buffer);
        for (; count > 0; count -= Math.Min(count, _buffer.Length))
        {
            cancellationToken.ThrowIfCancellationRequested();
            content.Write(_buffer, 0, (int)Math.Min(count, _buffer.Length));
        }
    }

    /// <summary>As Info-ZIP does: an entry of the type "link" whose content is the target.</summary>
    private void AddLink(ZipArchive zip, TarMember member, BytePath target)
    {
        using Stream content = Add(zip, member, "", 0xa000).Open();
        content.Write(target.Bytes);
    }

    /// <summary>Creates the entry; <paramref name="type"/> is the S_IFMT bits of st_mode, which stands in the upper half of the attributes.</summary>
    private ZipArchiveEntry Add(ZipArchive zip, TarMember member, string end, uint type)
    {
        ZipArchiveEntry entry = zip.CreateEntry((member.Path.IsUtf8 ? Encoding.UTF8.GetString(member.Path.Bytes) : member.Path.ToString()) + end);
        entry.ExternalAttributes = (int)((type | (type == 0xa000 ? 0x1ffu : member.Mode)) << 16) | (type == 0x4000 ? 0x10 : 0);
        entry.LastWriteTime = LocalTime(member, out _);
        return entry;
    }

    private DateTimeOffset LocalTime(TarMember member, out bool isChanged)
    {
        long seconds = Math.Clamp(member.ModifiedAt.Seconds, DateTimeOffset.MinValue.ToUnixTimeSeconds() + 86_400, DateTimeOffset.MaxValue.ToUnixTimeSeconds() - 86_400);
        DateTime local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeSeconds(seconds), localTime).DateTime;
        isChanged = local < Earliest || local > Latest.AddSeconds(1);
        // The zone given here is not stored: the entry gets the clock's reading.
        return new DateTimeOffset(local < Earliest ? Earliest : local > Latest ? Latest : local, TimeSpan.Zero);
    }

    /// <summary>From the directory of one name to another name: both stand below the same root.</summary>
    private static BytePath RelativeTarget(BytePath from, BytePath to)
    {
        BytePath relative = default;
        BytePath above = from.Parent;
        for (; !above.IsEmpty && (!to.IsAtOrBelow(above) || to == above); above = above.Parent) relative = relative.Combine("..");
        return relative.Combine(above.IsEmpty ? to.Bytes : to.Bytes[(above.Length + 1)..]);
    }

    private void CountLosses(TarMember member)
    {
        if (member is { Kind: FileKind.CharacterDevice or FileKind.BlockDevice or FileKind.Fifo }) return;
        if (member.Uid != 0 || member.Gid != 0) Count(ExportLoss.Owners, member);
        if (member.ExtendedAttributes.Count > 0) Count(ExportLoss.ExtendedAttributes, member);
        if (member.IsHardLink) Count(ExportLoss.HardLinks, member);
        if (!member.Path.IsUtf8) Count(ExportLoss.Names, member);
        LocalTime(member, out bool isChanged);
        if (isChanged) Count(ExportLoss.Times, member);
    }

    private void Count(ExportLoss loss, TarMember member) => _findings[loss] = _findings.TryGetValue(loss, out ExportFinding? found)
        ? found with { Count = found.Count + 1 } : new ExportFinding(loss, 1, member.Path);
}
