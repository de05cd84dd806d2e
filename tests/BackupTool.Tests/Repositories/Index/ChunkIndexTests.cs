using System.Security.Cryptography;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using CsCheck;

namespace BackupTool.Tests.Repositories.Index;

public class ChunkIndexTests
{
    private abstract record Step;

    private sealed record Claim(int Chunk, int Size) : Step;

    private sealed record AddLine(int Chunk, int Pack, int Offset, int Length) : Step;

    private sealed record AddPack(int Pack, int[] Chunks) : Step;

    private static readonly Gen<Step> AnyStep = Gen.OneOf<Step>(
        Gen.Select(Gen.Int[0, 60], Gen.Int[1, 100], (chunk, size) => (Step)new Claim(chunk, size)),
        Gen.Select(Gen.Int[0, 60], Gen.Int[0, 5], Gen.Int[0, 1000], Gen.Int[1, 50], (chunk, pack, offset, length) => (Step)new AddLine(chunk, pack, offset, length)),
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 60].Array[0, 10], (pack, chunks) => (Step)new AddPack(pack, chunks)));

    [Fact]
    public void Behaves_like_a_dictionary() => AnyStep.Array[0, 200].Sample(
        steps =>
        {
            var index = new ChunkIndex();
            var model = new Dictionary<int, ChunkLocation?>();
            var packs = new HashSet<PackId>();
            foreach (Step step in steps) Apply(step, index, model, packs);
            index.Count.Should().Be(model.Count);
            index.Packs.Should().BeEquivalentTo(packs);
            for (int chunk = 0; chunk <= 60; chunk++)
            {
                bool known = model.TryGetValue(chunk, out ChunkLocation? location) && location is not null;
                index.TryGet(IdOf(chunk), out ChunkLocation found).Should().Be(known);
                if (known) found.Should().Be(location!.Value);
            }
        },
        iter: 500);

    private static void Apply(Step step, ChunkIndex index, Dictionary<int, ChunkLocation?> model, HashSet<PackId> packs)
    {
        switch (step)
        {
            case Claim claim:
                index.TryClaim(IdOf(claim.Chunk), claim.Size).Should().Be(model.TryAdd(claim.Chunk, null));
                break;
            case AddLine line:
                var packed = new PackedChunk(IdOf(line.Chunk), line.Offset, line.Length, 7);
                index.Add(PackOf(line.Pack), packed);
                packs.Add(PackOf(line.Pack));
                if (model.GetValueOrDefault(line.Chunk) is null) model[line.Chunk] = new ChunkLocation(PackOf(line.Pack), line.Offset, line.Length, 7);
                break;
            case AddPack pack:
                PackedChunk[] chunks = [.. pack.Chunks.Select((chunk, i) => new PackedChunk(IdOf(chunk), i * 10, 10, 8))];
                index.Add(new FinishedPack(PackOf(pack.Pack), PackKind.Data, 1000, chunks));
                packs.Add(PackOf(pack.Pack));
                foreach (PackedChunk chunk in chunks)
                {
                    int number = pack.Chunks[(int)(chunk.Offset / 10)];
                    if (model.GetValueOrDefault(number) is null) model[number] = new ChunkLocation(PackOf(pack.Pack), chunk.Offset, 10, 8);
                }
                break;
        }
    }

    [Fact]
    public void Holds_a_hundred_thousand_chunks()
    {
        var index = new ChunkIndex();
        for (int i = 0; i < 100_000; i++) index.Add(PackOf(i / 1000), new PackedChunk(IdOf(i), i, 1, i + 1));
        index.Count.Should().Be(100_000);
        index.Packs.Should().HaveCount(100);
        for (int i = 0; i < 100_000; i += 7)
        {
            index.TryGet(IdOf(i), out ChunkLocation found).Should().BeTrue();
            found.Should().Be(new ChunkLocation(PackOf(i / 1000), i, 1, i + 1));
        }
        index.TryGet(IdOf(100_000), out _).Should().BeFalse();
        index.EndOfFrames(PackOf(3)).Should().Be(4000);
    }

    [Fact]
    public void Of_many_workers_one_gets_to_store_a_chunk()
    {
        var index = new ChunkIndex();
        int claims = 0;
        Parallel.For(0, 8, _ =>
        {
            for (int chunk = 0; chunk < 20_000; chunk++)
                if (index.TryClaim(IdOf(chunk), 1)) Interlocked.Increment(ref claims);
        });
        claims.Should().Be(20_000);
    }

    private static ChunkId IdOf(int chunk) => new(SHA256.HashData(BitConverter.GetBytes(chunk)));

    private static PackId PackOf(int pack) => PackId.FromDigest(SHA256.HashData(BitConverter.GetBytes(pack)));
}
