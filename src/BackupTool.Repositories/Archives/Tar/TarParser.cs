using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using BackupTool.Posix;

namespace BackupTool.Repositories.Archives.Tar;

/// <summary>
/// Reads a tar stream front to back: what <see cref="TarHeader"/> writes, and what others wrote: v7, ustar, pax with global headers, GNU tar's
/// long names, large numbers and all four sparse formats. Checksums are verified; a stream without its end mark counts as cut off. Memory
/// stays bounded whatever the stream claims. Names come out as they are stored, <c>..</c> and leading slashes included: whoever writes to disk judges them.
/// </summary>
/// <remarks>The stream is read in small pieces: give it one that is buffered. It is not disposed.</remarks>
public sealed class TarParser
{
    /// <summary>The largest pax header, or sum of global ones, in bytes that is written or read.</summary>
    public const int MaxPaxBytes = 16 << 20;

    private const int MaxNameBytes = 1 << 20;
    private readonly TarInput _input;
    private readonly byte[] _block = new byte[TarHeader.BlockSize];
    private PaxRecords _global = new();
    private int _globalBytes;
    private bool _ended;

    /// <summary>Starts at the stream's present position.</summary>
    public TarParser(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _input = new TarInput(stream);
    }

    /// <summary>Bytes read so far.</summary>
    public long Position => _input.Position;

    /// <summary>Where the last header began, with the extended headers before it.</summary>
    public long HeaderOffset { get; private set; }

    /// <summary>Bytes from <see cref="HeaderOffset"/> to the member's data: extended headers, header and sparse map.</summary>
    public long HeaderLength { get; private set; }

    /// <summary>Keywords of pax records that carry something about a file which is not read: ACLs as text, SELinux contexts.</summary>
    public ISet<string> UnreadKeywords => _global.UnreadKeywords;

