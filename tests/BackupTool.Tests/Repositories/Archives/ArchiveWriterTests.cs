using System.Diagnostics;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Index;
using BackupTool.Repositories.Packs;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Archives;

public sealed class ArchiveWriterTests : IAsyncLifetime
{
    private TreeBackup _backup = null!;

    public async ValueTask InitializeAsync() => _backup = await TreeBackup.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _backup.Dispose();
        return default;
    }

    private string Tree(string name) => Path.Combine(_backup.Tree, name);

    private void Write(string name, int bytes, ulong seed = 1)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Tree(name))!);
        File.WriteAllBytes(Tree(name), PseudoRandom.Bytes(bytes, seed));
    }

    private void WriteSmallFiles(int count)
    {
        for (int i = 0; i < count; i++) Write($"{i % 20:D2}/{i:D4}", i * 7919 % 40_000, (ulong)i);
    }

    [Fact]
    public async Task A_second_run_over_an_unchanged_tree_reads_nothing_and_stores_no_data()
    {
        WriteSmallFiles(200);
        Write("large", 3_000_000);
        Tool.Shell($"cd {_backup.Tree} && ln -s large link && mkfifo pipe && ln large hard && ln 01/0001 hard-small && truncate -s 10M sparse && mkdir empty");
        await TreeBackup.SettleAsync();
        TreeBackupResult first = await _backup.RunAsync(), second = await _backup.RunAsync(first);
        second.Archived.ReadBytes.Should().Be(0);
        second.Archived.ReusedEntries.Should().Be(second.Archive.Entries);
        (second.NewChunks, second.StoredBytes).Should().Be((0, 0));
        second.Archive.Should().BeEquivalentTo(first.Archive);
        _backup.MustRestoreTo(second.Archive, _backup.Fingerprint());
    }

    [Fact]
    public async Task One_changed_file_of_a_bundle_is_read_alone_and_stores_one_bundle()
    {
        WriteSmallFiles(400);
        await TreeBackup.SettleAsync();
        TreeBackupResult first = await _backup.RunAsync();
        Write("07/0007", 5000, seed: 99);
        TreeBackupResult second = await _backup.RunAsync(first);
        second.Archived.ReadBytes.Should().Be(5000);
        // Where a bundle ends is said by the names' hashes, and the directory has another name each time: one can be several times as large as they are on average.
        second.StoredBytes.Should().BeLessThan(first.StoredBytes * 2 / 3);
        _backup.MustRestoreTo(second.Archive, _backup.Fingerprint());
        _backup.Read((await _backup.RunAsync()).Archive).Should().Equal(_backup.Read(second.Archive), "who reads everything anew gets the same stream");
    }

    [Fact]
    public async Task A_touched_large_file_stores_its_header_only()
    {
        Write("large", 5_000_000);
        await TreeBackup.SettleAsync();
        TreeBackupResult first = await _backup.RunAsync();
        File.SetLastWriteTimeUtc(Tree("large"), DateTime.UnixEpoch);
        TreeBackupResult second = await _backup.RunAsync(first);
        second.StoredBytes.Should().BeLessThan(20_000);
        _backup.MustRestoreTo(second.Archive, _backup.Fingerprint());
    }

    [Fact]
    public async Task The_frames_end_to_end_are_the_stream_to_the_real_zstd_and_to_tar()
    {
        WriteSmallFiles(100);
        Write("large", 9_000_000);
        TreeBackupResult result = await _backup.RunAsync();
        using (FileStream output = File.Create(_backup.There.Below("a.tar.zst")))
            await ArchiveStream.CopyFramesAsync(_backup.Repository, _backup.Index, result.Archive, output, Test.Token);
        Tool.Shell($"cd {_backup.There.Text} && zstd -dq a.tar.zst && mkdir out && tar -xpf a.tar -C out");
        File.ReadAllBytes(_backup.There.Below("a.tar")).AsSpan().SequenceEqual(_backup.Read(result.Archive)).Should().BeTrue();
        TreeFingerprint.Of(_backup.There.Below("out") + _backup.Tree, includeRoot: true).ShouldBe(_backup.Fingerprint());
    }

    [Fact]
    public async Task Every_pack_is_a_zstd_file_whose_name_is_its_sha256()
    {
        Write("large", 80_000_000);
        WriteSmallFiles(100);
        TreeBackupResult result = await _backup.RunAsync();
        Tool.Shell($"cd {_backup.Place} && zstd -tq packs/*/*.zst index/* && for f in packs/*/*.zst; do echo \"$(basename $f .zst)  $f\"; done | sha256sum -c --quiet");
        Directory.GetFiles(Path.Combine(_backup.Place, "packs"), "*", SearchOption.AllDirectories).Should().HaveCountGreaterThan(2);
        result.StoredBytes.Should().Be(Directory.GetFiles(_backup.Place, "*.zst", SearchOption.AllDirectories).Sum(f => new FileInfo(f).Length));
    }

    [Fact]
    public async Task Equal_contents_have_equal_keys_and_unequal_ones_have_not()
    {
        Write("a", 1000);
        Write("b", 1000);
        Write("c", 1000, seed: 2);
        Write("large-a", 700_000);
        Write("large-b", 700_000);
        Write("large-c", 700_000, seed: 2);
        File.WriteAllBytes(Tree("empty"), []);
        Dictionary<string, string> keys = await KeysAsync();
        keys["a"].Should().Be(keys["b"]).And.NotBe(keys["c"]).And.MatchRegex("^s:[0-9a-f]{64}$");
        keys["large-a"].Should().Be(keys["large-b"]).And.NotBe(keys["large-c"]).And.MatchRegex("^c:[0-9a-f]{64}$");
        keys["empty"].Should().NotBeEmpty();
    }

    [Fact]
    public async Task The_same_data_between_other_holes_is_another_content()
    {
        // Data of 256 KiB at another place each, the rest of 1 MiB a hole; and holes of several sizes.
        foreach ((string name, int at, int size) in new[] { ("early", 0, 1 << 20), ("late", 512 << 10, 1 << 20), ("longer", 0, 2 << 20) })
        {
            Tool.Shell($"truncate -s {size} {Tree(name)}");
            using FileStream file = File.OpenWrite(Tree(name));
            file.Position = at;
            file.Write(PseudoRandom.Bytes(256 << 10, 5));
        }
        Tool.Shell($"cp --sparse=always {Tree("early")} {Tree("early-again")} && truncate -s 1M {Tree("hole-1")} && truncate -s 2M {Tree("hole-2")}");
        Dictionary<string, string> keys = await KeysAsync();
        keys["early"].Should().Be(keys["early-again"]);
        new[] { "early", "late", "longer", "hole-1", "hole-2" }.Select(name => keys[name]).Should().OnlyHaveUniqueItems();
        _backup.MustRestoreTo((await _backup.RunAsync()).Archive, _backup.Fingerprint());
    }

    private async Task<Dictionary<string, string>> KeysAsync() =>
        (await _backup.CatalogAsync((await _backup.RunAsync()).Archive)).ToDictionary(e => e.Path.Name.ToString(), e => e.ContentKey);

    [Theory]
    [InlineData(5_000, "rm a-first")]
    [InlineData(5_000, "rm a-first; mkdir a-first")]
    [InlineData(500_000, "rm a-first")]
    [InlineData(500_000, "rm a-first; mkdir a-first")]
    public async Task A_hard_link_whose_first_name_vanishes_keeps_its_content(int bytes, string accident)
    {
        Write("a-first", bytes);
        Write("b-other", 100);
        Tool.Shell($"cd {_backup.Tree} && ln a-first c-second && mkdir d && ln a-first d/third");
        // Seen by the cut, gone when its turn comes to be read: after it was planned, where there is a time between.
        TreeBackupResult result = await _backup.RunAsync(change: entries => entries.Select(entry =>
        {
            if (entry.Path.Name == BytePath.From(bytes < 10_000 ? "b-other" : "a-first")) Tool.Shell($"cd {_backup.Tree} && {accident}");
            return entry;
        }));
        result.Warnings.Should().ContainSingle().Which.Path.Name.ToString().Should().Be("a-first");
        string restored = _backup.Restore(result.Archive, out _);
        File.ReadAllBytes(Path.Combine(restored, "c-second")).Should().Equal(PseudoRandom.Bytes(bytes, 1));
        Tool.Shell($"stat -c %i {restored}/c-second {restored}/d/third | uniq | wc -l").Should().Be("1\n", "they are one file still");
    }

    [Fact]
    public async Task A_hard_link_whose_first_name_was_left_out_of_the_next_backup_is_read_again()
    {
        Write("a-first", 5000);
        Tool.Shell($"cd {_backup.Tree} && ln a-first b-second");
        await TreeBackup.SettleAsync();
        TreeBackupResult first = await _backup.RunAsync();
        TreeBackupResult second = await _backup.RunAsync(first, entries => entries.Where(e => e.Path.Name != BytePath.From("a-first")));
        second.Warnings.Should().BeEmpty();
        string restored = _backup.Restore(second.Archive, out _);
        File.ReadAllBytes(Path.Combine(restored, "b-second")).Should().Equal(PseudoRandom.Bytes(5000, 1));
    }

    [Fact]
    public async Task What_vanishes_or_turns_into_something_else_is_named_and_the_rest_is_stored()
    {
        foreach (string name in new[] { "vanishes", "large-vanishes", "to-directory", "to-link", "to-pipe", "stays" }) Write(name, name.StartsWith("large", StringComparison.Ordinal) ? 400_000 : 100);
        TreeBackupResult result = await _backup.RunAsync(change: entries =>
        {
            Tool.Shell($"cd {_backup.Tree} && rm vanishes large-vanishes to-* && mkdir to-directory && ln -s stays to-link && mkfifo to-pipe");
            return entries;
        });
        result.Warnings.Select(w => w.Path.Name.ToString()).Should().BeEquivalentTo("vanishes", "large-vanishes", "to-directory", "to-link", "to-pipe");
        (await _backup.CatalogAsync(result.Archive)).Select(e => e.Path.Name.ToString()).Should().Equal("tree", "stays");
        Directory.GetFileSystemEntries(_backup.Restore(result.Archive, out _)).Should().ContainSingle();
    }

    [Fact]
    public async Task A_small_file_that_grew_since_the_cut_is_stored_as_it_is_now()
    {
        Write("grows", 1000);
        Write("stays", 1000);
        TreeBackupResult result = await _backup.RunAsync(change: entries =>
        {
            Write("grows", 900_000, seed: 3);
            return entries;
        });
        result.Warnings.Should().BeEmpty();
        File.ReadAllBytes(Path.Combine(_backup.Restore(result.Archive, out _), "grows")).Should().Equal(PseudoRandom.Bytes(900_000, 3));
    }

    [Fact]
    public async Task A_small_file_that_grew_past_its_bundle_is_cut_short_named_and_read_again_next_time()
    {
        Write("grows", 1000);
        TreeBackupResult result = await _backup.RunAsync(change: entries =>
        {
            Write("grows", 5_000_000, seed: 3);
            return entries;
        });
        result.Warnings.Should().ContainSingle().Which.Reason.Should().Contain("changed");
        (await _backup.CatalogAsync(result.Archive)).Single(e => e.Kind == FileKind.Regular).ChangedAt.Should().BeNull();
        await TreeBackup.SettleAsync();
        _backup.MustRestoreTo((await _backup.RunAsync(result)).Archive, _backup.Fingerprint());
    }

    [Fact]
    public async Task A_file_that_never_holds_still_is_stored_with_a_warning_and_read_again_next_time()
    {
        Write("log", 60_000_000);
        long start = new FileInfo(Tree("log")).Length;
        using var writing = new CancellationTokenSource();
        Task writer = Task.Factory.StartNew(
            () =>
            {
                using FileStream log = File.Open(Tree("log"), FileMode.Append);
                while (!writing.IsCancellationRequested)
                {
                    log.WriteByte(1);
                    log.Flush();
                }
            },
            Test.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (new FileInfo(Tree("log")).Length == start) await Task.Delay(1, Test.Token);
        TreeBackupResult result = await _backup.RunAsync();
        await writing.CancelAsync();
        await writer;
        result.Warnings.Should().ContainSingle().Which.Path.Name.ToString().Should().Be("log");
        (await _backup.CatalogAsync(result.Archive)).Where(e => e.Kind == FileKind.Regular).Should().OnlyContain(e => e.ChangedAt == null);
        _backup.Restore(result.Archive, out IReadOnlyList<BackupTool.Repositories.Archives.Extraction.ExtractionFinding> findings);
        findings.Should().BeEmpty();
    }

    [Fact]
    public async Task What_has_no_content_and_changes_right_after_the_cut_is_not_taken_for_unchanged_next_time()
    {
        Directory.CreateDirectory(Tree("directory"));
        await TreeBackup.SettleAsync();
        // What a chmod within the same tick of the file clock leaves: the cut saw another mode under the same ctime.
        TreeBackupResult first = await _backup.RunAsync(change: entries => entries.Select(e =>
            e.Path.Name != BytePath.From("directory") ? e : new ArchiveEntry { Path = e.Path, Status = e.Status with { Mode = 0x1c0 } }));
        TreeBackupResult second = await _backup.RunAsync(first);
        (await _backup.CatalogAsync(second.Archive))[^1].Mode.Should().Be(Entry("directory").Status.Mode);
        (await _backup.RunAsync(second)).Archived.ReusedEntries.Should().Be(2, "it has been looked at by now");
    }

    private ArchiveEntry Entry(string name)
    {
        var path = BytePath.From(Tree(name).TrimEnd('/'));
        return new ArchiveEntry { Path = path, Status = PosixDirectory.Current.GetStatus(path) };
    }

    [Fact]
    public async Task Attributes_that_tar_cannot_hold_are_named_and_their_file_is_left_out()
    {
        Write("a", 100);
        Write("b", 100);
        TreeBackupResult result = await _backup.RunAsync(change: entries => entries.Select(e => e.Path.Name != BytePath.From("a") ? e : new ArchiveEntry
        {
            // A target longer than a tar reader takes.
            Path = e.Path,
            Status = e.Status with { Kind = FileKind.SymbolicLink, Size = 0 },
            LinkTarget = new BytePath([.. Enumerable.Repeat((byte)'x', 17 << 20)]),
        }));
        result.Warnings.Should().ContainSingle().Which.Path.Name.ToString().Should().Be("a");
        (await _backup.CatalogAsync(result.Archive)).Select(e => e.Path.Name.ToString()).Should().Equal("tree", "b");
    }

    [Fact]
    public async Task Entries_out_of_order_are_read_anew_and_nothing_is_lost()
    {
        WriteSmallFiles(60);
        await TreeBackup.SettleAsync();
        TreeBackupResult first = await _backup.RunAsync();
        TreeBackupResult second = await _backup.RunAsync(first, entries => entries.OrderByDescending(e => e.Path.Name.Bytes[^1]).ThenBy(e => e.Path));
        string restored = _backup.Restore(second.Archive, out _);
        TreeFingerprint.Of(restored).ShouldBe(TreeFingerprint.Of(_backup.Tree));
    }

    [Fact]
    public async Task An_empty_archive_is_an_archive()
    {
        TreeBackupResult result = await _backup.RunAsync(change: _ => []);
        _backup.Read(result.Archive).Should().Equal(new byte[1024]);
        await ArchiveCheck.RunAsync(_backup.Repository, _backup.Index, result.Archive, "here", Test.Token);
    }

    [Fact]
    public async Task The_packs_of_an_interrupted_run_spare_the_next_one_their_data()
    {
        Write("large", 70_000_000);
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Test.Token);
        // The first packs are stored when the walk gets to its end and is cancelled.
        Func<Task> run = () => _backup.RunAsync(change: entries => entries.Concat(CancelAfterPacks(cancel)), cancellationToken: cancel.Token);
        await run.Should().ThrowAsync<OperationCanceledException>();
        Directory.GetFiles(Path.Combine(_backup.Place, "tmp")).Should().BeEmpty();
        Directory.Exists(Path.Combine(_backup.Place, "snapshots")).Should().BeFalse();
        IReadOnlyList<FinishedPack> adopted = await _backup.ReopenAsync();
        adopted.Should().NotBeEmpty();
        TreeBackupResult result = await _backup.RunAsync(adopted: adopted);
        (result.StoredBytes - IndexBytes()).Should().BeLessThan(70_000_000 - adopted.Sum(p => p.Bytes) + 200_000);
        (await _backup.ReopenAsync()).Should().BeEmpty("they are in the index now");
        _backup.MustRestoreTo(result.Archive, _backup.Fingerprint());
    }

    private long IndexBytes() => Directory.GetFiles(Path.Combine(_backup.Place, "index")).Sum(f => new FileInfo(f).Length);

    private IEnumerable<ArchiveEntry> CancelAfterPacks(CancellationTokenSource cancel)
    {
        var waited = Stopwatch.StartNew();
        while (!Directory.Exists(Path.Combine(_backup.Place, "packs")) || Directory.GetFiles(Path.Combine(_backup.Place, "packs"), "*", SearchOption.AllDirectories).Length < 2)
        {
            waited.Elapsed.TotalSeconds.Should().BeLessThan(60);
            Thread.Sleep(5);
        }
        cancel.Cancel();
        yield break;
    }

    [Fact]
    public async Task A_damaged_pack_of_an_interrupted_run_is_named_and_stops_nobody()
    {
        Write("large", 3_000_000);
        TreeBackupResult first = await _backup.RunAsync();
        string hex = new('a', 64), orphan = Path.Combine(_backup.Place, "packs/aa");
        Directory.CreateDirectory(orphan);
        await File.WriteAllBytesAsync(Path.Combine(orphan, $"{hex}.zst"), new byte[1000], Test.Token);
        var damaged = new List<RepositoryDamagedException>();
        ChunkIndex index = await _backup.Repository.LoadIndexAsync(Test.Token);
        (await _backup.Repository.AdoptOrphanPacksAsync(index, damaged.Add, Test.Token)).Should().BeEmpty();
        damaged.Should().ContainSingle().Which.FileName.Should().Be($"packs/aa/{hex}.zst");
        first.Archive.Entries.Should().Be(2);
    }

    [Fact]
    public async Task Cancelling_in_the_middle_of_an_archive_leaves_no_snapshot_and_no_temporary_file()
    {
        WriteSmallFiles(300);
        Write("large", 20_000_000);
        for (int after = 1; after < 300; after += 60)
        {
            using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Test.Token);
            int seen = 0;
            Func<Task> run = () => _backup.RunAsync(
                change: entries => entries.Select(e =>
                {
                    if (++seen == after) cancel.Cancel();
                    return e;
                }),
                cancellationToken: cancel.Token).WaitAsync(TimeSpan.FromSeconds(30), Test.Token);
            await run.Should().ThrowAsync<OperationCanceledException>();
            Directory.Exists(Path.Combine(_backup.Place, "snapshots")).Should().BeFalse();
            Directory.GetFiles(Path.Combine(_backup.Place, "tmp")).Should().BeEmpty();
            await _backup.ReopenAsync();
        }
    }

    [Fact]
    public async Task An_error_of_the_source_comes_through_as_it_is()
    {
        WriteSmallFiles(100);
        Func<Task> run = () => _backup.RunAsync(change: entries => entries.Take(50).Concat(Fail())).WaitAsync(TimeSpan.FromSeconds(30), Test.Token);
        (await run.Should().ThrowAsync<FormatException>()).WithMessage("the source");
        Directory.GetFiles(Path.Combine(_backup.Place, "tmp")).Should().BeEmpty();

        static IEnumerable<ArchiveEntry> Fail() => throw new FormatException("the source");
    }

    [Theory]
    [InlineData("append", 3)]
    [InlineData("commit packs/", 1)]
    [InlineData("commit packs/", 2)]
    [InlineData("put index/", 1)]
    public async Task A_storage_that_fails_ends_the_run_with_its_error_and_leaves_nothing(string what, int time)
    {
        Write("large", 80_000_000);
        var storage = new WatchedStorage(new LocalStorage(BytePath.From(_backup.Place)));
        Repository repository = await Repository.OpenAsync(storage, Test.Token);
        int count = 0;
        storage.Before = call => call.StartsWith(what, StringComparison.Ordinal) && Interlocked.Increment(ref count) == time ? throw new IOException("the disk is on fire") : Task.CompletedTask;
        Func<Task> run = async () =>
        {
            await using var session = new WriteSession(repository, await repository.LoadIndexAsync(Test.Token), [], 3, Test.Token);
            await new ArchiveWriter(session, null, static _ => { }, static _ => { }).WriteAsync(new[] { Entry("large") }.ToAsyncEnumerable(), Test.Token);
            await session.FinishAsync(Test.Token);
        };
        (await FluentActions.Awaiting(() => run().WaitAsync(TimeSpan.FromSeconds(60), Test.Token)).Should().ThrowAsync<IOException>()).WithMessage("the disk is on fire");
        Directory.GetFiles(Path.Combine(_backup.Place, "tmp")).Should().BeEmpty();
    }
}
