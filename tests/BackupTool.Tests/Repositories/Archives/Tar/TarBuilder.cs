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

    public byte[] Build() => [.. _output.WrittenSpan, .. TarHeader.EndOfArchive];
}
