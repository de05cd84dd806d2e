using BackupTool.Operations.Rotation;
using BackupTool.Operations.Schedules;
using BackupTool.Repositories;
using BackupTool.Repositories.Locking;
using BackupTool.Repositories.Retention;
using BackupTool.Repositories.Snapshots;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Rotation;

public sealed class RotationRunTests : IAsyncLifetime
{
    private const string KeepOne = "[rotation]\nkeep = { last = 1 }";
    private RotationBox _box = null!;

    public async ValueTask InitializeAsync() => _box = await RotationBox.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _box.Dispose();
        return default;
    }

    [Fact]
    public async Task Forgets_what_no_policy_keeps_and_nothing_else()
    {
        StoredSnapshot old = await _box.AddAsync(3), young = await _box.AddAsync(1);
        await _box.ProveAsync(young);
        RotationReport report = await _box.RotateAsync(KeepOne);
        report.Forgotten.Should().Equal(old.Id);
        report.Warnings.Should().BeEmpty();
        (await _box.IdsAsync()).Should().Equal(young.Id);
        (await _box.RotateAsync(KeepOne)).Forgotten.Should().BeEmpty("nothing is left to do");
    }

    [Fact]
    public async Task A_dry_run_decides_the_same_and_removes_nothing()
    {
        StoredSnapshot old = await _box.AddAsync(3);
        await _box.AddAsync(1);
        RotationReport report = await _box.RotateAsync(KeepOne, new RotationRequest { DryRun = true });
        report.Plan.Removed.Select(static snapshot => snapshot.Id).Should().Equal(old.Id);
        report.Forgotten.Should().BeEmpty();
        (await _box.IdsAsync()).Should().HaveCount(2);
    }

    [Fact]
    public async Task Without_any_policy_everything_stays()
    {
        for (int day = 0; day < 3; day++) await _box.AddAsync(day);
        (await _box.RotateAsync("")).Forgotten.Should().BeEmpty();
        (await _box.IdsAsync()).Should().HaveCount(3);
    }

    [Fact]
    public async Task Counts_days_where_the_schedule_lives()
    {
        StoredSnapshot evening = await _box.AddAsync(0.6, change: static snapshot => snapshot with { Schedule = "nightly" });   // 21:36 UTC, 22:36 in Berlin
        StoredSnapshot night = await _box.AddAsync(0.52, change: static snapshot => snapshot with { Schedule = "nightly" });    // 23:31 UTC, the next day in Berlin
        ScheduleSettings nightly = RotationBox.Schedule("nightly", new RetentionPolicy { Daily = 2 });
        (await _box.RotateAsync("", null, nightly)).Forgotten.Should().BeEmpty();
        (await _box.RotateAsync("", null, nightly with { TimeZone = TimeZoneInfo.Utc })).Forgotten.Should().Equal(evening.Id);
        (await _box.IdsAsync()).Should().Equal(night.Id);
    }

    [Fact]
    public async Task Warns_of_a_configured_service_that_was_never_verified_and_not_of_a_former_one()
    {
        StoredSnapshot one = await _box.AddAsync(1, ["maubot", "former"]);
        (await _box.RotateAsync(KeepOne)).Warnings.Should().ContainSingle().Which.Should().StartWith("no snapshot of maubot was ever verified").And.Contain("backup verify").And.NotContain("former");
        await _box.ProveAsync(one);
        (await _box.RotateAsync(KeepOne)).Warnings.Should().BeEmpty();
    }

    [Fact]
    public async Task Removes_nothing_while_a_snapshot_is_damaged()
    {
        await _box.AddAsync(3);
        StoredSnapshot damaged = await _box.AddAsync(2);
        await _box.AddAsync(1);
        await File.AppendAllTextAsync(Path.Combine(_box.Place, damaged.Id.FileName), " ", Test.Token);
        RepositoryDamagedException refused = (await FluentActions.Awaiting(() => _box.RotateAsync(KeepOne)).Should().ThrowAsync<RepositoryDamagedException>()).Which;
        refused.FileName.Should().Be(damaged.Id.FileName);
        refused.Message.Should().Contain("nothing was removed");
        Directory.GetFiles(Path.Combine(_box.Place, "snapshots")).Should().HaveCount(3);
    }

    [Fact]
    public async Task Forgets_nothing_while_what_would_stay_lacks_a_pack()
    {
        await _box.AddAsync(3);
        await _box.AddAsync(1, change: static snapshot => snapshot with { Services = [snapshot.Services[0] with { Archive = snapshot.Services[0].Archive with { Bytes = 1, ChunkCount = 1, ChunkList = [new string('a', 64)] } }] });
        await FluentActions.Awaiting(() => _box.RotateAsync(KeepOne)).Should().ThrowAsync<RepositoryDamagedException>();
        (await _box.IdsAsync()).Should().HaveCount(2, "the older one may be the last that is whole");
    }

    [Fact]
    public async Task Damaged_evidence_proves_nothing_and_is_told()
    {
        StoredSnapshot verified = await _box.AddAsync(5), old = await _box.AddAsync(3), young = await _box.AddAsync(1);
        await _box.ProveAsync(verified);
        string evidence = Directory.GetFiles(Path.Combine(_box.Place, "evidence")).Single();
        await File.AppendAllTextAsync(evidence, " ", Test.Token);
        RotationReport report = await _box.RotateAsync(KeepOne);
        report.Warnings.Should().Contain(warning => warning.Contains("this report proves nothing"));
        report.Forgotten.Should().Equal(verified.Id, old.Id);
        (await _box.IdsAsync()).Should().Equal(young.Id);
    }

    [Fact]
    public async Task Decides_on_other_machines_only_when_asked()
    {
        for (int day = 0; day < 2; day++) await _box.AddAsync(day, change: static snapshot => snapshot with { Host = "elsewhere" });
        (await _box.RotateAsync(KeepOne)).Forgotten.Should().BeEmpty();
        RotationReport report = await _box.RotateAsync(KeepOne, new RotationRequest { AllHosts = true });
        report.Forgotten.Should().HaveCount(1);
        report.Warnings.Should().ContainSingle().Which.Should().Contain("maubot of elsewhere");
    }

    [Fact]
    public async Task Waits_for_nobody_it_was_not_told_to_wait_for_and_a_dry_run_needs_not()
    {
        await _box.AddAsync(1);
        await using RepositoryLock writer = await RepositoryLock.AcquireAsync(_box.Storage, LockMode.Write, "now", TimeSpan.Zero, _box.Time, null, Test.Token);
        await FluentActions.Awaiting(() => _box.RotateAsync(KeepOne, new RotationRequest { LockWait = TimeSpan.Zero })).Should().ThrowAsync<RepositoryLockedException>();
        await FluentActions.Awaiting(() => _box.RotateAsync(KeepOne, new RotationRequest { DryRun = true, LockWait = TimeSpan.Zero })).Should().NotThrowAsync();
    }

    [Fact]
    public async Task A_safety_snapshot_that_was_unpinned_does_not_push_out_the_good_one()
    {
        StoredSnapshot good = await _box.AddAsync(3), aside = await _box.AddAsync(1, change: static snapshot => snapshot with { Labels = ["pre-wipe"], Pinned = true });
        await _box.PinAsync(false, aside.Id.Hex);
        await _box.RotateAsync(KeepOne);
        (await _box.IdsAsync()).Should().Contain(good.Id);
    }

    [Fact]
    public async Task A_label_has_a_policy_of_its_own()
    {
        StoredSnapshot[] releases = [await _box.AddAsync(9, change: Release), await _box.AddAsync(8, change: Release), await _box.AddAsync(7, change: Release)];
        StoredSnapshot young = await _box.AddAsync(1);
        (await _box.RotateAsync(KeepOne + "\n[rotation.label.release]\nkeep = { last = 2 }")).Forgotten.Should().Equal(releases[0].Id);
        (await _box.IdsAsync()).Should().Equal(releases[1].Id, releases[2].Id, young.Id);

        static Snapshot Release(Snapshot snapshot) => snapshot with { Labels = ["release"] };
    }
}
