using BackupTool.Repositories;
using BackupTool.Repositories.Storage;
using BackupTool.Tests.Repositories.Archives;
using BackupTool.Tests.TestSupport;

namespace BackupTool.Tests.Repositories;

public sealed class RepositoryTests : IDisposable
{
    private readonly TemporaryDirectory _there = new();

    private LocalStorage Storage => new(_there.Path);

    public void Dispose() => _there.Dispose();

    private ValueTask<Repository> InitializeAsync(IStorage? storage = null) => Repository.InitializeAsync(storage ?? Storage, TimeProvider.System, "test", Test.Token);

    [Fact]
    public async Task A_new_repository_is_empty_and_sha256sum_finds_it_whole()
    {
        Repository repository = await InitializeAsync();
        Tool.Shell($"cd {_there.Text} && sha256sum -c --quiet SHA256SUMS");
        (await repository.ListSnapshotsAsync(Test.Token)).Should().BeEmpty();
        (await repository.LoadIndexAsync(Test.Token)).Count.Should().Be(0);
        (await repository.CheckFixedFilesAsync(Test.Token)).Should().BeEmpty();
        (await Repository.OpenAsync(Storage, Test.Token)).Format.Id.Should().Be(repository.Format.Id).And.MatchRegex("^[0-9a-f]{32}$");
    }

    [Fact]
    public async Task There_is_no_repository_where_none_was_made()
    {
        (await FluentActions.Awaiting(async () => await Repository.OpenAsync(Storage, Test.Token)).Should().ThrowAsync<RepositoryNotFoundException>()).Which.Hint.Should().Contain("backup init");
    }

    [Fact]
    public async Task A_repository_is_not_made_twice()
    {
        Repository first = await InitializeAsync();
        await FluentActions.Awaiting(async () => await InitializeAsync()).Should().ThrowAsync<RepositoryException>();
        (await Repository.OpenAsync(Storage, Test.Token)).Format.Id.Should().Be(first.Format.Id);
    }

    [Fact]
    public async Task Of_eight_who_make_it_at_once_one_does_and_its_checksums_are_right()
    {
        Task<Repository?>[] all = [.. Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                return await InitializeAsync();
            }
            catch (RepositoryException)
            {
                return null;
            }
        }))];
        Repository?[] made = await Task.WhenAll(all);
        Repository winner = made.OfType<Repository>().Should().ContainSingle().Subject;
        Repository opened = await Repository.OpenAsync(Storage, Test.Token);
        opened.Format.Id.Should().Be(winner.Format.Id);
        (await opened.CheckFixedFilesAsync(Test.Token)).Should().BeEmpty();
    }

    [Theory]
    [InlineData("notes.txt")]
    [InlineData("README.txt")]
    [InlineData("restore.sh")]
    [InlineData("packs/1")]
    public async Task A_place_that_holds_something_else_is_left_as_it_is(string name)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_there.Below(name))!);
        await File.WriteAllTextAsync(_there.Below(name), "mine", Test.Token);
        await FluentActions.Awaiting(async () => await InitializeAsync()).Should().ThrowAsync<RepositoryException>();
        Directory.GetFiles(_there.Text, "*", SearchOption.AllDirectories).Should().Equal(_there.Below(name));
        (await File.ReadAllTextAsync(_there.Below(name), Test.Token)).Should().Be("mine");
    }

    [Theory]
    [InlineData("put README.txt")]
    [InlineData("put restore.sh")]
    [InlineData("put SHA256SUMS")]
    [InlineData("create repository.json")]
    public async Task An_interrupted_init_leaves_no_repository_and_can_be_done_again(string what)
    {
        var storage = new WatchedStorage(Storage) { Before = call => call == what ? throw new IOException("killed") : Task.CompletedTask };
        await FluentActions.Awaiting(async () => await InitializeAsync(storage)).Should().ThrowAsync<IOException>();
        await FluentActions.Awaiting(async () => await Repository.OpenAsync(Storage, Test.Token)).Should().ThrowAsync<RepositoryNotFoundException>();
        Repository repository = await InitializeAsync();
        (await repository.CheckFixedFilesAsync(Test.Token)).Should().BeEmpty();
    }

    [Fact]
    public async Task Snapshots_are_listed_by_time_and_a_damaged_one_hides_no_other()
    {
        using TreeBackup backup = await TreeBackup.CreateAsync();
        var made = new List<StoredSnapshot>();
        for (int i = 0; i < 4; i++)
        {
            await File.WriteAllTextAsync(Path.Combine(backup.Tree, "a"), $"{i}", Test.Token);
            StoredSnapshot one = (await backup.RunAsync()).Snapshot!;
            made.Add(await backup.Repository.CommitAsync(one.Snapshot with { Time = DateTimeOffset.UnixEpoch.AddDays(10 - i) }, Test.Token));
            await backup.Storage.DeleteAsync(one.Id.FileName, Test.Token);
        }
        made.Reverse();
        (await backup.Repository.ListSnapshotsAsync(Test.Token)).Select(s => s.Id).Should().Equal(made.Select(s => s.Id));
        string damaged = Path.Combine(backup.Place, made[1].Id.FileName);
        await File.AppendAllTextAsync(damaged, " ", Test.Token);
        (await FluentActions.Awaiting(async () => await backup.Repository.ListSnapshotsAsync(Test.Token)).Should().ThrowAsync<RepositoryDamagedException>()).Which.FileName.Should().Be(made[1].Id.FileName);
        (IReadOnlyList<StoredSnapshot> readable, IReadOnlyList<RepositoryDamagedException> others) = await backup.Repository.ListReadableSnapshotsAsync(Test.Token);
        readable.Select(s => s.Id).Should().Equal(made[0].Id, made[2].Id, made[3].Id);
        others.Should().ContainSingle();
    }
}
