using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Archives;

public sealed class StreamedMemberTests : IAsyncLifetime
{
    private TreeBackup _backup = null!;

    public async ValueTask InitializeAsync()
    {
        _backup = await TreeBackup.CreateAsync();
        File.WriteAllText(Path.Combine(_backup.Tree, "before"), "first");
        File.WriteAllBytes(Path.Combine(_backup.Tree, "zlarge"), PseudoRandom.Bytes(1_000_000, 3));
    }

    public ValueTask DisposeAsync()
    {
        _backup.Dispose();
        return default;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(512)]
    [InlineData(100_000)]
    [InlineData(8 << 20)]
    [InlineData(30_000_001)]
    public async Task Content_of_unknown_size_stands_in_the_archive_as_a_file_of_its_size(int bytes)
    {
        byte[] content = PseudoRandom.Bytes(bytes, 7);
        TreeBackupResult result = await _backup.RunAsync(change: entries => WithStreamed(entries, () => new TricklingStream(content)));
        result.Warnings.Should().BeEmpty();
        string restored = _backup.Restore(result.Archive, out var findings);
        findings.Should().BeEmpty();
        byte[] dump = File.ReadAllBytes(Path.Combine(restored, "dump"));
        dump.AsSpan().SequenceEqual(content).Should().BeTrue();
        File.ReadAllText(Path.Combine(restored, "before")).Should().Be("first");
        File.ReadAllBytes(Path.Combine(restored, "zlarge")).Should().Equal(PseudoRandom.Bytes(1_000_000, 3));
        CatalogEntry line = (await _backup.CatalogAsync(result.Archive)).Single(entry => entry.Path.ToString().EndsWith("/dump", StringComparison.Ordinal));
        (line.Size, line.ChangedAt, line.Placement).Should().Be((bytes, null, Placement.Own));
    }

    [Fact]
    public async Task The_same_content_again_stores_nothing_but_what_describes_it()
    {
        byte[] content = PseudoRandom.Bytes(20_000_000, 7);
        await _backup.RunAsync(change: entries => WithStreamed(entries, () => new TricklingStream(content)));
        TreeBackupResult second = await _backup.RunAsync(change: entries => WithStreamed(entries, () => new TricklingStream(content)));
        second.StoredBytes.Should().BeLessThan(100_000);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(10_000_000)]
    public async Task A_stream_that_breaks_fails_the_archive(int afterBytes)
    {
        Func<Task> run = () => _backup.RunAsync(change: entries => WithStreamed(entries, () => new TricklingStream(PseudoRandom.Bytes(afterBytes, 7), breaks: true)));
        (await run.Should().ThrowAsync<InvalidDataException>()).WithMessage("the dump is cut off");
    }

    [Fact]
    public async Task The_stream_is_closed_whatever_happens()
    {
        var broken = new TricklingStream([1, 2, 3], breaks: true);
        await ((Func<Task>)(() => _backup.RunAsync(change: entries => WithStreamed(entries, () => broken)))).Should().ThrowAsync<InvalidDataException>();
        broken.IsClosed.Should().BeTrue();
    }

    private IEnumerable<ArchiveEntry> WithStreamed(IEnumerable<ArchiveEntry> entries, Func<Stream> open)
    {
        var path = BytePath.From(Path.Combine(_backup.Tree, "dump"));
        var streamed = new ArchiveEntry
        {
            Path = path,
            Status = new FileStatus(FileKind.Regular, 0x180, 0, 0, 0, 0, new UnixTime(1_700_000_000, 0), new UnixTime(1_700_000_000, 0), 0, 0, 1, 0, 0),
            Streamed = _ => Task.FromResult(open()),
        };
        return entries.Append(streamed).OrderBy(static entry => entry.Path);
    }

    /// <summary>Gives a little at a time, as a pipe does.</summary>
    private sealed class TricklingStream(byte[] content, bool breaks = false) : Stream
    {
        private int _at;

        public bool IsClosed { get; private set; }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int length = Math.Min(Math.Min(buffer.Length, 65_521), content.Length - _at);
            if (length == 0 && breaks) throw new InvalidDataException("the dump is cut off");
            content.AsMemory(_at, length).CopyTo(buffer);
            _at += length;
            return new(length);
        }

        protected override void Dispose(bool disposing)
        {
            IsClosed = true;
            base.Dispose(disposing);
        }

        public override bool CanRead => true;
        public override bool CanSeek => false;
        public override bool CanWrite => false;
        public override long Length => throw new NotSupportedException();
        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }
        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();
        public override void Flush() => throw new NotSupportedException();
        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
        public override void SetLength(long value) => throw new NotSupportedException();
        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
