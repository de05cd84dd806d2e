using BackupTool.Operations.Rotation;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Verification;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Rotation;

public sealed class PinRunTests : IAsyncLifetime
{
    private RotationBox _box = null!;

    public async ValueTask InitializeAsync() => _box = await RotationBox.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _box.Dispose();
        return default;
    }

    private async Task<bool> IsPinnedAsync(StoredSnapshot snapshot) => (await SnapshotPins.ReadAsync(_box.Storage, Test.Token)).IsPinned(snapshot);

    [Fact]
    public async Task The_newest_word_counts_more_than_the_snapshots_own()
    {
        StoredSnapshot born = await _box.AddAsync(2, change: static snapshot => snapshot with { Pinned = true }), plain = await _box.AddAsync(1);
        (await IsPinnedAsync(born), await IsPinnedAsync(plain)).Should().Be((true, false));
        PinReport report = await _box.PinAsync(true, born.Id.Prefix, plain.Id.Prefix, "latest");
        report.Changed.Select(static one => one.Id).Should().Equal(plain.Id);
        report.Unchanged.Select(static one => one.Id).Should().Equal(born.Id);
        await _box.PinAsync(false, born.Id.Prefix, plain.Id.Prefix);
        (await IsPinnedAsync(born), await IsPinnedAsync(plain)).Should().Be((false, false));
        await _box.PinAsync(true, born.Id.Prefix);
        (await IsPinnedAsync(born)).Should().BeTrue();
        (await _box.Repository.ReadSnapshotAsync(born.Id, Test.Token)).Bytes.Should().Be(born.Bytes, "the snapshot's own file never changes");
    }

    [Fact]
    public async Task A_pin_that_cannot_be_read_is_a_pin_until_it_is_said_anew_and_verify_names_it()
    {
        StoredSnapshot snapshot = await _box.AddAsync(2);
        await _box.AddAsync(1);
        string name = $"pins/{snapshot.Id.Hex}.json";
        await _box.Storage.PutAsync(name, "{"u8.ToArray(), Test.Token);
        (await IsPinnedAsync(snapshot)).Should().BeTrue();
        RotationReport rotation = await _box.RotateAsync("[rotation]\nkeep = { last = 1 }");
        rotation.Forgotten.Should().BeEmpty();
        rotation.Warnings.Should().Contain(warning => warning.Contains(name) && warning.Contains("counts as pinned"));
        var verifier = new RepositoryVerifier(_box.Repository, static _ => { });
        await verifier.CheckStructureAsync(Test.Token);
        verifier.Problems.Should().Contain(problem => problem.FileName == name);
        (await _box.PinAsync(true, snapshot.Id.Hex)).Changed.Should().ContainSingle("it is said anew");
        (await SnapshotPins.ReadAsync(_box.Storage, Test.Token)).Unreadable.Should().BeEmpty();
    }

    [Fact]
    public async Task The_file_looks_like_this()
    {
        StoredSnapshot snapshot = await _box.AddAsync(2);
        await _box.PinAsync(true, snapshot.Id.Hex);
        (await File.ReadAllTextAsync(Path.Combine(_box.Place, "pins", $"{snapshot.Id.Hex}.json"), Test.Token)).Should().Be(
            $"{{\n  \"formatVersion\": 1,\n  \"snapshot\": \"{snapshot.Id.Hex}\",\n  \"pinned\": true,\n  \"time\": \"2026-11-23T12:00:00+00:00\",\n  \"host\": \"{Environment.MachineName}\"\n}}\n");
    }

    [Fact]
    public async Task Pins_while_a_backup_runs_and_waits_for_who_removes()
    {
        StoredSnapshot snapshot = await _box.AddAsync(2);
        await using (await RepositoryLock.AcquireAsync(_box.Storage, LockMode.Write, "now", TimeSpan.Zero, _box.Time, null, Test.Token))
            (await _box.PinAsync(true, snapshot.Id.Hex)).Changed.Should().ContainSingle();
        await using (await RepositoryLock.AcquireAsync(_box.Storage, LockMode.Exclusive, "prune", TimeSpan.Zero, _box.Time, null, Test.Token))
            await FluentActions.Awaiting(() => _box.PinAsync(false, snapshot.Id.Hex)).Should().ThrowAsync<RepositoryLockedException>();
        (await IsPinnedAsync(snapshot)).Should().BeTrue();
    }

    [Fact]
    public async Task Where_one_is_not_there_none_is_pinned()
    {
        StoredSnapshot snapshot = await _box.AddAsync(2);
        await FluentActions.Awaiting(() => _box.PinAsync(true, snapshot.Id.Hex, "ffffffff")).Should().ThrowAsync<NotInRepositoryException>();
        (await IsPinnedAsync(snapshot)).Should().BeFalse();
    }
}
