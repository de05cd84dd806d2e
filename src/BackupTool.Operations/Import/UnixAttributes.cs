using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Operations.Import;

/// <summary>What zip and 7z say of a file's nature: st_mode in the upper half of the attributes when a Unix wrote the entry, else nothing but whether it is a directory.</summary>
internal static class UnixAttributes
{
    /// <summary>The member, a symbolic link without its target yet; null for a kind that these formats do not hold.</summary>
    internal static TarMember? ToMember(BytePath path, bool isDirectory, uint stMode, long size, DateTime? modifiedAt)
    {
        FileKind? kind = (stMode & 0xf000) switch
        {
            0 => isDirectory ? FileKind.Directory : FileKind.Regular,
            0x4000 => FileKind.Directory,
            0x8000 => FileKind.Regular,
            0xa000 => FileKind.SymbolicLink,
            _ => null,
        };
        if (kind is null) return null;
        uint usual = kind switch
        {
            FileKind.Directory => 0x1ed,     // 0755
            FileKind.SymbolicLink => 0x1ff,  // 0777
            _ => 0x1a4,                      // 0644
        };
        return new TarMember
        {
            Path = path,
            Kind = kind.Value,
            Mode = stMode == 0 ? usual : stMode & 0xfff,
            Uid = 0,
            Gid = 0,
            ModifiedAt = modifiedAt is { } time ? UnixTime.From(new DateTimeOffset(time)) : default,
            Size = kind == FileKind.Regular ? size : 0,
        };
    }

    /// <summary>A link's target is its entry's content.</summary>
    internal static BytePath ReadLinkTarget(Stream content, BytePath path)
    {
        const int longest = 4095;
        var target = new byte[longest + 1];
        int length = content.ReadAtLeast(target, target.Length, throwOnEndOfStream: false);
        if (length is 0 or > longest || target.AsSpan(0, length).Contains((byte)0)) throw new InvalidDataException($"the target of the symbolic link {path} is not valid");
        return new BytePath(target[..length]);
    }
}
