using System.Buffers;
using BackupTool.Posix;
using BackupTool.Repositories.Archives.Tar;
using Microsoft.Win32.SafeHandles;

namespace BackupTool.Tests.TestSupport;

/// <summary>The smallest thing that turns a tree into a tar archive with our header writer: no retries, everything in memory.</summary>
internal sealed class TreeArchiver
{
    private readonly ArrayBufferWriter<byte> _output = new();
    private readonly Dictionary<(ulong, ulong), BytePath> _links = [];

    internal static byte[] Archive(string root)
    {
        var archiver = new TreeArchiver();
        using PosixDirectory directory = PosixDirectory.Open(BytePath.From(root));
        archiver.AddContents(directory, default);
        return [.. archiver._output.WrittenSpan, .. TarHeader.EndOfArchive];
    }

    private void AddContents(PosixDirectory directory, BytePath path)
    {
        foreach (BytePath name in directory.ReadNames())
        {
            FileStatus status = directory.GetStatus(name);
            BytePath inner = path.Combine(name);
            Add(directory, name, status, inner);
            if (status.Kind != FileKind.Directory) continue;
            using PosixDirectory child = directory.OpenDirectory(name);
            AddContents(child, inner);
        }
    }

    private void Add(PosixDirectory directory, BytePath name, FileStatus status, BytePath path)
    {
        var member = new TarMember
        {
            Path = path,
            Kind = status.Kind,
            Mode = status.Mode,
            Uid = status.Uid,
            Gid = status.Gid,
            ModifiedAt = status.ModifiedAt,
            DeviceMajor = status.DeviceMajor,
            DeviceMinor = status.DeviceMinor,
            ExtendedAttributes = directory.ReadExtendedAttributes(name),
            LinkTarget = status.Kind == FileKind.SymbolicLink ? directory.ReadLink(name) : default,
        };
        bool isFurtherName = status is { LinkCount: > 1, Kind: not FileKind.Directory } && !_links.TryAdd((status.Device, status.Inode), path);
        if (isFurtherName)
        {
            member = member with { IsHardLink = true, LinkTarget = _links[(status.Device, status.Inode)] };
        }
        else if (status.Kind == FileKind.Regular)
        {
            AddFile(directory, name, status, member);
            return;
        }
        TarHeader.Write(member, _output);
    }

    private void AddFile(PosixDirectory directory, BytePath name, FileStatus status, TarMember member)
    {
        using SafeFileHandle file = directory.OpenForReading(name);
        var extents = new List<SparseExtent>();
        for (long at = 0; PosixFile.TryFindData(file, at, out long start, out at, name);) extents.Add(new SparseExtent(start, at - start));
        IReadOnlyList<SparseExtent> aligned = SparseExtent.AlignToBlocks(extents, status.Size);
        bool isWhole = status.Size == 0 || (aligned.Count == 1 && aligned[0] == new SparseExtent(0, status.Size));
        TarHeader.Write(member with { Size = status.Size, Sparse = isWhole ? null : aligned }, _output);
        long stored = 0;
        foreach (SparseExtent extent in isWhole ? [new SparseExtent(0, status.Size)] : aligned)
        {
            PosixFile.ReadFully(file, _output.GetSpan((int)extent.Length)[..(int)extent.Length], extent.Offset, name);
            _output.Advance((int)extent.Length);
            stored += extent.Length;
        }
        _output.Write(TarHeader.EndOfArchive[..TarHeader.PaddingAfter(stored)]);
    }
}
