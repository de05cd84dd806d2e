using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Compression;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;

namespace BackupTool.Repositories.Index;

/// <summary>A pack as an index file lists it.</summary>
internal sealed record IndexedPack(PackId Id, IReadOnlyList<PackedChunk> Chunks);

/// <summary>
/// <c>index/&lt;sha256&gt;.tsv.zst</c>: one line a chunk — chunk id, pack id, offset, frame length, plaintext size, tab-separated — so that
/// <c>zstd -dc index/* | awk</c> finds any chunk.
/// </summary>
public static class IndexFile
{
    /// <summary>The folder.</summary>
    public const string Folder = "index/";
    private const string Suffix = ".tsv.zst";

    /// <summary>Chunks of a full index file: more make several files, so that neither writer nor reader needs much memory.</summary>
    public const int LinesPerFile = 16_000;

    private const int MaxFileBytes = 256 << 20, MaxLine = 2 * 65 + 3 * 21;

    /// <summary>The digest that a file's name states, or null when it is no name of an index file.</summary>
    public static string? DigestInName(string fileName) =>
        fileName.StartsWith(Folder, StringComparison.Ordinal) && fileName.EndsWith(Suffix, StringComparison.Ordinal)
        && PackId.TryParse(fileName[Folder.Length..^Suffix.Length], out PackId? digest) ? digest.Value.Hex : null;

    /// <summary>
    /// Writes the chunks of packs into as many index files as it takes; returns their names and bytes. A pack is never split over two: so one that an interrupted
    /// run left is in the index wholly or not at all.
    /// </summary>
    public static ValueTask<List<StoredFile>> WriteAsync(IStorage storage, IEnumerable<FinishedPack> packs, CancellationToken cancellationToken) =>
        WriteListedAsync(storage, packs.Select(static pack => new IndexedPack(pack.Id, pack.Chunks)), cancellationToken);

    /// <summary>As above, for packs as index files know them.</summary>
    internal static async ValueTask<List<StoredFile>> WriteListedAsync(IStorage storage, IEnumerable<IndexedPack> packs, CancellationToken cancellationToken)
    {
        var written = new List<StoredFile>();
        var lines = new ArrayBufferWriter<byte>();
        int count = 0;
        foreach (IndexedPack pack in packs)
        {
            if (count > 0 && count + pack.Chunks.Count > LinesPerFile)
            {
                written.Add(await PutAsync(storage, lines, cancellationToken));
                count = 0;
            }
            count += pack.Chunks.Count;
            byte[] packHex = System.Text.Encoding.ASCII.GetBytes(pack.Id.Hex);
            foreach (PackedChunk chunk in pack.Chunks) AppendLine(lines, packHex, chunk);
        }
        if (lines.WrittenCount > 0) written.Add(await PutAsync(storage, lines, cancellationToken));
        return written;
    }

    private static void AppendLine(ArrayBufferWriter<byte> lines, ReadOnlySpan<byte> packHex, in PackedChunk chunk)
    {
        Span<byte> line = lines.GetSpan(MaxLine);
        chunk.Id.FormatTo(line);
        line[64] = (byte)'\t';
        packHex.CopyTo(line[65..]);
        int at = 129;
        foreach (long number in (ReadOnlySpan<long>)[chunk.Offset, chunk.Length, chunk.Size])
        {
            line[at++] = (byte)'\t';
            Utf8Formatter.TryFormat(number, line[at..], out int digits);
            at += digits;
        }
        line[at++] = (byte)'\n';
        lines.Advance(at);
    }

    private static async ValueTask<StoredFile> PutAsync(IStorage storage, ArrayBufferWriter<byte> lines, CancellationToken cancellationToken)
    {
        byte[] frame = new byte[FrameCompressor.Bound(lines.WrittenCount)];
        using (FrameCompressor compressor = FrameCodec.CreateCompressor(3)) Array.Resize(ref frame, compressor.Compress(lines.WrittenSpan, frame));
        lines.ResetWrittenCount();
        string name = $"{Folder}{Convert.ToHexStringLower(SHA256.HashData(frame))}{Suffix}";
        await storage.PutAsync(name, frame, cancellationToken);
        return new StoredFile(name, frame.Length);
    }

