using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Archives;

public sealed class ArchiveStreamTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private TreeBackup _backup = null!;
    private TreeBackupResult _result = null!;
    private byte[] _stream = [];

    public async ValueTask InitializeAsync()
    {
        _backup = await TreeBackup.CreateAsync();
        for (int i = 0; i < 100; i++) await File.WriteAllBytesAsync(Path.Combine(_backup.Tree, $"small-{i:D3}"), PseudoRandom.Bytes(i * 700, (ulong)i), Test.Token);
        await File.WriteAllBytesAsync(Path.Combine(_backup.Tree, "large"), PseudoRandom.Bytes(30_000_000, 1), Test.Token);
        await File.WriteAllBytesAsync(Path.Combine(_backup.Tree, "text"), [.. Enumerable.Range(0, 20_000_000).Select(i => (byte)(i / 1000))], Test.Token);
        _result = await _backup.RunAsync();
        _stream = _backup.Read(_result.Archive);
    }

    public ValueTask DisposeAsync()
    {
        _backup.Dispose();
        return default;
    }

    private ArchiveStream Open(CancellationToken? cancellationToken = null) => ArchiveStream.Open(_backup.Repository, _backup.Index, _result.Archive, cancellationToken ?? Test.Token);

    private static Task Within(Action action) => Task.Run(action, Test.Token).WaitAsync(Patience, Test.Token);

    [Fact]
    public void Reads_pieces_of_any_size()
    {
        foreach (int size in new[] { 1000, 65_537, 5_000_000 })
        {
            using ArchiveStream stream = Open();
            byte[] buffer = new byte[size];
            for (int at = 0, read; (read = stream.Read(buffer)) > 0 || at < _stream.Length; at += read)
                buffer.AsSpan(0, read).SequenceEqual(_stream.AsSpan(at, read)).Should().BeTrue();
            stream.Read(buffer).Should().Be(0, "the end stays the end");
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(10_000_000)]
    public async Task Can_be_disposed_of_before_its_end(int bytes)
    {
        for (int i = 0; i < 5; i++)
        {
            ArchiveStream stream = Open();
            stream.ReadExactly(new byte[bytes]);
            await Within(stream.Dispose);
            await Within(stream.Dispose);
        }
    }

    [Fact]
    public async Task Cancelling_ends_reading_and_gives_all_memory_back()
    {
        for (int i = 0; i < 10; i++)
        {
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Test.Token);
            ArchiveStream stream = Open(cancel.Token);
            stream.ReadExactly(new byte[i * 10_000]);
            await cancel.CancelAsync();
            Func<Task> reading = () => Within(() =>
            {
                byte[] buffer = new byte[1 << 20];
                while (stream.Read(buffer) > 0) { }
            });
            await reading.Should().ThrowAsync<OperationCanceledException>();
            await Task.Delay(20, Test.Token);
            await Within(stream.Dispose);
            stream.AllocatedBytes.Should().Be(0);
        }
    }

    [Fact]
    public async Task Giving_up_in_the_middle_gives_all_memory_back()
    {
        for (int i = 0; i < 10; i++)
        {
            ArchiveStream stream = Open();
            stream.ReadExactly(new byte[100_000]);
            await Task.Delay(20, Test.Token);
            stream.AllocatedBytes.Should().BePositive();
            await Within(stream.Dispose);
            stream.AllocatedBytes.Should().Be(0);
            stream.Invoking(s => s.ReadByte()).Should().Throw<ObjectDisposedException>();
        }
    }

    [Fact]
    public async Task Damage_in_the_middle_is_an_error_that_names_the_pack_after_what_came_before_it_and_never_wrong_bytes()
    {
        string pack = Directory.GetFiles(Path.Combine(_backup.Place, "packs"), "*", SearchOption.AllDirectories).OrderByDescending(f => new FileInfo(f).Length).First();
        using (FileStream file = File.OpenWrite(pack))
        {
            file.Position = 15_000_000;
            file.WriteByte(1);
            file.WriteByte(2);
            file.WriteByte(3);
        }
        ArchiveStream stream = Open();
        var read = new MemoryStream();
        Func<Task> reading = () => Within(() => stream.CopyTo(read));
        (await reading.Should().ThrowAsync<RepositoryDamagedException>()).Which.FileName.Should().Be(Path.GetRelativePath(_backup.Place, pack));
        read.Length.Should().BeGreaterThan(5_000_000).And.BeLessThan(_stream.Length);
        read.ToArray().AsSpan().SequenceEqual(_stream.AsSpan(0, (int)read.Length)).Should().BeTrue();
        await FluentActions.Awaiting(() => Within(() => stream.ReadByte())).Should().ThrowAsync<RepositoryDamagedException>("it does not end as if all were well");
        await Within(stream.Dispose);
        await FluentActions.Awaiting(() => ArchiveStream.CopyFramesAsync(_backup.Repository, _backup.Index, _result.Archive, Stream.Null, Test.Token)).Should().ThrowAsync<RepositoryDamagedException>();
    }

    [Fact]
    public async Task A_missing_pack_is_an_error_that_names_it()
    {
        string pack = Directory.GetFiles(Path.Combine(_backup.Place, "packs"), "*", SearchOption.AllDirectories).OrderByDescending(f => new FileInfo(f).Length).First();
        File.Delete(pack);
        using ArchiveStream stream = Open();
        (await FluentActions.Awaiting(() => Within(() => stream.CopyTo(Stream.Null))).Should().ThrowAsync<RepositoryDamagedException>())
            .Which.Should().Match<RepositoryDamagedException>(e => e.FileName == Path.GetRelativePath(_backup.Place, pack) && e.Problem == "it is missing");
    }

    [Fact]
    public async Task Some_members_of_it_are_their_bytes_and_an_end()
    {
        List<CatalogEntry> catalog = await _backup.CatalogAsync(_result.Archive);
        foreach (Func<int, bool> wanted in new Func<int, bool>[] { static i => i % 7 == 3, static i => i is 0 or 1, static _ => false, static _ => true, i => i == catalog.Count - 1 })
        {
            CatalogEntry[] members = [.. catalog.Where((_, i) => wanted(i))];
            byte[] expected = [.. members.SelectMany(m => _stream.AsSpan((int)m.StreamOffset, (int)m.StreamBytes).ToArray()), .. new byte[1024]];
            using ArchiveStream stream = ArchiveStream.Open(_backup.Repository, _backup.Index, _result.Archive,
                members.Select(m => new StreamRange(m.StreamOffset, m.StreamOffset + m.StreamBytes)).ToAsyncEnumerable(), Test.Token);
            using var read = new MemoryStream();
            await Within(() => stream.CopyTo(read));
            read.ToArray().AsSpan().SequenceEqual(expected).Should().BeTrue();
        }
    }

    [Fact]
    public async Task A_stretch_beyond_the_end_is_damage()
    {
        using ArchiveStream stream = ArchiveStream.Open(_backup.Repository, _backup.Index, _result.Archive,
            new[] { new StreamRange(_stream.Length - 10, _stream.Length + 10) }.ToAsyncEnumerable(), Test.Token);
        await FluentActions.Awaiting(() => Within(() => stream.CopyTo(Stream.Null))).Should().ThrowAsync<RepositoryDamagedException>();
    }

    [Fact]
    public async Task An_output_that_fails_ends_the_copying_of_frames_with_its_error()
    {
        using var full = new FullStream();
        Func<Task> copying = () => ArchiveStream.CopyFramesAsync(_backup.Repository, _backup.Index, _result.Archive, full, Test.Token).WaitAsync(Patience, Test.Token);
        (await copying.Should().ThrowAsync<IOException>()).WithMessage("full");
    }

    private sealed class FullStream : MemoryStream
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            Length > 3_000_000 ? throw new IOException("full") : base.WriteAsync(buffer, cancellationToken);
    }
}
