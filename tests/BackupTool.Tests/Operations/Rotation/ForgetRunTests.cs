using BackupTool.Operations;
using BackupTool.Operations.Rotation;
using BackupTool.Repositories;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Operations.Rotation;

public sealed class ForgetRunTests : IAsyncLifetime
{
    private RotationBox _box = null!;

    public async ValueTask InitializeAsync() => _box = await RotationBox.CreateAsync();

    public ValueTask DisposeAsync()
    {
        _box.Dispose();
        return default;
    }

    [Fact]
    public async Task Forgets_what_is_named_each_once()
    {
        StoredSnapshot a = await _box.AddAsync(3), b = await _box.AddAsync(2), c = await _box.AddAsync(1);
        (await _box.ForgetAsync(false, a.Id.Hex, "latest~2", b.Id.Prefix)).Snapshots.Select(static one => one.Id).Should().Equal(a.Id, b.Id);
        (await _box.IdsAsync()).Should().Equal(c.Id);
    }

    [Fact]
    public async Task Neither_the_newest_nor_the_newest_verified_goes_without_force_and_then_none_goes()
    {
        StoredSnapshot other = await _box.AddAsync(4), verified = await _box.AddAsync(3), newest = await _box.AddAsync(1);
        await _box.ProveAsync(other, verified);
        (await RefusalAsync(other, newest)).Message.Should().Contain($"{newest.Id.Prefix} is not forgotten so easily: it is the newest snapshot of maubot.").And.Contain("Nothing was removed");
        (await RefusalAsync(verified)).Message.Should().Contain("it is the newest verified snapshot of maubot");
        (await _box.IdsAsync()).Should().HaveCount(3);
        await _box.ForgetAsync(true, verified.Id.Hex, newest.Id.Hex);
        (await _box.IdsAsync()).Should().Equal(other.Id);
    }

    [Fact]
    public async Task The_only_one_that_holds_a_service_is_its_newest()
    {
        StoredSnapshot only = await _box.AddAsync(3, ["slack", "maubot"]);
        await _box.AddAsync(1);
        (await RefusalAsync(only)).Message.Should().Contain("newest snapshot of slack").And.NotContain("maubot");
    }

    [Fact]
    public async Task What_is_pinned_does_not_even_go_with_force()
    {
        StoredSnapshot pinned = await _box.AddAsync(3), later = await _box.AddAsync(2, change: static snapshot => snapshot with { Pinned = true });
        await _box.AddAsync(1);
        await _box.PinAsync(true, pinned.Id.Hex);
        OperationException refused = (await FluentActions.Awaiting(() => _box.ForgetAsync(true, pinned.Id.Hex, later.Id.Hex)).Should().ThrowAsync<OperationException>()).Which;
        refused.Hint.Should().Contain($"backup unpin {pinned.Id.Prefix} {later.Id.Prefix}");
        await _box.PinAsync(false, pinned.Id.Hex, later.Id.Hex);
        await _box.ForgetAsync(false, pinned.Id.Hex, later.Id.Hex);
        (await _box.IdsAsync()).Should().HaveCount(1);
        Directory.GetFiles(Path.Combine(_box.Place, "pins")).Should().BeEmpty("its pin goes with a snapshot");
    }

    [Fact]
    public async Task A_dry_run_removes_nothing()
    {
        StoredSnapshot a = await _box.AddAsync(3);
        await _box.AddAsync(1);
        ForgetReport report = await new ForgetRun(_box.Repository, _box, _box.Time).RunAsync(new ForgetRequest { Selectors = [a.Id.Hex], DryRun = true, LockWait = TimeSpan.Zero }, Test.Token);
        report.Snapshots.Should().ContainSingle();
        (await _box.IdsAsync()).Should().HaveCount(2);
    }

    [Fact]
    public async Task When_one_is_not_there_none_goes()
    {
        StoredSnapshot a = await _box.AddAsync(3);
        await _box.AddAsync(1);
        await FluentActions.Awaiting(() => _box.ForgetAsync(false, a.Id.Hex, "label:nothing")).Should().ThrowAsync<NotInRepositoryException>();
        (await _box.IdsAsync()).Should().HaveCount(2);
    }

    private async Task<OperationException> RefusalAsync(params StoredSnapshot[] snapshots) =>
        (await FluentActions.Awaiting(() => _box.ForgetAsync(false, [.. snapshots.Select(static one => one.Id.Hex)])).Should().ThrowAsync<OperationException>()).Which;
}