    /// <summary>Reads an index file into an index.</summary>
    /// <exception cref="RepositoryDamagedException">Its bytes are not what its name says, or it is malformed.</exception>
    public static ValueTask ReadAsync(IStorage storage, StoredFile file, ChunkIndex index, CancellationToken cancellationToken) =>
        ReadAsync(storage, file, (pack, chunk) => index.Add(pack, chunk), cancellationToken);

    /// <summary>Reads an index file pack by pack, as it lists them.</summary>
    /// <exception cref="RepositoryDamagedException">Its bytes are not what its name says, or it is malformed.</exception>
    internal static async ValueTask<List<IndexedPack>> ReadPacksAsync(IStorage storage, StoredFile file, CancellationToken cancellationToken)
    {
        var packs = new List<IndexedPack>();
        var chunksOf = new Dictionary<PackId, List<PackedChunk>>();
        await ReadAsync(storage, file, (pack, chunk) =>
        {
            if (!chunksOf.TryGetValue(pack, out List<PackedChunk>? chunks))
            {
                chunksOf.Add(pack, chunks = []);
                packs.Add(new IndexedPack(pack, chunks));
            }
            chunks.Add(chunk);
        }, cancellationToken);
        return packs;
    }

    private static async ValueTask ReadAsync(IStorage storage, StoredFile file, Action<PackId, PackedChunk> onLine, CancellationToken cancellationToken)
    {
        byte[] frame = await storage.ReadAllAsync(file.Name, MaxFileBytes, cancellationToken);
        if (Convert.ToHexStringLower(SHA256.HashData(frame)) != DigestInName(file.Name))
            throw Damaged(file.Name, "its contents are not what its name says", null);
        long size = ZstdFrame.ContentSize(frame);
        if (size is < 0 or > MaxFileBytes) throw Damaged(file.Name, "it is no frame of a known size", null);
        byte[] text = ArrayPool<byte>.Shared.Rent((int)size);
        try
        {
            using FrameDecompressor decompressor = FrameCodec.CreateDecompressor();
            int length = decompressor.Decompress(frame, text.AsSpan(0, (int)size));
            Parse(file.Name, text.AsSpan(0, length), onLine);
        }
        catch (InvalidDataException e)
        {
            throw Damaged(file.Name, e.Message, e);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(text);
        }
    }

    private static void Parse(string fileName, ReadOnlySpan<byte> text, Action<PackId, PackedChunk> onLine)
    {
        byte[] packHex = new byte[64];
        PackId? pack = null;
        while (!text.IsEmpty)
        {
            int end = text.IndexOf((byte)'\n');
            if (end < 131 || text[64] != '\t' || text[129] != '\t') throw Damaged(fileName, "a line is malformed", null);
            if (!text[65..129].SequenceEqual(packHex))
            {
                text[65..129].CopyTo(packHex);
                if (!PackId.TryParse(System.Text.Encoding.ASCII.GetString(packHex), out pack)) throw Damaged(fileName, "a pack id is malformed", null);
            }
            ReadOnlySpan<byte> numbers = text[130..end];
            if (!ChunkId.TryParse(text[..64], out ChunkId id)
                || !TryTakeNumber(ref numbers, out long offset) || !TryTakeNumber(ref numbers, out long length) || !TryTakeNumber(ref numbers, out long size)
                || !numbers.IsEmpty || offset < 0 || length is < 1 or > 2 * Chunk.MaxBytes || size is < 1 or > Chunk.MaxBytes)
                throw Damaged(fileName, "a line is malformed", null);
            onLine(pack!.Value, new PackedChunk(id, offset, (int)length, (int)size));
            text = text[(end + 1)..];
        }
    }

    private static bool TryTakeNumber(ref ReadOnlySpan<byte> text, out long number)
    {
        int tab = text.IndexOf((byte)'\t');
        ReadOnlySpan<byte> digits = tab < 0 ? text : text[..tab];
        text = tab < 0 ? default : text[(tab + 1)..];
        return long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }

    private static RepositoryDamagedException Damaged(string fileName, string problem, Exception? inner) =>
        new(fileName, problem, "Run 'backup repair index': the index is rebuilt from the packs.", inner);
}
