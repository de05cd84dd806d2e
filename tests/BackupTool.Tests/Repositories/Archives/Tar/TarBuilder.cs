using System.Buffers;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;

namespace BackupTool.Tests.Repositories.Archives.Tar;

/// <summary>Puts an archive together in memory, member by member, with our own header writer.</summary>
public sealed class TarBuilder
{
    private readonly ArrayBufferWriter<byte> _output = new();

    public static TarMember File(string path, int size = 0) => Member(path, FileKind.Regular) with { Size = size };

    public static TarMember Member(string path, FileKind kind) => new()
    {
        Path = BytePath.From(path),
        Kind = kind,
        Mode = kind == FileKind.Directory ? 0x1edu : 0x1a4u,
        Uid = 0,
        Gid = 0,
        ModifiedAt = new UnixTime(1_700_000_000, 0),
    };

    /// <summary>Adds a member; of a sparse one only the extents' data.</summary>
    public TarBuilder Add(TarMember member, ReadOnlySpan<byte> data = default)
    {
        data.Length.Should().Be((int)member.StoredSize);
        TarHeader.Write(member, _output);
        _output.Write(data);
        _output.Write(TarHeader.EndOfArchive[..TarHeader.PaddingAfter(data.Length)]);
        return this;
    }

    /// <summary>Adds a member with a name that our writer refuses: an absolute one.</summary>
    public TarBuilder AddUnchecked(TarMember member, ReadOnlySpan<byte> data)
    {
        if (!member.Path.IsAbsolute) return Add(member, data);
        byte[] bytes = new TarBuilder().Add(member with { Path = BytePath.From("#" + member.Path.ToString()[1..]) }, data).Build();
        // '#' becomes '/', twelve more; a leading zero of the device number, which a file has not, makes up for it.
        bytes[0] = (byte)'/';
        bytes[329] -= 12;
        _output.Write(bytes.AsSpan(0, bytes.Length - 1024));
        return this;
    }

    public byte[] Build() => [.. _output.WrittenSpan, .. TarHeader.EndOfArchive];
}