    /// <summary>Whether a tar stream can begin like this: a header block whose checksum is right, or the end mark of an empty archive.</summary>
    public static bool IsStart(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < TarHeader.BlockSize) return false;
        ReadOnlySpan<byte> block = bytes[..TarHeader.BlockSize];
        return block.IndexOfAnyExcept((byte)0) < 0 || new UstarReader(block.ToArray(), 0).HasValidChecksum;
    }

    /// <summary>Goes to the next member, over what is left of the last one's data; false at the end mark.</summary>
    /// <exception cref="TarFormatException">The stream is damaged, cut off, or uses what is not read.</exception>
    public bool TryReadHeader([NotNullWhen(true)] out TarMember? member)
    {
        member = null;
        _input.SkipData();
        if (_ended) return false;
        HeaderOffset = Position;
        var pending = new PendingHeader(_global.Copy());
        while (true)
        {
            long at = Position;
            _input.ReadBlock(_block, "a header or the end mark");
            if (_block.AsSpan().IndexOfAnyExcept((byte)0) < 0)
            {
                ReadEndMark(pending, at);
                return false;
            }
            var header = new UstarReader(_block, at);
            if (!header.HasValidChecksum) throw new TarFormatException(at, "a header's checksum is wrong");
            if (ReadExtension(header, ref pending, at)) continue;

            member = ReadMember(header, pending, at);
            if (member is null)
            {
                _input.SkipData();
                pending = new PendingHeader(_global.Copy());
                continue;
            }
            HeaderLength = Position - HeaderOffset;
            return true;
        }
    }

    /// <summary>Reads stored data of the current member (of a sparse one only its extents); 0 at its end.</summary>
    /// <exception cref="TarFormatException">The stream is cut off.</exception>
    public int ReadData(Span<byte> buffer) => _input.Read(buffer);

    /// <summary>Reads what comes after the end mark, to the end of the stream: it may hold zeros only.</summary>
    /// <exception cref="TarFormatException">Something else follows: more members, which a reader that stops at the mark would lose.</exception>
    public void ExpectNothingMore()
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        int read, other = -1;
        do other = (read = _input.Fill(buffer)) == 0 ? -1 : buffer.AsSpan(0, read).IndexOfAnyExcept((byte)0);
        while (read > 0 && other < 0);
        ArrayPool<byte>.Shared.Return(buffer);
        if (other >= 0)
        {
            throw new TarFormatException(Position - read + other, "more data follows the end mark",
                "These may be several archives one after the other: take them apart, or extract them with `tar -i` and use the directory.");
        }
    }

    /// <summary>Whether the header said something about the one that follows; if so, keeps it.</summary>
    private bool ReadExtension(UstarReader header, ref PendingHeader pending, long at)
    {
        switch (header.TypeFlag)
        {
            case TarTypeFlag.PaxHeader or TarTypeFlag.SolarisPaxHeader:
                byte[] own = ReadContents(header, MaxPaxBytes - pending.PaxBytes, at);
                pending.PaxBytes += own.Length;
                pending.Pax.Add(own, at);
                break;
            case TarTypeFlag.PaxGlobalHeader:
                byte[] records = ReadContents(header, MaxPaxBytes - _globalBytes, at);
                _globalBytes += records.Length;
                _global.Add(records, at);
                pending.Pax.Add(records, at);
                break;
            case TarTypeFlag.GnuLongName:
                pending.LongName = UntilNul(ReadContents(header, MaxNameBytes, at));
                break;
            case TarTypeFlag.GnuLongLink:
                pending.LongLink = UntilNul(ReadContents(header, MaxNameBytes, at));
                break;
            default:
                return false;
        }
        pending.IsBegun |= header.TypeFlag != TarTypeFlag.PaxGlobalHeader;
        return true;
    }

    /// <summary>Puts a member together and stands before its data; null for a header that is no member.</summary>
    private TarMember? ReadMember(UstarReader header, in PendingHeader pending, long at)
    {
        PaxRecords pax = pending.Pax;
        FileKind? kind = header.Kind;
        if (kind is null)
        {
            _input.Expect(header.Size);
            return null;
        }
        BytePath path = pax.SparseName ?? pax.Path ?? pending.LongName ?? header.Path;
        bool endsInSlash = path.Length > 1 && path.Bytes[^1] == '/';
        if (endsInSlash) path = new BytePath(path.Bytes[..(path.Bytes[1..].TrimEnd((byte)'/').Length + 1)]);
        if (path.IsEmpty) throw new TarFormatException(at, "a member has no name");
        bool isHardLink = header.TypeFlag == TarTypeFlag.HardLink;
        bool isLink = isHardLink || kind == FileKind.SymbolicLink;
        // Programs older than the directory's own type marked one by the slash.
        if (kind == FileKind.Regular && !isHardLink && endsInSlash) kind = FileKind.Directory;
        bool isFile = kind == FileKind.Regular && !isHardLink;
        bool isNode = kind is FileKind.CharacterDevice or FileKind.BlockDevice;

        long archived = header.HasData ? pax.Size ?? header.Size : 0;
        _input.Expect(archived);
        SparseLayout? sparse = isFile ? ReadSparse(header, pax, at) : null;
        return new TarMember
        {
            Path = path,
            Kind = kind.Value,
            IsHardLink = isHardLink,
            Mode = header.Mode,
            Uid = pax.Uid ?? header.Uid,
            Gid = pax.Gid ?? header.Gid,
            UserName = pax.UserName ?? header.UserName,
            GroupName = pax.GroupName ?? header.GroupName,
            ModifiedAt = pax.ModifiedAt ?? new UnixTime(header.ModifiedAt, 0),
            Size = isFile ? sparse?.Size ?? archived : 0,
            Sparse = sparse?.Extents,
            LinkTarget = isLink ? pax.LinkPath ?? pending.LongLink ?? header.LinkTarget : default,
            DeviceMajor = isNode ? header.DeviceMajor : 0,
            DeviceMinor = isNode ? header.DeviceMinor : 0,
            ExtendedAttributes = pax.ExtendedAttributes(),
        };
    }

    private SparseLayout? ReadSparse(UstarReader header, PaxRecords pax, long at)
    {
        SparseLayout? layout = header.TypeFlag == TarTypeFlag.GnuSparse ? ReadOldSparse(header, at)
            : pax.Sparse.MapIsInData ? ReadSparseMap(pax.Sparse.RealSize(at), at)
            : pax.Sparse.Layout(at);
        if (layout is null) return null;
        long stored = layout.Extents.Sum(static extent => extent.Length);
        return stored == _input.Remaining ? layout
            : throw new TarFormatException(at, $"a sparse member's map speaks of {stored} bytes, but {_input.Remaining} are stored");
    }

    /// <summary>GNU tar's own sparse format before pax: four extents in the header, 21 in each block that may follow; the blocks are not counted in the size.</summary>
    private SparseLayout ReadOldSparse(UstarReader header, long at)
    {
        var builder = new SparseLayoutBuilder(at);
        bool more = header.ReadOldSparse(builder, out long size);
        byte[] block = new byte[TarHeader.BlockSize];
        while (more)
        {
            _input.ReadBlock(block, "a sparse map");
            more = new UstarReader(block, Position - block.Length).ReadOldSparseContinuation(builder);
        }
        return builder.Build(size);
    }

    private SparseLayout ReadSparseMap(long size, long at)
    {
        byte[] block = new byte[TarHeader.BlockSize];
        var map = new SparseMapReader(at);
        do _input.ReadBlockOfData(block, "a sparse map");
        while (map.Read(block));
        return map.Build(size);
    }

    private void ReadEndMark(in PendingHeader pending, long at)
    {
        if (pending.IsBegun) throw new TarFormatException(at, "an extended header is followed by no member");
        int read = _input.Fill(_block);
        if (read == _block.Length && _block.AsSpan().IndexOfAnyExcept((byte)0) >= 0)
            throw new TarFormatException(at, "a single block of zeros stands between members");
        _ended = true;
    }

    private byte[] ReadContents(UstarReader header, int limit, long at)
    {
        long size = header.Size;
        if (size > limit) throw new TarFormatException(at, $"an extended header claims {size} bytes, where {limit} are allowed");
        _input.Expect(size);
        return _input.ReadToEndOfData();
    }

    private static BytePath UntilNul(ReadOnlySpan<byte> bytes) => new(bytes.IndexOf((byte)0) is >= 0 and int end ? bytes[..end] : bytes);

    /// <summary>What extended headers said about the member to come.</summary>
    private struct PendingHeader(PaxRecords pax)
    {
        internal readonly PaxRecords Pax = pax;
        internal BytePath? LongName, LongLink;
        internal int PaxBytes;
        internal bool IsBegun;
    }
}
