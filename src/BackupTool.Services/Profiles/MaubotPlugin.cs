using BackupTool.Posix;
using Microsoft.Win32.SafeHandles;
using SharpCompress.Archives;
using SharpCompress.Archives.Zip;
using SharpCompress.Compressors.Deflate;

namespace BackupTool.Services.Profiles;

/// <summary>What a maubot plugin (<c>*.mbp</c>, a zip file) says of itself in its <c>maubot.yaml</c>.</summary>
public sealed record MaubotPlugin
{
    private const int MaxMetadataBytes = 64 << 10;

    /// <summary>The plugin's id, like <c>xyz.maubot.echo</c>.</summary>
    public required string Id { get; init; }

    /// <summary>Its version, as written.</summary>
    public required string Version { get; init; }

    /// <summary>Its Python modules.</summary>
    public required IReadOnlyList<string> Modules { get; init; }

    /// <summary>The class that is run, with its module where it is not the last one; empty when the file does not say.</summary>
    public required string MainClass { get; init; }

    /// <summary>Whether its instances have a database.</summary>
    public required bool HasDatabase { get; init; }

    /// <summary>Size of everything in it, unpacked, in bytes.</summary>
    public required long ContentBytes { get; init; }

    /// <summary>
    /// Unpacks every file in a plugin, in memory and for nothing but its checksum, and reads its metadata. A link is followed.
    /// </summary>
    /// <param name="file">The plugin.</param>
    /// <param name="maxContentBytes">What it may unpack to in all, lest a file of a few kilobytes keeps this host busy for hours.</param>
    /// <exception cref="DamagedPluginException">A checksum or size differs, it is no zip file, has no usable maubot.yaml, or unpacks to more than allowed.</exception>
    /// <exception cref="PosixException">It cannot be opened.</exception>
    public static MaubotPlugin Read(BytePath file, long maxContentBytes = 1L << 30)
    {
        using SafeFileHandle handle = PosixFile.OpenFollowing(file);
        if (PosixFile.GetStatus(handle, file).Kind != FileKind.Regular) throw new DamagedPluginException(file, "it is not a file");
        using var stream = new FileStream(handle, FileAccess.Read);
        try
        {
            using var archive = ZipArchive.OpenArchive(stream);
            byte[]? metadata = Check(file, archive.Entries, maxContentBytes, out long contentBytes);
            return FromMetadata(file, metadata, contentBytes);
        }
        catch (Exception e) when (e is not DamagedPluginException and not OutOfMemoryException)
        {
            // The unpacker meets damage with whatever exception its own reading of it leads to.
            throw new DamagedPluginException(file, $"it cannot be unpacked ({e.Message.TrimEnd('.')})", e);
        }
    }

    /// <summary>Unpacks every entry and compares its CRC-32 and size with the directory's: SharpCompress itself compares neither.</summary>
    /// <returns>The content of maubot.yaml; null when there is none.</returns>
    private static byte[]? Check(BytePath file, IEnumerable<IArchiveEntry> entries, long maxContentBytes, out long contentBytes)
    {
        var buffer = new byte[64 << 10];
        byte[]? metadata = null;
        contentBytes = 0;
        foreach (IArchiveEntry entry in entries)
        {
            if (entry.IsDirectory) continue;
            string name = BytePath.From(entry.Key ?? "").ToString();
            if (entry.IsEncrypted) throw new DamagedPluginException(file, $"{name} in it is encrypted");
            using MemoryStream? kept = name == "maubot.yaml" ? new MemoryStream() : null;
            var crc = new CRC32();
            using (Stream content = entry.OpenEntryStream())
            {
                for (int read; (read = content.Read(buffer)) > 0;)
                {
                    contentBytes += read;
                    if (contentBytes > maxContentBytes) throw new DamagedPluginException(file, $"it unpacks to more than {maxContentBytes} bytes");
                    if (kept?.Length + read > MaxMetadataBytes) throw new DamagedPluginException(file, $"its maubot.yaml has more than {MaxMetadataBytes} bytes");
                    crc.SlurpBlock(buffer, 0, read);
                    kept?.Write(buffer, 0, read);
                }
            }
            if ((uint)crc.Crc32Result != (uint)entry.Crc || crc.TotalBytesRead != entry.Size)
                throw new DamagedPluginException(file, $"the checksum or size of {name} in it is wrong");
            metadata = kept?.ToArray() ?? metadata;
        }
        return metadata;
    }

    private static MaubotPlugin FromMetadata(BytePath file, byte[]? metadata, long contentBytes)
    {
        if (metadata is null) throw new DamagedPluginException(file, "there is no maubot.yaml in it");
        YamlMapping yaml;
        try
        {
            yaml = YamlMapping.Parse(metadata);
        }
        catch (YamlFormatException e)
        {
            throw new DamagedPluginException(file, $"its maubot.yaml is not a YAML mapping at line {e.Place.Line}, column {e.Place.Column}", e);
        }
        return new MaubotPlugin
        {
            Id = yaml.Text("id") ?? throw new DamagedPluginException(file, "its maubot.yaml has no `id`"),
            Version = yaml.Text("version") ?? throw new DamagedPluginException(file, "its maubot.yaml has no `version`"),
            Modules = yaml.Texts("modules") ?? [],
            MainClass = yaml.Text("main_class") ?? "",
            HasDatabase = yaml.Text("database") is "true" or "True" or "yes",
            ContentBytes = contentBytes,
        };
    }
}
