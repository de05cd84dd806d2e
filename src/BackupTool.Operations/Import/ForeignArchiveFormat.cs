using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Operations.Import;

/// <summary>What an archive's file is, told by its first bytes: suffixes lie.</summary>
public enum ForeignArchiveFormat
{
    /// <summary>A tar archive.</summary>
    Tar,
    /// <summary>Something compressed by gzip: a tar archive, it is hoped.</summary>
    Gzip,
    /// <summary>Something compressed by xz.</summary>
    Xz,
    /// <summary>Something compressed by bzip2.</summary>
    Bzip2,
    /// <summary>Something compressed by zstd.</summary>
    Zstandard,
    /// <summary>A zip archive.</summary>
    Zip,
    /// <summary>A 7z archive.</summary>
    SevenZip,
}

internal static class ForeignArchiveFormats
{
    /// <summary>What begins with these bytes (the first 512, or all there are); null when it is nothing that we read.</summary>
    internal static ForeignArchiveFormat? Detect(ReadOnlySpan<byte> start) => start switch
    {
        [0x1f, 0x8b, 8, ..] => ForeignArchiveFormat.Gzip,
        [0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0, ..] => ForeignArchiveFormat.Xz,
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', 0x31, 0x41, 0x59, 0x26, ..] => ForeignArchiveFormat.Bzip2,
        [0x28, 0xb5, 0x2f, 0xfd, ..] or [>= 0x50 and <= 0x5f, 0x2a, 0x4d, 0x18, ..] => ForeignArchiveFormat.Zstandard,
        [(byte)'P', (byte)'K', 3, 4, ..] or [(byte)'P', (byte)'K', 5, 6, ..] => ForeignArchiveFormat.Zip,
        [(byte)'7', (byte)'z', 0xbc, 0xaf, 0x27, 0x1c, ..] => ForeignArchiveFormat.SevenZip,
        _ => TarParser.IsStart(start) ? ForeignArchiveFormat.Tar : null,
    };
}
