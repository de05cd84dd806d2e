using System.Security.Cryptography;
using BackupTool.Repositories.Chunks;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.Repositories.Compression;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Packs;

public sealed class PackWriterTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();
    private readonly List<FinishedPack> _finished = [];

    public void Dispose() => _there.Dispose();

    private LocalStorage Storage => new(_there.Path);

    private PackWriter Writer(IStorage? storage = null, CancellationToken? cancellationToken = null) => new(storage ?? Storage, PackKind.Data, (pack, _) =>
    {
        lock (_finished) _finished.Add(pack);
        return default;
    }, cancellationToken ?? Test.Token);

    private static async Task AppendAsync(PackWriter writer, int number, byte[]? frame = null)
    {
        frame ??= FrameCodecTests.Make(FrameCodecTests.Maker.Raw, PseudoRandom.Bytes(1 << 20, (ulong)number));
        await writer.AppendAsync(IdOf(number), 1 << 20, frame, Test.Token);
    }

    private static ChunkId IdOf(int number) => new(SHA256.HashData(BitConverter.GetBytes(number)));

    private string[] Packs() => Directory.Exists(_there.Below("packs")) ? Directory.GetFiles(_there.Below("packs"), "*", SearchOption.AllDirectories) : [];

    [Fact]
    public async Task Fills_packs_one_after_the_other_and_tells_of_each_when_it_is_stored()
    {
        await using (PackWriter writer = Writer())
        {
            for (int i = 0; i < 70; i++) await AppendAsync(writer, i);
            await writer.FinishAsync(Test.Token);
        }
        _finished.Should().HaveCount(3);
        _finished.SelectMany(p => p.Chunks).Select(c => c.Id).Should().Equal(Enumerable.Range(0, 70).Select(IdOf));
        foreach (FinishedPack pack in _finished)
        {
            new FileInfo(_there.Below(pack.Id.FileName)).Length.Should().Be(pack.Bytes);
            (await PackReader.ReadTableAsync(Storage, pack.Id, pack.Bytes, Test.Token)).Should().BeEquivalentTo(pack);
        }
        Packs().Should().HaveCount(3);
        Directory.GetFiles(_there.Below("tmp")).Should().BeEmpty();
        Tool.Shell($"cd {_there.Text} && zstd -tq packs/*/* && for f in packs/*/*.zst; do echo \"$(basename $f .zst)  $f\"; done | sha256sum -c --quiet");
    }

    [Fact]
    public async Task A_pack_is_full_with_65536_chunks()
    {
        await using PackWriter writer = Writer();
        byte[] frame = FrameCodecTests.Make(FrameCodecTests.Maker.Raw, [1]);
        for (int i = 0; i < 65_537; i++) await AppendAsync(writer, i, frame);
        await writer.FinishAsync(Test.Token);
        _finished.Select(p => p.Chunks.Count).Should().BeEquivalentTo([65_536, 1]);
    }

    [Fact]
    public async Task Nothing_appended_is_no_pack()
    {
        await using (PackWriter writer = Writer()) await writer.FinishAsync(Test.Token);
        _finished.Should().BeEmpty();
        Packs().Should().BeEmpty();
    }

    [Fact]
    public async Task What_is_not_finished_is_given_up()
    {
        await using (PackWriter writer = Writer())
            for (int i = 0; i < 40; i++) await AppendAsync(writer, i);
        Packs().Should().HaveCount(1, "the first was full and is stored");
        Directory.GetFiles(_there.Below("tmp")).Should().BeEmpty();
    }

    [Fact]
    public async Task A_pack_that_fails_in_the_background_fails_the_writer()
    {
        foreach (bool moreToAppend in new[] { false, true })
        {
            var storage = new WatchedStorage(Storage) { Before = static what => what.StartsWith("commit", StringComparison.Ordinal) ? throw new IOException("the disk is on fire") : Task.CompletedTask };
            Func<Task> writing = async () =>
            {
                await using PackWriter writer = Writer(storage);
                for (int i = 0; i < (moreToAppend ? 100 : 33); i++) await AppendAsync(writer, i);
                await writer.FinishAsync(Test.Token);
            };
            (await writing.Should().ThrowAsync<IOException>()).WithMessage("the disk is on fire");
            Packs().Should().BeEmpty();
            Directory.GetFiles(_there.Below("tmp")).Should().BeEmpty();
        }
        _finished.Should().BeEmpty();
    }

    [Fact]
    public async Task Whoever_is_told_of_a_pack_and_fails_fails_the_writer()
    {
        await using var writer = new PackWriter(Storage, PackKind.Data, static (_, _) => throw new FormatException("index"), Test.Token);
        for (int i = 0; i < 33; i++) await AppendAsync(writer, i);
        await FluentActions.Awaiting(async () => await writer.FinishAsync(Test.Token)).Should().ThrowAsync<FormatException>();
    }

    [Fact]
    public async Task Cancelling_the_run_ends_the_commit_in_the_background()
    {
        using var cancel = new CancellationTokenSource();
        Func<Task> writing = async () =>
        {
            await using PackWriter writer = Writer(cancellationToken: cancel.Token);
            await AppendAsync(writer, 1);
            await cancel.CancelAsync();
            await writer.FinishAsync(Test.Token);
        };
        await writing.Should().ThrowAsync<OperationCanceledException>();
        Packs().Should().BeEmpty();
        Directory.GetFiles(_there.Below("tmp")).Should().BeEmpty();
    }
}
