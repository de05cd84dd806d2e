using System.Security.Cryptography;
using System.Text;
using BackupTool.Repositories;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.Repositories.Compression;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Index;

public sealed class IndexFileTests : IDisposable
{
    private const string ChunkA = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", PackA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    private readonly TemporaryDirectory _there = new();

    private LocalStorage Storage => new(_there.Path);

    public void Dispose() => _there.Dispose();

    [Fact]
    public async Task Is_text_that_awk_reads()
    {
        PackedChunk[] chunks = [new(ChunkId.Parse(ChunkA), 0, 13, 3), new(ChunkId.Parse(PackA), 13, 33_554_432, 16_777_216)];
        List<StoredFile> written = await IndexFile.WriteAsync(Storage, [PackWith(PackA, chunks)], Test.Token);
        StoredFile file = written.Should().ContainSingle().Subject;
        Tool.Shell($"zstd -dcq {_there.Below(file.Name)}").Should().Be($"{ChunkA}\t{PackA}\t0\t13\t3\n{PackA}\t{PackA}\t13\t33554432\t16777216\n");
        Tool.Shell($"sha256sum < {_there.Below(file.Name)}").Should().StartWith(IndexFile.DigestInName(file.Name));
        new FileInfo(_there.Below(file.Name)).Length.Should().Be(file.Bytes);
    }

    [Fact]
    public async Task Comes_back_as_it_was_written()
    {
        FinishedPack[] packs = [.. Enumerable.Range(0, 5).Select(p => PackWith(Hex(p), [.. Enumerable.Range(0, 1000).Select(c => new PackedChunk(ChunkId.Parse(Hex((p * 1000) + c)), c * 100L, 100, c + 1))]))];
        foreach (StoredFile file in await IndexFile.WriteAsync(Storage, packs, Test.Token))
        {
            var index = new ChunkIndex();
            await IndexFile.ReadAsync(Storage, file, index, Test.Token);
            index.Count.Should().Be(5000);
            foreach (FinishedPack pack in packs)
            {
                foreach (PackedChunk chunk in pack.Chunks)
                {
                    index.TryGet(chunk.Id, out ChunkLocation at).Should().BeTrue();
                    at.Should().Be(new ChunkLocation(pack.Id, chunk.Offset, chunk.Length, chunk.Size));
                }
            }
        }
    }

    [Fact]
    public async Task A_pack_is_never_split_over_two_files()
    {
        // An interrupted run would leave a pack that is half known: neither an orphan nor whole.
        FinishedPack[] packs = [.. Enumerable.Range(0, 3).Select(p => PackWith(Hex(p), [.. Enumerable.Range(0, 30_000).Select(c => new PackedChunk(ChunkId.Parse(Hex((p * 30_000) + c)), c, 1, 1))]))];
        List<StoredFile> written = await IndexFile.WriteAsync(Storage, packs, Test.Token);
        written.Should().HaveCountGreaterThan(1);
        foreach (StoredFile file in written)
        {
            var index = new ChunkIndex();
            await IndexFile.ReadAsync(Storage, file, index, Test.Token);
            foreach (PackId pack in index.Packs) index.EndOfFrames(pack).Should().Be(30_000);
            (index.Count % 30_000).Should().Be(0);
        }
    }

    [Fact]
    public async Task No_packs_make_no_file() => (await IndexFile.WriteAsync(Storage, Array.Empty<FinishedPack>(), Test.Token)).Should().BeEmpty();

    [Fact]
    public async Task A_file_of_no_lines_says_nothing()
    {
        ChunkIndex index = await ReadAsync("");
        index.Count.Should().Be(0);
    }

    public static TheoryData<string> Malformed =>
    [
        $"{ChunkA}\t{PackA}\t0\t13\t3",
        $"{ChunkA}\t{PackA}\t0\t13\n",
        $"{ChunkA}\t{PackA}\t0\t13\t3\t4\n",
        $"{ChunkA}\t{PackA}\t0\t13\t\n",
        $"{ChunkA}\t{PackA}\t0 13\t3\n",
        $"{ChunkA}\t{PackA}\t-1\t13\t3\n",
        $"{ChunkA}\t{PackA}\t+1\t13\t3\n",
        $"{ChunkA}\t{PackA}\t0\t0\t3\n",
        $"{ChunkA}\t{PackA}\t0\t13\t0\n",
        $"{ChunkA}\t{PackA}\t0\t33554433\t3\n",
        $"{ChunkA}\t{PackA}\t0\t13\t16777217\n",
        $"{ChunkA}\t{PackA}\t99999999999999999999\t13\t3\n",
        $"{ChunkA.ToUpperInvariant()}\t{PackA}\t0\t13\t3\n",
        $"{ChunkA}\t{PackA.ToUpperInvariant()}\t0\t13\t3\n",
        $"{ChunkA[1..]}\t{PackA}\t0\t13\t3\n",
        $"{ChunkA} {PackA}\t0\t13\t3\n",
        $"\n{ChunkA}\t{PackA}\t0\t13\t3\n",
        "x\n",
    ];

    [Theory]
    [MemberData(nameof(Malformed))]
    public async Task Anything_else_is_refused_with_a_way_out(string text) =>
        (await FluentActions.Awaiting(() => ReadAsync(text)).Should().ThrowAsync<RepositoryDamagedException>()).Which.Hint.Should().Contain("repair index");

    [Fact]
    public async Task Bytes_that_are_not_what_the_name_says_are_refused()
    {
        StoredFile file = (await IndexFile.WriteAsync(Storage, [PackWith(PackA, [new(ChunkId.Parse(ChunkA), 0, 13, 3)])], Test.Token))[0];
        byte[] content = await File.ReadAllBytesAsync(_there.Below(file.Name), Test.Token);
        content[^1] ^= 1;
        await File.WriteAllBytesAsync(_there.Below(file.Name), content, Test.Token);
        (await FluentActions.Awaiting(async () => await IndexFile.ReadAsync(Storage, file, new ChunkIndex(), Test.Token)).Should().ThrowAsync<RepositoryDamagedException>())
            .Which.FileName.Should().Be(file.Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("28b52ffd")]
    [InlineData("28b52ffdff0000")]
    [InlineData("28b52ffd00588900006162")]
    [InlineData("28b52ffde0ffffffffffffffff010000")]
    public async Task A_file_that_is_no_frame_of_a_known_size_is_refused(string hex) =>
        await FluentActions.Awaiting(() => ReadFrameAsync(Convert.FromHexString(hex))).Should().ThrowAsync<RepositoryDamagedException>();

    private Task<ChunkIndex> ReadAsync(string text) => ReadFrameAsync(FrameCodecTests.Make(FrameCodecTests.Maker.Native, Encoding.ASCII.GetBytes(text)));

    private async Task<ChunkIndex> ReadFrameAsync(byte[] frame)
    {
        string name = $"index/{Convert.ToHexStringLower(SHA256.HashData(frame))}.tsv.zst";
        await Storage.PutAsync(name, frame, Test.Token);
        var index = new ChunkIndex();
        await IndexFile.ReadAsync(Storage, new StoredFile(name, frame.Length), index, Test.Token);
        return index;
    }

    private static string Hex(int number) => Convert.ToHexStringLower(SHA256.HashData(BitConverter.GetBytes(number)));

    private static FinishedPack PackWith(string hex, PackedChunk[] chunks) =>
        new(PackId.FromDigest(Convert.FromHexString(hex)), PackKind.Data, chunks.Sum(c => (long)c.Length) + PackTable.Bytes(chunks.Length), chunks);
}
