using System.Security.Cryptography;
using System.Text;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Pruning;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories.Pruning;

public sealed class PrunerTests : IAsyncLifetime
{
    private static readonly PruneOptions AtOnce = new() { Grace = TimeSpan.Zero };
    private TinyRepository _tiny = null!;

    public async ValueTask InitializeAsync() => _tiny = await TinyRepository.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _tiny.Dispose();
        return default;
    }

    private static int[] Numbers(int from, int count) => [.. Enumerable.Range(from, count)];

    private async Task RefusesAsync(string file, string problem)
    {
        string[] before = [.. _tiny.Files("packs"), .. _tiny.Files("index")];
        foreach (bool isDry in new[] { true, false })
        {
            RepositoryDamagedException refused = (await FluentActions.Awaiting(() => _tiny.PruneAsync(AtOnce with { DryRun = isDry })).Should().ThrowAsync<RepositoryDamagedException>()).Which;
            refused.Message.Should().Contain(file).And.Contain(problem);
        }
        _tiny.Files("packs").Concat(_tiny.Files("index")).Should().BeSubsetOf(before).And.HaveCount(before.Length);
        _tiny.Marks().Should().BeEmpty();
    }

    [Fact]
    public async Task What_a_forgotten_snapshot_needed_alone_is_marked_and_goes_a_day_later()
    {
        StoredSnapshot first = await _tiny.BackUpAsync(Numbers(0, 20));
        await _tiny.BackUpAsync(Numbers(100, 21));
        long both = _tiny.PackBytes();
        (await _tiny.PruneAsync()).Should().BeEquivalentTo(new { RemovedPacks = 0, MarkedPacks = 0, RepackedPacks = 0, WasteBytes = 0L, KeptBytes = both });
        _tiny.Forget(first);

        PruneReport marked = await _tiny.PruneAsync();
        (marked.RemovedPacks, marked.NewlyMarkedPacks, marked.MarkedPacks).Should().Be((0, 2, 2), "its data and its metadata");
        marked.RemovableFrom.Should().Be((_tiny.Time.Now.AddDays(1), _tiny.Time.Now.AddDays(1)));
        _tiny.PackBytes().Should().Be(both);
        _tiny.Time.Now += TimeSpan.FromHours(23);
        PruneReport waiting = await _tiny.PruneAsync();
        (waiting.RemovedPacks, waiting.NewlyMarkedPacks, waiting.MarkedPacks).Should().Be((0, 0, 2));
        _tiny.Time.Now += TimeSpan.FromHours(1);
        PruneReport removed = await _tiny.PruneAsync();
        (removed.RemovedPacks, removed.RemovedBytes, removed.MarkedPacks).Should().Be((2, marked.MarkedBytes, 0));
        _tiny.PackBytes().Should().Be(both - marked.MarkedBytes);
        _tiny.Files("pruning").Should().BeEmpty();
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_backup_may_use_what_is_marked_and_then_it_stays()
    {
        StoredSnapshot first = await _tiny.BackUpAsync(Numbers(0, 20));
        await _tiny.BackUpAsync(Numbers(100, 20));
        _tiny.Forget(first);
        await _tiny.PruneAsync();
        string[] data = [.. _tiny.Files("packs").Where(static pack => new FileInfo(pack).Length > 10_000)];
        await _tiny.BackUpAsync([.. Numbers(0, 20), 500]);
        _tiny.Time.Now += TimeSpan.FromDays(3);
        PruneReport report = await _tiny.PruneAsync();
        report.UnmarkedPacks.Should().BeGreaterThan(0);
        _tiny.Files("packs").Should().Contain(data, "it is needed again");
        (await _tiny.MustBeWholeAsync()).Should().Be(2);
    }

    [Fact]
    public async Task Without_grace_it_is_removed_at_once_and_leaves_no_mark()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 20)));
        await _tiny.BackUpAsync(Numbers(10, 20));
        PruneReport report = await _tiny.PruneAsync(AtOnce);
        report.RepackedPacks.Should().Be(2, "half of the data is needed, and of the metadata the catalog");
        (report.RemovedPacks, report.WasteBytes, report.MarkedPacks).Should().Be((2, 0L, 0));
        _tiny.Files("pruning").Should().BeEmpty();
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
        (await _tiny.PruneAsync(AtOnce)).Should().BeEquivalentTo(new { RemovedPacks = 0, RepackedPacks = 0, WasteBytes = 0L });
    }

    [Fact]
    public async Task When_no_snapshot_is_left_everything_goes()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 20)));
        await _tiny.PruneAsync(AtOnce);
        _tiny.Files("packs").Concat(_tiny.Files("index")).Should().BeEmpty();
        await _tiny.BackUpAsync(Numbers(0, 20));
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_dry_run_says_what_a_run_then_does_and_changes_nothing()
    {
        StoredSnapshot first = await _tiny.BackUpAsync(Numbers(0, 20));
        await _tiny.BackUpAsync(Numbers(10, 20));
        _tiny.Forget(first);
        string[] before = _tiny.Files(".");
        PruneReport said = await _tiny.PruneAsync(held: null, AtOnce with { DryRun = true });
        _tiny.Files(".").Should().Equal(before);
        PruneReport done = await _tiny.PruneAsync(AtOnce);
        (said.RemovedPacks, said.RemovedBytes, said.RepackedPacks, said.RepackedBytes).Should().Be((done.RemovedPacks, done.RemovedBytes, done.RepackedPacks, done.RepackedBytes));
        said.RemovedPacks.Should().BePositive();
    }

    [Fact]
    public async Task Repacking_copies_frames_as_they_are_keeps_kinds_apart_and_orders_them_as_the_streams_do()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 40)));
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(100, 40)));
        await _tiny.BackUpAsync([.. Numbers(120, 10), .. Numbers(5, 10), 999]);
        PruneReport report = await _tiny.PruneAsync(new PruneOptions());
        report.RepackedPacks.Should().Be(2);
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
        _tiny.Time.Now += TimeSpan.FromDays(1);
        PruneReport removed = await _tiny.PruneAsync();
        (removed.RepackedPacks, removed.MarkedPacks, removed.WasteBytes).Should().Be((0, 0, 0L));
        await _tiny.MustBeWholeAsync();
        Tool.Shell($"for f in {_tiny.Place}/packs/*/*.zst; do zstd -dcq \"$f\" > /dev/null; done");
        string stream = Convert.ToHexStringLower(SHA256.HashData(Encoding.Latin1.GetBytes(string.Concat(new[] { 120, 121, 122 }.Select(static n => Encoding.Latin1.GetString(TinyRepository.Content(n)))))));
        Tool.Shell($"for f in {_tiny.Place}/packs/*/*.zst; do zstd -dcq \"$f\" > {_tiny.Place}/../plain; head -c {new[] { 120, 121, 122 }.Sum(static n => TinyRepository.Content(n).Length)} {_tiny.Place}/../plain | sha256sum; done | grep {stream} > /dev/null");
    }

    [Fact]
    public async Task Restore_sh_restores_with_marks_there_and_after_the_packs_are_gone()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 40)));
        StoredSnapshot kept = await _tiny.BackUpAsync(Numbers(20, 40));
        await _tiny.PruneAsync();
        byte[] expected = [.. Numbers(20, 40).SelectMany(TinyRepository.Content)];
        string sum = Convert.ToHexStringLower(SHA256.HashData(expected));
        Tool.Shell($"sh {_tiny.Place}/restore.sh {kept.Id.Prefix} tiny | sha256sum | grep {sum} > /dev/null");
        _tiny.Time.Now += TimeSpan.FromDays(1);
        (await _tiny.PruneAsync()).RemovedPacks.Should().BePositive();
        Tool.Shell($"sh {_tiny.Place}/restore.sh {kept.Id.Prefix} tiny | sha256sum | grep {sum} > /dev/null");
        Tool.Shell($"cd {_tiny.Place} && sha256sum -c --quiet SHA256SUMS");
    }

    [Fact]
    public async Task Of_chunks_that_are_there_twice_one_copy_is_kept()
    {
        await _tiny.BackUpAsync(Numbers(0, 20));
        long once = _tiny.PackBytes();
        await _tiny.StoreAgainAsync(Numbers(0, 12));
        await _tiny.StoreAgainAsync([.. Numbers(0, 12), 700]);
        await _tiny.PruneAsync(AtOnce);
        _tiny.PackBytes().Should().Be(once);
        await _tiny.MustBeWholeAsync();
    }

    [Fact]
    public async Task A_pack_that_no_index_names_waits_as_any_other_for_a_run_may_be_writing_it()
    {
        await _tiny.BackUpAsync(Numbers(0, 20));
        await _tiny.StoreWithoutIndexAsync(Numbers(300, 20));
        int packs = _tiny.Files("packs").Length;
        (await _tiny.PruneAsync()).NewlyMarkedPacks.Should().Be(2);
        _tiny.Files("packs").Should().HaveCount(packs);
        await _tiny.BackUpAsync(Numbers(300, 20));
        _tiny.Time.Now += TimeSpan.FromDays(2);
        await _tiny.PruneAsync();
        (await _tiny.MustBeWholeAsync()).Should().Be(2);
    }

    [Fact]
    public async Task A_needed_pack_that_no_index_names_gets_into_the_index()
    {
        await _tiny.BackUpAsync(Numbers(0, 20));
        foreach (string file in _tiny.Files("index")) File.Delete(file);
        await _tiny.PruneAsync();
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_snapshot_that_cannot_be_read_keeps_everything()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 20)));
        StoredSnapshot second = await _tiny.BackUpAsync(Numbers(100, 20));
        string file = Path.Combine(_tiny.Place, second.Id.FileName);
        byte[] content = await File.ReadAllBytesAsync(file, Test.Token);
        await File.WriteAllBytesAsync(file, content[..^5], Test.Token);
        await RefusesAsync(second.Id.FileName, "not what its name says");
        File.Move(file, $"{file}.old");
        await RefusesAsync($"{second.Id.FileName}.old", "no snapshot by its name");
        File.Delete($"{file}.old");
        (await _tiny.PruneAsync(AtOnce)).RemovedPacks.Should().Be(4);
    }

    [Fact]
    public async Task A_chunk_list_that_cannot_be_read_or_names_what_is_in_no_pack_keeps_everything()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 20)));
        HashSet<string> before = [.. _tiny.Files("packs")];
        StoredSnapshot second = await _tiny.BackUpAsync(Numbers(100, 20));
        foreach (string pack in _tiny.Files("packs").Where(pack => !before.Contains(pack)))
        {
            byte[] content = await File.ReadAllBytesAsync(pack, Test.Token);
            File.Delete(pack);
            await RefusesAsync(second.Id.FileName, "it is missing");
            await File.WriteAllBytesAsync(pack, content[..^1], Test.Token);
            await RefusesAsync(second.Id.FileName, "where its frames and its table have");
            await File.WriteAllBytesAsync(pack, content, Test.Token);
        }
        (await _tiny.PruneAsync(AtOnce)).RemovedPacks.Should().Be(2);
        await _tiny.MustBeWholeAsync();
    }

    [Fact]
    public async Task A_damaged_pack_that_was_to_be_packed_anew_stays_as_it_is_and_so_do_copies_of_its_chunks()
    {
        HashSet<string> none = [.. _tiny.Files("packs")];
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 40)));
        string pack = _tiny.Files("packs").Where(file => !none.Contains(file)).MaxBy(static file => new FileInfo(file).Length)!;
        await _tiny.BackUpAsync(Numbers(10, 10));
        await _tiny.StoreWithoutIndexAsync(Numbers(10, 10));
        byte[] content = await File.ReadAllBytesAsync(pack, Test.Token);
        long offset = Numbers(0, 15).Sum(static n => TinyRepository.Content(n).Length + 12L);
        content[offset + 40] ^= 1;
        await File.WriteAllBytesAsync(pack, content, Test.Token);
        HashSet<string> before = [.. _tiny.Files("packs")];
        PruneReport report = await _tiny.PruneAsync(AtOnce);
        report.Damage.Should().ContainSingle().Which.FileName.Should().Be(Path.GetRelativePath(_tiny.Place, pack));
        _tiny.Files("packs").Should().Contain(pack).And.Contain(before.Where(file => new FileInfo(file) is { Exists: true, Length: > 8_000 }), "the copies may be all that is good");
        report.RepackedPacks.Should().Be(0);
    }

    [Fact]
    public async Task A_run_that_has_lost_its_lock_removes_nothing_and_commits_nothing()
    {
        StoredSnapshot first = await _tiny.BackUpAsync(Numbers(0, 20));
        _tiny.Forget(first);
        await using (RepositoryLock held = await _tiny.LockAsync(LockMode.Exclusive))
        {
            string[] packs = _tiny.Files("packs");
            foreach (string file in _tiny.Files("locks")) File.Delete(file);
            await FluentActions.Awaiting(() => _tiny.PruneAsync(held, AtOnce)).Should().ThrowAsync<RepositoryLockedException>();
            _tiny.Files("packs").Should().Equal(packs);
        }
        // A backup that slept: it counts on packs that a prune has removed since.
        await using RepositoryLock lost = await _tiny.LockAsync(LockMode.Write);
        await FluentActions.Awaiting(() => _tiny.BackUpAsync(Numbers(0, 20), lost, async () =>
        {
            foreach (string file in _tiny.Files("locks")) File.Delete(file);
            await _tiny.PruneAsync(AtOnce);
        })).Should().ThrowAsync<RepositoryLockedException>();
        (await _tiny.MustBeWholeAsync()).Should().Be(0);
    }

    [Fact]
    public async Task What_somebody_commits_in_spite_of_the_lock_stops_the_removal()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 20)));
        string[] packs = _tiny.Files("packs");
        bool isCommitted = false;
        var storage = new WatchedStorage(_tiny.Storage)
        {
            Before = async what =>
            {
                if (what != "list packs/" || isCommitted) return;
                isCommitted = true;
                string file = _tiny.Files("locks").Single();
                byte[] ours = await File.ReadAllBytesAsync(file, Test.Token);
                File.Delete(file);
                await using RepositoryLock strangers = await _tiny.LockAsync(LockMode.Write);
                await _tiny.BackUpAsync(Numbers(0, 20), strangers);
                await File.WriteAllBytesAsync(file, ours, Test.Token);
            },
        };
        await FluentActions.Awaiting(() => _tiny.PruneAsync(AtOnce, storage)).Should().ThrowAsync<RepositoryLockedException>();
        _tiny.Files("packs").Should().Contain(packs);
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
    }

    [Fact]
    public async Task A_mark_looks_like_this_and_one_that_cannot_be_read_only_delays()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 20)));
        await _tiny.PruneAsync();
        string mark = _tiny.Marks().Should().ContainSingle().Subject;
        string[] packs = [.. _tiny.Files("packs").Select(static file => Path.GetFileNameWithoutExtension(file)).Order(StringComparer.Ordinal)];
        (await File.ReadAllTextAsync(mark, Test.Token)).Should().Be($"{{\n  \"formatVersion\": 1,\n  \"markedAt\": \"2026-11-23T02:30:00+00:00\",\n  \"packs\": [\n    \"{packs[0]}\",\n    \"{packs[1]}\"\n  ]\n}}\n");
        Tool.Shell($"cd {_tiny.Place}/pruning && sha256sum *.json | awk '{{ exit $2 != $1 \".json\" }}'");

        await File.AppendAllTextAsync(mark, " ", Test.Token);
        var verifier = new RepositoryVerifier(await Repository.OpenAsync(_tiny.Storage, Test.Token), static _ => { });
        await verifier.CheckStructureAsync(Test.Token);
        verifier.Problems.Should().ContainSingle().Which.FileName.Should().StartWith("pruning/");
        _tiny.Time.Now += TimeSpan.FromDays(2);
        PruneReport report = await _tiny.PruneAsync();
        report.Warnings.Should().ContainSingle().Which.Should().Contain("wait anew");
        (report.RemovedPacks, report.NewlyMarkedPacks).Should().Be((0, 2));
        await _tiny.MustBeWholeAsync();
    }

    [Fact]
    public async Task Old_reports_of_forgotten_snapshots_go_but_for_the_newest_hundred()
    {
        StoredSnapshot kept = await _tiny.BackUpAsync(Numbers(0, 20));
        for (int i = 0; i < 130; i++)
            await EvidenceFile.WriteAsync(_tiny.Storage, new Evidence { FormatVersion = 1, Action = "verify", Time = DateTimeOffset.UnixEpoch.AddDays(i), Host = "h", Level = "data", Snapshots = [i == 3 ? kept.Id.Hex : "gone"], Problems = [], ReadBytes = 1 }, Test.Token);
        (await _tiny.PruneAsync()).RemovedReports.Should().Be(29);
        _tiny.Files("evidence").Should().HaveCount(101);
        await _tiny.MustBeWholeAsync();
    }

    [Fact]
    public async Task No_room_for_packing_anew_loses_nothing_and_leaves_nothing()
    {
        _tiny.Forget(await _tiny.BackUpAsync(Numbers(0, 40)));
        await _tiny.BackUpAsync(Numbers(10, 10));
        HashSet<string> before = [.. _tiny.Files("packs")];
        var storage = new WatchedStorage(_tiny.Storage)
        {
            Before = static what => what.StartsWith("commit packs/", StringComparison.Ordinal) ? throw new PosixException(Errno.ENOSPC, "write", BytePath.From("pack")) : Task.CompletedTask,
        };
        PruneReport report = await _tiny.PruneAsync(AtOnce, storage);
        report.Warnings.Should().ContainSingle().Which.Should().Contain("no room");
        _tiny.Files("packs").Should().BeSubsetOf(before);
        _tiny.Files("tmp").Should().BeEmpty();
        (await _tiny.MustBeWholeAsync()).Should().Be(1);
        (await _tiny.PruneAsync(AtOnce)).RepackedPacks.Should().Be(1);
        await _tiny.MustBeWholeAsync();
    }
}
